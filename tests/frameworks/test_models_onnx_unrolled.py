"""What is an LSTM without being the operator LSTM is recognised and named; what is not one is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_files import H, model, weights

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx")

from onnx_layers import found  # noqa: E402

helper = onnx.helper
W = weights()


def test_a_quantised_operator_is_named(tmp_path):
    made = helper.make_node("DynamicQuantizeLSTM", ["X", "W", "R"], ["Y"], name="q", domain="com.microsoft")
    in_model = found(tmp_path, model([made], {n: W[n] for n in "WR"}, domains=["com.microsoft"]))
    assert in_model.not_used[0].where == "DynamicQuantizeLSTM 'q'"
    assert "quantised to 8 bits" in in_model.not_used[0].why


def sigmoid(z: str, name: str) -> list:
    return [helper.make_node("Sigmoid", [z], [name])]


def through_casts(z: str, name: str) -> list:
    """As Keras on torch exports it."""
    make = helper.make_node
    to = onnx.TensorProto.FLOAT
    return [make("Cast", [z], [f"{name}z"], to=to), make("Sigmoid", [f"{name}z"], [f"{name}s"]),
            make("Identity", [f"{name}s"], [name])]  # fmt: skip


def hard_sigmoid(z: str, name: str) -> list:
    """As Keras on TensorFlow exports it: (z + 3) clipped to 0 ... 6, times 1/6."""
    make = helper.make_node
    return [make("Add", [z, "three"], [f"{name}z"]), make("Clip", [f"{name}z", "zero", "six"], [f"{name}c"]),
            make("Mul", [f"{name}c", "sixth"], [name])]  # fmt: skip


CONSTANTS = {name: np.array(value, np.float32) for name, value in
             {"three": 3, "zero": 0, "six": 6, "sixth": 1 / 6}.items()}  # fmt: skip


def cell(n: int, gate=sigmoid) -> list:
    """A cell of single operators, from the state c<n>."""
    make = helper.make_node
    return [
        *(each for name in "ifo" for each in gate(f"z{name}", f"{name}{n}")),
        make("Tanh", ["zg"], [f"g{n}"]),
        make("Mul", [f"f{n}", f"c{n}"], [f"kept{n}"]),
        make("Mul", [f"i{n}", f"g{n}"], [f"new{n}"]),
        make("Add", [f"kept{n}", f"new{n}"], [f"c{n + 1}"]),
        make("Cast", [f"c{n + 1}"], [f"same{n}"], to=onnx.TensorProto.FLOAT),
        make("Tanh", [f"same{n}"], [f"shown{n}"]),
        make("Mul", [f"o{n}", f"shown{n}"], [f"h{n}"]),
    ]


STATE = {name: [1, H] for name in ("zi", "zf", "zo", "zg", "c0")}


@pytest.mark.parametrize("gate", [sigmoid, through_casts, hard_sigmoid])
def test_an_unrolled_lstm_is_recognised(gate, tmp_path):
    nodes = [*cell(0, gate), *cell(1, gate), helper.make_node("Identity", ["h1"], ["Y"])]
    (seen,) = found(tmp_path, model(nodes, CONSTANTS, given=STATE)).not_used
    assert seen.what == "unrolled"
    assert "made of single operators, 2 steps" in seen.why


def test_a_cell_that_a_loop_repeats_is_recognised(tmp_path):
    make, kind = helper.make_tensor_value_info, onnx.TensorProto
    given = [make("n", kind.INT64, []), make("go", kind.BOOL, []), make("c0", kind.FLOAT, [1, H])]
    body = helper.make_graph(
        [*cell(0, hard_sigmoid), helper.make_node("Identity", ["go"], ["on"])],
        "body", given, [make("on", kind.BOOL, []), make("c1", kind.FLOAT, [1, H]), make("h0", kind.FLOAT, [1, H])],
    )  # fmt: skip
    loop = helper.make_node("Loop", ["times", "", "start"], ["last", "Y"], name="while", body=body)
    constants = CONSTANTS | {"times": np.array(3), "start": np.zeros((1, H), np.float32)}
    (seen,) = found(
        tmp_path, model([loop], constants, given={name: [1, H] for name in ("zi", "zf", "zo", "zg")})
    ).not_used
    assert seen.where == "body of Loop 'while'"
    assert "a cell that a loop repeats" in seen.why


def test_a_gru_is_no_lstm(tmp_path):
    made = helper.make_node("GRU", ["X", "W", "R"], ["Y"], hidden_size=H)
    in_model = found(tmp_path, model([made], {"W": W["W"][:, :15], "R": W["R"][:, :15]}))
    assert not in_model.layers
    assert not in_model.not_used
