"""The oracle's outputs against decimal arithmetic, its own answers for parts of a case, and published numbers."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from oracle_cases import PER_ROW, a_case, assert_same, changed, random_arrays, tanh

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays

pytest.importorskip("flint")

from conformance.lstm.oracle import prove

# The equations, written once more: memoised functions of (t, unit) in 60-digit decimals, one batch row


def decimal_lstm(case: Case, arrays: Arrays, b: int) -> tuple[Array, Array]:
    """y (T, H) and c (T, H) of one row of a plain forward layer, each number rounded once, to float64."""
    W, R, b_w, b_r = (arrays.flat[f"weights.{name}.0"] for name in PER_ROW)
    x, h0, c0 = (arrays.flat[f"inputs.{name}"] for name in ("x", "h0", "c0"))
    I_, F_, G_, O_ = range(4)

    def number(value: Any) -> Decimal:
        return Decimal(float(value))

    @cache
    def z(gate: int, t: int, j: int) -> Decimal:
        terms = [number(W[gate, j, k]) * number(x[t, b, k]) for k in range(case.I)]
        terms += [number(R[gate, j, k]) * h(t - 1, k) for k in range(case.H)]
        return sum(terms, number(b_w[gate, j]) + number(b_r[gate, j]))

    def sigma(value: Decimal) -> Decimal:
        return 1 / (1 + (-value).exp())

    @cache
    def c(t: int, j: int) -> Decimal:
        if t < 0:
            return number(c0[0, b, j])
        kept = sigma(z(F_, t, j) + number(case.forget_bias)) * c(t - 1, j)
        return kept + sigma(z(I_, t, j)) * tanh(z(G_, t, j))

    @cache
    def h(t: int, j: int) -> Decimal:
        return number(h0[0, b, j]) if t < 0 else sigma(z(O_, t, j)) * tanh(c(t, j))

    with localcontext(Context(prec=60)):
        cells = [(t, j) for t in range(case.T) for j in range(case.H)]
        y, cs = [float(h(*cell)) for cell in cells], [float(c(*cell)) for cell in cells]
    return np.array(y).reshape(case.T, case.H), np.array(cs).reshape(case.T, case.H)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("T", [1, 2, 5])
def test_against_decimal(T: int, dtype: str) -> None:
    case = a_case(T=T, B=2, I=3, H=4, dtype=dtype, forget_bias=0.3)
    arrays = random_arrays(case, seed=T)
    outputs = prove(case, arrays).outputs
    for b in range(case.B):
        y, c = decimal_lstm(case, arrays, b)
        assert_same(outputs["y"][:, b], y)
        assert_same(outputs["h_n"][0, b], y[-1])
        assert_same(outputs["c_n"][0, b], c[-1])


# Time, directions, lengths, layers, head


def row_alone(case: Case, arrays: Arrays, b: int) -> tuple[Case, Arrays]:
    """Row b without padding, as a case of its own with B = 1 and T its length."""
    assert case.lengths is not None
    alone = case.model_copy(update={"T": case.lengths[b], "B": 1, "lengths": None})
    tensors = {name: array for name, array in arrays.flat.items() if name != "inputs.lengths"}
    tensors["inputs.x"] = tensors["inputs.x"][: alone.T, b : b + 1]
    tensors |= {name: tensors[name][:, b : b + 1] for name in ("inputs.h0", "inputs.c0")}
    return alone, Arrays.from_tensors(tensors)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_a_row_is_the_row_alone(direction: str, layers: int) -> None:
    sizes = {"T": 6, "B": 4, "I": 3, "H": 2, "layers": layers}
    case = a_case(**sizes, direction=direction, lengths=[4, 6, 1, 3], padding=math.nan)
    arrays = random_arrays(case)
    assert np.isnan(arrays.inputs.x).any()
    outputs = prove(case, arrays).outputs
    assert case.lengths is not None
    for b, length in enumerate(case.lengths):
        alone = prove(*row_alone(case, arrays, b)).outputs
        assert_same(outputs["y"][:length, b], alone["y"][:, 0])
        assert_same(outputs["y"][length:, b], np.zeros_like(outputs["y"][length:, b]))
        assert_same(outputs["h_n"][:, b], alone["h_n"][:, 0])
        assert_same(outputs["c_n"][:, b], alone["c_n"][:, 0])


def test_reverse_is_forward_on_the_flipped_sequence() -> None:
    case = a_case(T=5, B=3, I=2, H=3, direction="reverse", lengths=[5, 2, 4])
    arrays = random_arrays(case)
    x = arrays.inputs.x.copy()
    assert case.lengths is not None
    for b, length in enumerate(case.lengths):
        x[:length, b] = x[:length, b][::-1]
    reverse = prove(case, arrays).outputs
    forward = prove(case.model_copy(update={"direction": "forward"}), changed(arrays, x=x)).outputs
    for b, length in enumerate(case.lengths):
        assert_same(reverse["y"][:length, b], forward["y"][:length, b][::-1])
    assert_same(reverse["h_n"], forward["h_n"])
    assert_same(reverse["c_n"], forward["c_n"])


def test_bidirectional_is_both_directions_with_their_own_weights_and_activations() -> None:
    relu = {"gate": {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}, "cell": "relu", "hidden": "softsign"}
    case = a_case(T=4, B=2, I=3, H=2, direction="bidirectional", activations=[{}, relu])
    arrays = random_arrays(case)
    outputs = prove(case, arrays).outputs
    for d, direction in enumerate(("forward", "reverse")):
        tensors = {f"weights.{name}.0": arrays.flat[f"weights.{name}.{d}"] for name in PER_ROW}
        tensors |= {f"inputs.{name}": arrays.flat[f"inputs.{name}"][d : d + 1] for name in ("h0", "c0")}
        one = case.model_copy(update={"direction": direction, "activations": case.activations[d : d + 1]})
        alone = prove(one, Arrays.from_tensors({**tensors, "inputs.x": arrays.inputs.x})).outputs
        assert_same(outputs["y"][..., 2 * d : 2 * d + 2], alone["y"])
        assert_same(outputs["h_n"][d], alone["h_n"][0])
        assert_same(outputs["c_n"][d], alone["c_n"][0])


def test_two_layers_are_two_single_layers_in_a_row() -> None:
    case = a_case(T=4, B=3, I=3, H=2, layers=2, direction="bidirectional", dtype="float64", lengths=[2, 4, 3])
    arrays = random_arrays(case)
    outputs = prove(case, arrays).outputs
    x = arrays.inputs.x
    for layer in range(2):
        rows = slice(2 * layer, 2 * layer + 2)
        flat, places = arrays.flat, [(name, d) for name in PER_ROW for d in range(2)]
        tensors = {f"weights.{name}.{d}": flat[f"weights.{name}.{2 * layer + d}"] for name, d in places}
        states = {f"inputs.{name}": flat[f"inputs.{name}"][rows] for name in ("h0", "c0")}
        single = case.model_copy(update={"layers": 1, "I": x.shape[-1]})
        given = {"inputs.x": x, "inputs.lengths": arrays.flat["inputs.lengths"]}
        alone = prove(single, Arrays.from_tensors(tensors | states | given)).outputs
        # The second layer sees y rounded to float64, hence not bit for bit: 2 ulp of the largest numbers.
        for name in ("h_n", "c_n"):
            difference = outputs[name][rows] - alone[name]
            assert np.abs(difference).max() <= 2 * np.spacing(np.abs(alone[name]).max())
        x = alone["y"]
    assert np.abs(outputs["y"] - x).max() <= 2 * np.spacing(np.abs(x).max())


def test_absent_states_are_zeros_and_a_stream_is_its_whole_sequence() -> None:
    case = a_case(T=4, B=2, I=3, H=2, h0=None, c0=None)
    arrays = random_arrays(case)
    zeros = np.zeros((1, 2, 2), np.float32)
    wanted = prove(a_case(T=4, B=2, I=3, H=2), changed(arrays, h0=zeros, c0=zeros)).outputs
    blocks = case.model_copy(update={"blocks": (1, 3)})
    for outputs in (prove(case, arrays).outputs, prove(blocks, arrays).outputs):
        for name, array in wanted.items():
            assert_same(outputs[name], array)


@pytest.mark.parametrize("after", ["every_step", "last_step"])
def test_head(after: str) -> None:
    """y is made of exact numbers (linear activations, small dyadic weights), so the logits are Fractions."""
    linear = {"gate": "linear", "cell": "linear", "hidden": "linear"}
    case = a_case(T=2, B=3, I=1, H=2, activations=linear, head={"O": 5, "after": after}, dtype="float64")
    arrays = random_arrays(case)
    small = {name: np.round(array * 4) / 4 for name, array in arrays.flat.items() if "y" not in name}
    arrays = Arrays.from_tensors({**arrays.flat, **small})
    outputs = prove(case, arrays).outputs
    W_y, b_y = arrays.flat["weights.W_y"], arrays.flat["weights.b_y"]
    seen = outputs["y"] if after == "every_step" else outputs["y"][-1]
    wanted = [
        float(sum((Fraction(w) * Fraction(v) for w, v in zip(row, y, strict=True)), Fraction(bias)))
        for y in seen.reshape(-1, 2).tolist()
        for row, bias in zip(W_y.tolist(), b_y.tolist(), strict=True)
    ]
    assert_same(outputs["logits"], np.array(wanted).reshape(case.outputs["logits"]))


def test_logits_in_padding_are_the_bias() -> None:
    case = a_case(T=3, B=2, I=1, H=2, lengths=[1, 3], head={"O": 2}, padding=math.nan)
    arrays = random_arrays(case)
    assert arrays.weights.b_y is not None
    assert prove(case, arrays).outputs["logits"][1:, 0].tolist() == [arrays.weights.b_y.tolist()] * 2


# Published numbers


def test_tensorflow_constant_half() -> None:
    """TensorFlow's rnn_cell tests: all 0.5, forget_bias 1; the digits are those computed by hand in NumPy."""
    case = a_case(I=3, H=2, forget_bias=1.0, dtype="float64")
    tensors = {f"weights.{name}": np.full(shape, 0.5) for name, shape in case.weight_shapes.items()}
    tensors["weights.b_r.0"] = np.zeros((4, 2))
    states = {"inputs.h0": np.array([[[0.2, 0.3]]]), "inputs.c0": np.array([[[0.0, 0.1]]])}
    outputs = prove(case, Arrays.from_tensors({**tensors, **states, "inputs.x": np.ones((1, 1, 3))})).outputs
    assert [f"{v:.8f}" for v in outputs["h_n"].flat] == ["0.64121796", "0.68166811"]
    assert [f"{v:.8f}" for v in outputs["c_n"].flat] == ["0.88477185", "0.98103916"]


