"""The graph that ONNX's engines are given. It is tested directly, because some engines ignore parts of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from agreement import Fields, question
from topics import BATCH_MAJOR, BIDIRECTIONAL, COUPLED, GATE_CLIP, NO_STATES, ONE_FOR_EACH

from conformance.adapters import onnx_model
from conformance.adapters.onnxruntime_lstm import Engine
from conformance.case.errors import UnsupportedOption
from conformance.case.tensors import Array

pytestmark = pytest.mark.onnx

HARD_SIGMOID: Fields = {"name": "hard_sigmoid", "defaults": "onnx"}


def model_of(fields: Fields) -> Any:
    pytest.importorskip("onnx")
    case, weights = question(fields).case, question(fields).arrays.weights
    return onnx_model.build(case, weights, case.h0 is not None, case.c0 is not None)


def node(fields: Fields) -> tuple[dict[str, Any], list[str]]:
    """Attributes and inputs of the last LSTM node of a case's model."""
    onnx = pytest.importorskip("onnx")
    last = [node for node in model_of(fields).graph.node if node.op_type == "LSTM"][-1]
    return {a.name: onnx.helper.get_attribute_value(a) for a in last.attribute}, list(last.input)


def constants(fields: Fields) -> dict[str, Array]:
    onnx = pytest.importorskip("onnx")
    return {c.name: onnx.numpy_helper.to_array(c) for c in model_of(fields).graph.initializer}


def test_what_is_at_its_default_is_left_out() -> None:
    attributes, inputs = node({"bias": False} | NO_STATES)
    assert attributes == {"direction": b"forward", "hidden_size": 6}
    assert inputs == ["x", "W.0", "R.0"]


def test_only_the_state_that_is_there_is_an_input() -> None:
    assert node({"h0": None, "layers": 2})[1] == ["y.0", "W.1", "R.1", "B.1", "", "", "c0.1"]
    assert node({"c0": None, "lengths": (1, 2, 3)})[1] == ["x", "W.0", "R.0", "B.0", "lengths", "h0.0"]


def test_peepholes_are_the_last_input_in_the_order_i_o_f() -> None:
    fields: Fields = {"peephole": True, "bias": False} | NO_STATES | BIDIRECTIONAL
    assert node(fields)[1] == ["x", "W.0", "R.0", "", "", "", "", "P.0"]
    rows = question(fields).arrays.weights.rows
    peepholes = [row.peephole[[0, 2, 1]].ravel() for row in rows if row.peephole is not None]
    assert np.array_equal(constants(fields)["P.0"], np.stack(peepholes))


@pytest.mark.parametrize(
    ("fields", "attribute"),
    [
        ({}, {}),
        (GATE_CLIP, {"clip": 0.5}),
        ({"gate_clip": {"bound": 0.5, "reading": "all"}}, {"clip": 0.5}),
        (COUPLED, {"input_forget": 1}),
        (BATCH_MAJOR, {"layout": 1}),
    ],
    ids=str,
)
def test_each_option_has_its_attribute(fields: Fields, attribute: dict[str, Any]) -> None:
    assert node(fields)[0] == {"direction": b"forward", "hidden_size": 6} | attribute


def test_the_parameters_of_those_activations_that_take_them_are_packed() -> None:
    attributes, _ = node({"activations": ONE_FOR_EACH} | BIDIRECTIONAL)
    names = [b"HardSigmoid", b"LeakyRelu", b"ScaledTanh", b"Affine", b"Elu", b"ThresholdedRelu"]
    assert attributes["activations"] == names
    assert attributes["activation_alpha"] == [0.25] * 6
    assert attributes["activation_beta"] == [0.375] * 3


def test_each_direction_has_its_activations() -> None:
    attributes, _ = node({"activations": {"cell": "linear"}} | BIDIRECTIONAL)
    assert attributes["activations"] == [b"Sigmoid", b"Affine", b"Tanh"] * 2
    assert attributes["activation_alpha"] == [1.0, 1.0]
    assert attributes["activation_beta"] == [0.0, 0.0]


def test_parameters_at_their_defaults_are_left_out() -> None:
    chosen = {place: {"name": name, "defaults": "onnx"} for place, name in (("cell", "elu"), ("hidden", "leaky_relu"))}
    attributes, _ = node({"activations": chosen})
    assert attributes.keys() == {"direction", "hidden_size", "activations"}
    assert attributes["activations"] == [b"Sigmoid", b"Elu", b"LeakyRelu"]


def test_a_parameter_is_rounded_to_float32_where_that_is_the_format() -> None:
    given = {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}
    assert node({"activations": {"gate": given}})[0]["activation_alpha"] == [pytest.approx(0.2)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"activations": {"gate": HARD_SIGMOID, "hidden": "linear"}}, "ONNX expresses linear as Affine"),
        (
            {"activations": {"gate": {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}}, "dtype": "float64"},
            r"activation_alpha as float32",
        ),
        (
            {"activations": {"gate": HARD_SIGMOID}, "dtype": "float64"},
            r"activation_alpha as float32",
        ),
        (
            {"gate_clip": {"bound": 0.1, "reading": "all"}, "dtype": "float64"},
            r"clip as float32",
        ),
    ],
)
def test_what_the_operator_cannot_say_is_refused(fields: Fields, reason: str) -> None:
    with pytest.raises(UnsupportedOption, match=reason):
        node(fields)


@pytest.mark.parametrize(
    ("dtype", "reason"), [("float64", "LSTM operator does not support double yet"), ("bfloat16", "NOT_IMPLEMENTED")]
)
def test_onnxruntime_still_has_no_other_formats(dtype: str, reason: str) -> None:
    """The adapter's capabilities repeat what onnxruntime says about itself."""
    pytest.importorskip("onnxruntime")
    asked = question({"dtype": dtype})
    with pytest.raises(Exception, match=reason):
        Engine("cpu").load(model_of({"dtype": dtype}).SerializeToString())(
            onnx_model.feeds(asked.arrays.inputs, np.dtype(np.int32))
        )
