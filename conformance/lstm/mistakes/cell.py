"""Mistakes in the cell's equations: biases, the forget bias, the new state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.lstm.mistakes.base import Axis, as_if
from conformance.lstm.reference import Reference
from conformance.lstm.step import F, I, O

cell = Axis("cell")
bias = Axis("bias")
forget_bias = Axis("forget bias")


@cell(
    "candidate-gated-by-forget-gate",
    "computes c = f c + f g",
    "https://github.com/ARM-software/CMSIS-NN/pull/181",
)
class CandidateGatedByForgetGate(Reference):
    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        return super().cell(f, f, g, old_c)


@cell(
    "candidate-added",
    "computes c = f c + i + g, with a sum in place of the product i g",
    "https://github.com/MartinuzziFrancesco/torchrecurrent/issues/22",
)
class CandidateAdded(Reference):
    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        return f * old_c + i + g


@cell("forget-gate-left-out", "computes c = c + i g, as in the original LSTM without a forget gate")
class ForgetGateLeftOut(Reference):
    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        return super().cell(i, np.ones_like(f), g, old_c)


@cell("output-gate-left-out", "computes h = Hh(c)")
class OutputGateLeftOut(Reference):
    def output(self, act: Activations, o: Array, hh: Array) -> Array:
        return super().output(act, np.ones_like(o), hh)


@cell("output-of-previous-cell", "computes h from the cell state of the previous step")
class OutputOfPreviousCell(Reference):
    old_c: Array

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        self.old_c = old_c
        return super().cell(i, f, g, old_c)

    def clipped_cell(self, c: Array) -> Array:
        return super().clipped_cell(self.old_c)


@cell("output-from-candidate", "computes h = o Hh(g), from the cell candidate instead of the cell state")
class OutputFromCandidate(Reference):
    g: Array

    def cell(self, i: Array, f: Array, g: Array, old_c: Array) -> Array:
        self.g = g
        return super().cell(i, f, g, old_c)

    def clipped_cell(self, c: Array) -> Array:
        return super().clipped_cell(self.g)


def _has_bias(case: Case) -> bool:
    return case.bias


@bias("bias-ignored", "leaves both biases out", applies=_has_bias)
class BiasIgnored(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return replace(super().row_weights(row, weights), b_w=None, b_r=None)


@bias("input-bias-ignored", "leaves the input bias out", applies=_has_bias)
class InputBiasIgnored(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        return given if given.b_w is None else replace(given, b_w=np.zeros_like(given.b_w))


@bias(
    "recurrent-bias-ignored",
    "leaves the recurrent bias out",
    "https://github.com/apache/mxnet/issues/15745",
    applies=_has_bias,
)
class RecurrentBiasIgnored(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        return given if given.b_r is None else replace(given, b_r=np.zeros_like(given.b_r))


@bias(
    "input-bias-twice",
    "adds the input bias twice",
    "https://github.com/lisa-lab/DeepLearningTutorials/issues/81",
    applies=_has_bias,
)
class InputBiasTwice(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        return given if given.b_w is None else replace(given, b_w=given.b_w + given.b_w)


@bias(
    "bias-twice",
    "uses b_w + b_r for each of the two biases",
    "https://github.com/kelvinxu/arctic-captions/issues/7",
    applies=_has_bias,
)
class BiasTwice(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        if given.b_w is None or given.b_r is None:
            return given
        return replace(given, b_w=given.b_w + given.b_r, b_r=given.b_w + given.b_r)


@bias("input-bias-for-both", "uses the input bias as the recurrent bias too", applies=_has_bias)
class InputBiasForBoth(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        return replace(given, b_r=given.b_w)


@bias(
    "output-bias-for-forget-gate",
    "uses the output gate's bias for the forget gate",
    "https://github.com/ddbourgin/numpy-ml/issues/42",
    applies=_has_bias,
)
class OutputBiasForForgetGate(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        if given.b_w is None or given.b_r is None:
            return given
        b_w, b_r = given.b_w.copy(), given.b_r.copy()
        b_w[F], b_r[F] = b_w[O], b_r[O]
        return replace(given, b_w=b_w, b_r=b_r)


def _has_forget_bias(case: Case) -> bool:
    return case.forget_bias != 0


forget_bias(
    "forget-bias-ignored",
    "leaves the forget bias out",
    "https://github.com/apple/coremltools/issues/309",
    applies=_has_forget_bias,
)(as_if(forget_bias=0.0))


@forget_bias(
    "forget-bias-after-sigmoid",
    "adds the forget bias after the sigmoid instead of before it",
    "https://github.com/apache/tvm/pull/3410",
    applies=_has_forget_bias,
)
class ForgetBiasAfterSigmoid(Reference):
    def with_forget_bias(self, z_f: Array) -> Array:
        return z_f

    def squashed(self, act: Activations, gate: int, z: Array) -> Array:
        squashed = super().squashed(act, gate, z)
        return squashed + self.case.forget_bias if gate == F else squashed


@forget_bias("forget-bias-on-input-gate", "adds the forget bias to the input gate instead", applies=_has_forget_bias)
class ForgetBiasOnInputGate(Reference):
    def with_forget_bias(self, z_f: Array) -> Array:
        return z_f

    def clipped_gate(self, gate: int, z: Array) -> Array:
        return super().clipped_gate(gate, z + self.case.forget_bias if gate == I else z)


@forget_bias(
    "forget-bias-on-every-gate",
    "adds the forget bias to all four gates",
    applies=_has_forget_bias,
)
class ForgetBiasOnEveryGate(Reference):
    def clipped_gate(self, gate: int, z: Array) -> Array:
        return super().clipped_gate(gate, z if gate == F else z + self.case.forget_bias)


@forget_bias(
    "forget-bias-twice",
    "adds the forget bias twice, as when the stored bias already includes it",
    "https://github.com/tensorflow/tensorflow/issues/29622",
    applies=_has_forget_bias,
)
class ForgetBiasTwice(Reference):
    def with_forget_bias(self, z_f: Array) -> Array:
        return super().with_forget_bias(super().with_forget_bias(z_f))


@forget_bias(
    "forget-bias-of-one-unasked",
    "adds a forget bias of 1 that the case does not have",
    "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/nn/rnn_cell/LSTMCell",
    applies=lambda case: case.coupling != "forget=1-input",
)
class ForgetBiasOfOneUnasked(Reference):
    def with_forget_bias(self, z_f: Array) -> Array:
        return super().with_forget_bias(z_f) + 1.0
