"""Mistakes in lengths and masks: which steps of a row count, and the sorting of rows by length."""

from __future__ import annotations

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Outputs, Weights
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.reference import Reference
from conformance.lstm.step import State

lengths = Axis("lengths")


def leaves_out(case: Case) -> bool:
    """Whether any row leaves a step out."""
    short = case.lengths is not None and any(length < case.T for length in case.lengths)
    return short or (case.skip is not None and any(case.skip))


def _has_empty_row(case: Case) -> bool:
    return leaves_out(case) and not all(case.valid_steps(row) for row in range(case.B))


class Counting(Reference):
    """The reference with other valid steps; `counted` takes and returns a mask (T, B)."""

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        valid = super().valid(x, inputs)
        return None if valid is None else self.counted(valid)

    def counted(self, valid: Array) -> Array:
        return valid


@lengths(
    "lengths-ignored",
    "runs every row over all T steps",
    "https://github.com/onnx/onnx/blob/main/onnx/reference/ops/op_lstm.py",
    applies=leaves_out,
)
class LengthsIgnored(Reference):
    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        return None


@lengths(
    "lengths-ignored-with-initial-state",
    "runs every row over all T steps if an initial state is given",
    applies=lambda case: leaves_out(case) and (case.h0 is not None or case.c0 is not None),
)
class IgnoredWithInitialState(Reference):
    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        return super().valid(x, inputs) if inputs.h0 is None and inputs.c0 is None else None


@lengths(
    "lengths-of-first-row-for-all",
    "uses the length of batch row 0 for every row",
    applies=lambda case: leaves_out(case) and case.B > 1,
)
class OfFirstRow(Counting):
    def counted(self, valid: Array) -> Array:
        return np.broadcast_to(super().counted(valid)[:, :1], valid.shape)


@lengths(
    "lengths-longest-for-all",
    "uses the longest length for every row",
    applies=lambda case: leaves_out(case) and case.B > 1,
)
class LongestForAll(Counting):
    def counted(self, valid: Array) -> Array:
        return np.broadcast_to(super().counted(valid).any(axis=1, keepdims=True), valid.shape)


@lengths(
    "lengths-first-layer-only",
    "applies the lengths in the first layer only",
    applies=lambda case: leaves_out(case) and case.layers > 1,
)
class FirstLayerOnly(Reference):
    @keeps("y", "finals")
    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        seen = inputs if layer == 0 else Inputs(inputs.x, None, None, inputs.h0, inputs.c0)
        return super().layer(layer, x, weights, seen)


@lengths("lengths-one-too-long", "runs each row over one step of padding too", applies=leaves_out)
class OneTooLong(Counting):
    def counted(self, valid: Array) -> Array:
        valid = super().counted(valid)
        longer: Array = valid | np.concatenate([valid[:1], valid[:-1]])
        return longer


@lengths("lengths-one-too-short", "leaves each row's last step out", applies=lambda case: case.masked)
class OneTooShort(Counting):
    def counted(self, valid: Array) -> Array:
        valid = super().counted(valid)
        shorter: Array = valid & np.concatenate([valid[1:], np.zeros_like(valid[:1])])
        return shorter


@lengths(
    "holes-ignored",
    "treats all steps up to a row's last valid one as valid, ignoring the holes between them",
    "https://github.com/onnx/tensorflow-onnx/pull/2030",
    applies=lambda case: case.skip is not None and any(case.skip),
)
class HolesIgnored(Counting):
    def counted(self, valid: Array) -> Array:
        valid = super().counted(valid)
        upto: Array = np.logical_or.accumulate(valid[::-1], axis=0)[::-1]
        return upto


@lengths(
    "holes-moved-to-the-end",
    "counts the valid steps of a mask and uses that many steps from the start of the row",
    "https://github.com/tensorflow/tensorflow/issues/48702",
    applies=lambda case: case.skip is not None and any(case.skip),
)
class HolesMovedToTheEnd(Counting):
    def counted(self, valid: Array) -> Array:
        moved: Array = np.arange(valid.shape[0])[:, None] < super().counted(valid).sum(axis=0)
        return moved


