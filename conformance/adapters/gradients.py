"""Turns the gradients of a framework's own parameters into those of the canonical weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from conformance.adapters.layouts import Layout, unpack
from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs


def of_weights(case: Case, layout: Layout, rows: Sequence[Mapping[str, Array]]) -> Outputs:
    """`d_W.0`, `d_R.0`, ... of each layer and direction, from the gradients of its tensors as the layout names them.

    If the framework has one bias, b = b_w + b_r, the gradient of b is that of both.
    """
    found: Outputs = {}
    for row, tensors in enumerate(rows):
        biases = {name: parts for name, parts in layout.tensors.items() if not {"W", "R"} & set(parts)}
        absent = {name: np.zeros(len(parts) * 4 * case.H, case.np_dtype) for name, parts in biases.items()}
        weights = unpack(layout, {**absent, **tensors}, case.input_size(row // case.D), case.H)
        named = {name.partition(".")[0] for name in case.weight_shapes if name.endswith(f".{row}")}
        gradients = {name: getattr(weights, name) for name in named}
        if case.bias and any("b" in parts for parts in layout.tensors.values()):
            gradients["b_r"] = gradients["b_w"]
        found |= {f"d_{name}.{row}": np.ascontiguousarray(array) for name, array in gradients.items()}
    return found
