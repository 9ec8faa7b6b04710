"""Mistakes in the direction: the order of a scan, the weights and states of two directions, and how y joins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Inputs, LayerWeights, Outputs, Weights
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

direction = Axis("direction")


def _goes_back(case: Case) -> bool:
    return case.direction != "forward" and case.T > 1


def _bidirectional(case: Case) -> bool:
    return case.D == 2


@direction(
    "reverse-as-forward",
    "scans forward although the direction is reverse",
    "https://github.com/onnx/onnx/pull/7935",
    applies=_goes_back,
)
class ReverseAsForward(Reference):
    def order(self, direction: int, steps: int) -> Sequence[int]:
        return range(steps)


@direction(
    "reverse-y-in-order-of-processing",
    "returns the y of a reverse scan in the order of processing, not in time order",
    "https://github.com/onnx/keras-onnx/issues/523",
    applies=_goes_back,
)
class ReverseYInOrderOfProcessing(Reference):
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        return y[::-1] if self.case.reverse(given.direction) else y, final


class InOrderOfProcessingAt(Reference):
    """The reference whose reverse y stays in the order of processing in the layers selected by `in_order`."""

    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        in_order = self.case.reverse(given.direction) and self.in_order(given.row // self.case.D)
        return y[::-1] if in_order else y, final

    def in_order(self, layer: int) -> bool:
        return False


@direction(
    "reverse-y-turned-round-after-top-layer-only",
    "passes the y of a reverse scan to the next layer in the order of processing, and reverses only the top layer's",
    "https://github.com/keras-team/keras/issues/6022",
    applies=lambda case: _goes_back(case) and case.layers > 1,
)
class TurnedRoundAfterTopLayerOnly(InOrderOfProcessingAt):
    def in_order(self, layer: int) -> bool:
        return layer < self.case.layers - 1


@direction(
    "reverse-y-of-top-layer-in-order-of-processing",
    "passes the y of a reverse scan to the next layer in time order, but returns the top layer's in the order of "
    "processing",
    applies=lambda case: _goes_back(case) and case.layers > 1,
)
class OfTopLayerInOrderOfProcessing(InOrderOfProcessingAt):
    def in_order(self, layer: int) -> bool:
        return 1 < self.case.layers == layer + 1


@direction(
    "reverse-y-flipped-but-not-x",
    "scans forward although the direction is reverse, and reverses y",
    "https://github.com/stanfordmlgroup/nlc/issues/8",
    applies=_goes_back,
)
class ReverseYFlippedButNotX(ReverseYInOrderOfProcessing):
    def order(self, direction: int, steps: int) -> Sequence[int]:
        return range(steps)


@direction(
    "reverse-over-features",
    "reverses x along its features instead of along time for a reverse scan",
    "https://github.com/kraiskil/onnx2c/issues/95",
    applies=lambda case: case.direction != "forward",
)
class ReverseOverFeatures(Reference):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        if self.case.reverse(given.direction):
            given = replace(given, x=given.x[..., ::-1])
        return super().scan(given)

    def order(self, direction: int, steps: int) -> Sequence[int]:
        return range(steps)


@direction(
    "reverse-starts-in-padding",
    "lets the reverse scan run through padding before it reaches a row's last step",
    "https://github.com/onnx/onnx-tensorflow/issues/342",
    applies=lambda case: _goes_back(case) and leaves_out(case),
)
class ReverseStartsInPadding(Reference):
    reading_back: bool

    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        self.reading_back = self.case.reverse(given.direction)
        return super().scan(given)

    def held(self, valid: Array, new: State, old: State) -> State:
        return new if self.reading_back else super().held(valid, new, old)


@direction(
    "reverse-reads-padding-for-steps",
    "reverses the whole padded row and reads its first steps, which include padding, as the valid ones",
    "https://github.com/NervanaSystems/ngraph/issues/3176",
    applies=lambda case: _goes_back(case) and leaves_out(case),
)
class ReverseReadsPaddingForSteps(Reference):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        if given.valid is not None and self.case.reverse(given.direction):
            given = replace(given, valid=given.valid[::-1])
        return super().scan(given)


@direction(
    "directions-share-input-weights",
    "multiplies x by the first direction's W in both directions",
    "https://github.com/mravanelli/pytorch-kaldi/issues/240",
    applies=_bidirectional,
)
class ShareInputWeights(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return replace(super().row_weights(row, weights), W=super().row_weights(row - row % self.case.D, weights).W)


@direction(
    "directions-share-all-weights",
    "uses the first direction's weights in both directions",
    applies=_bidirectional,
)
class ShareAllWeights(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return super().row_weights(row - row % self.case.D, weights)


@direction(
    "directions-share-initial-state",
    "starts both directions from the first direction's initial state",
    applies=lambda case: case.D == 2 and (case.h0 is not None or case.c0 is not None),
)
class ShareInitialState(Reference):
    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        return super().initial_state(row - row % self.case.D, x, inputs)


@direction(
    "initial-states-of-directions-swapped",
    "starts each direction from the other direction's initial state",
    "https://github.com/onnx/onnx-tensorflow/issues/409",
    applies=lambda case: case.D == 2 and (case.h0 is not None or case.c0 is not None),
)
class InitialStatesSwapped(Reference):
    def initial_state(self, row: int, x: Array, inputs: Inputs) -> State:
        return super().initial_state(row ^ 1 if self.case.D == 2 else row, x, inputs)


@direction(
    "second-direction-starts-from-first-s-end",
    "starts the second direction from the final state of the first one",
    applies=_bidirectional,
)
class SecondStartsFromFirstsEnd(Reference):
    ended: State

    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, self.ended = super().scan(replace(given, start=self.ended) if given.direction else given)
        return y, self.ended


@direction(
    "final-states-of-directions-swapped",
    "returns h_n and c_n of the reverse direction before those of the forward direction",
    applies=_bidirectional,
)
class FinalStatesSwapped(Reference):
    @keeps("y")
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        if self.case.D == 1:
            return outputs
        rows = [row ^ 1 for row in range(len(outputs["h_n"]))]
        return outputs | {name: outputs[name][rows] for name in ("h_n", "c_n")}


@direction(
    "reverse-final-state-zero",
    "returns zeros for h_n and c_n of the reverse direction",
    "https://github.com/apple/coremltools/issues/824",
    applies=lambda case: case.direction != "forward",
)
class ReverseFinalStateZero(Reference):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        if not self.case.reverse(given.direction):
            return y, final
        return y, State(np.zeros_like(final.h), np.zeros_like(final.c))


@direction(
    "reverse-final-state-after-first-step",
    "returns as h_n and c_n of a reverse scan the states after the first step that it takes",
    applies=_goes_back,
)
class ReverseFinalAfterFirstStep(Reference):
    @keeps("y", "finals")
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        if not self.case.reverse(given.direction):
            return y, final
        order = list(self.order(given.direction, given.x.shape[0]))
        counted = np.ones(given.x.shape[:2], np.bool_) if given.valid is None else given.valid
        first = np.empty_like(counted)
        first[order] = counted[order] & (np.cumsum(counted[order], axis=0) == 1)
        return y, super().scan(replace(given, valid=first))[1]


@direction(
    "directions-interleaved",
    "joins y unit by unit: the first unit of both directions, then the second, and so on",
    "https://github.com/pytorch/pytorch/pull/11368",
    applies=lambda case: case.D == 2 and case.output_size > 1,
)
class Interleaved(Reference):
    def joined(self, ys: Sequence[Array]) -> Array:
        y = np.stack(ys, axis=-1)
        return y.reshape(*y.shape[:2], y.shape[2] * y.shape[3])


@direction("reverse-half-first", "joins y with the reverse direction before the forward one", applies=_bidirectional)
class ReverseHalfFirst(Reference):
    def joined(self, ys: Sequence[Array]) -> Array:
        return super().joined(ys[::-1])


@direction(
    "directions-summed-into-first-half",
    "adds the two directions instead of joining them",
    applies=_bidirectional,
)
class Summed(Reference):
    def joined(self, ys: Sequence[Array]) -> Array:
        return super().joined([sum(ys[1:], ys[0]), *(np.zeros_like(y) for y in ys[1:])])
