"""Mistakes in the peepholes, and in the coupling of input and forget gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations, PeepholeReading
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.lstm.mistakes.base import Axis, as_if
from conformance.lstm.reference import Reference
from conformance.lstm.step import PEEPHOLES, F, Gate, I, O

peephole = Axis("peephole")
coupling = Axis("coupling")


def _has_peephole(case: Case) -> bool:
    return case.peephole


def output_sees(reading: PeepholeReading) -> Callable[[Case], bool]:
    """A predicate: whether the case has peepholes, of which the output gate's sees this cell."""
    return lambda case: case.peephole and case.output_peephole == reading


@peephole(
    "peephole-ignored",
    "leaves all peepholes out",
    "https://github.com/PINTO0309/onnx2tf/pull/303",
    applies=_has_peephole,
)
class PeepholeIgnored(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return replace(super().row_weights(row, weights), peephole=None)


def without(left_out: int) -> type[Reference]:
    """The reference without the peephole of one gate."""

    class Without(Reference):
        def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
            return z if gate == left_out else super().with_peephole(gate, z, c, weights)

    return Without


peephole("peephole-input-ignored", "leaves the input gate's peephole out", applies=_has_peephole)(without(I))
peephole("peephole-forget-ignored", "leaves the forget gate's peephole out", applies=_has_peephole)(without(F))
peephole("peephole-output-ignored", "leaves the output gate's peephole out", applies=_has_peephole)(without(O))


def ordered(*places: int) -> type[Reference]:
    """The reference with the peepholes of i, f, o read from these indices."""

    class Ordered(Reference):
        def row_weights(self, row: int, weights: Weights) -> LayerWeights:
            given = super().row_weights(row, weights)
            return given if given.peephole is None else replace(given, peephole=given.peephole[list(places)])

    return Ordered


peephole(
    "peephole-forget-and-output-swapped",
    "reads peepholes that are in the order i, o, f as i, f, o",
    "https://github.com/opencv/opencv/pull/29931",
    applies=_has_peephole,
)(ordered(0, 2, 1))
peephole(
    "peephole-ifo-read-as-foi",
    "reads peepholes that are in the order i, f, o as f, o, i",
    applies=_has_peephole,
)(ordered(2, 0, 1))


@peephole(
    "peephole-output-uses-previous-cell",
    "uses the previous step's cell state in the output gate's peephole",
    "https://github.com/MartinuzziFrancesco/LuxRecurrentLayers.jl/pull/29",
    applies=output_sees("new-cell"),
)
class OutputUsesPreviousCell(Reference):
    def seen_by_output_gate(self, old_c: Array, c: Array) -> Array:
        return old_c


@peephole(
    "peephole-output-uses-new-cell",
    "uses the new cell state in the output gate's peephole, where it should be the previous step's",
    applies=output_sees("previous-cell"),
)
class OutputUsesNewCell(Reference):
    def seen_by_output_gate(self, old_c: Array, c: Array) -> Array:
        return c


@peephole(
    "peephole-uses-first-row",
    "uses the cell state of row 0 in every batch row's peepholes",
    "https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/providers/cpu/rnn/uni_directional_lstm.cc",
    applies=lambda case: case.peephole and case.B > 1,
)
class UsesFirstRow(Reference):
    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        return super().with_peephole(gate, z, np.broadcast_to(c[:1], c.shape), weights)


@peephole(
    "peephole-output-after-sigmoid",
    "adds the output gate's peephole after S instead of before it",
    "https://github.com/Lasagne/Lasagne/issues/448",
    applies=_has_peephole,
)
class OutputAfterSigmoid(Reference):
    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        return z if gate == O else super().with_peephole(gate, z, c, weights)

    def gate(self, act: Activations, gate: int, z: Array, c: Array, weights: LayerWeights) -> Gate:
        given = super().gate(act, gate, z, c, weights)
        if gate != O or weights.peephole is None:
            return given
        return replace(given, value=given.value + weights.peephole[PEEPHOLES[O]] * c)


@peephole(
    "peephole-on-candidate",
    "gives the cell candidate the input gate's peephole too",
    applies=_has_peephole,
)
class OnCandidate(Reference):
    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        return super().with_peephole(gate if gate in PEEPHOLES else I, z, c, weights)


def _coupled(case: Case) -> bool:
    return case.coupling is not None


coupling(
    "input-forget-ignored",
    "computes input and forget gate independently, though they are coupled",
    "https://github.com/sonos/tract/issues/2751",
    applies=_coupled,
)(as_if(coupling=None))


@coupling(
    "coupling-reversed",
    "computes the input gate from the forget gate where it should be the reverse, or vice versa",
    applies=_coupled,
)
class CouplingReversed(Reference):
    def coupled(self, i: Array, f: Array) -> tuple[Array, Array]:
        if self.case.coupling is None:
            return i, f
        return (1.0 - f, f) if self.case.coupling == "forget=1-input" else (i, 1.0 - i)


@coupling("coupled-gates-equal", "uses the same value for both coupled gates", applies=_coupled)
class CoupledGatesEqual(Reference):
    def coupled(self, i: Array, f: Array) -> tuple[Array, Array]:
        if self.case.coupling is None:
            return i, f
        return (i, i) if self.case.coupling == "forget=1-input" else (f, f)
