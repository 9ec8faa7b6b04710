"""A case as a LiteRT (TensorFlow Lite) model: one sequence LSTM operator per layer, the head as FULLY_CONNECTED.

The file format is the package's own schema, `schema.fbs` in
https://github.com/google-ai-edge/LiteRT/tree/main/tflite/converter/schema. An operator's inputs, their order, and which
of them may be absent are listed at the top of its kernel: `lstm_shared.h` and `bidirectional_sequence_lstm.cc` in
https://github.com/google-ai-edge/LiteRT/tree/main/tflite/kernels.

Each gate has its own tensors, all with the output axis first, and one bias. Without the input gate's tensors the
kernel couples it, i = 1 - f. h (B, P) and c (B, H) are variable tensors: the interpreter keeps them from one call to
the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.adapters import batch_major
from conformance.adapters.layouts import Layout, pack
from conformance.case.model import Case
from conformance.case.tensors import Array, LayerWeights, Weights

LITERT = Layout(
    "ifgo",
    {"input_to_{gate}": ("W",), "recurrent_to_{gate}": ("R",), "bias_{gate}": ("b",)},
    separate=True,
    peephole="cell_to_{gate}",
    projection="projection",
)
CELL = (
    *(f"{kind}_{gate}" for kind in ("input_to", "recurrent_to") for gate in "ifgo"),
    *(f"cell_to_{gate}" for gate in "ifo"),
    *(f"bias_{gate}" for gate in "ifgo"),
    *("projection", "projection_bias"),
)
"""The tensors of one direction in the order of the operators' inputs."""
NORM = tuple(f"norm_{gate}" for gate in "ifgo")
_AUXILIARY = 9
"""The last inputs of BIDIRECTIONAL_SEQUENCE_LSTM, a second input and its weights, which are never used here."""

FUSED = {"linear": "NONE", "relu": "RELU", "tanh": "TANH"}
"""The suite's names of `fused_activation_function`, which is both G and Hh. The schema also has two bounded ReLUs."""

_ABSENT = -1
_SCHEMA_VERSION = 3
_FULLY_CONNECTED_KEEPS_DIMS = 5
"""The first version of FULLY_CONNECTED that has keep_num_dims."""


@dataclass(frozen=True)
class Model:
    """A model's bytes and the indices of its tensors to set and read; h and c: one per layer and direction."""

    content: bytes
    x: int
    y: int
    logits: int | None
    h: tuple[int, ...]
    c: tuple[int, ...]


def build(case: Case, weights: Weights, *, passes_states: bool = False) -> Model:
    """The model of a case for its own T and B; x, h and c can be resized to others.

    passes_states: whether the variable tensors h and c are inputs of the model, after x, and outputs, after the others,
    for an interpreter that reaches no other tensors.
    """
    graph = _Graph(case)
    x = y = graph.tensor("x", graph.sequence(case.I))
    h = [graph.tensor(f"h.{row}", (case.B, case.output_size), variable=True) for row in range(case.layers * case.D)]
    c = [graph.tensor(f"c.{row}", (case.B, case.H), variable=True) for row in range(case.layers * case.D)]
    for layer in range(case.layers):
        rows = range(layer * case.D, (layer + 1) * case.D)
        y = graph.lstm(y, [weights.rows[row] for row in rows], [(h[row], c[row]) for row in rows], f"y.{layer}")
    logits = None if case.head is None else graph.head(y, weights)
    outputs = [y] if logits is None else [y, logits]
    states = [*h, *c] if passes_states else []
    return Model(graph.serialized([x, *states], outputs + states), x, y, logits, tuple(h), tuple(c))


