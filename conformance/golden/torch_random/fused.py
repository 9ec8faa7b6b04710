"""Fused multiply-add: a product and a sum with one rounding, as in PyTorch's compiled kernels.

The compiler rounds `x * (to - from) + from` and each step of the polynomials only once; the sources do not show it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]


def _add_to_odd(a: Float64s, b: Float64s) -> Float64s:
    """Return a + b rounded to odd: the exact sum, or else the neighbour whose last bit is 1.

    A later rounding to fewer bits then gives what rounding the exact sum would have given (Boldo and
    Melquiond, "Emulation of a FMA and correctly rounded sums", IEEE Transactions on Computers 57, 2008).
    """
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)  # Knuth's TwoSum: total + error == a + b exactly
    bits = total.view(np.int64)
    step = np.where((error > 0) == (total > 0), 1, -1)  # away from zero, or towards it
    return np.asarray(bits + np.where((error != 0) & (bits & 1 == 0), step, 0)).view(np.float64)


def fma32(a: Float32s, b: Float32s | np.float32, c: Float32s | np.float32) -> Float32s:
    """Return a * b + c rounded once to float32; the product of two float32 is exact in double."""
    product = np.multiply(a, b, dtype=np.float64)
    return _add_to_odd(product, np.asarray(c, dtype=np.float64)).astype(np.float32)


def _split(a: Float64s) -> tuple[Float64s, Float64s]:
    """Return a as the sum of two doubles of at most 26 bits (Veltkamp)."""
    scaled = a * 134217729.0  # 2^27 + 1
    high = scaled - (scaled - a)
    return high, a - high


def fma64(a: Float64s, b: float, c: float) -> Float64s:
    """Return a * b + c rounded once to float64 (Boldo and Melquiond 2008); magnitudes must not be extreme."""
    factor = np.full_like(a, b)
    (a_high, a_low), (b_high, b_low) = _split(a), _split(factor)
    product = a * factor
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)  # Dekker
    addend = np.full_like(a, c)
    low = addend + error
    part = low - addend
    low_error = (addend - (low - part)) + (error - part)
    high = product + low
    part = high - product
    high_error = (product - (high - part)) + (low - part)
    return high + _add_to_odd(high_error, low_error)
