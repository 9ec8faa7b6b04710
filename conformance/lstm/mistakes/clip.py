"""Mistakes in the gate clip and the cell clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations, GateClip
from conformance.case.tensors import Array, LayerWeights
from conformance.lstm.mistakes.base import Axis, as_if
from conformance.lstm.mistakes.peephole import output_sees
from conformance.lstm.reference import Reference
from conformance.lstm.step import G, Gate, State, Step

clip = Axis("clip")


def _clipped(case: Case) -> bool:
    return case.gate_clip is not None


def reading(wanted: str) -> Callable[[Case], bool]:
    """A predicate: whether the case has a gate clip in this reading."""
    return lambda case: case.gate_clip is not None and case.gate_clip.reading == wanted


clip(
    "clip-ignored",
    "does not bound the activations' inputs",
    "https://github.com/sonos/tract/issues/2751",
    applies=_clipped,
)(as_if(gate_clip=None))


@clip(
    "clip-left-out-before-hidden",
    "does not bound the input of Hh, which the literal reading bounds too",
    "https://github.com/microsoft/onnxruntime/issues/27224",
    applies=reading("all"),
)
class LeftOutBeforeHidden(Reference):
    def clipped_cell(self, c: Array) -> Array:
        return c


@clip(
    "clip-before-hidden-too",
    "bounds the input of Hh too, where the clip applies to the gates only",
    "https://github.com/microsoft/onnxruntime/pull/27239",
    applies=reading("gates"),
)
class BeforeHiddenToo(Reference):
    def clipped_cell(self, c: Array) -> Array:
        clip = self.case.gate_clip
        return c if clip is None else self.bounded(c, clip.bound)


@clip(
    "clip-kept-in-cell",
    "bounds the stored cell state as well",
    "https://github.com/onnx/onnx/pull/149",
    applies=_clipped,
)
class KeptInCell(Reference):
    def stored(self, c: Array, weights: LayerWeights) -> Array:
        c = super().stored(c, weights)
        return c if self.case.gate_clip is None else self.bounded(c, self.case.gate_clip.bound)


@clip(
    "clip-on-cell-only",
    "bounds the stored cell state instead of the gates' inputs",
    "https://github.com/tracel-ai/burn/pull/4106",
    applies=_clipped,
)
class OnCellOnly(KeptInCell):
    def clipped_gate(self, gate: int, z: Array) -> Array:
        return z


@clip(
    "clip-left-out-on-candidate",
    "does not bound the cell candidate's input",
    "https://github.com/onnx/onnx/pull/149",
    applies=_clipped,
)
class LeftOutOnCandidate(Reference):
    def clipped_gate(self, gate: int, z: Array) -> Array:
        return z if gate == G else super().clipped_gate(gate, z)


@clip(
    "clip-before-peephole",
    "bounds W x + R h + b and adds the peephole and the forget bias afterwards",
    applies=lambda case: case.gate_clip is not None and (case.peephole or case.forget_bias != 0),
)
class BeforePeephole(Reference):
    def with_peephole(self, gate: int, z: Array, c: Array, weights: LayerWeights) -> Array:
        return super().with_peephole(gate, super().clipped_gate(gate, z), c, weights)

    def clipped_gate(self, gate: int, z: Array) -> Array:
        return z


@clip(
    "clip-before-bias",
    "bounds W x + R h and adds everything else afterwards",
    applies=lambda case: case.gate_clip is not None and (case.bias or case.peephole or case.forget_bias != 0),
)
class BeforeBias(Reference):
    def gate(self, act: Activations, gate: int, z: Array, c: Array, weights: LayerWeights) -> Gate:
        if self.case.gate_clip is not None and weights.b_w is not None and weights.b_r is not None:
            bias = weights.b_w[gate] + weights.b_r[gate]
            z = self.bounded(z - bias, self.case.gate_clip.bound) + bias
        elif self.case.gate_clip is not None:
            z = self.bounded(z, self.case.gate_clip.bound)
        return super().gate(act, gate, z, c, weights)

    def clipped_gate(self, gate: int, z: Array) -> Array:
        return z


@clip("clip-after-activation", "bounds the gates' values instead of their inputs", applies=_clipped)
class AfterActivation(Reference):
    def squashed(self, act: Activations, gate: int, z: Array) -> Array:
        return super().clipped_gate(gate, super().squashed(act, gate, z))

    def clipped_gate(self, gate: int, z: Array) -> Array:
        return z


def _bounds(case: Case) -> bool:
    return any(each is not None for each in (case.gate_clip, case.cell_clip, case.projection_clip))


@clip("clip-upper-bound-only", "bounds from above only", applies=_bounds)
class UpperBoundOnly(Reference):
    def bounded(self, v: Array, bound: float) -> Array:
        return np.minimum(v, bound)


def _cell_clipped(case: Case) -> bool:
    return case.cell_clip is not None


clip(
    "cell-clip-ignored",
    "does not bound the cell state",
    "https://github.com/PaddlePaddle/Paddle/pull/15605",
    applies=_cell_clipped,
)(as_if(cell_clip=None))


@clip(
    "cell-clip-after-output-peephole",
    "uses the cell state from before the cell clip in the output gate's peephole",
    "https://www.tensorflow.org/versions/r2.13/api_docs/python/tf/raw_ops/LSTMBlockCell",
    applies=lambda case: case.cell_clip is not None and output_sees("new-cell")(case),
)
class CellClipAfterOutputPeephole(Reference):
    unclipped: Array

    def stored(self, c: Array, weights: LayerWeights) -> Array:
        self.unclipped = self.normalised_cell(c, weights)
        return super().stored(c, weights)

    def seen_by_output_gate(self, old_c: Array, c: Array) -> Array:
        return super().seen_by_output_gate(old_c, self.unclipped)


@clip(
    "cell-clip-not-kept",
    "bounds the cell state for h only and passes it to the next step unbounded",
    applies=_cell_clipped,
)
class CellClipNotKept(Reference):
    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        step = super().step(act, from_input, old, weights)
        if self.case.cell_clip is None:
            return step
        return replace(step, new=State(step.new.h, self.normalised_cell(step.summed, weights)))


@clip(
    "cell-clip-on-gates",
    "bounds the gates' inputs by the cell clip instead of the cell state",
    "https://github.com/onnx/onnx/pull/149",
    applies=_cell_clipped,
)
class CellClipOnGates(Reference):
    def __init__(self, case: Case) -> None:
        gate_clip = case.gate_clip if case.cell_clip is None else GateClip(bound=case.cell_clip, reading="gates")
        super().__init__(case.model_copy(update={"cell_clip": None, "gate_clip": gate_clip}))


@clip(
    "cell-clip-of-three-unasked",
    "bounds the cell state by 3, the default of TensorFlow's raw operator, although the case has no cell clip",
    "https://www.tensorflow.org/versions/r2.13/api_docs/python/tf/raw_ops/LSTMBlockCell",
    applies=lambda case: case.cell_clip is None,
)
class CellClipOfThreeUnasked(Reference):
    def __init__(self, case: Case) -> None:
        super().__init__(case.model_copy(update={"cell_clip": case.cell_clip or 3.0}))
