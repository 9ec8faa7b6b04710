"""Mistakes in reading the weights: the order of the gates, the layout of the matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import BY_GATE, Array, LayerWeights, Weights
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.reference import Reference
from conformance.lstm.step import I, Scan, State, Step

gates = Axis("gates")

ORDERS = (
    # Two formats, with a program that mixed them up or that reads both. Each pair of orders permutes the gates
    # differently; a pair that only swaps two gates stands for its reverse too.
    ("iofg", "ifgo", "https://github.com/CrispStrobe/CrispASR/pull/106"),  # ONNX read as PyTorch
    ("ifgo", "iofg", "https://github.com/webmachinelearning/webnn/pull/321"),  # and the reverse
    ("igfo", "ifgo", "https://github.com/tensorflow/tensorflow/issues/29308"),  # BasicLSTMCell and CudnnLSTM
    ("ifog", "ifgo", "https://github.com/apple/coremltools/pull/93"),  # Core ML, DyNet, MIOpen
    ("figo", "ifgo", "https://github.com/NervanaSystems/ngraph/pull/3733"),  # OpenVINO and PyTorch
    ("iofg", "ifog", None),  # ONNX and Core ML
    ("iofg", "figo", "https://github.com/NervanaSystems/ngraph/pull/3733"),  # ONNX read as OpenVINO
    ("figo", "iofg", None),
    ("gfoi", "ifgo", "https://community.konduit.ai/t/124"),  # Deeplearning4j read as Keras
    ("ifgo", "gfoi", None),
    ("gfoi", "iofg", None),  # Deeplearning4j and ONNX
    ("gifo", "ifgo", None),  # Chainer read as PyTorch
    ("ifgo", "gifo", None),
    ("figo", "ifog", None),  # OpenVINO and Core ML
)


def regated(weights: LayerWeights, fields: Sequence[str], take: Callable[[Array], Array]) -> LayerWeights:
    """The weights with `take` applied to each of these fields that is present."""
    return replace(weights, **{n: take(getattr(weights, n)) for n in fields if getattr(weights, n) is not None})


def read_as(stored: str, read: str, fields: Sequence[str] = BY_GATE) -> type[Reference]:
    """The reference with weights stored in one order of gates and read in another."""
    places = ["ifgo".index(stored[read.index(gate)]) for gate in "ifgo"]

    class ReadAs(Reference):
        def row_weights(self, row: int, weights: Weights) -> LayerWeights:
            return regated(super().row_weights(row, weights), fields, lambda a: a[places])

    return ReadAs


def _spelled(order: str) -> str:
    return ", ".join(order)


for _stored, _read, _link in ORDERS:
    gates(
        f"gates-{_stored}-read-as-{_read}",
        f"reads weights with gates in the order {_spelled(_stored)} as if they were in the order {_spelled(_read)}",
        _link,
    )(read_as(_stored, _read))
gates(
    "recurrent-gates-iofg-read-as-ifgo",
    "reads the gates of R (and only of R), which are in the order i, o, f, g, as if they were in the order i, f, g, o",
)(read_as("iofg", "ifgo", ["R"]))
gates(
    "bias-gates-iofg-read-as-ifgo",
    "reads the gates of the biases (and only of them), which are in the order i, o, f, g, as if they were in the order "
    "i, f, g, o",
    applies=lambda case: case.bias,
)(read_as("iofg", "ifgo", ["b_w", "b_r"]))


def _wide_input(case: Case) -> bool:
    return max(case.input_size(layer) for layer in range(case.layers)) > 1


@gates(
    "gates-read-unit-by-unit",
    "reads the weights as if the four gates of each unit were stored together, though all units of each gate are",
    applies=lambda case: case.H > 1,
)
class UnitByUnit(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        def take(a: Array) -> Array:
            return a.reshape(a.shape[1], 4, *a.shape[2:]).swapaxes(0, 1)

        return regated(super().row_weights(row, weights), BY_GATE, take)


@gates(
    "input-weights-transposed",
    "reads each gate's W as its transpose",
    applies=lambda case: case.H > 1 and _wide_input(case),
)
class InputWeightsTransposed(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return regated(super().row_weights(row, weights), ["W"], _transposed)


@gates(
    "recurrent-weights-transposed",
    "reads each gate's R as its transpose",
    applies=lambda case: case.H > 1 and case.output_size > 1,
)
class RecurrentWeightsTransposed(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return regated(super().row_weights(row, weights), ["R"], _transposed)


def _transposed(a: Array) -> Array:
    """Each gate's matrix (H, n) with its memory read as if it were (n, H)."""
    return a.reshape(4, a.shape[2], a.shape[1]).swapaxes(1, 2)


@gates("kernel-transposed", "reads the W of all four gates as one matrix, transposed", applies=_wide_input)
class KernelTransposed(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        def take(a: Array) -> Array:
            return a.reshape(a.shape[2], 4 * a.shape[1]).T.reshape(a.shape)

        return regated(super().row_weights(row, weights), ["W"], take)


@gates(
    "input-gate-weights-for-all",
    "computes all four gates with the W of the input gate",
    "https://github.com/stanfordnlp/stanza/issues/88",
)
class InputGateWeightsForAll(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return regated(super().row_weights(row, weights), ["W"], lambda a: np.stack([a[I]] * 4))


@gates("recurrent-part-ignored", "leaves R h out")
class RecurrentPartIgnored(Reference):
    def recurrent_part(self, h: Array, weights: LayerWeights) -> Array:
        return super().recurrent_part(np.zeros_like(h), weights)


@gates(
    "initial-h-at-every-step",
    "multiplies R by h0 at every step instead of by the h of the previous step",
    applies=lambda case: case.T > 1,
)
class InitialHAtEveryStep(Reference):
    first: State

    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        self.first = given.start
        return super().scan(given)

    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        return super().step(act, from_input, State(self.first.h, old.c), weights)
