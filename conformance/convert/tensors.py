"""A layer's tensors in a named layout, with the names that they have in a file."""

from __future__ import annotations

import numpy as np

from conformance.adapters.layouts import pack
from conformance.case.tensors import Array, Weights
from conformance.weights.named import Named
from conformance.weights.unpacking import names_of, needed


def packed(named: Named, weights: Weights, directions: int) -> dict[str, Array]:
    """The tensors of a layer or a stack by name.

    In torch's layout the name ends in `_l1_reverse`; in others it begins with `layer_1/` where there are several
    layers, and then with `forward/` or `backward/` where there are two directions. ONNX's tensors have an axis of
    directions instead.
    """
    rows = [_of_row(named, weights, number) for number in range(len(weights.rows))]
    several = len(rows) > directions
    found: dict[str, Array] = {}
    for number in range(0, len(rows), directions):
        layer = number // directions
        own = rows[number : number + directions]
        before = f"layer_{layer}/" if several else ""
        if named.stacked:
            found |= {f"{before}{name}": np.stack([row[name] for row in own]) for name in own[0]}
            continue
        for direction, row in enumerate(own):
            if named.name == "torch":
                after = f"_l{layer}" + ("_reverse" if direction else "")
                found |= {f"{name}{after}": array for name, array in row.items()}
            else:
                way = ("forward/", "backward/")[direction] if directions == 2 else ""
                found |= {f"{before}{way}{name}": array for name, array in row.items()}
    return found


def _of_row(named: Named, weights: Weights, number: int) -> dict[str, Array]:
    """The tensors of one layer and direction; without those of the biases if it has none."""
    row, layout = weights.rows[number], named.layout
    tensors = pack(layout, row)
    if row.b_w is not None:
        return tensors
    absent = {name for part in ("b", "b_w", "b_r") for name in names_of(layout, part)} - set(needed(layout))
    return {name: array for name, array in tensors.items() if name not in absent}
