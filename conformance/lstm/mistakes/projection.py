"""Mistakes in the projection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.tensors import Array, LayerWeights, Weights
from conformance.lstm.mistakes.base import Axis, as_if
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

projection = Axis("projection")


def _has_projection(case: Case) -> bool:
    return case.P is not None


def _has_bias(case: Case) -> bool:
    return case.projection_bias


def _clipped(case: Case) -> bool:
    return case.projection_clip is not None


@projection(
    "projection-transposed",
    "reads the projection as its transpose",
    applies=lambda case: case.P is not None and case.P > 1 and case.H > 1,
)
class Transposed(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        if given.projection is None:
            return given
        return replace(given, projection=given.projection.reshape(given.projection.shape[::-1]).T)


@projection("projection-bias-ignored", "leaves the projection's bias out", applies=_has_bias)
class BiasIgnored(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        return replace(super().row_weights(row, weights), projection_bias=None)


projection(
    "projection-clip-ignored",
    "does not bound the projected h",
    "https://github.com/PaddlePaddle/Paddle/pull/15605",
    applies=_clipped,
)(as_if(projection_clip=None))


@projection(
    "projection-clip-before-bias",
    "bounds the projected h before its bias is added",
    applies=lambda case: case.projection_clip is not None and case.projection_bias,
)
class ClipBeforeBias(Reference):
    def projected(self, m: Array, weights: LayerWeights) -> Array:
        h = super().clipped_projection(super().projected(m, replace(weights, projection_bias=None)))
        return h if weights.projection_bias is None else h + weights.projection_bias

    def clipped_projection(self, h: Array) -> Array:
        return h


@projection("projection-clip-before-projection", "bounds o Hh(c) instead of its projection", applies=_clipped)
class ClipBeforeProjection(Reference):
    def projected(self, m: Array, weights: LayerWeights) -> Array:
        return super().projected(super().clipped_projection(m), weights)

    def clipped_projection(self, h: Array) -> Array:
        return h


@projection(
    "projection-clip-not-fed-back",
    "bounds y only; the h passed to the next step is unbounded",
    applies=_clipped,
)
class ClipNotFedBack(Reference):
    def scan(self, given: Scan) -> tuple[Array, State]:
        y, final = super().scan(given)
        return super().clipped_projection(y), final

    def clipped_projection(self, h: Array) -> Array:
        return h


@projection(
    "cell-and-projection-clip-swapped",
    "bounds the cell state by the projection clip and the projection by the cell clip",
    "https://github.com/PaddlePaddle/Paddle/pull/15605",
    applies=lambda case: case.P is not None and case.cell_clip != case.projection_clip,
)
class ClipsSwapped(Reference):
    def __init__(self, case: Case) -> None:
        if case.P is not None:
            case = case.model_copy(update={"cell_clip": case.projection_clip, "projection_clip": case.cell_clip})
        super().__init__(case)


@projection(
    "tanh-after-projection",
    "applies tanh to the projected h",
    "https://github.com/PaddlePaddle/Paddle/pull/15605",
    applies=_has_projection,
)
class TanhAfterProjection(Reference):
    def clipped_projection(self, h: Array) -> Array:
        return super().clipped_projection(h if self.case.P is None else np.tanh(h))
