"""Mistakes in layer norm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.reference import Reference
from conformance.lstm.step import State, Step

layer_norm = Axis("layer norm")


def _normed(case: Case) -> bool:
    return case.layer_norm is not None


def _cell_normed(case: Case) -> bool:
    return case.layer_norm == "basic-lstm-cell"


@layer_norm(
    "layer-norm-ignored",
    "computes the LSTM without layer norm",
    "https://github.com/seba-1511/lstms.pth/issues/3",
    applies=_normed,
)
class Ignored(Reference):
    def normalised_gate(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        # The bias of NNAPI's form belongs to the cell, so it stays.
        return self.with_bias_of_norm(gate, z, replace(weights, beta=None))

    def normalised_cell(self, c: Array, weights: LayerWeights) -> Array:
        return c


@layer_norm(
    "layer-norm-over-all-gates",
    "takes the mean and variance over all 4 H pre-activations together instead of over each gate's H",
    "https://github.com/tensorflow/addons/pull/210",
    applies=_normed,
)
class OverAllGates(Reference):
    z: Array

    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        z = from_input + self.recurrent_part(old.h, weights)
        self.z = z.reshape(z.shape[0], z.shape[1] * z.shape[2])
        return super().step(act, from_input, old, weights)

    def normalised_gate(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        assert weights.gamma is not None
        deviation = self.z - self.mean(self.z)
        normalised = (z - self.mean(self.z)) / np.sqrt(self.mean(deviation * deviation) + self.epsilon())
        return self.with_bias_of_norm(gate, weights.gamma[gate] * normalised, weights)


@layer_norm(
    "layer-norm-of-input-and-recurrent-part-apart",
    "normalises W x and R h separately and then adds them",
    "https://github.com/tensorflow/addons/pull/210",
    applies=_normed,
)
class Apart(Reference):
    from_input: Array

    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        self.from_input = from_input
        return super().step(act, from_input, old, weights)

    def normalised_gate(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        assert weights.gamma is not None
        part = self.from_input[:, gate]
        both = self.normalised(part) + self.normalised(z - part)
        return self.with_bias_of_norm(gate, weights.gamma[gate] * both, weights)


@layer_norm("layer-norm-gain-ignored", "leaves gamma out", applies=_normed)
class GainIgnored(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        ones = {n: np.ones_like(a) for n in ("gamma", "gamma_cell") if (a := getattr(given, n)) is not None}
        return replace(given, **ones)


@layer_norm(
    "layer-norm-beta-ignored",
    "leaves the beta of the gates out",
    "https://github.com/tensorflow/addons/pull/210",
    applies=_cell_normed,
)
class BetaIgnored(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return replace(super().row_weights(row, weights), beta=None)


@layer_norm(
    "layer-norm-bias-before-norm",
    "adds the bias before the norm instead of after it",
    applies=lambda case: case.layer_norm == "nnapi" and case.bias,
)
class BiasBeforeNorm(Reference):
    def normalised_gate(self, gate: int, z: Array, weights: LayerWeights) -> Array:
        if self.case.layer_norm == "nnapi":
            z, weights = self.with_bias_of_norm(gate, z, weights), replace(weights, b_w=None, b_r=None)
        return super().normalised_gate(gate, z, weights)


def with_epsilon(value: float) -> type[Reference]:
    """The reference with another epsilon."""

    class WithEpsilon(Reference):
        def epsilon(self) -> float:
            return value

    return WithEpsilon


layer_norm(
    "layer-norm-epsilon-zero",
    "divides by a variance that may be zero, without epsilon",
    "https://github.com/tensorflow/tensorflow/issues/21929",
    applies=_normed,
)(with_epsilon(0.0))
layer_norm(
    "layer-norm-epsilon-1e-5",
    "uses 1e-5, PyTorch's default, as epsilon",
    applies=_normed,
)(with_epsilon(1e-5))
layer_norm("layer-norm-epsilon-1e-3", "uses 1e-3, Keras' default, as epsilon", applies=_normed)(with_epsilon(1e-3))


@layer_norm(
    "layer-norm-variance-unbiased", "divides the sum of squares by H - 1 instead of H for the variance", applies=_normed
)
class VarianceUnbiased(Reference):
    def normalised(self, v: Array) -> Array:
        units = v.shape[-1]
        deviation = v - self.mean(v)
        variance = self.mean(deviation * deviation) * units / np.asarray(units - 1, v.dtype)
        result: Array = deviation / np.sqrt(variance + self.epsilon())
        return result


@layer_norm(
    "layer-norm-variance-by-squares",
    "computes the variance as mean of squares minus square of mean, which loses digits where means are large",
    "https://github.com/pytorch/pytorch/issues/51102",
    applies=_normed,
    approximate=True,
)
class VarianceBySquares(Reference):
    def normalised(self, v: Array) -> Array:
        narrow = v.astype(self.case.np_dtype)  # the digits lost depend on the dtype of this computation
        mean = self.mean(narrow)
        variance = np.maximum(self.mean(narrow * narrow) - mean * mean, 0.0).astype(v.dtype)
        result: Array = (v - self.mean(v)) / np.sqrt(variance + self.epsilon())
        return result


@layer_norm(
    "layer-norm-epsilon-outside-root",
    "adds epsilon to the standard deviation instead of to the variance",
    applies=_normed,
)
class EpsilonOutside(Reference):
    def normalised(self, v: Array) -> Array:
        deviation = v - self.mean(v)
        result: Array = deviation / (np.sqrt(self.mean(deviation * deviation)) + self.epsilon())
        return result


@layer_norm(
    "layer-norm-cell-not-normalised",
    "does not normalise the cell state",
    applies=_cell_normed,
)
class CellNotNormalised(Reference):
    def normalised_cell(self, c: Array, weights: LayerWeights) -> Array:
        return c


@layer_norm(
    "layer-norm-unnormalised-cell-stored",
    "normalises the cell state for h only and passes it to the next step unnormalised",
    applies=_cell_normed,
)
class UnnormalisedCellStored(Reference):
    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        step = super().step(act, from_input, old, weights)
        return step if weights.gamma_cell is None else replace(step, new=State(step.new.h, step.summed))
