"""Noise units: an error divided by the effect of one honest rounding of every operation (docs/noise-units.md).

noise = |got - golden| / (u * max(kappa, max|golden|)), where u is the unit roundoff of the precision judged at
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.options import Tolerance
from conformance.case.tensors import Array


def unit(golden: Array, kappa: Array, precision: str) -> Array:
    """One noise unit for each element of a tensor, in the tensor's unit; NaN and infinite golden values are ignored."""
    largest = np.max(np.abs(golden), initial=0.0)
    if not np.isfinite(largest):
        largest = np.max(np.where(np.isfinite(golden), np.abs(golden), 0.0), initial=0.0)
    result: Array = UNIT_ROUNDOFF[precision] * np.maximum(kappa, largest)
    return result


def noise(got: Array, golden: Array, kappa: Array, precision: str) -> Array:
    """The noise of each element, float64.

    It is 0 where the two are equal (including two NaN and two equal infinities), and infinite where only one of them is
    finite or where they differ and the unit is zero.
    """
    return times(error(got.astype(np.float64), golden), unit(golden, kappa, precision))


def error(got: Array, golden: Array) -> Array:
    """|got - golden| of float64 arrays: 0 where they are equal or both NaN, infinite where only one is finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.asarray(np.abs(got - golden))
    if np.isfinite(difference).all():
        return difference  # a fast path: this is called for every case, and most have only finite values
    equal = (got == golden) | (np.isnan(got) & np.isnan(golden))
    result: Array = np.where(equal, 0.0, np.where(np.isnan(difference), np.inf, difference))
    return result


def times(errors: Array, scale: Array) -> Array:
    """Each error as a multiple of its scale; infinite for a nonzero error with a scale of zero."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        quotient = np.asarray(errors / scale)
    if np.isfinite(quotient).all():
        return quotient
    result: Array = np.where(errors == 0.0, 0.0, np.where(np.isinf(errors), np.inf, quotient))
    return result


def allowed(golden: Array, kappa: Array, tolerance: Tolerance, precision: str, dtype: np.dtype[Any]) -> Array:
    """The largest error of each element that is within the tolerance, in the tensor's unit: the largest term counts."""
    terms = tolerance.terms(precision)
    largest = np.zeros(golden.shape)
    if "noise" in terms:
        largest = terms["noise"] * unit(golden, kappa, precision)
    if "absolute" in terms or "relative" in terms:
        largest = np.maximum(largest, terms.get("absolute", 0.0) + terms.get("relative", 0.0) * np.abs(golden))
    if "ulp" in terms:
        largest = np.maximum(largest, terms["ulp"] * _ulp(golden, dtype))
    return largest


def within_range(values: Array, dtype: np.dtype[Any]) -> Array:
    """Float64 values, with infinities in place of those too large for a dtype; nothing else is rounded."""
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
