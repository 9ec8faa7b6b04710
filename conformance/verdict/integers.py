"""Where an answer computed with 8-bit integers cannot be judged: their rounding alone explains any answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conformance.case.dtypes import INTEGERS
from conformance.case.model import Case
from conformance.case.tensors import Array
from conformance.verdict.noise import allowed

_JUMPS = "thresholded_relu"


def not_judged(case: Case, golden: Mapping[str, Array], kappa: Mapping[str, Array], precision: str) -> str | None:
    """Why answers to a case in a format of integers are not judged; None if they are.

    golden, kappa: of `case.outputs`; kappa is that of the integers.
    """
    if precision not in INTEGERS:
        return None
    if any(each.name == _JUMPS for chosen in case.activations for each in (chosen.gate, chosen.cell, chosen.hidden)):
        return f"not judged in {precision}: {_JUMPS} jumps, so the least rounding may change an element by all of it"
    for name in case.outputs:
        finite = np.where(np.isfinite(golden[name]), np.abs(golden[name]), 0.0)
        most = allowed(golden[name], kappa[name], case.tolerance, precision, case.np_dtype)
        if finite.size and np.max(most) >= np.max(finite) > 0.0:
            return f"not judged in {precision}: rounding alone may change elements of {name} by as much as the largest"
    return None
