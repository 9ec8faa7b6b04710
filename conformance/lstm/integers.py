"""kappa of an answer computed with 8-bit integers: how far their rounding moves each output element.

In dynamic quantisation W and R are multiples of a step, of which the largest weight of a scale is 127, and the other
factor of each product, x or h, is a multiple of a step found when the product is computed. Everything else is computed
in the case's dtype. The reference is evaluated many times in float64 at random, as for kappa of floating point
(conformance.lstm.kappa), but with the errors of these roundings, in their real size: a weight is off by up to half a
step of its scale, x and h by up to half a step of the product (docs/noise-units.md#integers). An error of a weight is
the same in every step and row. Zeros are exact, as integers have them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from conformance.case.dtypes import INTEGERS, UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs, Weights
from conformance.lstm.gradients import reference_of
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

SAMPLES = 48
FEWEST_SAMPLES = 12
STEPS_OF_A_WEIGHT = 127.0
"""The largest weight of a scale in steps: the positive numbers of a signed integer of 8 bits."""
STEPS_OF_A_FACTOR = 127.0
"""The whole range of x or h, with 0 in it, in steps: engines use 7 bits of 8 where sums of 16 bits might overflow."""
_BUDGET = 2**21
"""The most samples * T * B * H; a larger case gets fewer samples, but at least FEWEST_SAMPLES."""


class _Integers(Reference):
    """The reference with W, R and the other factors of their products off by at most half a step, at random."""

    generator: np.random.Generator
    by_row: bool

    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        return replace(given, W=self._stepped(given.W), R=self._stepped(given.R))

    def _stepped(self, matrix: Array) -> Array:
        largest = np.max(np.abs(matrix), axis=-1 if self.by_row else None, keepdims=True, initial=0.0)
        return self._off(matrix, largest / STEPS_OF_A_WEIGHT)

    def scan(self, given: Scan) -> tuple[Array, State]:
        # What a row leaves out has no part in its answer, so it may not widen the range.
        kept = given.x if given.valid is None else np.where(given.valid[..., None], given.x, 0.0)
        return super().scan(replace(given, x=kept))

    def product(self, rows: Array, matrix: Array) -> Array:
        reach = np.max(rows, initial=0.0) - np.min(rows, initial=0.0)
        return super().product(self._off(rows, reach / STEPS_OF_A_FACTOR), matrix)

    def head(self, y: Array, weights: Weights) -> Array:
        assert weights.W_y is not None and weights.b_y is not None
        return y @ weights.W_y.T + weights.b_y  # left in the case's dtype

    def _off(self, numbers: Array, step: Array) -> Array:
        error = step * self.generator.uniform(-0.5, 0.5, numbers.shape)
        result: Array = numbers + np.where(numbers == 0.0, 0.0, error)
        return result


def kappa_in(precision: str, case: Case, arrays: Arrays, floating: Outputs) -> Outputs:
    """kappa for answers in a format; `floating` is that of the vector, for every format but integers."""
    if precision not in INTEGERS:
        return floating
    return kappa_of_integers(case, arrays, by_row=precision == "int8-by-row")


def kappa_of_integers(case: Case, arrays: Arrays, *, by_row: bool) -> Outputs:
    """The deviation of every output element, float64, in units of the unit roundoff of int8.

    by_row: whether each row of W and R, a gate of a unit, has a scale of its own, and not the whole matrix.
    """
    digest = hashlib.sha256(f"integers:{case.id}".encode()).digest()
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
    attributes = {"generator": generator, "by_row": by_row}
    variant: type[Reference] = type("Integers", (_Integers, reference_of(case).__class__), attributes)
    exact = arrays.in_dtype(np.float64)
    samples = max(FEWEST_SAMPLES, min(SAMPLES, _BUDGET // max(1, case.T * case.B * case.H)))
    right = reference_of(case).run(exact)
    squares = {name: np.zeros(golden.shape) for name, golden in right.items()}
    with np.errstate(invalid="ignore", over="ignore"):
        for _ in range(samples):
            for name, found in variant(case).run(exact).items():
                squares[name] += np.where(np.isfinite(right[name]), found - right[name], 0.0) ** 2
    deviation = {name: np.sqrt(each / samples) for name, each in squares.items()}
    return {name: each / UNIT_ROUNDOFF["int8"] for name, each in deviation.items()}
