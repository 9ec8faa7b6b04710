"""From uniform to normal numbers (Box and Muller), as PyTorch does it: in blocks of 16, or two at a time.

- 16 elements and more: vectorised, in float32, with a logarithm, sine and cosine whose order of operations is that of
  avx_mathfun.h and whose coefficients are those of Moshier's Cephes library, single precision.
- Fewer than 16: PyTorch computes them in double with the C library, then rounds to float32. Here the value is computed
  to some 40 digits and returned only if every double within 2^-50 (relative) of it rounds to the same float32, so that
  no C library accurate to 1 ulp (as glibc documents) can differ. Otherwise (about twice in 10^8) it is refused.

Sources: PyTorch ATen/native/cpu/DistributionTemplates.h and avx_mathfun.h, ATen/core/DistributionsHelper.h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal, localcontext

import numpy as np

from conformance.golden.torch_random.fused import Float32s, fma32

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_TWO_PI = np.float32(2.0 * math.pi)
_SQRT_HALF = np.float32(0.707106781186547524)
_FOUR_OVER_PI = np.float32(1.27323954473516)
# ln 2 in two parts: the large one has few bits, so its product with an exponent is exact.
_LN2_LARGE = np.float32(0.693359375)
_LN2_SMALL = np.float32(-2.12194440e-4)


def _float32s(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(value) for value in values)


# -pi/4 in three parts, for the argument reduction.
_MINUS_PI_4 = _float32s(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
# Cephes, highest power first: log1p(x) = x - x^2/2 + x^3 * (...), sin x = x + x^3 * (...), cos x likewise.
_LOG_POLY = _float32s(
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_SIN_POLY = _float32s(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS_POLY = _float32s(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)

BLOCK = 16
"""PyTorch's vectorised Box-Muller takes 8 radii, then 8 angles."""

_DIGITS = Context(prec=60)  # 53-bit fractions (53 digits) stay exact
_LIBM_SLACK = Decimal(2.0**-50)


def _horner(coefficients: Sequence[np.float32], x: Float32s) -> Float32s:
    """Return the polynomial, highest power first, with one rounding per step."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = fma32(value, x, coefficient)
    return value


def _log32(x: Float32s) -> Float32s:
    """Return PyTorch's vectorised float32 logarithm of normal x > 0."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(np.float32)
    fraction = ((bits & 0x007FFFFF) | 0x3F000000).view(np.float32)  # in [0.5, 1)
    low = fraction < _SQRT_HALF
    exponent = exponent - low.astype(np.float32)
    m = (fraction - _ONE) + np.where(low, fraction, np.float32(0.0))
    square = m * m
    value = _horner(_LOG_POLY, m) * m
    value = fma32(value, square, exponent * _LN2_SMALL)
    value = fma32(square, -_HALF, value)
    return fma32(exponent, _LN2_LARGE, m + value)


def _sincos32(x: Float32s) -> tuple[Float32s, Float32s]:
    """Return PyTorch's vectorised float32 sine and cosine of x in [0, 2 pi]."""
    octant = ((x * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(np.float32)
    for part in _MINUS_PI_4:
        x = fma32(turns, part, x)
    square = x * x
    cosine = _horner(_COS_POLY, square) * square
    # Of the two products in x^4 * (...) - x^2 / 2 the compiler fuses the first.
    cosine = fma32(cosine, square, -(square * _HALF)) + _ONE
    sine = fma32(_horner(_SIN_POLY, square) * square, x, x)
    swap = (octant & 2) != 0
    sines, cosines = np.where(swap, cosine, sine), np.where(swap, sine, cosine)
    sines = np.where((octant & 4) != 0, -sines, sines)
    return sines, np.where(((octant + 2) & 4) != 0, -cosines, cosines)


def box_muller_blocks(uniforms: Float32s) -> Float32s:
    """Return the normal numbers that PyTorch makes from `uniforms`, whole blocks of 16; same shape."""
    blocks = uniforms.reshape(-1, 2, BLOCK // 2)
    radius = np.sqrt(np.float32(-2.0) * _log32(_ONE - blocks[:, 0]))
    sine, cosine = _sincos32(_TWO_PI * blocks[:, 1])
    # Adding the mean, 0, turns -0 into +0; the product with the deviation, 1, is exact.
    normals = np.stack((radius * cosine, radius * sine), axis=1) + np.float32(0.0)
    return normals.reshape(uniforms.shape)


def _sin_cos(x: Decimal) -> tuple[Decimal, Decimal]:
    """Return sin x and cos x for 0 <= x < 7, by Taylor series in 60-digit arithmetic; accurate to 1e-54."""
    sums = [Decimal(0), Decimal(1)]
    term, n = Decimal(1), 0
    while n < 8 or abs(term) > Decimal("1e-58"):
        n += 1
        term = term * x / n
        sums[1 - n % 2] += -term if n % 4 >= 2 else term
    return sums[0], sums[1]


def normal_pair(u1: float, u2: float) -> tuple[Decimal, Decimal]:
    """Return the exact Box-Muller pair (cosine's, sine's) of two doubles in [0, 1), to some 40 digits.

    The angle is the double 2 pi u1 as PyTorch rounds it; radius and products are not rounded to double.
    """
    with localcontext(_DIGITS):
        radius = (-2 * (1 - Decimal(u2)).ln()).sqrt()
        sine, cosine = _sin_cos(Decimal(2.0 * math.pi * u1))
        return radius * cosine, radius * sine


def decided_float32(value: Decimal) -> np.float32:
    """Return `value` in float32, if no C library that is within 1 ulp in log1p, sin and cos could change it.

    PyTorch's double has the errors of two functions and two roundings, which are then below 2^-50 of the value.

    Raises:
        ValueError: the value is too close to the midpoint of two float32 numbers.
    """
    with localcontext(_DIGITS):
        one = np.float32(float(value * (1 - _LIBM_SLACK)))
        other = np.float32(float(value * (1 + _LIBM_SLACK)))
    if one != other:
        raise ValueError(
            f"this normal number, {value:.20g}, is so close to the midpoint of two float32 numbers that "
            "PyTorch's own rounding depends on the C library; use another seed"
        )
    return one + np.float32(0.0)  # as PyTorch's "+ mean": never -0