class _Graph:
    """Collects the tensors and operators of a case's model."""

    def __init__(self, case: Case) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.case = case
        self.graph: Any = schema.SubGraphT(tensors=[], operators=[])
        # Buffer 0 is the empty one, used by every tensor that is not a constant.
        self.model: Any = schema.ModelT(
            version=_SCHEMA_VERSION, subgraphs=[self.graph], operatorCodes=[], buffers=[schema.BufferT()]
        )

    def sequence(self, width: int) -> tuple[int, ...]:
        """The shape of a sequence in the case's layout."""
        return (*batch_major.shape(self.case, self.case.T, self.case.B), width)

    def tensor(self, name: str, shape: tuple[int, ...], variable: bool = False) -> int:
        """A float32 tensor without data; its index."""
        self.graph.tensors.append(
            self.schema.TensorT(name=name, shape=list(shape), type=self.schema.TensorType.FLOAT32, isVariable=variable)
        )
        return len(self.graph.tensors) - 1

    def constant(self, name: str, array: Array | None) -> int:
        """A constant tensor of float32 or int32; absent if the array is None."""
        if array is None:
            return _ABSENT
        index = self.tensor(name, array.shape)
        if array.dtype == np.int32:
            self.graph.tensors[index].type = self.schema.TensorType.INT32
        self.graph.tensors[index].buffer = len(self.model.buffers)
        self.model.buffers.append(self.schema.BufferT(data=np.frombuffer(array.tobytes(), np.uint8)))
        return index

    def operator(self, name: str, options: Any, inputs: list[int], outputs: list[int], version: int = 1) -> None:
        """An operator by its name in the schema."""
        code = getattr(self.schema.BuiltinOperator, name)
        self.model.operatorCodes.append(
            self.schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=version)
        )
        self.graph.operators.append(
            self.schema.OperatorT(
                opcodeIndex=len(self.model.operatorCodes) - 1,
                inputs=inputs,
                outputs=outputs,
                builtinOptionsType=getattr(self.schema.BuiltinOptions, type(options).__name__.removesuffix("T")),
                builtinOptions=options,
            )
        )

    def lstm(self, x: int, rows: list[LayerWeights], states: list[tuple[int, int]], name: str) -> int:
        """One layer: y, both directions side by side."""
        case, schema = self.case, self.schema
        y = self.tensor(name, self.sequence(case.D * case.output_size))
        options = {
            "fusedActivationFunction": getattr(schema.ActivationFunctionType, FUSED[case.activations[0].cell.name]),
            "cellClip": case.cell_clip or 0.0,
            "projClip": case.projection_clip or 0.0,
            "timeMajor": case.layout == "time_major",
        }
        tensors = [self.packed(row) for row in rows]
        inputs = [x]
        for direction, packed in enumerate(tensors):
            inputs += [self.constant(f"{name}.{direction}.{kind}", packed.get(kind)) for kind in CELL]
        inputs += [state for pair in states for state in pair]
        if case.D == 1:
            inputs += [self.constant(f"{name}.{kind}", tensors[0].get(kind)) for kind in NORM]
            chosen = schema.UnidirectionalSequenceLSTMOptionsT(**options)
            self.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", chosen, inputs, [y])
        else:
            inputs += [_ABSENT] * _AUXILIARY
            chosen = schema.BidirectionalSequenceLSTMOptionsT(**options, mergeOutputs=True)
            self.operator("BIDIRECTIONAL_SEQUENCE_LSTM", chosen, inputs, [y])
        return y

    def packed(self, row: LayerWeights) -> dict[str, Array]:
        """The tensors of one direction that are present. Biases always are: zeros where the case has none."""
        packed = pack(LITERT, row)
        if row.projection_bias is not None:
            packed["projection_bias"] = row.projection_bias
        if row.gamma is not None:
            packed |= zip(NORM, row.gamma, strict=True)
        coupled = self.case.coupling is not None
        return {name: array for name, array in packed.items() if not (coupled and name.endswith("_i"))}

    def head(self, y: int, weights: Weights) -> int:
        """Logits of every step, or of the last one, which is sliced out first."""
        assert self.case.head is not None and weights.W_y is not None
        outputs = self.case.head.O
        shape = self.sequence(outputs)
        if self.case.head.after == "last_step":
            y, shape = self.last_step(y), (self.case.B, outputs)
        logits = self.tensor("logits", shape)
        inputs = [y, self.constant("W_y", weights.W_y), self.constant("b_y", weights.b_y)]
        options = self.schema.FullyConnectedOptionsT(keepNumDims=True)
        self.operator("FULLY_CONNECTED", options, inputs, [logits], _FULLY_CONNECTED_KEEPS_DIMS)
        return logits

    def last_step(self, y: int) -> int:
        """y of the last step (B, D*P): y[-1] or y[:, -1]."""
        time_axis = 0 if self.case.layout == "time_major" else 1
        others = 0b111 & ~(1 << time_axis)
        last = np.zeros(3, np.int32)
        last[time_axis] = -1
        spec = [
            self.constant(f"last.{name}", array)
            for name, array in (("begin", last), ("end", np.zeros(3, np.int32)), ("strides", np.ones(3, np.int32)))
        ]
        options = self.schema.StridedSliceOptionsT(beginMask=others, endMask=0b111, shrinkAxisMask=1 << time_axis)
        step = self.tensor("y.last", (self.case.B, self.case.D * self.case.output_size))
        self.operator("STRIDED_SLICE", options, [y, *spec], [step])
        return step

    def serialized(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The model's file."""
        from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

        self.graph.inputs, self.graph.outputs = inputs, outputs
        return bytes(convert_object_to_bytearray(self.model))
