"""The tensors of weights as a harness gets them: canonical, or in a layout that it names."""

from __future__ import annotations

from typing import Literal

from conformance.adapters.layouts import Layout, pack, parts_of
from conformance.case.tensor_table import LAYER_WEIGHTS
from conformance.case.tensors import Array, Weights


def sent_weights(kind: Literal["canonical"] | Layout, weights: Weights) -> dict[str, Array]:
    """By name. What a layout has no place for, and the head, stays canonical: `0/gamma_cell`, `W_y`."""
    if not isinstance(kind, Layout):
        return weights.flat
    head = {name: array for name, array in weights.flat.items() if "." not in name}
    placed = parts_of(kind)
    rows = {
        f"{number}/{name}": array
        for number, row in enumerate(weights.rows)
        for name, array in (
            {name: getattr(row, name) for name in LAYER_WEIGHTS if name not in placed} | pack(kind, row)
        ).items()
        if array is not None
    }
    return rows | head
