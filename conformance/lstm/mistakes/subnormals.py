"""Mistakes with subnormal numbers, those between 0 and the smallest normal number of a format."""

from __future__ import annotations

import numpy as np

from conformance.case.options import Activation, Activations
from conformance.case.tensors import Array, Inputs, LayerWeights, Weights
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.reference import Reference
from conformance.lstm.step import State

subnormals = Axis("subnormals")


class Flushing(Reference):
    """The reference, with a method that replaces subnormal numbers by zeros of the same sign.

    They are those of float64 for a case in float64 and those of float32 otherwise: processors have a mode for these two
    formats, and compute half formats in float32.
    """

    def flushed(self, v: Array) -> Array:
        smallest = float(np.finfo(np.float64 if self.case.dtype == "float64" else np.float32).smallest_normal)
        return np.where(np.abs(v) < smallest, np.copysign(np.zeros_like(v), v), v)


@subnormals(
    "subnormals-flushed",
    "takes subnormal numbers for zeros, in the inputs, the weights and the result of every larger operation",
    "https://github.com/jax-ml/jax/issues/16200",
)
class SubnormalsFlushed(Flushing):
    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        start = super().initial_state(row, x, inputs)
        return State(self.flushed(start.h), self.flushed(start.c))

    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return super().row_weights(row, weights).mapped(self.flushed)

    def product(self, rows: Array, matrix: Array) -> Array:
        return self.flushed(super().product(self.flushed(rows), self.flushed(matrix)))

    def activation(self, activation: Activation, z: Array) -> Array:
        return self.flushed(super().activation(activation, self.flushed(z)))

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        return self.flushed(super().cell(i, f, g, old_c))

    def output(self, act: Activations, o: Array, hh: Array) -> Array:
        return self.flushed(super().output(act, o, hh))


@subnormals(
    "subnormal-terms-flushed",
    "takes subnormal numbers for zeros wherever one arises, in every term of a product or a sum too",
    approximate=True,  # which terms are added first, and which products are not rounded, is an engine's own
)
class SubnormalTermsFlushed(SubnormalsFlushed):
    def product(self, rows: Array, matrix: Array) -> Array:
        rows, matrix = self.flushed(rows), self.flushed(matrix)
        total = np.zeros((rows.shape[0], matrix.shape[0]), rows.dtype)
        for of_rows, of_matrix in zip(rows.T, matrix.T, strict=True):
            total = self.flushed(total + self.flushed(of_rows[:, None] * of_matrix))
        return total

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        return self.flushed(self.flushed(i * g) + self.flushed(f * old_c))


@subnormals(
    "subnormal-weights-flushed",
    "replaces subnormal weights by zeros when it reads them, and computes with subnormal inputs and states",
    "https://github.com/openvinotoolkit/openvino/pull/19360",
)
class SubnormalWeightsFlushed(Flushing):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return super().row_weights(row, weights).mapped(self.flushed)
