"""The numbers of a question: uniform, mixed, sparse, whole, zero, tiny down to subnormal, large up to saturating."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array
from conformance.golden.design.factors import SMALLEST_NORMAL

Generator = np.random.Generator
Fill = Callable[[Generator, tuple[int, ...], float], Array]
"""Numbers of a shape, float64. The last argument is the smallest normal number of the case's dtype."""


def _uniform(bound: float) -> Fill:
    return lambda generator, shape, tiny: generator.uniform(-bound, bound, shape)


def _mixed(generator: Generator, shape: tuple[int, ...], tiny: float) -> Array:
    return generator.choice([-1.0, 1.0], shape) * np.exp2(generator.uniform(-12.0, 4.0, shape))


def _sparse(generator: Generator, shape: tuple[int, ...], tiny: float) -> Array:
    kept: Array = np.where(generator.random(shape) < 0.3, generator.uniform(-2.0, 2.0, shape), 0.0)
    return kept


def _tiny(generator: Generator, shape: tuple[int, ...], tiny: float) -> Array:
    """So small that what is computed from them is on both sides of the smallest normal number."""
    return generator.uniform(-1.0, 1.0, shape) * tiny * 2.0 ** generator.integers(3, 9)


def _small(generator: Generator, shape: tuple[int, ...], tiny: float) -> Array:
    return generator.uniform(-1.0, 1.0, shape) * 2.0 ** -generator.integers(6, 20).astype(np.float64)


USUAL = "usual"
OF_INPUTS: dict[str, tuple[int, Fill]] = {
    USUAL: (66, _uniform(2.0)),
    "mixed": (7, _mixed),
    "sparse": (6, _sparse),
    "whole": (5, lambda generator, shape, tiny: generator.integers(-3, 4, shape).astype(np.float64)),
    "zero": (4, lambda generator, shape, tiny: np.zeros(shape)),
    "small": (4, _small),
    "tiny": (3, _tiny),
    "large": (3, _uniform(40.0)),
    "saturating": (2, _uniform(400.0)),
}
"""Kind -> how often it is drawn of a hundred, and the numbers of x, h0, c0 and the gradients that come in."""
OF_WEIGHTS: dict[str, tuple[int, Fill]] = {
    USUAL: (82, _uniform(1.5)),
    "mixed": (6, _mixed),
    "sparse": (6, _sparse),
    "whole": (4, lambda generator, shape, tiny: generator.integers(-2, 3, shape).astype(np.float64)),
    "large": (3, _uniform(12.0)),
}
"""The same for weights, where numbers are divided by the square root of how many are summed."""
PADDINGS = (1e3, 1e3, 0.0, 1.0, -40.0, float("nan"), float("inf"))
POISONS = (float("nan"), float("inf"), float("-inf"))


def kind(random: Random, kinds: dict[str, tuple[int, Fill]]) -> str:
    """A kind at random, as often as the table says."""
    (chosen,) = random.choices(list(kinds), [weight for weight, _ in kinds.values()])
    return chosen


def numbers(
    case: Case, generator: Generator, chosen: str, shape: tuple[int, ...], *, weight: bool = False
) -> np.ndarray[Any, Any]:
    """Numbers of a kind in the case's dtype; those of a matrix of weights are scaled to its width."""
    _, fill = (OF_WEIGHTS if weight else OF_INPUTS)[chosen]
    found = fill(generator, shape, SMALLEST_NORMAL[case.dtype])
    if weight and chosen != "whole" and len(shape) > 2:
        found = found / np.sqrt(shape[-1])
    return found.astype(case.np_dtype)
