"""Reads a TensorFlow Lite model: the constant weights of its LSTM operators, by the package's own schema.

No interpreter is made. Only the tables that lead to the LSTM operators are visited, and the buffers are views into the
file, so what a damaged file states of sizes is checked before it is used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters.litert_model import CELL, FUSED, NORM
from conformance.case.errors import ConformanceError
from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.weights.held import MOST_TENSORS, Held, Node, refused

_DIRECTION = len(CELL)
_UNIDIRECTIONAL, _BIDIRECTIONAL, _LSTM = (
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "LSTM",
)


def read_tflite(path: Path, data: bytes) -> Held:
    """Every LSTM operator of the model.

    Raises:
        FileError: it is damaged.
        ConformanceError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated as schema
    except ImportError as error:
        problem = "reading TensorFlow Lite needs ai-edge-litert: pip install ai-edge-litert"
        raise ConformanceError(f"{path}: {problem}") from error
    try:
        nodes = tuple(_Reader(path, data, schema).nodes())
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise refused(path, f"it is a damaged TensorFlow Lite model: {shortened(str(error))}") from error
    return Held(path, "TensorFlow Lite", {}, nodes)


class _Reader:
    def __init__(self, path: Path, data: bytes, schema: Any) -> None:
        self.path, self.data, self.schema = path, data, schema
        self.model = schema.Model.GetRootAsModel(data, 0)
        self.kinds = {getattr(schema.BuiltinOperator, kind): kind for kind in (_UNIDIRECTIONAL, _BIDIRECTIONAL, _LSTM)}

    def nodes(self) -> Iterator[Node]:
        """The LSTM operators of every subgraph."""
        for part in range(self._counted(self.model.SubgraphsLength())):
            graph = self.model.Subgraphs(part)
            for index in range(self._counted(graph.OperatorsLength())):
                operator = graph.Operators(index)
                kind = self.kinds.get(self._code(operator.OpcodeIndex()))
                if kind is not None:
                    name = f"{kind}.{index}" if part == 0 else f"subgraph {part}/{kind}.{index}"
                    yield self._node(graph, operator, kind, name)

    def _counted(self, count: int) -> int:
        if count > MOST_TENSORS:
            raise refused(self.path, f"it has more than {MOST_TENSORS:,} parts of one kind")
        return count

    def _code(self, index: int) -> int:
        if index >= self.model.OperatorCodesLength():
            raise ValueError(f"operator code {index} of {self.model.OperatorCodesLength()}")
        code = self.model.OperatorCodes(index)
        return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))  # as the schema says

    def _node(self, graph: Any, operator: Any, kind: str, name: str) -> Node:
        inputs = [int(operator.Inputs(n)) for n in range(self._counted(operator.InputsLength()))]
        directions = 2 if kind == _BIDIRECTIONAL else 1
        roles = {
            f"{direction}.{role}": index
            for direction in range(directions)
            for role, index in zip(CELL, inputs[1 + direction * _DIRECTION :][:_DIRECTION], strict=False)
        }
        if directions == 1:
            roles |= {f"0.{role}": index for role, index in zip(NORM, inputs[1 + _DIRECTION + 2 :], strict=False)}
        present = {role: index for role, index in roles.items() if index >= 0}
        if max(present.values(), default=-1) >= graph.TensorsLength():
            raise ValueError(f"{name} has an input that the model does not have")
        problems, tensors = [], {}
        for role, index in present.items():
            try:
                tensors[role] = self._constant(graph.Tensors(index))
            except _Unread as reason:
                problems.append(f"its {role.partition('.')[2]} {reason}")
        if directions == 2 and any(index >= 0 for index in inputs[1 + 2 * _DIRECTION + 4 :]):
            problems.append("it has a second input beside x")
        return Node(name, kind, tensors, self._options(operator, kind), tuple(dict.fromkeys(problems)))

    def _constant(self, tensor: Any) -> Array:
        """A float32 tensor with data, as a view into the file."""
        types = self.schema.TensorType
        if tensor.Type() != types.FLOAT32:
            named = next((n for n, value in vars(types).items() if value == tensor.Type()), tensor.Type())
            raise _Unread(f"is {named}; quantised weights are not read")
        if tensor.Sparsity() is not None:
            raise _Unread("is sparse")
        if not 0 <= tensor.Buffer() < self.model.BuffersLength():
            raise ValueError(f"buffer {tensor.Buffer()} of {self.model.BuffersLength()}")
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer.DataLength() == 0:
            raise _Unread("is computed in the graph, or lies outside the file's tables; only constants are read here")
        shape = tuple(int(tensor.Shape(n)) for n in range(self._counted(tensor.ShapeLength())))
        numbers: Array = buffer.DataAsNumpy().view(np.float32)
        return numbers.reshape(shape)

    def _options(self, operator: Any, kind: str) -> dict[str, Any]:
        """The operator's options by the names of the schema."""
        names = {_UNIDIRECTIONAL: "UnidirectionalSequenceLSTM", _BIDIRECTIONAL: "BidirectionalSequenceLSTM"}
        table = getattr(self.schema, f"{names.get(kind, 'LSTM')}Options")()
        union = operator.BuiltinOptions()
        if union is None:
            return {}
        table.Init(union.Bytes, union.Pos)
        fused = {getattr(self.schema.ActivationFunctionType, theirs): ours for ours, theirs in FUSED.items()}
        found: dict[str, Any] = {
            "activation": fused.get(table.FusedActivationFunction()),
            "cell_clip": float(table.CellClip()),
            "projection_clip": float(table.ProjClip()),
        }
        if kind == _LSTM and table.KernelType() != self.schema.LSTMKernelType.FULL:
            found["basic"] = True
        return found


class _Unread(Exception):
    """A tensor that is not a constant of float32."""
