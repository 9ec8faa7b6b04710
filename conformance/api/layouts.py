"""Weights of a whole case in a layout: every layer and direction, by the names that a framework or a user has."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from conformance.adapters import layouts
from conformance.adapters.layouts import Layout, pack
from conformance.case.errors import ConformanceError, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensor_table import LAYER_WEIGHTS
from conformance.case.tensors import Array, LayerWeights, Weights

_TORCH = replace(
    layouts.TORCH,
    tensors={f"{name}_l{{layer}}{{_reverse}}": parts for name, parts in layouts.TORCH.tensors.items()},
    projection=f"{layouts.TORCH.projection}_l{{layer}}{{_reverse}}",
)
LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {
        "torch": _TORCH,
        "keras": layouts.KERAS,
        "keras2-cudnn": layouts.KERAS2_CUDNN,
        "onnx": layouts.ONNX,
        "tf-block": layouts.TF_BLOCK,
        "tf-block-v2": layouts.TF_BLOCK_V2,
        "tf1-cell": layouts.TF1_CELL,
    }
)
"""The layouts that have a name. In all but `torch` the tensors of a second layer or direction are `NAME.1`, ..."""
CANONICAL: Final = "canonical"


def named(layout: str | Layout) -> Layout:
    """The layout of a name.

    Raises:
        ConformanceError: there is none.
    """
    if isinstance(layout, Layout):
        return layout
    if layout not in LAYOUTS:
        there = (CANONICAL, *LAYOUTS)
        near = difflib.get_close_matches(str(layout), there, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConformanceError(
            f"no layout {layout!r}; {hint}there are {', '.join(there)}, or give a conformance.Layout"
        )
    return LAYOUTS[layout]


def of_row(layout: Layout, case: Case, row: int) -> Layout:
    """The layout of one layer and direction, with every name as it is there."""
    layer, direction = divmod(row, case.D)
    filled = {"{layer}": str(layer), "{direction}": str(direction), "{_reverse}": "_reverse" if direction else ""}

    def fill(name: str) -> str:
        full = name
        for word, text in filled.items():
            full = full.replace(word, text)
        return f"{name}.{row}" if full == name and case.layers * case.D > 1 else full

    return _renamed(layout, fill)


def bare(layout: Layout) -> Layout:
    """The layout without what its names say of layer and direction."""

    def cut(name: str) -> str:
        for word in ("{layer}", "{direction}", "{_reverse}"):
            name = name.replace(word, "")
        return name

    return _renamed(layout, cut)


def _renamed(layout: Layout, change: Callable[[str], str]) -> Layout:
    return replace(
        layout,
        tensors={change(name): parts for name, parts in layout.tensors.items()},
        peephole=None if layout.peephole is None else change(layout.peephole),
        projection=None if layout.projection is None else change(layout.projection),
    )


def names_of(layout: Layout) -> list[str]:
    """The names of a layout's tensors, those of separate gates one by one."""
    names = list(layout.tensors)
    if layout.separate:
        names = [name.replace("{gate}", gate) for name in names for gate in layout.gates]
    if layout.peephole is not None:
        gates = [gate for gate in layout.gates if gate in LAYER_WEIGHTS["peephole"].gates]
        names += dict.fromkeys(layout.peephole.replace("{gate}", gate) for gate in gates)
    return names + ([layout.projection] if layout.projection is not None else [])


def of_biases(layout: Layout) -> set[str]:
    """The names of the tensors that hold nothing but biases."""
    return {name for name, parts in layout.tensors.items() if set(parts) <= {"b", "b_w", "b_r"}}


def packed_row(layout: Layout, case: Case, row: int, weights: LayerWeights) -> dict[str, Array]:
    """The tensors of one layer and direction; without those that hold only biases if the case has none.

    Raises:
        UnsupportedOption: the layout has no place for a weight of the case.
    """
    demand_room(layout, case)
    own = of_row(layout, case, row)
    dropped = set() if case.bias else of_biases(own)
    return {name: array for name, array in pack(own, weights).items() if name not in dropped}


def in_layout(layout: str | Layout, case: Case, weights: Weights) -> dict[str, Array]:
    """All weights of a case, by name. The head's are `W_y` and `b_y` in every layout.

    Raises:
        ConformanceError: there is no such layout, or it has no place for a weight of the case.
    """
    if layout == CANONICAL:
        return {name: array.copy() for name, array in weights.flat.items()}
    found: dict[str, Array] = {}
    own = named(layout)
    for row, each in enumerate(weights.rows):
        found |= packed_row(own, case, row, each)
    head = {"W_y": weights.W_y, "b_y": weights.b_y}
    return found | {name: np.array(array) for name, array in head.items() if array is not None}


def demand_room(layout: Layout, case: Case) -> None:
    """Raises UnsupportedOption if the layout has no place for a weight of the case."""
    parts = {part for tensor in layout.tensors.values() for part in tensor}
    places = parts | ({"b_w", "b_r"} if "b" in parts else set())
    places |= {"peephole"} if layout.peephole is not None else set()
    places |= {"projection"} if layout.projection is not None else set()
    for name, tensor in LAYER_WEIGHTS.items():
        if tensor.present(case) and name not in places:
            raise UnsupportedOption(f"the layout has no place for {name}")
