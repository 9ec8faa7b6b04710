"""The oracle rounds a ball to the one float64 that is nearest to all of it, and to none where there are two."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

flint = pytest.importorskip("flint")

from conformance.lstm.oracle.rounding import Undecided, nearest, round_dyadic  # noqa: E402

LARGEST = float(np.finfo(np.float64).max)


@pytest.mark.parametrize("exponent", [-1200, -1140, -1080, -1075, -1074, -1073, -60, 0, 40, 900, 960, 1020])
def test_round_dyadic_is_correct_rounding(exponent: int) -> None:
    rng = random.Random(exponent)
    for bits in (1, 2, 10, 52, 53, 54, 55, 64, 130):
        for low in (0, 1, 2, 3):  # also values just beside a tie
            man = ((rng.getrandbits(bits) | 1) << 3) - 4 + low
            for signed in (man, -man):
                try:
                    wanted = float(Fraction(signed) * Fraction(2) ** exponent)
                except OverflowError:
                    wanted = math.copysign(math.inf, signed)
                assert round_dyadic(signed, exponent) == wanted


@pytest.mark.parametrize(
    ("man", "exp", "wanted"),
    [
        (2**53 + 1, -53, 1.0),  # tie, down to even
        (2**53 + 3, -53, 1.0 + 2**-51),  # tie, up to even
        (2**54 - 1, -54, 1.0),  # tie that carries into the next power of two
        (1, -1074, 5e-324),
        (1, -1075, 0.0),  # tie between 0 and the smallest subnormal
        (3, -1076, 5e-324),
        (3, -1075, 1e-323),  # tie between subnormals 1 and 2
        (2**53 - 1, -1075, 2.0**-1022),  # tie that carries from subnormal to normal
        (2**53 - 1, 971, LARGEST),
        (2**55 - 3, 969, LARGEST),  # a quarter of a step below the tie
        (2**54 - 1, 970, math.inf),  # tie between the largest and 2**1024
        (1, 1024, math.inf),
    ],
)
def test_round_dyadic_at_the_borders(man: int, exp: int, wanted: float) -> None:
    assert round_dyadic(man, exp) == wanted
    assert round_dyadic(-man, exp) == -wanted


def test_zero_has_no_sign() -> None:
    assert [math.copysign(1.0, round_dyadic(man, -1080)) for man in (0, 1, -1)] == [1.0, 1.0, 1.0]
    assert math.copysign(1.0, nearest(flint.arb(0, 2.0**-1074) / 4)) == 1.0
    assert math.copysign(1.0, nearest(flint.arb(-0.0))) == 1.0


def dyadic(man: int, exp: int, radius_exp: int | None = None) -> Any:
    """The ball man * 2**exp +- 2**radius_exp."""
    mid = flint.arb((man, exp))
    return mid if radius_exp is None else flint.arb(mid, flint.arb((1, radius_exp)))


@pytest.mark.parametrize(
    ("ball", "wanted"),
    [
        (dyadic(1, 0, -60), 1.0),
        (dyadic(2**53 + 1, -53), 1.0),  # an exact tie is a number like any other
        (dyadic(2**53 + 3, -53), 1.0 + 2**-51),
        (dyadic(1, -1074, -1076), 5e-324),
        (dyadic(0, 0, -1076), 0.0),
        (dyadic(-1, -1077, -1077), 0.0),
        (dyadic(2**53 - 1, 971, 960), LARGEST),
        (dyadic(-1, 1030, 900), -math.inf),
        (dyadic(1, 10**40, 10**39), math.inf),
        (dyadic(3, -(10**40), -(10**50)), 0.0),
        (dyadic(1, 0, -(10**40)), 1.0),
        (dyadic(0, 0, -(10**40)), 0.0),
        (dyadic(1, -(10**40), -1077), 0.0),
    ],
)
def test_nearest_accepts(ball: Any, wanted: float) -> None:
    assert nearest(ball) == wanted


@pytest.mark.parametrize(
    "ball",
    [
        dyadic(2**53 + 1, -53, -300),  # a tie, but not exactly
        dyadic(2**53 + 1, -53, -(10**40)),
        dyadic(1, 0, -52),
        dyadic(1, -1075, -2000),  # tie between 0 and the smallest subnormal
        dyadic(0, 0, -1074),
        dyadic(1, -(10**40), -1075),  # reaches a little beyond the tie
        dyadic(2**54 - 1, 970, 0),  # may overflow, may not
        dyadic(1, 10**40, 10**40),
        dyadic(1, 0, 10**40),
        flint.arb.nan(),
        flint.arb.pos_inf(),
    ],
)
def test_nearest_refuses(ball: Any) -> None:
    with pytest.raises(Undecided):
        nearest(ball)
