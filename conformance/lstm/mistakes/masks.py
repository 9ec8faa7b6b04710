"""Mistakes in passing a mask from layer to layer."""

from __future__ import annotations

import numpy as np

from conformance.case.tensors import Array, Inputs, Weights
from conformance.lstm.mistakes.base import Axis, keeps
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.mistakes.padding import PaddedYCarried
from conformance.lstm.reference import Reference
from conformance.lstm.step import State

masks = Axis("masks")


@masks(
    "left-out-steps-run-as-zeros",
    "sets x to zero at the steps that a row leaves out, but computes those steps like any other",
    applies=leaves_out,
)
class LeftOutStepsRunAsZeros(Reference):
    @keeps("y", "finals")
    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        valid = super().valid(x, inputs)
        if layer == 0 and valid is not None:
            x = np.where(valid[..., None], x, np.zeros_like(x))
        return super().layer(layer, x, weights, inputs)

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        return None


@masks(
    "mask-not-reversed-with-y",
    "gives every second layer of a reverse stack a mask that runs opposite to its input",
    "https://github.com/keras-team/keras/issues/6022",
    applies=lambda case: leaves_out(case) and case.direction == "reverse" and case.layers > 1,
)
class MaskNotReversedWithY(PaddedYCarried):
    reversed: bool

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        self.reversed = self.case.direction == "reverse" and layer % 2 == 1
        return super().layer(layer, x, weights, inputs)

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        valid = super().valid(x, inputs)
        return valid[::-1] if valid is not None and self.reversed else valid

    def padded(self, y: Array, before: Array, valid: Array, begun: Array) -> Array:
        return super().padded(y, before, valid, begun) if self.reversed else y
