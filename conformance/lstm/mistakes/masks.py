"""Mistakes of a mask on its way from layer to layer."""

# ruff: noqa: D101, D102  (what each class does is said in the entry above it)
from __future__ import annotations

import numpy as np

from conformance.case.tensors import Array, Inputs, Weights
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.mistakes.lengths import leaves_out
from conformance.lstm.mistakes.padding import PaddedYCarried
from conformance.lstm.reference import Reference, State

masks = Axis("masks")


@masks(
    "upstream-mask-ignored",
    "runs every row over all T steps, over the zeros that the layer upstream has put where steps are left out",
    applies=lambda case: leaves_out(case) and case.lengths_via == "upstream",
)
class UpstreamMaskIgnored(Reference):
    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        valid = super().valid(x, inputs)
        if layer == 0 and valid is not None:
            x = np.where(valid[..., None], x, np.zeros_like(x))
        return super().layer(layer, x, weights, inputs)

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        return None


@masks(
    "mask-not-reversed-with-y",
    "hands every second layer of a reverse stack a mask that runs against its input",
    "https://github.com/keras-team/keras/issues/6022",
    applies=lambda case: leaves_out(case) and case.direction == "reverse" and case.layers > 1,
)
class MaskNotReversedWithY(PaddedYCarried):
    reversed: bool

    def layer(self, layer: int, x: Array, weights: Weights, inputs: Inputs) -> tuple[Array, list[State]]:
        self.reversed = layer % 2 == 1
        return super().layer(layer, x, weights, inputs)

    def valid(self, x: Array, inputs: Inputs) -> Array | None:
        valid = super().valid(x, inputs)
        return valid[::-1] if valid is not None and self.reversed else valid
