"""Noise units: an error divided by what one honest rounding of every operation would give (docs/noise-units.md).

noise = |got - golden| / (u * max(kappa, max|golden|))        u the unit roundoff of the precision judged at
"""

from __future__ import annotations

import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.tensors import Array


def unit(golden: Array, kappa: Array, precision: str) -> Array:
    """One noise unit for each element of a tensor, in its own unit; NaN and infinite goldens count for none."""
    finite = np.where(np.isfinite(golden), np.abs(golden), 0.0)
    result: Array = UNIT_ROUNDOFF[precision] * np.maximum(kappa, np.max(finite, initial=0.0))
    return result


def noise(got: Array, golden: Array, kappa: Array, precision: str) -> Array:
    """The noise of each element, float64.

    It is 0 where the two are equal (two NaN and two equal infinities too), and infinite where only one of the two is
    finite or where nothing but equality is honest (a unit of zero).
    """
    got = got.astype(np.float64)
    equal = (got == golden) | (np.isnan(got) & np.isnan(golden))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        quotient = np.abs(got - golden) / unit(golden, kappa, precision)
    incomparable = ~np.isfinite(got) | ~np.isfinite(golden) | np.isnan(quotient)
    result: Array = np.where(equal, 0.0, np.where(incomparable, np.inf, quotient))
    return result
