"""Mistakes in a model that is called repeatedly, with other batch rows each time: what is left from an earlier call."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, Outputs
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.reference import Reference

calls = Axis("calls")


class Calling(Reference):
    """The reference, called with the batch rows of each of the case's calls in turn.

    `next_call` gives the inputs of a call, from its own inputs and those and the outputs of the calls before it.
    `returned` gives what the outputs of a call hold after the last call.
    """

    def run(self, arrays: Arrays) -> Outputs:
        if self.case.calls is None:
            return super().run(arrays)
        inputs: list[Inputs] = []
        outputs: list[Outputs] = []
        for end, rows in zip(accumulate(self.case.calls), self.case.calls, strict=True):
            own = _of_call(arrays.inputs, slice(end - rows, end))
            inputs.append(self.next_call(own, inputs, outputs) if inputs else own)
            outputs.append(super().run(replace(arrays, inputs=inputs[-1])))
        outputs = [self.returned(each, outputs) for each in outputs]
        return {name: np.concatenate([each[name] for each in outputs], axis=-2) for name in outputs[0]}

    def next_call(self, own: Inputs, inputs: list[Inputs], outputs: list[Outputs]) -> Inputs:
        return own

    def returned(self, own: Outputs, outputs: list[Outputs]) -> Outputs:
        return own


def _of_call(inputs: Inputs, rows: slice) -> Inputs:
    """These batch rows of the inputs."""
    x, mask, h0, c0 = (
        None if each is None else each[:, rows] for each in (inputs.x, inputs.mask, inputs.h0, inputs.c0)
    )
    assert x is not None
    return Inputs(x, None if inputs.lengths is None else inputs.lengths[rows], mask, h0, c0)


def _rows(array: Array, count: int, axis: int = 1) -> Array:
    """The first `count` batch rows of an array; if it has fewer, they repeat from the first."""
    taken: Array = np.take(array, np.arange(count) % max(array.shape[axis], 1), axis)
    return taken


def _has_calls(case: Case) -> bool:
    return case.calls is not None and len(case.calls) > 1


@calls(
    "later-call-continues",
    "starts a later call that has no initial state from the final state of the previous call",
    "https://github.com/alibaba/MNN/issues/4447",
    applies=lambda case: _has_calls(case) and (case.h0 is None or case.c0 is None),
)
class LaterCallContinues(Calling):
    def next_call(self, own: Inputs, inputs: list[Inputs], outputs: list[Outputs]) -> Inputs:
        own, rows = super().next_call(own, inputs, outputs), own.x.shape[1]
        h0 = _rows(outputs[-1]["h_n"], rows) if own.h0 is None else own.h0
        c0 = _rows(outputs[-1]["c_n"], rows) if own.c0 is None else own.c0
        return replace(own, h0=h0, c0=c0)


@calls(
    "state-baked-in-at-export",
    "starts every later call that has no initial state from the final state of the first call, as when a stateful "
    "layer is exported after it has run and its state becomes part of the model",
    "https://github.com/onnx/tensorflow-onnx/issues/1152",
    applies=lambda case: _has_calls(case) and (case.h0 is None or case.c0 is None),
)
class StateBakedInAtExport(Calling):
    def next_call(self, own: Inputs, inputs: list[Inputs], outputs: list[Outputs]) -> Inputs:
        own, rows = super().next_call(own, inputs, outputs), own.x.shape[1]
        h0 = _rows(outputs[0]["h_n"], rows) if own.h0 is None else own.h0
        c0 = _rows(outputs[0]["c_n"], rows) if own.c0 is None else own.c0
        return replace(own, h0=h0, c0=c0)


@calls(
    "later-call-keeps-first-state",
    "starts every call from the first call's initial state, as when that was made part of the model",
    applies=lambda case: _has_calls(case) and (case.h0 is not None or case.c0 is not None),
)
class LaterCallKeepsFirstState(Calling):
    def next_call(self, own: Inputs, inputs: list[Inputs], outputs: list[Outputs]) -> Inputs:
        own, rows = super().next_call(own, inputs, outputs), own.x.shape[1]
        h0, c0 = (None if each is None else _rows(each, rows) for each in (inputs[0].h0, inputs[0].c0))
        return replace(own, h0=h0, c0=c0)


@calls(
    "later-call-keeps-first-lengths",
    "uses the first call's lengths for every call, as when they were made part of the model",
    "https://github.com/pytorch/pytorch/issues/62240",
    applies=lambda case: _has_calls(case) and leaves_out(case),
)
class LaterCallKeepsFirstLengths(Calling):
    def next_call(self, own: Inputs, inputs: list[Inputs], outputs: list[Outputs]) -> Inputs:
        own, rows, first = super().next_call(own, inputs, outputs), own.x.shape[1], inputs[0]
        lengths = None if first.lengths is None else _rows(first.lengths, rows, axis=0)
        return replace(own, lengths=lengths, mask=None if first.mask is None else _rows(first.mask, rows))


@calls(
    "earlier-call-overwritten",
    "overwrites the outputs of an earlier call when it is called again",
    applies=_has_calls,
)
class EarlierCallOverwritten(Calling):
    def returned(self, own: Outputs, outputs: list[Outputs]) -> Outputs:
        own = super().returned(own, outputs)
        return {name: _rows(outputs[-1][name], array.shape[-2], axis=-2) for name, array in own.items()}