def test_tensorflow_two_layers() -> None:
    """TensorFlow's rnn_cell tests: two cells, weights 0.5, bias 0, forget_bias 1, states 0.1."""
    case = a_case(I=2, H=2, layers=2, forget_bias=1.0, bias=False, dtype="float64")
    tensors = {f"weights.{name}": np.full(shape, 0.5) for name, shape in case.weight_shapes.items()}
    tensors |= {f"inputs.{name}": np.full((2, 1, 2), 0.1) for name in ("h0", "c0")}
    outputs = prove(case, Arrays.from_tensors({**tensors, "inputs.x": np.ones((1, 1, 2))})).outputs
    assert [f"{v:.8f}" for v in outputs["h_n"].flat] == ["0.44848430"] * 2 + ["0.24024707"] * 2
    assert [f"{v:.8f}" for v in outputs["c_n"].flat] == ["0.68967280"] * 2 + ["0.39897059"] * 2


def test_torch_two_hundred_parameters() -> None:
    """nn.LSTM(3, 5) whose parameters are 0.01, 0.02, ... 2.00; (1, 2, 3), (4, 5, 6)."""
    case = a_case(T=2, I=3, H=5, h0=None, c0=None)
    numbers = (np.arange(1, 201) / 100).astype(np.float32)
    W, R, b_w, b_r = np.split(numbers, [60, 160, 180])
    tensors = {
        "weights.W.0": W.reshape(4, 5, 3),
        "weights.R.0": R.reshape(4, 5, 5),
        "weights.b_w.0": b_w.reshape(4, 5),
        "weights.b_r.0": b_r.reshape(4, 5),
        "inputs.x": np.arange(1, 7, dtype=np.float32).reshape(2, 1, 3),
    }
    outputs = prove(case, Arrays.from_tensors(tensors)).outputs
    assert [f"{v:.4f}" for v in outputs["h_n"].flat] == ["0.9618", "0.9623", "0.9626", "0.9629", "0.9631"]
    assert [f"{v:.4f}" for v in outputs["c_n"].flat] == ["1.9700", "1.9760", "1.9807", "1.9843", "1.9872"]
