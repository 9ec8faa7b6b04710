"""A case as an ONNX model, for the engines that run ONNX: one LSTM node per layer, the head as MatMul and Add.

What the operator accepts and the layout of its weights: https://onnx.ai/onnx/operators/onnx__LSTM.html.

Graph inputs: x (T, B, I); h0, c0 (L*D, B, H) and lengths (B,) int32 only if they are given. Graph outputs: the names
and shapes of `Case.outputs`. T and B are symbolic, so that one model serves every block of a stream and every call. In
the batch-major layout (the attribute layout=1) the first two axes of all of them are swapped, including those of the
states. Options at their defaults are left out of the node, as exporters do; all others are given in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.adapters.base import Model
from conformance.adapters.capabilities import ActivationSupport, any_of
from conformance.adapters.layouts import ONNX, pack
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.options import Activation, Activations
from conformance.case.tensors import Array, Inputs, Outputs, Weights

OPSET = 22
"""The newest version of the LSTM operator, and the first to have bfloat16."""
IR_VERSION = 10
"""The version with which opset 22 was published: engines refuse files newer than themselves."""

Runner = Callable[[Mapping[str, Array]], list[Array]]
"""An engine with a model loaded: inputs by name -> the outputs, in the order of the graph."""

NAMES = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "hard_sigmoid": "HardSigmoid",
    "affine": "Affine",
    "leaky_relu": "LeakyRelu",
    "thresholded_relu": "ThresholdedRelu",
    "scaled_tanh": "ScaledTanh",
    "elu": "Elu",
    "softsign": "Softsign",
    "softplus": "Softplus",
}
_LINEAR = Activation(name="affine", alpha=1.0, beta=0.0)
"""ONNX has no identity activation; this is the same function."""

_ALL = any_of("linear", *NAMES)
ACTIVATIONS = ActivationSupport(_ALL, _ALL, _ALL, per_direction=True, defaults=frozenset({"onnx"}))
"""Any three for each direction: "A list of 3 (or 6 if bidirectional) activation functions"; with parameters or without:
"Default values are the same as of corresponding ONNX operators"."""

COUPLING = frozenset({"forget=1-input"})
"""What input_forget=1 was made to mean (https://github.com/onnx/onnx/pull/149); the operator's own text only says that
the two gates are coupled."""

PEEPHOLE = frozenset({"new-cell"})
"""The operator's equations add Po (.) Ct to the output gate, the cell state after the step."""


def prepare(case: Case, weights: Weights, load: Callable[[Case, Any], Runner]) -> Model:
    """The case in an engine, called with canonical arrays. load: loads an ONNX model into the engine.

    A stream may begin without a state and continue with one, which is another graph: each is built when needed.

    Raises:
        UnsupportedOption: the operator cannot carry a number of the case.
    """
    runners: dict[tuple[bool, bool], Runner] = {}

    def runner(has_h0: bool, has_c0: bool) -> Runner:
        if (has_h0, has_c0) not in runners:
            runners[has_h0, has_c0] = load(case, build(case, weights, has_h0, has_c0))
        return runners[has_h0, has_c0]

    def model(inputs: Inputs) -> Outputs:
        given = feeds(inputs, np.dtype(np.int32))
        run = runner("h0" in given, "c0" in given)
        if case.layout == "batch_major":
            found = map(_turned, run({name: _turned(array) for name, array in given.items()}))
        else:
            found = map(np.array, run(given))
        return dict(zip(case.outputs, found, strict=True))

    runner(case.h0 is not None, case.c0 is not None)
    return model


def _turned(array: Array) -> Array:
    """Swaps the first two axes of an array with three; lengths and the logits of one step have none to swap."""
    return np.array(array.swapaxes(0, 1) if array.ndim == 3 else array, order="C")


def feeds(inputs: Inputs, lengths_dtype: np.dtype[Any]) -> dict[str, Array]:
    """The inputs that are present, by the names of the graph."""
    given = {"x": inputs.x, "h0": inputs.h0, "c0": inputs.c0}
    present = {name: np.ascontiguousarray(array) for name, array in given.items() if array is not None}
    if inputs.lengths is not None:
        present["lengths"] = inputs.lengths.astype(lengths_dtype)
    return present


def build(case: Case, weights: Weights, has_h0: bool, has_c0: bool) -> Any:
    """The checked ModelProto of a case."""
    graph = _Graph(case, weights)
    states = {"h0": has_h0, "c0": has_c0}
    for name in (name for name, present in states.items() if present):
        graph.split_state(name)
    y = "x"
    for layer in range(case.layers):
        y = graph.layer(layer, y, states)
    for name in ("h_n", "c_n"):
        graph.node("Concat", [f"{name}.{layer}" for layer in range(case.layers)], [name], axis=graph.row_axis)
    if case.head is not None:
        graph.head(y, weights)
    inputs = ["x", *(name for name, present in states.items() if present)]
    return graph.model(inputs + (["lengths"] if case.lengths is not None else []))


class _Graph:
    """Collects the nodes and initializers of a case's model."""

    def __init__(self, case: Case, weights: Weights) -> None:
        import onnx

        self.onnx: Any = onnx
        self.case = case
        self.weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.batch_major = case.layout == "batch_major"
        self.row_axis = 1 if self.batch_major else 0
        self.attributes = attributes(case)
        # In an empty batch the size for -1 is undefined.
        self.constant("flat", np.array([0, 0, -1 if case.B else case.D * case.H], np.int64))

    def node(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, outputs[0], **attributes))

    def constant(self, name: str, array: Array) -> str:
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def split_state(self, name: str) -> None:
        """h0 -> h0.0, h0.1, ...: (D, B, H) for each layer."""
        parts = [f"{name}.{layer}" for layer in range(self.case.layers)]
        self.node("Split", [name], parts, axis=self.row_axis, num_outputs=self.case.layers)

    def layer(self, layer: int, x: str, states: Mapping[str, bool]) -> str:
        """Adds one LSTM node and brings its y to (T, B, D*H); returns the name of that tensor."""
        case, D = self.case, self.case.D
        rows = [pack(ONNX, row) for row in self.weights.rows[layer * D : (layer + 1) * D]]
        given = {"W", "R"} | ({"B"} if case.bias else set()) | ({"P"} if case.peephole else set())
        W, R, B, P = (
            self.constant(f"{name}.{layer}", np.stack([row[name] for row in rows])) if name in given else ""
            for name in "WRBP"
        )
        lengths = "lengths" if case.lengths is not None else ""
        inputs = [x, W, R, B, lengths, *(f"{name}.{layer}" if present else "" for name, present in states.items()), P]
        while inputs[-1] == "":  # trailing absent inputs are omitted
            inputs.pop()
        y = "y" if layer == case.layers - 1 else f"y.{layer}"
        split = f"{y}.directions"
        self.node("LSTM", inputs, [split, f"h_n.{layer}", f"c_n.{layer}"], **self.attributes)
        if not self.batch_major:  # (T, D, B, H); batch-major it is (B, T, D, H) already
            self.node("Transpose", [split], [split := f"{y}.turned"], perm=[0, 2, 1, 3])
        self.node("Reshape", [split, "flat"], [y])
        return y

    def head(self, y: str, weights: Weights) -> None:
        """logits = y W_y^T + b_y, of every step or of the last one."""
        assert self.case.head is not None and weights.W_y is not None and weights.b_y is not None
        if self.case.head.after == "last_step":
            axis = 1 if self.batch_major else 0
            self.node("Gather", [y, self.constant("last", np.array(-1, np.int64))], ["y.last"], axis=axis)
            y = "y.last"
        self.node("MatMul", [y, self.constant("W_y", np.ascontiguousarray(weights.W_y.T))], ["y.W_y"])
        self.node("Add", ["y.W_y", self.constant("b_y", weights.b_y)], ["logits"])

    def model(self, inputs: list[str]) -> Any:
        """The complete model, checked."""
        onnx = self.onnx
        values = [self._value(name) for name in (*inputs, *self.case.outputs)]
        graph = onnx.helper.make_graph(
            self.nodes, "lstm", values[: len(inputs)], values[len(inputs) :], self.initializers
        )
        opset = onnx.helper.make_opsetid("", OPSET)
        model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _value(self, name: str) -> Any:
        """Type and shape of a graph input or output, with symbolic time and batch axes."""
        case, helper = self.case, self.onnx.helper
        if name == "lengths":
            return helper.make_tensor_value_info(name, self.onnx.TensorProto.INT32, ["B"])
        states = dict.fromkeys(("h0", "c0"), (case.layers * case.D, case.B, case.H))
        shape: list[int | str] = [*(case.outputs | {"x": (case.T, case.B, case.I)} | states)[name]]
        shape[-2] = "B"
        if name not in ("h0", "c0", "h_n", "c_n") and len(shape) == 3:
            shape[0] = "T"
        if self.batch_major and len(shape) == 3:
            shape[:2] = shape[1::-1]
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(case.np_dtype), shape)


