"""Mistakes at the steps that a row leaves out: their effect on its state, and the value of y there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.mistakes.stream import Streaming
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

padding = Axis("padding")


@padding(
    "padding-moves-state",
    "updates the state in padding like at any other step, though y is zero there",
    "https://github.com/keras-team/keras/issues/1300",
    applies=leaves_out,
)
class PaddingMovesState(Reference):
    def held(self, valid: Array, new: State, old: State) -> State:
        return new


@padding(
    "padding-moves-cell",
    "holds h in padding but updates c",
    "https://github.com/deeplearning4j/deeplearning4j/issues/4631",
    applies=leaves_out,
)
class PaddingMovesCell(Reference):
    def held(self, valid: Array, new: State, old: State) -> State:
        return State(super().held(valid, new, old).h, new.c)


@padding("padding-moves-h", "holds c in padding but updates h", applies=leaves_out)
class PaddingMovesH(Reference):
    def held(self, valid: Array, new: State, old: State) -> State:
        return State(new.h, super().held(valid, new, old).c)


@padding(
    "padding-leaks",
    "selects by multiplying by 0 and 1, so that a NaN in padding gets through",
    "https://github.com/onnx/tensorflow-onnx/issues/1988",
    applies=leaves_out,
)
class PaddingLeaks(Reference):
    def held(self, valid: Array, new: State, old: State) -> State:
        return State(_mixed(valid, new.h, old.h), _mixed(valid, new.c, old.c))

    @keeps("y", "finals")
    def left_out(self, valid: Array, new: State, old: State) -> Array:
        return _mixed(valid, new.h, np.zeros_like(new.h))


def _mixed(valid: Array, new: Array, old: Array) -> Array:
    one = valid.astype(new.dtype)
    result: Array = one * new + (1.0 - one) * old
    return result


@padding(
    "padded-y-computed",
    "leaves in y what was computed from padding",
    "https://github.com/pytorch/pytorch/issues/48460",
    applies=leaves_out,
)
class PaddedYComputed(Reference):
    @keeps("y", "finals")
    def left_out(self, valid: Array, new: State, old: State) -> Array:
        return new.h


def _short(case: Case) -> bool:
    return any((steps[-1] + 1 if (steps := case.valid_steps(row)) else 0) < case.T for row in range(case.B))


@padding(
    "padded-y-from-moving-state",
    "returns as y past a row's end what it computes from the padding there, continuing from the row's last state; h_n "
    "and c_n are those of the row's last step",
    "https://github.com/google/flax/pull/2604",
    applies=lambda case: case.masked and _short(case),
)
class PaddedYFromMovingState(Streaming):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        if given.valid is None:
            return y, final
        past = ~np.logical_or.accumulate(given.valid[::-1], axis=0)[::-1]
        beyond, _ = super().scan(replace(given, start=final, valid=past))
        return np.where(past[..., None], beyond, y), final


class PaddedY(Streaming):
    """The reference with another y at the steps that a row leaves out; each block knows only its own steps."""

    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        if (valid := given.valid) is not None:
            y, before = y.copy(), given.start.h
            begun = np.zeros_like(valid[0])
            for t in self.order(given.direction, y.shape[0]):
                begun = begun | valid[t]
                before = np.where(valid[t][:, None], y[t], before)
                y[t] = self.padded(y[t], before, valid[t][:, None], begun[:, None])
        return y, final

    def padded(self, y: Array, before: Array, valid: Array, begun: Array) -> Array:
        return y


@padding(
    "padded-y-carried",
    "repeats the last y in padding",
    "https://github.com/microsoft/onnxruntime/issues/12492",
    applies=leaves_out,
)
class PaddedYCarried(PaddedY):
    def padded(self, y: Array, before: Array, valid: Array, begun: Array) -> Array:
        return np.where(~valid & begun, before, super().padded(y, before, valid, begun))


@padding(
    "padded-y-holds-initial-state",
    "returns h0 as y in the padding that a scan passes before a row's first step",
    applies=lambda case: leaves_out(case) and (case.h0 is not None or case.blocks is not None),
)
class PaddedYHoldsInitialState(PaddedY):
    def padded(self, y: Array, before: Array, valid: Array, begun: Array) -> Array:
        return np.where(begun, super().padded(y, before, valid, begun), before)
