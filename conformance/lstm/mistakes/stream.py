"""Mistakes in a stream: the state carried from block to block, and the lengths within each block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Outputs
from conformance.lstm.mistakes.base import Axis, cut_short, keeps
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

stream = Axis("stream")


def _blocks(least: int) -> Callable[[Case], bool]:
    """A predicate: whether a case has at least this many blocks."""
    return lambda case: case.blocks is not None and len(case.blocks) >= least


class Streaming(Reference):
    """The reference, run block by block.

    `block` selects a block's part of the inputs, `carried` adds the states that the blocks before it returned, and
    `called` runs the block, whose first step is `begins`.
    """

    begins: int = 0

    @keeps("y")
    def run(self, arrays: Arrays) -> Outputs:
        if self.case.blocks is None:
            return super().run(arrays)
        parts: list[Outputs] = []
        for steps in self.case.block_steps:
            self.begins, given = steps.start, self.block(arrays.inputs, steps)
            parts.append(self.called(replace(arrays, inputs=self.carried(given, parts) if parts else given)))
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name in self.per_step}
        return parts[-1] | whole

    @property
    def per_step(self) -> tuple[str, ...]:
        """The names of the outputs that have a time axis."""
        head = self.case.head
        if head is None or head.after == "last_step":
            return ("y",)
        return ("y", "logits", "probabilities") if head.softmax else ("y", "logits")

    def block(self, inputs: Inputs, steps: slice) -> Inputs:
        return inputs.block(steps)

    def carried(self, given: Inputs, parts: list[Outputs]) -> Inputs:
        return replace(given, h0=parts[-1]["h_n"], c0=parts[-1]["c_n"])

    def called(self, arrays: Arrays) -> Outputs:
        return super().run(arrays)


@stream(
    "stream-state-cleared",
    "starts every block from zeros",
    "https://github.com/ARM-software/CMSIS-NN/pull/219",
    applies=_blocks(2),
)
class StateCleared(Streaming):
    def carried(self, given: Inputs, parts: list[Outputs]) -> Inputs:
        return replace(super().carried(given, parts), h0=None, c0=None)


@stream("stream-c-not-carried", "carries h from block to block and starts c from zeros", applies=_blocks(2))
class CNotCarried(Streaming):
    def carried(self, given: Inputs, parts: list[Outputs]) -> Inputs:
        return replace(super().carried(given, parts), c0=None)


@stream("stream-h-not-carried", "carries c from block to block and starts h from zeros", applies=_blocks(2))
class HNotCarried(Streaming):
    def carried(self, given: Inputs, parts: list[Outputs]) -> Inputs:
        return replace(super().carried(given, parts), h0=None)


@stream("stream-restarts", "starts every block from the initial state of the first block", applies=_blocks(2))
class Restarts(Streaming):
    def carried(self, given: Inputs, parts: list[Outputs]) -> Inputs:
        return given  # with the initial state of the first block


@stream(
    "stream-keeps-first-block-s-state",
    "starts every later block from the state that the first block returned",
    applies=_blocks(3),
)
class KeepsFirstBlocksState(Streaming):
    def carried(self, given: Inputs, parts: list[Outputs]) -> Inputs:
        return super().carried(given, parts[:1])


@stream(
    "stream-carries-first-layer-only",
    "carries only the first layer's state from block to block and starts the other layers from zeros",
    applies=lambda case: case.layers > 1 and _blocks(2)(case),
)
class CarriesFirstLayerOnly(Streaming):
    def carried(self, given: Inputs, parts: list[Outputs]) -> Inputs:
        inputs = super().carried(given, parts)
        return replace(inputs, h0=_first_layer(self.case, inputs.h0), c0=_first_layer(self.case, inputs.c0))


@stream(
    "only-first-step-computed",
    "computes only the first step of each scan, so that y has one step",
    "https://github.com/keras-team/keras/pull/23058",
    applies=lambda case: case.T > 1,
    shortens=True,
)
class OnlyFirstStepComputed(Streaming):
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        return outputs | {name: cut_short(outputs[name], self.case.T) for name in self.per_step}

    def scan(self, given: Scan) -> tuple[Array, State]:
        first = self.order(given.direction, given.x.shape[0])[:1]
        valid = None if given.valid is None else given.valid[first]
        return super().scan(replace(given, x=given.x[first], valid=valid))


def _first_layer(case: Case, states: Array | None) -> Array | None:
    """The states of all layers, with zeros for the layers above the first."""
    if states is None:
        return None
    kept = np.zeros_like(states)
    kept[: case.D] = states[: case.D]
    return kept


def _with_lengths(case: Case) -> bool:
    return _blocks(2)(case) and case.lengths is not None and leaves_out(case)


def _has_ended_row(case: Case) -> bool:
    """Whether some row has no step in the last block."""
    return _blocks(2)(case) and case.lengths is not None and min(case.block_lengths[-1], default=1) == 0


@stream(
    "stream-lengths-restart",
    "uses the lengths of the whole sequence for each block, so that a row continues past its end",
    applies=_with_lengths,
)
class LengthsRestart(Streaming):
    def block(self, inputs: Inputs, steps: slice) -> Inputs:
        return replace(super().block(inputs, steps), lengths=inputs.lengths)


@stream(
    "stream-keeps-first-block-s-lengths",
    "uses the lengths within the first block for every block, as when they were made part of the model",
    applies=_with_lengths,
)
class KeepsFirstBlocksLengths(Streaming):
    def block(self, inputs: Inputs, steps: slice) -> Inputs:
        first = super().block(inputs, self.case.block_steps[0])
        return replace(super().block(inputs, steps), lengths=first.lengths)


class EndedRows(Streaming):
    """The reference, run block by block, with the length `instead` (not 0) for rows that have ended."""

    def block(self, inputs: Inputs, steps: slice) -> Inputs:
        given = super().block(inputs, steps)
        if given.lengths is None:
            return given
        return replace(given, lengths=np.where(given.lengths == 0, self.instead(len(given.x)), given.lengths))

    def instead(self, steps: int) -> int:
        return 0


@stream(
    "stream-ended-row-runs-on",
    "runs a row that has ended over all steps of the blocks after its end",
    applies=_has_ended_row,
)
class EndedRowRunsOn(EndedRows):
    def instead(self, steps: int) -> int:
        return steps


@stream(
    "stream-ended-row-takes-a-step",
    "gives a row that has ended a length of 1 in each later block, the least that a packed sequence accepts",
    "https://github.com/pytorch/pytorch/issues/4582",
    applies=_has_ended_row,
)
class EndedRowTakesAStep(EndedRows):
    def instead(self, steps: int) -> int:
        return 1


@stream(
    "stream-ended-row-cleared",
    "returns zeros as the states of a row that has ended, instead of its final states",
    applies=_has_ended_row,
)
class EndedRowCleared(Streaming):
    def called(self, arrays: Arrays) -> Outputs:
        outputs, lengths = super().called(arrays), arrays.inputs.lengths
        if lengths is None:
            return outputs
        some = (lengths > 0)[:, None]
        return outputs | {n: np.where(some, outputs[n], np.zeros_like(outputs[n])) for n in ("h_n", "c_n")}
