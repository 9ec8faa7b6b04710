"""Noise units: an error divided by what one honest rounding of every operation would give (docs/noise-units.md).

noise = |got - golden| / (u * max(kappa, max|golden|))        u the unit roundoff of the precision judged at
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.options import Tolerance
from conformance.case.tensors import Array


def unit(golden: Array, kappa: Array, precision: str) -> Array:
    """One noise unit for each element of a tensor, in its own unit; NaN and infinite goldens count for none."""
    largest = np.max(np.abs(golden), initial=0.0)
    if not np.isfinite(largest):
        largest = np.max(np.where(np.isfinite(golden), np.abs(golden), 0.0), initial=0.0)
    result: Array = UNIT_ROUNDOFF[precision] * np.maximum(kappa, largest)
    return result


def noise(got: Array, golden: Array, kappa: Array, precision: str) -> Array:
    """The noise of each element, float64.

    It is 0 where the two are equal (two NaN and two equal infinities too), and infinite where only one of the two is
    finite or where nothing but equality is honest (a unit of zero).
    """
    return times(error(got.astype(np.float64), golden), unit(golden, kappa, precision))


def error(got: Array, golden: Array) -> Array:
    """|got - golden| of float64 arrays; 0 where they are equal (two NaN too), infinite where one of them is finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.asarray(np.abs(got - golden))
    if np.isfinite(difference).all():
        return difference  # all there is in most cases, and this is done for every one
    equal = (got == golden) | (np.isnan(got) & np.isnan(golden))
    result: Array = np.where(equal, 0.0, np.where(np.isnan(difference), np.inf, difference))
    return result


def times(errors: Array, scale: Array) -> Array:
    """Each error as a multiple of its scale; an error of a scale of zero is infinite."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        quotient = np.asarray(errors / scale)
    if np.isfinite(quotient).all():
        return quotient
    result: Array = np.where(errors == 0.0, 0.0, np.where(np.isinf(errors), np.inf, quotient))
    return result


def allowed(golden: Array, kappa: Array, tolerance: Tolerance, precision: str, dtype: np.dtype[Any]) -> Array:
    """The largest error of each element that is within the tolerance, in the tensor's own unit: its largest term."""
    largest = np.zeros(golden.shape)
    if tolerance.noise is not None:
        largest = tolerance.noise * unit(golden, kappa, precision)
    if tolerance.absolute is not None or tolerance.relative is not None:
        largest = np.maximum(largest, (tolerance.absolute or 0.0) + (tolerance.relative or 0.0) * np.abs(golden))
    if tolerance.ulp is not None:
        largest = np.maximum(largest, tolerance.ulp * _ulp(golden, dtype))
    return largest


def within_range(values: Array, dtype: np.dtype[Any]) -> Array:
    """Float64 values with infinities in place of those that are too large for a dtype; nothing else is rounded."""
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype).astype(np.float64)
    return np.where(np.isinf(rounded), rounded, values)


def _ulp(golden: Array, dtype: np.dtype[Any]) -> Array:
    """The distance between neighbouring numbers of `dtype` at the golden values, float64."""
    info = ml_dtypes.finfo(dtype)
    _, exponent = np.frexp(golden)
    smallest = float(info.smallest_subnormal)
    spacing: Array = np.where(golden == 0, smallest, np.maximum(np.ldexp(1.0, exponent - 1 - info.nmant), smallest))
    return spacing
