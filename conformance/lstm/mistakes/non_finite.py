"""Mistakes in the handling of NaN and infinity."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs
from conformance.lstm.mistakes.activations import uses
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.reference import Reference
from conformance.lstm.step import PEEPHOLES

non_finite = Axis("non-finite")


def largest(case: Case) -> float:
    """The largest finite number of the case's dtype."""
    return float(ml_dtypes.finfo(case.np_dtype).max)


@non_finite("nan-in-inputs-as-zero", "replaces a NaN in x, h0 or c0 by 0")
class NanInInputsAsZero(Reference):
    @keeps("y", "finals")
    def run(self, arrays: Arrays) -> Outputs:
        old = arrays.inputs
        x, h0, c0 = (None if a is None else np.where(np.isnan(a), np.zeros_like(a), a) for a in (old.x, old.h0, old.c0))
        assert x is not None
        return super().run(replace(arrays, inputs=replace(old, x=x, h0=h0, c0=c0)))


@non_finite("nan-before-activation-as-zero", "replaces a NaN in the input of an activation by 0")
class NanBeforeActivationAsZero(Reference):
    def activation(self, activation: Activation, z: Array) -> Array:
        return super().activation(activation, np.where(np.isnan(z), np.zeros_like(z), z))


@non_finite(
    "nan-lost-in-bounded-activation",
    "bounds the input of sigmoid and tanh by comparisons that turn a NaN into the upper bound",
    "https://github.com/pytorch/pytorch/pull/21384",
    applies=uses("sigmoid", "tanh", "scaled_tanh"),
)
class NanLostInBoundedActivation(Reference):
    def activation(self, activation: Activation, z: Array) -> Array:
        if activation.name in ("sigmoid", "tanh", "scaled_tanh"):
            z = np.where(np.isnan(z), np.full_like(z, 20.0), z)
        return super().activation(activation, z)


@non_finite(
    "nan-lost-in-relu",
    "computes the maximum and minimum in relu and hard sigmoid by comparisons that turn a NaN into the bound",
    applies=uses("relu", "hard_sigmoid"),
)
class NanLostInRelu(Reference):
    def activation(self, activation: Activation, z: Array) -> Array:
        result = super().activation(activation, z)
        if activation.name in ("relu", "hard_sigmoid"):
            return np.where(np.isnan(z), np.zeros_like(z), result)
        return result


@non_finite(
    "nan-lost-in-gate-input",
    "bounds each gate's input by the largest number when it adds the bias, with comparisons that turn a NaN into it",
    "https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/providers/cpu/rnn/rnn_helpers.cc",
    applies=lambda case: case.bias,
)
class NanLostInGateInput(Reference):
    def clipped_gate(self, gate: int, z: Array) -> Array:
        if self.case.bias:
            bound = np.full_like(z, largest(self.case))
            z = np.where(np.isnan(z), bound, np.minimum(np.maximum(z, -bound), bound))
        return super().clipped_gate(gate, z)


def _clips(case: Case) -> bool:
    return any(each is not None for each in (case.gate_clip, case.cell_clip, case.projection_clip))


@non_finite("nan-lost-in-clip", "clips by comparisons that turn a NaN into the upper bound", applies=_clips)
class NanLostInClip(Reference):
    def bounded(self, v: Array, bound: float) -> Array:
        return super().bounded(np.where(np.isnan(v), np.full_like(v, bound), v), bound)


@non_finite("nan-lost-in-clip-below", "clips by comparisons that turn a NaN into the lower bound", applies=_clips)
class NanLostInClipBelow(Reference):
    def bounded(self, v: Array, bound: float) -> Array:
        return super().bounded(np.where(np.isnan(v), np.full_like(v, -bound), v), bound)


@non_finite(
    "product-of-zeros-left-out",
    "skips the product where x or h is all zeros, so that NaN and infinities in the weights are lost",
)
class ProductOfZerosLeftOut(Reference):
    def product(self, rows: Array, matrix: Array) -> Array:
        result = super().product(rows, matrix)
        return np.where((rows == 0).all(axis=1, keepdims=True), np.zeros_like(result), result)


@non_finite(
    "absent-peepholes-times-cell",
    "multiplies the cell state by peepholes of 0 where there are none, which gives NaN for an infinite cell state",
    "https://github.com/onnx/onnx/blob/main/onnx/reference/ops/op_lstm.py",
    applies=lambda case: not case.peephole,
)
class AbsentPeepholesTimesCell(Reference):
    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        z = super().with_peephole(gate, z, c, weights)
        return z + 0.0 * c if weights.peephole is None and gate in PEEPHOLES else z


@non_finite("infinity-as-largest-number", "stores an infinite cell state as the largest finite number")
class InfinityAsLargestNumber(Reference):
    def stored(self, c: Array, weights: LayerWeights) -> Array:
        c = super().stored(c, weights)
        return np.where(np.isinf(c), np.copysign(np.full_like(c, largest(self.case)), c), c)


@non_finite(
    "non-finite-row-spoils-batch",
    "adds 0 times every row to each row, so that a NaN or an infinity in one row spoils them all",
    "https://github.com/pytorch/pytorch/issues/177016",
    applies=lambda case: case.B > 1,
)
class NonFiniteRowSpoilsBatch(Reference):
    def stored(self, c: Array, weights: LayerWeights) -> Array:
        c = super().stored(c, weights)
        spoilt: Array = c + (0.0 * c).sum(axis=0)
        return spoilt
