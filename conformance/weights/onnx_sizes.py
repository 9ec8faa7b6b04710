"""The sizes of a tensor of an ONNX graph, as far as the file says them: numbers, or names for those left open.

Exporters write the sizes of a graph's inputs and outputs, and seldom of what lies between. So the sizes of a node's X
are followed back through nodes that keep, move or drop axes, and through LSTM nodes, whose Y has T and B of their X.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from conformance.weights.onnx_graph import OWN_DOMAIN, ModelError, Scope, attributes_of
from conformance.weights.onnx_values import Values

Size = int | str | None
"""A number, the file's name for an open size, or nothing that is known."""

_LONGEST = 100
_SAME = frozenset({"Identity", "Cast", "Dropout", "Relu", "Tanh", "Sigmoid", "Elu", "LayerNormalization", "Clip"})


def sizes_of(scope: Scope, name: str, values: Values, depth: int = 0) -> list[Size] | None:
    """The sizes of a tensor; None if not even the number of axes is known."""
    if depth > _LONGEST:
        return None
    if name in scope.bound:
        outer, given = scope.bound[name]
        return sizes_of(outer, given, values, depth + 1)
    if (typed := _typed(scope, name)) is not None:
        return typed
    if (node := scope.made_by.get(name)) is None:
        return sizes_of(scope.outer, name, values, depth + 1) if scope.outer is not None else None
    if node.domain not in OWN_DOMAIN or not node.input:
        return None
    given_sizes = sizes_of(scope, node.input[0], values, depth + 1)
    return None if given_sizes is None else _through(scope, node, name, given_sizes, values)


def _typed(scope: Scope, name: str) -> list[Size] | None:
    known = scope.types.get(name)
    if known is None or not known.HasField("tensor_type") or not known.tensor_type.HasField("shape"):
        return None
    return [
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else dim.dim_param or None
        for dim in known.tensor_type.shape.dim
    ]


def _through(scope: Scope, node: Any, name: str, sizes: list[Size], values: Values) -> list[Size] | None:
    """The sizes of what a node makes of a tensor of these sizes."""
    if node.op_type in _SAME:
        return sizes
    if node.op_type == "LSTM" and len(sizes) == 3 and name == node.output[0]:
        attributes = attributes_of(node)
        D: Size = 2 if attributes.get("direction") == "bidirectional" else 1
        if attributes.get("layout", 0):
            return [sizes[0], sizes[1], D, None]
        return [sizes[0], D, sizes[1], None]
    if node.op_type == "Transpose":
        order = attributes_of(node).get("perm", list(range(len(sizes)))[::-1])
        return [sizes[axis] for axis in order] if sorted(order) == list(range(len(sizes))) else None
    if node.op_type in ("Squeeze", "Unsqueeze", "Reshape"):
        numbers = _numbers(scope, node, values)
        return None if numbers is None else _reshaped(node.op_type, sizes, numbers)
    return None


def _numbers(scope: Scope, node: Any, values: Values) -> list[int] | None:
    """The axes or the shape that a node is given, as an attribute in old versions, as an input since."""
    attributes = attributes_of(node)
    for key in ("axes", "shape"):
        if key in attributes:
            return [int(n) for n in attributes[key]]
    if len(node.input) < 2 or not node.input[1]:
        return None
    try:
        found = values.of(scope, node.input[1])
    except ModelError:
        return None
    return [int(n) for n in found.ravel()[:16]] if isinstance(found, np.ndarray) else None


def _reshaped(kind: str, sizes: Sequence[Size], numbers: Sequence[int]) -> list[Size] | None:
    if kind == "Reshape":
        return [sizes[n] if size == 0 and n < len(sizes) else size if size > 0 else None
                for n, size in enumerate(numbers)]  # fmt: skip
    axes = len(sizes) + (len(numbers) if kind == "Unsqueeze" else 0)
    chosen = {n + axes if n < 0 else n for n in numbers}
    if not chosen <= set(range(axes)):
        return None
    if kind == "Squeeze":
        return [size for n, size in enumerate(sizes) if n not in chosen]
    rest = iter(sizes)
    return [1 if n in chosen else next(rest) for n in range(axes)]