@lengths("length-zero-as-full", "runs a row of length 0 over all T steps", applies=_has_empty_row)
class ZeroAsFull(Counting):
    def counted(self, valid: Array) -> Array:
        valid = super().counted(valid)
        full: Array = valid | ~valid.any(axis=0)
        return full


@lengths(
    "length-zero-as-one",
    "runs a row of length 0 over one step",
    applies=_has_empty_row,
)
class ZeroAsOne(Counting):
    def counted(self, valid: Array) -> Array:
        valid = super().counted(valid)
        first = np.arange(valid.shape[0])[:, None] == 0
        one: Array = valid | (first & ~valid.any(axis=0))
        return one


@lengths(
    "length-zero-leaves-zeros",
    "returns zeros as the final states of a row of length 0, instead of its initial states",
    "https://github.com/microsoft/onnxruntime/issues/28490",
    applies=_has_empty_row,
)
class ZeroLeavesZeros(Reference):
    @keeps("y")
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        valid = self.valid(arrays.inputs.x, arrays.inputs)
        if valid is None:
            return outputs
        some = valid.any(axis=0, keepdims=True).T
        return outputs | {n: np.where(some, outputs[n], np.zeros_like(outputs[n])) for n in ("h_n", "c_n")}


# Rows sorted by length, the longest first, as packed sequences used to require.


def _counts(case: Case) -> list[int]:
    return [len(case.valid_steps(row)) for row in range(case.B)]


def _unsorted(case: Case) -> bool:
    return leaves_out(case) and (counts := _counts(case)) != sorted(counts, reverse=True)


class Sorting(Reference):
    """The reference, with the order of batch rows sorted by length, the longest first; ties stay in order."""

    def order_of_rows(self, inputs: Inputs) -> Array:
        valid = self.valid(inputs.x, inputs)
        counts = np.zeros(inputs.x.shape[1]) if valid is None else valid.sum(axis=0)
        return np.argsort(-counts, kind="stable")


@lengths("sorted-rows-not-restored", "leaves all outputs in the order of rows sorted by length", applies=_unsorted)
class RowsNotRestored(Sorting):
    def run(self, arrays: Arrays) -> Outputs:
        order = self.order_of_rows(arrays.inputs)
        return {name: array[..., order, :] for name, array in super().run(arrays).items()}


@lengths(
    "sorted-rows-restored-by-same-permutation",
    "undoes the sorting of rows with the permutation itself instead of its inverse",
    "https://github.com/mead-ml/mead-baseline/pull/677",
    applies=_unsorted,
)
class RestoredBySamePermutation(Sorting):
    def run(self, arrays: Arrays) -> Outputs:
        order = self.order_of_rows(arrays.inputs)
        return {name: array[..., order[order], :] for name, array in super().run(arrays).items()}


@lengths(
    "sorted-final-states-not-restored",
    "leaves h_n and c_n in the order of rows sorted by length",
    "https://github.com/microsoft/onnxruntime/issues/1400",
    applies=_unsorted,
)
class FinalStatesNotRestored(Sorting):
    @keeps("y")
    def run(self, arrays: Arrays) -> Outputs:
        outputs, order = super().run(arrays), self.order_of_rows(arrays.inputs)
        return outputs | {name: outputs[name][:, order] for name in ("h_n", "c_n")}


@lengths(
    "initial-states-not-sorted",
    "sorts the rows of x by length but not those of the initial states",
    applies=lambda case: _unsorted(case) and (case.h0 is not None or case.c0 is not None),
)
class InitialStatesNotSorted(Sorting):
    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        state, place = super().initial_state(row, x, inputs), np.argsort(self.order_of_rows(inputs))
        return State(state.h[place], state.c[place])
