"""Rounding: the one float64 nearest to every number in a ball, if there is one.

A ball (python-flint `arb`) is a midpoint and a radius, both dyadic: man * 2**exp with integers man and exp. Its two
ends are therefore dyadic too, and are rounded here in Python integers; flint's own conversion to float is not used.
Rounding is monotone: if both ends of a ball round to the same float64, so does everything between them. That float64 is
then *proven* to be the correctly rounded value of any number in the ball.
"""

from __future__ import annotations

import math

from flint import arb

_DIGITS = 53
_SMALLEST = -1074
"""float64 has 53 significant bits, and every finite float64 is a multiple of 2**-1074."""

_FLOOR = -(1 << 18)
_CEILING = 1 << 12
"""Beyond these exponents a ball is not written out in integers: the exponent of exp(-1e300) has 77 digits. A ball
below 2**_FLOOR is widened up to 2**_FLOOR; one above 2**_CEILING is far beyond the largest float64."""


class Undecided(Exception):
    """The ball contains numbers that round to different float64: more bits are needed, or no number is enough."""


def round_dyadic(man: int, exp: int) -> float:
    """The float64 nearest to man * 2**exp, including subnormals; ties go to even.

    A result of zero is +0.0 regardless of the sign of man; a result beyond the largest float64 is an infinity.
    """
    size = abs(man)
    # The last bit that the result keeps, as a power of two.
    last = max(exp + size.bit_length() - _DIGITS, _SMALLEST)
    shift = last - exp
    if shift <= 0:
        kept = size << -shift
    else:
        kept, rest, half = size >> shift, size & ((1 << shift) - 1), 1 << (shift - 1)
        if rest > half or (rest == half and kept & 1):
            kept += 1
    # ldexp is exact: kept has at most 53 bits, or is 2**53.
    value = math.inf if kept.bit_length() + last > 1024 else math.ldexp(kept, last)
    return -value if man < 0 and kept else value


def nearest(ball: arb) -> float:
    """The one float64 that all of the ball rounds to, +-infinity if all of it overflows; else raises `Undecided`."""
    if not ball.is_finite():
        raise Undecided("nothing is known about the value")
    mid, mid_exp = map(int, ball.mid().man_exp())
    rad, rad_exp = map(int, ball.rad().man_exp())
    mid_top, rad_top = mid_exp + mid.bit_length(), rad_exp + rad.bit_length()  # |mid| < 2**mid_top
    if (mid and mid_top > _CEILING) or (rad and rad_top > _CEILING):
        if mid and (not rad or rad_top < mid_top - 1):  # then |every number| > 2**(mid_top - 2)
            return math.inf if mid > 0 else -math.inf
        raise Undecided("no digit of the value is known")
    if rad and rad_top <= _FLOOR:
        rad, rad_exp = 1, _FLOOR
    if mid and mid_top <= _FLOOR:
        # The midpoint moves to 0 and the radius grows by the same amount.
        mid, mid_exp = 0, _FLOOR
        rad, rad_exp = (rad << max(rad_exp - _FLOOR, 0)) + 1, _FLOOR
    common = min(mid_exp, rad_exp)
    mid, rad = mid << (mid_exp - common), rad << (rad_exp - common)
    lower, upper = round_dyadic(mid - rad, common), round_dyadic(mid + rad, common)
    if lower != upper:
        raise Undecided(f"the value lies between {lower!r} and {upper!r}")
    return lower


def hopeless(ball: arb) -> bool:
    """Whether the ball is certainly too wide for `nearest`; a quick test that misses some balls that are too wide."""
    # Balls below 2**-1000 are not judged: among subnormals, few correct bits can be enough.
    return bool(ball.rel_accuracy_bits() < 40) and not bool(ball.abs_upper() < 2.0**-1000)
