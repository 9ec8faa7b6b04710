"""Selects the cases that a command line names."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.shards import parsed, shard_of
from conformance.case.text import shortened


def select_cases(specs: Path, patterns: Sequence[str]) -> list[Case]:
    """The cases below a folder whose id matches one of the patterns (`*`, `?`); without patterns, all of them.

    Raises:
        SpecError: a spec is wrong.
        ConformanceError: a pattern matches nothing.
    """
    cases = load_specs(specs)
    return matching(cases, patterns) if patterns else cases


def matching(cases: Sequence[Case], patterns: Sequence[str]) -> list[Case]:
    """The cases whose id matches one of the patterns, in the order of the patterns.

    Raises:
        ConformanceError: a pattern matches nothing.
    """
    chosen: dict[str, Case] = {}
    for pattern in patterns:
        found = {case.id: case for case in cases if fnmatch.fnmatchcase(case.id, pattern)}
        if not found:
            raise ConformanceError(
                f"no case matches '{shortened(pattern)}'{_near(pattern, (case.id for case in cases))}"
            )
        chosen |= found
    return list(chosen.values())


def shard(cases: Sequence[Case], which: str) -> list[Case]:
    """The k-th of n parts of the cases, `k/n`. The part of a case does not depend on which other cases there are.

    Raises:
        ConformanceError: not of the form k/n with 1 <= k <= n.
    """
    try:
        k, n = parsed(which)
    except ValueError as error:
        raise ConformanceError(str(error)) from error
    return [case for case in cases if shard_of(case.id, n) == k]


def _near(pattern: str, ids: Iterable[str]) -> str:
    near = difflib.get_close_matches(pattern, list(ids), 3, 0.5)
    return f"; near it: {', '.join(near)}" if near else "; see: conformance list"
