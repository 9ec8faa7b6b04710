"""Which known deviations keep a case from being a quick one."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from conformance.results.deviations import Deviation


def listed(case_id: str, deviations: Iterable[Deviation]) -> bool:
    """Whether a case is known to fail with an adapter, so that it does not show what else is wrong.

    Whatever the versions: the two sides of an upgrade have to run the same cases. A deviation of some processors only,
    with a precision or settings, does not count.
    """
    return any(
        deviation.precision is None
        and not deviation.settings
        and any(fnmatch.fnmatchcase(case_id, pattern) for pattern in deviation.cases)
        for deviation in deviations
    )
