"""The numbers of a question: uniform, mixed, sparse, whole, zero, tiny down to subnormal, large up to saturating."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    scale: float = 2.0 ** -float(generator.integers(6, 40))
    return generator.uniform(-1.0, 1.0, shape) * scale


def _subnormal(generator: Generator, shape: tuple[int, ...], tiny: float) -> Array:
    return generator.uniform(-1.0, 1.0, shape) * tiny


def _zeros(generator: Generator, shape: tuple[int, ...], tiny: float) -> Array:
    return np.zeros(shape)


USUAL = "usual"
OF_INPUTS: dict[str, tuple[int, Fill]] = {
    USUAL: (66, _uniform(2.0)),
    "mixed": (7, _mixed),
    "sparse": (6, _sparse),
    "whole": (5, lambda generator, shape, tiny: generator.integers(-3, 4, shape).astype(np.float64)),
    "zero": (4, _zeros),
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
QUIET_INPUTS = OF_INPUTS | {
    USUAL: (20, _uniform(2.0)),
    "small": (30, _small),
    "tiny": (20, _tiny),
    "large": (10, _uniform(40.0)),
}
QUIET_BIASES: dict[str, tuple[int, Fill]] = {"zero": (50, _zeros), "small": (40, _small), "subnormal": (10, _subnormal)}
QUIET_WEIGHTS = OF_WEIGHTS | {"small": (8, _small), "subnormal": (30, _subnormal)}
"""The same for quiet layers, in which what is small stays small: no bias hides what a function makes of it."""
PADDINGS = (1e3, 1e3, 0.0, 1.0, -40.0, float("nan"), float("inf"))
POISONS = (float("nan"), float("nan"), float("inf"), float("-inf"))


def drawn(random: Random, kinds: Mapping[str, tuple[int, Fill]]) -> tuple[str, Fill]:
    """A kind at random, as often as the table says, with its numbers."""
    (chosen,) = random.choices(list(kinds), [weight for weight, _ in kinds.values()])
    return chosen, kinds[chosen][1]


def numbers(
    case: Case, generator: Generator, fill: Fill, shape: tuple[int, ...], *, scaled: bool = False
) -> np.ndarray[Any, Any]:
    """Numbers in the case's dtype; scaled to the width of a matrix of weights, where they are to be."""
    found = fill(generator, shape, SMALLEST_NORMAL[case.dtype])
    if scaled and len(shape) > 2:
        found = found / np.sqrt(shape[-1])
    return found.astype(case.np_dtype)
