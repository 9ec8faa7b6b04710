"""LSTM nodes of ONNX files are found wherever they stand and read as they are; what is not understood is named."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_files import INPUTS, H, I, model, node, through, weights

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")

from onnx_layers import found, layer, same_weights  # noqa: E402

from conformance.weights.onnx_layer import ATTRIBUTES  # noqa: E402

helper = onnx.helper
W = weights()


# What a node says.

TWO = {"direction": "bidirectional"}
SIX = ["HardSigmoid", "Tanh", "ScaledTanh", "Sigmoid", "Relu", "Tanh"]
KEYS = {
    "plain": ({}, {}),
    "reverse": ({"direction": "reverse"}, {"direction": "reverse"}),
    "both": (TWO, TWO),
    "clip": ({"clip": 0.5}, {"gate_clip": {"bound": 0.5, "reading": "gates"}}),
    "clip-0": ({"clip": 0.0}, {}),
    "input-forget": ({"input_forget": 1}, {"coupling": "forget=1-input"}),
    "layout": ({"layout": 1}, {"layout": "batch_major"}),
    "named-as-default": ({"activations": ["Sigmoid", "tanh", "TANH"]}, {}),
    "defaults-stay-out": (
        {"activations": ["HardSigmoid", "Tanh", "Elu"]},
        {"activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}, "cell": "tanh",
                         "hidden": {"name": "elu", "defaults": "onnx"}}},
    ),
    "six-with-parameters": (
        TWO | {"activations": SIX, "activation_alpha": [0.25, 1.5], "activation_beta": [0.5, 0.75]},
        TWO | {"activations": [
            {"gate": {"name": "hard_sigmoid", "alpha": 0.25, "beta": 0.5}, "cell": "tanh",
             "hidden": {"name": "scaled_tanh", "alpha": 1.5, "beta": 0.75}},
            {"gate": "sigmoid", "cell": "relu", "hidden": "tanh"},
        ]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_attributes_become_the_keys_of_a_case(name, tmp_path):
    attributes, expected = KEYS[name]
    arrays = weights(2 if expected.get("direction") == "bidirectional" else 1)
    read = layer(tmp_path, model([node(**attributes)], {n: arrays[n] for n in "WRB"}))
    assert read.keys == {"I": I, "H": H, "dtype": "float32"} | expected
    assert same_weights(read, arrays, "W", "R", "B")


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_the_dtype_is_that_of_the_weights(dtype, tmp_path):
    arrays = weights(dtype=dtype)
    read = layer(tmp_path, model([node()], {n: arrays[n] for n in "WRB"}, dtype=dtype, opset=22))
    assert read.keys["dtype"] == np.dtype(dtype).name
    assert read.opset == 22


def test_absent_and_open_inputs(tmp_path):
    given = {"sequence_lens": [2], "initial_h": [1, 2, H], "X": [9, 2, I]}
    inputs = ["X", "W", "R", "", "sequence_lens", "initial_h", "", "P"]
    made = model([node(inputs)], {n: W[n] for n in "WRP"}, given=given)
    read = layer(tmp_path, made)
    assert read.keys["bias"] is False
    assert read.keys["peephole"] is True
    assert read.open.keys() == {"X", "sequence_lens", "initial_h"}
    assert (read.T, read.B) == (9, 2)
    assert same_weights(read, W, "W", "R", "P")


def test_constant_states_and_lengths_are_kept(tmp_path):
    states = np.full((1, 2, H), 0.5, np.float32)
    constants = {n: W[n] for n in "WRB"} | {"initial_c": states, "sequence_lens": np.array([3, 2], np.int32)}
    read = layer(tmp_path, model([node(["X", "W", "R", "B", "sequence_lens", "", "initial_c"])], constants))
    assert np.array_equal(read.stored["initial_c"], states)
    assert read.stored["sequence_lens"].tolist() == [3, 2]
    assert read.open == {"X": "X"}


REFUSED = {
    "activation": ({"activations": ["Sigmoid", "Gelu", "Tanh"]}, "has the activation 'Gelu'; ONNX has Sigmoid"),
    "count": ({"activations": ["Sigmoid"] * 2}, "has 2 activations; it needs 3"),
    "direction": ({"direction": "sideways"}, "has the direction 'sideways'"),
    "hidden-size": ({"hidden_size": 7}, "has hidden_size 7, but R is (1, 20, 5)"),
    "two-directions": (TWO, "has W of shape (1, 20, 3); with direction bidirectional it needs (2, 20, 3)"),
    "parameters": ({"activations": ["Sigmoid", "Tanh", "Tanh"], "activation_alpha": [1.0]}, "more parameters"),
    "half-the-parameters": (
        {"activations": ["HardSigmoid", "Tanh", "Tanh"], "activation_alpha": [1.0]},
        "gives HardSigmoid no beta, but other parameters",
    ),
    "clip": ({"clip": -1.0}, "has the clip -1"),
    "layout": ({"layout": 2}, "has layout 2; it is 0 or 1"),
    "attribute": ({"steps": 2}, "has the attribute 'steps', which the operator has not"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_contradicts_the_operator_is_named(name, tmp_path):
    attributes, said = REFUSED[name]
    in_model = found(tmp_path, model([node(**attributes)], {n: W[n] for n in "WRB"}))
    assert not in_model.layers
    assert said in in_model.not_used[0].why
    assert "'lstm'" in in_model.not_used[0].where


def test_numbers_that_are_not_finite_are_named(tmp_path):
    broken = W["R"].copy()
    broken[0, 0, 0] = np.nan
    in_model = found(tmp_path, model([node()], {"W": W["W"], "R": broken, "B": W["B"]}))
    assert in_model.not_used[0].why == "has NaN or infinity in R"


# Where its weights come from.


def constant(name: str, array) -> object:
    return helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(array, name))


ROUTES = {
    "constant": lambda: through(constant("W", W["W"])),
    "identity": lambda: through(helper.make_node("Identity", ["w"], ["W"]), constants={"w": W["W"]}),
    "unsqueeze": lambda: through(
        helper.make_node("Unsqueeze", ["w", "axes"], ["W"]),
        constants={"w": W["W"][0], "axes": np.array([0])},
    ),
    "transpose": lambda: through(
        helper.make_node("Transpose", ["w"], ["W"], perm=[0, 2, 1]), constants={"w": W["W"].swapaxes(1, 2).copy()}
    ),
    "cast": lambda: through(
        helper.make_node("Cast", ["w"], ["W"], to=onnx.TensorProto.FLOAT), constants={"w": W["W"].astype(np.float64)}
    ),
    "concat-of-slices": lambda: through(
        helper.make_node("Slice", ["w", "zero", "ten", "one"], ["upper"]),
        helper.make_node("Slice", ["w", "ten", "twenty", "one"], ["lower"]),
        helper.make_node("Concat", ["upper", "lower"], ["W"], axis=1),
        constants={"w": W["W"]} | {n: np.array([k]) for n, k in (("zero", 0), ("ten", 10), ("twenty", 20), ("one", 1))},
    ),
}


@pytest.mark.parametrize("route", ROUTES)
def test_weights_are_followed(route, tmp_path):
    assert same_weights(layer(tmp_path, ROUTES[route]()), W, "W", "R", "B")


def test_quantised_weights_are_those_that_the_node_gets(tmp_path):
    stored = np.random.default_rng(1).integers(-100, 100, W["W"].shape).astype(np.int8)
    scale, zero = np.array(0.02, np.float32), np.array(3, np.int8)
    made = through(
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["W"]),
        constants={"w": stored, "scale": scale, "zero": zero},
    )
    read = layer(tmp_path, made)
    expected = ((stored.astype(np.int32) - 3) * scale).astype(np.float32)
    assert same_weights(read, {"W": expected}, "W")


def test_an_initializer_that_is_an_input_too_is_told(tmp_path):
    made = model([node()], {n: W[n] for n in "WRB"}, given={"W": [1, 20, 3]})
    in_model = found(tmp_path, made)
    assert same_weights(in_model.layers[0], W, "W")
    assert in_model.notes == ["'W' is an input with a default: the default is taken"]


def test_a_body_sees_the_weights_around_it(tmp_path):
    result = helper.make_tensor_value_info("Y", onnx.TensorProto.FLOAT, None)
    body = helper.make_graph([node(name="inner")], "body", [], [result])
    branch = helper.make_node("If", ["flag"], ["Y"], name="choice", then_branch=body, else_branch=body)
    in_model = found(tmp_path, model([branch], {n: W[n] for n in "WRB"} | {"flag": np.array(True)}))
    assert [each.where for each in in_model.layers] == [
        "LSTM 'inner', in else_branch of If 'choice'",
        "LSTM 'inner', in then_branch of If 'choice'",
    ]
    assert same_weights(in_model.layers[0], W, "W", "R", "B")


def test_a_function_gets_weights_and_attributes_from_the_node_that_calls_it(tmp_path):
    inner = node(["x", "w", "r"], name="inner")
    inner.output[0] = "y"
    turned = inner.attribute.add()
    turned.name, turned.ref_attr_name, turned.type = "direction", "way", onnx.AttributeProto.STRING
    function = helper.make_function(
        "mine", "Cell", ["x", "w", "r"], ["y"], [inner], [helper.make_opsetid("", 14)], attributes=["way"]
    )
    call = helper.make_node("Cell", ["X", "W", "R"], ["Y"], name="call", domain="mine", way="reverse")
    made = model([call], {n: W[n] for n in "WR"}, functions=[function], domains=["mine"])
    read = layer(tmp_path, made)
    assert read.where == "LSTM 'inner', in function mine.Cell, as 'call' calls it"
    assert read.keys["direction"] == "reverse"
    assert same_weights(read, W, "W", "R")


def test_weights_that_depend_on_an_input_are_named(tmp_path):
    made = model([node()], {n: W[n] for n in "RB"}, given={"W": [1, 20, 3]})
    assert found(tmp_path, made).not_used[0].why == "has weights that are not constant: W: it is the input 'W'"


def test_weights_from_an_operator_that_is_not_followed_are_named(tmp_path):
    made = through(helper.make_node("Sin", ["w"], ["W"], name="wave"), constants={"w": W["W"]})
    assert found(tmp_path, made).not_used[0].why == "has weights that are not constant: W: it comes from Sin 'wave'"


def test_every_input_of_the_operator_is_known():
    schema = onnx.defs.get_schema("LSTM", 22)
    assert tuple(each.name for each in schema.inputs) == INPUTS
    assert set(schema.attributes) | {"output_sequence"} == ATTRIBUTES  # the latter had opset 1