def attributes(case: Case) -> dict[str, Any]:
    """The operator's attributes, without those at their defaults.

    Raises:
        UnsupportedOption: a number does not fit into float32, the type of the attributes, or the operator cannot
        express the case.
    """
    found: dict[str, Any] = {"direction": case.direction, "hidden_size": case.H}
    if case.gate_clip is not None:
        found["clip"] = _float32(case, "clip", case.gate_clip.bound)
    if case.coupling is not None:
        found["input_forget"] = 1
    if case.layout == "batch_major":
        found["layout"] = 1
    return found | _activation_attributes(case)


def _float32(case: Case, attribute: str, value: float) -> float:
    """A number for a float attribute of the operator, which has type float32."""
    if case.dtype == "float64" and float(np.float32(value)) != value:
        raise UnsupportedOption(f"ONNX stores {attribute} as float32, which cannot represent {value!r}")
    return value


def _activation_attributes(case: Case) -> dict[str, Any]:
    """Three activations for each direction with their parameters; nothing if all are the defaults."""
    if all(chosen == Activations() for chosen in case.activations):
        return {}
    chosen = [case.activations_of(direction) for direction in range(case.D)]
    flat = [activation for each in chosen for activation in (each.gate, each.cell, each.hidden)]
    by_default = any(activation.defaults is not None for activation in flat)
    if by_default and any(activation.name == "linear" for activation in flat):
        raise UnsupportedOption(
            "ONNX expresses linear as Affine with parameters 1 and 0, so the others cannot leave theirs out"
        )
    flat = [_LINEAR if activation.name == "linear" else activation for activation in flat]
    found: dict[str, Any] = {"activations": [NAMES[activation.name] for activation in flat]}
    for name in ("activation_alpha", "activation_beta"):
        # "The values are consumed in the order of activation functions": only activations that take one have one.
        given = (getattr(activation, name.removeprefix("activation_")) for activation in flat)
        values = [_float32(case, name, value) for value in given if value is not None]
        if values and not by_default:
            found[name] = values
    return found
