"""Mistakes in a stack of layers, and in the head on top of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.mistakes.base import Axis, cut_short, keeps
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

stack = Axis("stack")
head = Axis("head")


def _stacked(case: Case) -> bool:
    return case.layers > 1


def _has_state(case: Case) -> bool:
    return case.layers > 1 and (case.h0 is not None or case.c0 is not None)


@stack(
    "upper-layers-ignore-reverse",
    "feeds only the forward half of y to the next layer",
    "https://github.com/pytorch/pytorch/issues/89357",
    applies=lambda case: case.layers > 1 and case.D == 2,
)
class UpperLayersIgnoreReverse(Reference):
    @keeps("y", "finals")
    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        if layer > 0:
            x = x.copy()
            x[..., self.case.output_size :] = 0
        return super().layer(layer, x, weights, inputs)


@stack(
    "directions-stacked-apart",
    "feeds each direction of the next layer only its own half of y",
    "https://github.com/PaddlePaddle/Paddle/pull/25502",
    applies=lambda case: case.layers > 1 and case.D == 2,
)
class DirectionsStackedApart(Reference):
    upper: bool

    @keeps("y", "finals")
    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        self.upper = layer > 0
        return super().layer(layer, x, weights, inputs)

    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        if self.upper and self.case.D == 2:
            halves = np.split(given.x, 2, axis=-1)
            seen = [each if d == given.direction else np.zeros_like(each) for d, each in enumerate(halves)]
            given = replace(given, x=np.concatenate(seen, axis=-1))
        return super().scan(given)


@stack(
    "upper-layers-as-wide-as-first",
    "reads only as many inputs in the upper layers as the first layer has",
    "https://github.com/apache/mxnet/issues/17479",
    applies=lambda case: case.layers > 1 and case.input_size(1) > case.I,
)
class UpperLayersAsWideAsFirst(Reference):
    @keeps("y", "finals")
    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        if layer > 0:
            x = x.copy()
            x[..., self.case.I :] = 0
        return super().layer(layer, x, weights, inputs)


def sharing(*fields: str) -> type[Reference]:
    """The reference whose upper layers use these weights of the first layer."""

    class Sharing(Reference):
        def row_weights(self, row: int, weights: Weights) -> LayerWeights:
            given, first = super().row_weights(row, weights), super().row_weights(row % self.case.D, weights)
            return replace(given, **{name: getattr(first, name) for name in fields})

    return Sharing


stack("layers-share-recurrent-weights", "uses the first layer's R in every layer", applies=_stacked)(sharing("R"))
stack(
    "layers-share-bias",
    "uses the first layer's biases in every layer",
    applies=lambda case: case.layers > 1 and case.bias,
)(sharing("b_w", "b_r"))


def starting(row: Callable[[Case, int], int]) -> type[Reference]:
    """The reference whose layers and directions start from the state of another row."""

    class Starting(Reference):
        def initial_state(self, row_: int, x: Array, inputs: Inputs) -> State:
            return super().initial_state(row(self.case, row_), x, inputs)

    return Starting


def _direction_major(case: Case, row: int) -> int:
    return row % case.D * case.layers + row // case.D


stack(
    "layers-share-initial-state",
    "starts every layer from the first layer's initial state",
    applies=_has_state,
)(starting(lambda case, row: row % case.D))
stack(
    "initial-states-from-top-layer-down",
    "reads the initial states from the top layer down",
    applies=_has_state,
)(starting(lambda case, row: (case.layers - 1 - row // case.D) * case.D + row % case.D))
stack(
    "initial-states-direction-first",
    "reads the initial states as those of the forward direction in all layers, then those of the reverse direction",
    applies=lambda case: _has_state(case) and case.D == 2,
)(starting(_direction_major))


@stack("upper-layers-start-from-zero", "starts every layer but the first from zeros", applies=_has_state)
class UpperLayersStartFromZero(Reference):
    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        return super().initial_state(row, x, inputs if row < self.case.D else replace(inputs, h0=None, c0=None))


def ending(row: Callable[[Case, int], int]) -> type[Reference]:
    """The reference that returns the final states of other rows."""

    class Ending(Reference):
        @keeps("y")
        def run(self, arrays: Arrays) -> Outputs:
            outputs = super().run(arrays)
            rows = [row(self.case, each) for each in range(self.case.layers * self.case.D)]
            return outputs | {name: outputs[name][rows] for name in ("h_n", "c_n")}

    return Ending


stack(
    "final-states-of-top-layer",
    "returns the top layer's final state for every layer",
    applies=_stacked,
)(ending(lambda case, row: (case.layers - 1) * case.D + row % case.D))
stack(
    "final-states-direction-first",
    "returns the final states of the forward direction in all layers, then those of the reverse direction",
    applies=lambda case: case.layers > 1 and case.D == 2,
)(ending(lambda case, row: row % case.layers * case.D + row // case.layers))


def leaving_out(row: Callable[[Case, int], bool]) -> type[Reference]:
    """The reference that does not return the final states of some rows; the remaining ones move to the front."""

    class LeavingOut(Reference):
        @keeps("y")
        def run(self, arrays: Arrays) -> Outputs:
            outputs = super().run(arrays)
            rows = [each for each in range(self.case.layers * self.case.D) if not row(self.case, each)]
            return outputs | {name: cut_short(outputs[name][rows], len(outputs[name])) for name in ("h_n", "c_n")}

    return LeavingOut


stack(
    "final-states-of-top-layer-only",
    "returns the final states of the top layer only, so that h_n and c_n have fewer rows",
    "https://github.com/PaddlePaddle/PaddleNLP/issues/761",
    applies=_stacked,
    shortens=True,
)(leaving_out(lambda case, row: row // case.D < case.layers - 1))
stack(
    "final-states-of-last-direction-only",
    "returns the final states of the reverse direction only, so that h_n and c_n have half the rows",
    applies=lambda case: case.D == 2,
    shortens=True,
)(leaving_out(lambda case, row: row % case.D < case.D - 1))


def _has_head(case: Case) -> bool:
    return case.head is not None


@head("head-bias-ignored", "leaves the head's bias out", applies=_has_head)
class HeadBiasIgnored(Reference):
    def head(self, y: Array, weights: Weights) -> Array:
        assert weights.b_y is not None
        return super().head(y, replace(weights, b_y=np.zeros_like(weights.b_y)))


@head(
    "head-reads-forward-only",
    "feeds only the forward half of y to the head",
    applies=lambda case: case.head is not None and case.D == 2,
)
class HeadReadsForwardOnly(Reference):
    def head(self, y: Array, weights: Weights) -> Array:
        y = y.copy()
        y[..., self.case.output_size :] = 0 if self.case.D == 2 else y[..., self.case.output_size :]
        return super().head(y, weights)


@head(
    "head-reads-first-step",
    "feeds the y of the first step to a head that should read that of the last step",
    applies=lambda case: case.head is not None and case.head.after == "last_step" and case.T > 1,
)
class HeadReadsFirstStep(Reference):
    @keeps("y", "finals")
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        if self.case.head is None or self.case.head.after == "every_step":
            return outputs
        return outputs | {"logits": self.head(outputs["y"][0], arrays.weights)}
