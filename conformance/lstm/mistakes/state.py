"""Mistakes in the initial and final states, and in the batch-first layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Outputs
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

state = Axis("state")
layout = Axis("layout")


def _has_state(case: Case) -> bool:
    return case.h0 is not None or case.c0 is not None


class Given(Reference):
    """The reference with changed initial states: `given` replaces h0 and c0."""

    @keeps("y", "finals")
    def run(self, arrays: Arrays) -> Outputs:
        return super().run(replace(arrays, inputs=self.given(arrays.inputs)))

    def given(self, inputs: Inputs) -> Inputs:
        return inputs


@state(
    "initial-state-ignored",
    "starts from zeros, ignoring the given initial state",
    "https://github.com/neulab/xnmt/issues/223",
    applies=_has_state,
)
class InitialStateIgnored(Given):
    def given(self, inputs: Inputs) -> Inputs:
        return replace(super().given(inputs), h0=None, c0=None)


@state("initial-h-ignored", "starts h from zeros, ignoring h0", applies=lambda case: case.h0 is not None)
class InitialHIgnored(Given):
    def given(self, inputs: Inputs) -> Inputs:
        return replace(super().given(inputs), h0=None)


@state("initial-c-ignored", "starts c from zeros, ignoring c0", applies=lambda case: case.c0 is not None)
class InitialCIgnored(Given):
    def given(self, inputs: Inputs) -> Inputs:
        return replace(super().given(inputs), c0=None)


@state(
    "initial-c-ignored-without-h",
    "ignores c0 unless h0 is given too",
    "https://github.com/onnx/onnx-tensorflow/issues/408",
    applies=lambda case: case.c0 is not None and case.h0 is None,
)
class InitialCNeedsH(Given):
    def given(self, inputs: Inputs) -> Inputs:
        inputs = super().given(inputs)
        return replace(inputs, c0=None) if inputs.h0 is None else inputs


@state(
    "initial-h-ignored-without-c",
    "ignores h0 unless c0 is given too",
    applies=lambda case: case.h0 is not None and case.c0 is None,
)
class InitialHNeedsC(Given):
    def given(self, inputs: Inputs) -> Inputs:
        inputs = super().given(inputs)
        return replace(inputs, h0=None) if inputs.c0 is None else inputs


@state(
    "initial-h-and-c-swapped",
    "uses h0 as c0 and c0 as h0",
    "https://github.com/neulab/xnmt/issues/223",
    applies=lambda case: _has_state(case) and case.output_size == case.H,
)
class InitialSwapped(Given):
    def given(self, inputs: Inputs) -> Inputs:
        inputs = super().given(inputs)
        return replace(inputs, h0=inputs.c0, c0=inputs.h0) if self.case.output_size == self.case.H else inputs


@state(
    "initial-state-of-first-row",
    "starts every batch row from row 0's state",
    "https://github.com/llvm/torch-mlir/issues/4741",
    applies=lambda case: _has_state(case) and case.B > 1,
)
class OfFirstRow(Reference):
    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        given = super().initial_state(row, x, inputs)
        return State(np.broadcast_to(given.h[:1], given.h.shape), np.broadcast_to(given.c[:1], given.c.shape))


@state(
    "initial-state-rows-rolled",
    "starts each batch row from its neighbour's state",
    applies=lambda case: _has_state(case) and case.B > 1,
)
class RowsRolled(Reference):
    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        given = super().initial_state(row, x, inputs)
        return State(np.roll(given.h, 1, axis=0), np.roll(given.c, 1, axis=0))


@state(
    "final-h-and-c-swapped",
    "returns c_n as h_n and h_n as c_n",
    "https://github.com/tensorflow/tensorflow/issues/17133",
    applies=lambda case: case.output_size == case.H,
)
class FinalSwapped(Reference):
    @keeps("y")
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        if self.case.output_size != self.case.H:
            return outputs
        return outputs | {"h_n": outputs["c_n"], "c_n": outputs["h_n"]}


@state("final-c-is-h", "returns h_n as c_n too", applies=lambda case: case.output_size == case.H)
class FinalCIsH(Reference):
    @keeps("y")
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        return outputs | {"c_n": outputs["h_n"]} if self.case.output_size == self.case.H else outputs


@state(
    "final-h-is-last-y",
    "returns y[T-1] as h_n",
    "https://github.com/yunjey/pytorch-tutorial/issues/149",
    applies=lambda case: leaves_out(case) or (case.direction != "forward" and case.T > 1),
)
class FinalHIsLastY(Reference):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        return y, State(y[-1], final.c)


@state("final-state-is-initial", "returns the initial state as the final state")
class FinalIsInitial(Reference):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        return super().scan(given)[0], given.start


@state(
    "final-state-one-step-early",
    "returns the state before a row's last step",
)
class FinalOneStepEarly(Reference):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        counted = np.ones(given.x.shape[:2], np.bool_) if given.valid is None else given.valid
        order = list(self.order(given.direction, given.x.shape[0]))
        left = np.cumsum(counted[order[::-1]], axis=0)  # how many valid steps remain, counted back from the last one
        early = np.empty_like(counted)
        early[order[::-1]] = counted[order[::-1]] & (left > 1)
        return super().scan(given)[0], super().scan(replace(given, valid=early))[1]


# Memory that holds (B, T, n) but is read as (T, B, n), or the reverse, so that one row's steps are spread over rows.


def _batch_major(case: Case) -> bool:
    return case.layout == "batch_major" and case.T > 1 and case.B > 1


def _misread(array: Array) -> Array:
    """What is read as (T, B, n) from memory that holds the array as (B, T, n)."""
    return array.swapaxes(0, 1).reshape(array.shape)


def _miswritten(array: Array) -> Array:
    """What is read as (B, T, n) from memory that holds the array as (T, B, n)."""
    return array.reshape(array.shape[1], array.shape[0], array.shape[2]).swapaxes(0, 1)


@layout(
    "layout-ignored",
    "reads x and writes y time first although they are batch first",
    "https://github.com/openvinotoolkit/openvino/issues/37820",
    applies=_batch_major,
)
class LayoutIgnored(Reference):
    def run(self, arrays: Arrays) -> Outputs:
        if self.case.layout == "time_major":
            return super().run(arrays)
        outputs = super().run(replace(arrays, inputs=replace(arrays.inputs, x=_misread(arrays.inputs.x))))
        return {
            name: _miswritten(a) if name not in ("h_n", "c_n") and a.ndim == 3 else a for name, a in outputs.items()
        }


@layout(
    "layout-of-y-ignored",
    "writes y time first where it should be batch first",
    "https://github.com/apache/tvm/pull/19634",
    applies=_batch_major,
)
class LayoutOfYIgnored(Reference):
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        return outputs if self.case.layout == "time_major" else outputs | {"y": _miswritten(outputs["y"])}


@layout(
    "layout-of-states-misread",
    "reads initial states batch first, as in ONNX's layout=1, although they are stored layer and direction first",
    "https://github.com/onnx/onnx/issues/5218",
    applies=lambda case: case.layout == "batch_major" and case.B > 1 and case.layers * case.D > 1 and _has_state(case),
)
class LayoutOfStatesMisread(Given):
    def given(self, inputs: Inputs) -> Inputs:
        inputs = super().given(inputs)
        if self.case.layout == "time_major":
            return inputs
        h0, c0 = (None if each is None else _miswritten(each) for each in (inputs.h0, inputs.c0))
        return replace(inputs, h0=h0, c0=c0)
