"""Reads an ONNX model: its initializers, and the LSTM nodes whose weights are initializers or Constant nodes.

Weights that other nodes compute are not followed: a node that has some says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.weights.held import MOST_TENSORS, Held, Node, demand_bounded, floats_only, refused

_ROLES = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
"""The inputs of the operator, in order: https://onnx.ai/onnx/operators/onnx__LSTM.html."""
WEIGHTS = ("W", "R", "B", "P")
_DEEPEST = 16
_FLOATS = (1, 10, 11, 16)
"""TensorProto's FLOAT, FLOAT16, DOUBLE and BFLOAT16."""


def read_onnx(path: Path, data: bytes) -> Held:
    """The floating-point initializers of the main graph, and every LSTM node, also those of inner graphs.

    Raises:
        FileError: it is damaged, or its weights lie in other files.
        ConformanceError: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ConformanceError(f"{path}: reading ONNX needs onnx: pip install onnx") from error
    try:
        model = onnx.load_model_from_string(data)
        reader = _Reader(path, onnx)
        tensors = reader.constants(model.graph)
        nodes = tuple(reader.nodes(model.graph, tensors, "", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise refused(path, f"it is a damaged ONNX model: {shortened(str(error))}") from error
    except Exception as error:  # protobuf's, which has a different base in each of its implementations
        if type(error).__name__ != "DecodeError":
            raise
        raise refused(path, f"it is a damaged ONNX model: {shortened(str(error))}") from error
    if not model.HasField("graph"):
        raise refused(path, "it is not an ONNX model: it has no graph")
    return Held(path, "ONNX", tensors, nodes)


class _Reader:
    def __init__(self, path: Path, onnx: Any) -> None:
        self.path, self.onnx = path, onnx

    def constants(self, graph: Any) -> dict[str, Array]:
        """The initializers and the values of Constant nodes that are floating-point numbers, by name."""
        found = {each.name: each for each in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                value = next((each.t for each in node.attribute if each.name == "value"), None)
                found |= {} if value is None else dict.fromkeys(node.output, value)
        held = {name: each for name, each in found.items() if each.data_type in _FLOATS}
        if outside := [n for n, t in held.items() if t.data_location == self.onnx.TensorProto.EXTERNAL]:
            raise refused(
                self.path,
                f"{shortened(outside[0])} lies in another file; put the model into one: "
                "onnx.save(onnx.load('model.onnx'), 'whole.onnx')",
            )
        demand_bounded(self.path, (8 * math.prod(each.dims) for each in held.values()))
        arrays = {name: self.onnx.numpy_helper.to_array(each) for name, each in held.items()}
        return floats_only(arrays)[0]

    def nodes(self, graph: Any, outer: Mapping[str, Array], where: str, depth: int) -> Iterator[Node]:
        """The LSTM nodes of a graph and of the graphs inside its nodes."""
        if depth > _DEEPEST:
            raise refused(self.path, f"its graphs are nested more than {_DEEPEST} deep")
        if len(graph.node) > MOST_TENSORS:
            raise refused(self.path, f"it has more than {MOST_TENSORS:,} nodes")
        known = {**outer, **(self.constants(graph) if depth else {})}
        for index, node in enumerate(graph.node):
            name = f"{where}{node.name or f'{node.op_type}.{index}'}"
            if node.op_type == "LSTM" and node.domain in ("", "ai.onnx"):
                yield self._lstm(node, name, known)
            for attribute in node.attribute:
                if attribute.type == self.onnx.AttributeProto.GRAPH:
                    yield from self.nodes(attribute.g, known, f"{name}/", depth + 1)

    def _lstm(self, node: Any, name: str, known: Mapping[str, Array]) -> Node:
        inputs = {role: each for role, each in zip(_ROLES, node.input, strict=False) if each}
        found = {role: known[inputs[role]] for role in WEIGHTS if inputs.get(role) in known}
        computed = [role for role in WEIGHTS if role in inputs and role not in found]
        problems = tuple(f"its {role} is computed in the graph; only constants are read here" for role in computed)
        attributes = {each.name: self.onnx.helper.get_attribute_value(each) for each in node.attribute}
        return Node(name, "ONNX LSTM", found, attributes, problems)
