"""Mistakes that only some shapes reveal: large H, many rows, sizes that are not a multiple of a vector's width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs, Weights
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.reference import Reference

shape = Axis("shape")


def cut(units: int) -> type[Reference]:
    """The reference with every unit from index `units` on left at zero."""

    class Cut(Reference):
        def stored(self, c: Array, weights: LayerWeights) -> Array:
            return _kept(super().stored(c, weights), units)

        def output(self, act: Activations, o: Array, hh: Array) -> Array:
            return _kept(super().output(act, o, hh), units)

    return Cut


def _kept(v: Array, units: int) -> Array:
    return np.where(np.arange(v.shape[-1]) < units, v, np.zeros_like(v))


shape(
    "units-from-128-left-out",
    "computes only the first 128 units, one block of threads",
    "https://github.com/flagos-ai/FlagGems/issues/5014",
    applies=lambda case: case.H > 128,
)(cut(128))
shape(
    "units-from-256-left-out",
    "computes only the first 256 units, one block of threads",
    applies=lambda case: case.H > 256,
)(cut(256))


def _inner_sizes(case: Case) -> list[int]:
    """The lengths of a case's dot products."""
    layers = [case.input_size(layer) for layer in range(case.layers)]
    return [
        *layers,
        case.output_size,
        *([case.H] if case.P else []),
        *([case.D * case.output_size] if case.head else []),
    ]


@shape(
    "dot-product-tail-left-out",
    "sums a dot product four terms at a time and leaves out the remainder",
    applies=lambda case: any(n > 4 and n % 4 for n in _inner_sizes(case)),
)
class DotProductTailLeftOut(Reference):
    def product(self, rows: Array, matrix: Array) -> Array:
        n = matrix.shape[1]
        end = n - n % 4 if n > 4 else n
        return super().product(rows[:, :end], matrix[:, :end])


@shape(
    "bias-left-out-of-large-batch",
    "leaves the biases out when T B is greater than 65536",
    "https://github.com/ROCm/rocm-libraries/issues/10551",
    applies=lambda case: case.bias and case.T * case.B > 65536,
)
class BiasLeftOutOfLargeBatch(Reference):
    def row_weights(self, row: int, weights: Weights) -> LayerWeights:
        given = super().row_weights(row, weights)
        return replace(given, b_w=None, b_r=None) if self.case.T * self.case.B > 65536 else given


@shape(
    "rows-from-100-read-first-rows-h",
    "multiplies R by the h of row b - 100 for every row b from 100 on",
    "https://github.com/pytorch/pytorch/issues/177834",
    applies=lambda case: case.B > 100,
)
class RowsFrom100ReadFirstRowsH(Reference):
    def recurrent_part(self, h: Array, weights: LayerWeights) -> Array:
        return super().recurrent_part(h[np.arange(len(h)) % 100], weights)


@shape(
    "recurrent-part-of-first-row",
    "multiplies R by row 0's h for every batch row",
    "https://github.com/pytorch/pytorch/issues/90421",
    applies=lambda case: case.B > 1,
)
class RecurrentPartOfFirstRow(Reference):
    def recurrent_part(self, h: Array, weights: LayerWeights) -> Array:
        return super().recurrent_part(np.broadcast_to(h[:1], h.shape), weights)


@shape(
    "last-row-left-out",
    "returns zeros for the last batch row if the number of rows is odd",
    applies=lambda case: case.B > 1 and case.B % 2 == 1,
)
class LastRowLeftOut(Reference):
    def run(self, arrays: Arrays) -> Outputs:
        outputs = super().run(arrays)
        if arrays.inputs.x.shape[1] < 2 or arrays.inputs.x.shape[1] % 2 == 0:
            return outputs
        for name in outputs:
            outputs[name] = outputs[name].copy()
            outputs[name][..., -1, :] = 0
        return outputs
