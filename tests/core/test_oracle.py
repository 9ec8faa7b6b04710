"""The oracle against exact arithmetic, decimal arithmetic, itself in other shapes, and published numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.options import ActivationName
from conformance.case.tensors import Array, Arrays

flint = pytest.importorskip("flint")

from conformance.lstm.oracle import prove  # noqa: E402 - needs flint
from conformance.lstm.oracle.forward import evaluate  # noqa: E402
from conformance.lstm.oracle.rounding import Undecided, nearest, round_dyadic  # noqa: E402

LARGEST = float(np.finfo(np.float64).max)
PER_ROW = ("W", "R", "b_w", "b_r")


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "test/oracle", "T": 1, "B": 1, "I": 1, "H": 1, **fields})


def random_arrays(case: Case, seed: int = 0, gain: float = 1.5) -> Arrays:
    """Arrays of a case from NumPy's generator; padding is the case's own."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}
    for name, shape in case.weight_shapes.items():
        bound = gain / math.sqrt(shape[-1]) if name[0] in "WR" else 1.0
        tensors[f"weights.{name}"] = rng.uniform(-bound, bound, shape).astype(case.np_dtype)
    for name, shape in case.input_shapes.items():
        tensors[f"inputs.{name}"] = rng.uniform(-2, 2, shape).astype(case.np_dtype)
    if case.lengths is not None:
        tensors["inputs.lengths"] = np.array(case.lengths, np.int64)
        for b, length in enumerate(case.lengths):
            tensors["inputs.x"][length:, b] = case.padding
    return Arrays.from_tensors(tensors)


def changed(arrays: Arrays, **inputs: Array) -> Arrays:
    return Arrays.from_tensors({**arrays.flat, **{f"inputs.{name}": array for name, array in inputs.items()}})


def assert_same(got: Array, wanted: Array) -> None:
    """Equal in every bit, so that -0.0 is not 0.0."""
    assert got.dtype == np.float64
    assert got.shape == wanted.shape
    assert got.tobytes() == np.ascontiguousarray(wanted, np.float64).tobytes()


# The rounding proof


@pytest.mark.parametrize("exponent", [-1200, -1140, -1080, -1075, -1074, -1073, -60, 0, 40, 900, 960, 1020])
def test_round_dyadic_is_correct_rounding(exponent: int) -> None:
    rng = random.Random(exponent)
    for bits in (1, 2, 10, 52, 53, 54, 55, 64, 130):
        for low in (0, 1, 2, 3):  # also values just beside a tie
            man = ((rng.getrandbits(bits) | 1) << 3) - 4 + low
            for signed in (man, -man):
                try:
                    wanted = float(Fraction(signed) * Fraction(2) ** exponent)
                except OverflowError:
                    wanted = math.copysign(math.inf, signed)
                assert round_dyadic(signed, exponent) == wanted


@pytest.mark.parametrize(
    ("man", "exp", "wanted"),
    [
        (2**53 + 1, -53, 1.0),  # tie, down to even
        (2**53 + 3, -53, 1.0 + 2**-51),  # tie, up to even
        (2**54 - 1, -54, 1.0),  # tie that carries into the next power of two
        (1, -1074, 5e-324),
        (1, -1075, 0.0),  # tie between 0 and the smallest subnormal
        (3, -1076, 5e-324),
        (3, -1075, 1e-323),  # tie between subnormals 1 and 2
        (2**53 - 1, -1075, 2.0**-1022),  # tie that carries from subnormal to normal
        (2**53 - 1, 971, LARGEST),
        (2**55 - 3, 969, LARGEST),  # a quarter of a step below the tie
        (2**54 - 1, 970, math.inf),  # tie between the largest and 2**1024
        (1, 1024, math.inf),
    ],
)
def test_round_dyadic_at_the_borders(man: int, exp: int, wanted: float) -> None:
    assert round_dyadic(man, exp) == wanted
    assert round_dyadic(-man, exp) == -wanted


def test_zero_has_no_sign() -> None:
    assert [math.copysign(1.0, round_dyadic(man, -1080)) for man in (0, 1, -1)] == [1.0, 1.0, 1.0]
    assert math.copysign(1.0, nearest(flint.arb(0, 2.0**-1074) / 4)) == 1.0
    assert math.copysign(1.0, nearest(flint.arb(-0.0))) == 1.0


def dyadic(man: int, exp: int, radius_exp: int | None = None) -> Any:
    """The ball man * 2**exp +- 2**radius_exp."""
    mid = flint.arb((man, exp))
    return mid if radius_exp is None else flint.arb(mid, flint.arb((1, radius_exp)))


@pytest.mark.parametrize(
    ("ball", "wanted"),
    [
        (dyadic(1, 0, -60), 1.0),
        (dyadic(2**53 + 1, -53), 1.0),  # an exact tie is a number like any other
        (dyadic(2**53 + 3, -53), 1.0 + 2**-51),
        (dyadic(1, -1074, -1076), 5e-324),
        (dyadic(0, 0, -1076), 0.0),
        (dyadic(-1, -1077, -1077), 0.0),
        (dyadic(2**53 - 1, 971, 960), LARGEST),
        (dyadic(-1, 1030, 900), -math.inf),
        (dyadic(1, 10**40, 10**39), math.inf),
        (dyadic(3, -(10**40), -(10**50)), 0.0),
        (dyadic(1, 0, -(10**40)), 1.0),
        (dyadic(0, 0, -(10**40)), 0.0),
        (dyadic(1, -(10**40), -1077), 0.0),
    ],
)
def test_nearest_accepts(ball: Any, wanted: float) -> None:
    assert nearest(ball) == wanted


@pytest.mark.parametrize(
    "ball",
    [
        dyadic(2**53 + 1, -53, -300),  # a tie, but not exactly
        dyadic(2**53 + 1, -53, -(10**40)),
        dyadic(1, 0, -52),
        dyadic(1, -1075, -2000),  # tie between 0 and the smallest subnormal
        dyadic(0, 0, -1074),
        dyadic(1, -(10**40), -1075),  # reaches a little beyond the tie
        dyadic(2**54 - 1, 970, 0),  # may overflow, may not
        dyadic(1, 10**40, 10**40),
        dyadic(1, 0, 10**40),
        flint.arb.nan(),
        flint.arb.pos_inf(),
    ],
)
def test_nearest_refuses(ball: Any) -> None:
    with pytest.raises(Undecided):
        nearest(ball)


# Activations: c_n = G(x) when i = 1, f = 0, and G is the one under test


def through_cell(activation: Any, x: list[float]) -> list[float]:
    linear = {"gate": "linear", "cell": activation, "hidden": "linear"}
    case = a_case(B=len(x), dtype="float64", activations=linear, h0=None, c0=None)
    tensors = {
        "weights.W.0": np.array([0.0, 0.0, 1.0, 0.0]).reshape(4, 1, 1),
        "weights.R.0": np.zeros((4, 1, 1)),
        "weights.b_w.0": np.array([1.0, 0.0, 0.0, 1.0]).reshape(4, 1),
        "weights.b_r.0": np.zeros((4, 1)),
        "inputs.x": np.array(x).reshape(1, -1, 1),
    }
    outputs = prove(case, Arrays.from_tensors(tensors)).outputs
    assert_same(outputs["c_n"], outputs["y"])
    result: list[float] = outputs["c_n"].ravel().tolist()
    return result


XS = [
    -1000.0,
    -746.0,
    -30.3,
    -2.5,
    -1.0,
    -0.3,
    -(2.0**-40),
    0.0,
    2.0**-40,
    0.1,
    1.0,
    2.5,
    30.3,
    746.0,
    1000.0,
]
THIRD, SIXTH, SLOPE = 1.0 / 3.0, 1.0 / 6.0, 1.7159


def exactly(function: Callable[[Fraction], Fraction]) -> list[float]:
    return [float(function(Fraction(x))) for x in XS]


def in_decimal(function: Callable[[Decimal], Decimal]) -> list[float]:
    # 900 digits: 1 + e^-1000 needs 435 of them before its logarithm has any.
    with localcontext(Context(prec=900)):
        return [float(function(Decimal(x))) for x in XS]


def tanh(x: Decimal) -> Decimal:
    up, down = x.exp(), (-x).exp()
    return (up - down) / (up + down)


RATIONAL: list[tuple[Any, Callable[[Fraction], Fraction]]] = [
    ("linear", lambda x: x),
    ("relu", lambda x: x if x > 0 else Fraction(0)),
    ("softsign", lambda x: x / (1 + abs(x))),
    ({"name": "affine", "alpha": THIRD, "beta": 0.1}, lambda x: Fraction(THIRD) * x + Fraction(0.1)),
    ({"name": "leaky_relu", "alpha": 0.01}, lambda x: x if x >= 0 else Fraction(0.01) * x),
    ({"name": "leaky_relu", "alpha": -3.0}, lambda x: x if x >= 0 else -3 * x),
    ({"name": "thresholded_relu", "alpha": 1.0}, lambda x: x if x >= 1 else Fraction(0)),
    ({"name": "thresholded_relu", "alpha": -1.0}, lambda x: x if x >= -1 else Fraction(0)),
    (
        {"name": "hard_sigmoid", "alpha": SIXTH, "beta": 0.5},
        lambda x: min(max(Fraction(SIXTH) * x + Fraction(1, 2), Fraction(0)), Fraction(1)),
    ),
    (
        {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5},
        lambda x: min(max(Fraction(0.2) * x + Fraction(1, 2), Fraction(0)), Fraction(1)),
    ),
]
TRANSCENDENTAL: list[tuple[Any, Callable[[Decimal], Decimal]]] = [
    ("sigmoid", lambda x: 1 / (1 + (-x).exp())),
    ("tanh", tanh),
    (
        {"name": "scaled_tanh", "alpha": SLOPE, "beta": THIRD},
        lambda x: Decimal(SLOPE) * tanh(Decimal(THIRD) * x),
    ),
    ({"name": "elu", "alpha": SIXTH}, lambda x: x if x >= 0 else Decimal(SIXTH) * (x.exp() - 1)),
    ("softplus", lambda x: (1 + x.exp()).ln()),
]


def name_of(activation: Any) -> str | None:
    if isinstance(activation, dict):
        return str(activation["name"])
    return activation if isinstance(activation, str) else None


@pytest.mark.parametrize(("activation", "wanted"), RATIONAL, ids=name_of)
def test_rational_activations(activation: Any, wanted: Callable[[Fraction], Fraction]) -> None:
    assert through_cell(activation, XS) == exactly(wanted)


@pytest.mark.parametrize(("activation", "wanted"), TRANSCENDENTAL, ids=name_of)
def test_transcendental_activations(activation: Any, wanted: Callable[[Decimal], Decimal]) -> None:
    assert through_cell(activation, XS) == in_decimal(wanted)


def test_every_activation_is_tested() -> None:
    tested = {name_of(activation) for activation, _ in RATIONAL + TRANSCENDENTAL}
    assert tested == set(get_args(ActivationName))


@pytest.mark.parametrize(
    ("activation", "wanted"),
    [
        ("sigmoid", [0.0, 0.0, 1.0, 1.0]),
        ("tanh", [-1.0, -1.0, 1.0, 1.0]),
        ("softsign", [-1.0, -1.0, 1.0, 1.0]),
        ("softplus", [0.0, 0.0, 1e30, 1e300]),
        ({"name": "elu", "alpha": 2.0}, [-2.0, -2.0, 1e30, 1e300]),
        ({"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}, [0.0, 0.0, 1.0, 1.0]),
        ({"name": "scaled_tanh", "alpha": 2.0, "beta": 3.0}, [-2.0, -2.0, 2.0, 2.0]),
    ],
    ids=name_of,
)
def test_activations_of_enormous_numbers(activation: Any, wanted: list[float]) -> None:
    assert through_cell(activation, [-1e300, -1e30, 1e30, 1e300]) == wanted


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


# Saturation, cancellation, chaos: what needs more bits, and what no number of bits decides


def gate_inputs(case: Case, z: list[list[float]], **inputs: Array) -> Arrays:
    """Arrays with W = R = 0, so that the pre-activations are the biases z (4, H)."""
    tensors = {f"weights.{name}": np.zeros(shape) for name, shape in case.weight_shapes.items()}
    tensors["weights.b_w.0"] = np.array(z)
    tensors["inputs.x"] = np.zeros(case.input_shapes["x"])
    return changed(Arrays.from_tensors(tensors), **inputs)


@pytest.mark.parametrize("size", [1000.0, 1e30, 1e300])
def test_saturated_gates(size: float) -> None:
    case = a_case(T=3, H=4, dtype="float64", h0=None)
    up, down = size, -size
    #        open, then: keep c      write +1 each step   write -1        shut
    z = [[down, up, up, down], [up, up, down, down], [up, up, down, up], [up, up, up, down]]
    arrays = gate_inputs(case, z, c0=np.array([[[0.75, 0.5, 0.25, 0.125]]]))
    proof = prove(case, arrays)
    assert proof.outputs["c_n"].tolist() == [[[0.75, 3.5, -1.0, 0.0]]]
    with localcontext(Context(prec=60)):
        wanted = [float(tanh(Decimal(c))) for c in (0.75, 3.5, -1.0, 0.0)]
    assert_same(proof.outputs["h_n"], np.array([[wanted]]))
    assert proof.bits == 128


def test_a_zero_by_cancellation_is_proven_with_more_bits() -> None:
    """c = S(0.3) * 1 + S(0.3) * -1: the ball around 0 must be smaller than any subnormal."""
    case = a_case(dtype="float64", h0=None, activations={"cell": "linear"})
    arrays = gate_inputs(case, [[0.3], [0.3], [-1.0], [0.3]], c0=np.ones((1, 1, 1)))
    proof = prove(case, arrays, first_bits=256)
    assert_same(proof.outputs["c_n"], np.zeros((1, 1, 1)))
    assert proof.bits == 2048


@pytest.mark.parametrize(
    ("hidden", "wanted"),
    [
        ({"name": "thresholded_relu", "alpha": 1.0}, 0.0),
        ({"name": "thresholded_relu", "alpha": float(np.nextafter(1.0, 0.0))}, 1.0),
    ],
)
def test_a_ball_across_a_border_takes_both_branches(hidden: Any, wanted: float) -> None:
    """c = S(1000) is 1 less about 2**-1443: below the threshold 1, which 128 bits cannot tell."""
    case = a_case(dtype="float64", h0=None, c0=None, activations={"cell": "linear", "hidden": hidden})
    proof = prove(case, gate_inputs(case, [[1000.0], [0.0], [1.0], [1000.0]]))
    assert proof.outputs["y"].tolist() == [[[wanted]]]
    assert proof.bits == (128 if wanted else 2048)


def test_a_tie_that_is_not_computed_exactly_is_refused() -> None:
    """logits = S(0.3) + S(-0.3) + 2**-53 = 1 + 2**-53, halfway between two float64."""
    case = a_case(H=2, dtype="float64", h0=None, activations={"hidden": "linear"}, head={"O": 1})
    far = 2.0**20  # S(far) is 1 less about 2**-1512775
    z = [[-far, -far], [far, far], [0.0, 0.0], [0.3, -0.3]]
    arrays = gate_inputs(case, z, c0=np.ones((1, 1, 2)))
    head = {"weights.W_y": np.ones((1, 2)), "weights.b_y": np.array([2.0**-53])}
    with pytest.raises(GenerationError, match=r"test/oracle: still undecided with 512 bits: logits\[0, 0, 0\]"):
        prove(case, Arrays.from_tensors({**arrays.flat, **head}), most_bits=512)


def test_chaos_takes_more_bits_and_gives_the_same_numbers() -> None:
    case = a_case(T=150, I=2, H=12)
    arrays = random_arrays(case, gain=2.0)
    proof = prove(case, arrays, first_bits=64)
    assert proof.bits == 256
    again = prove(case, arrays, first_bits=1024)
    assert again.bits == 1024
    for name, array in proof.outputs.items():
        assert_same(again.outputs[name], array)
    with pytest.raises(Undecided, match="of 150 steps"):
        evaluate(case, arrays, 64)


def test_balls_hold_the_proven_numbers_at_every_precision() -> None:
    case = a_case(T=3, B=2, I=2, H=3, dtype="float64")
    arrays = random_arrays(case)
    fine, coarse = evaluate(case, arrays, 512), evaluate(case, arrays, 80)
    assert all(wide.contains(narrow) for wide, narrow in zip(coarse["y"].flat, fine["y"].flat, strict=True))


# What is refused


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["weights.W.0", "weights.b_r.0", "inputs.x", "inputs.h0", "inputs.c0"])
def test_numbers_that_are_not_finite_are_refused(name: str, bad: float) -> None:
    case = a_case(T=2, I=2, H=2)
    arrays = random_arrays(case)
    arrays.flat[name].flat[-1] = bad
    with pytest.raises(GenerationError, match=f"{name.split('.', 1)[1]} holds NaN or infinity"):
        prove(case, arrays)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"inputs.x": np.zeros((2, 2, 1), np.float32)}, r"x is \(2, 2, 1\), not \(3, 2, 1\)"),
        ({"inputs.h0": np.zeros((1, 1, 1), np.float32)}, r"h0 is \(1, 1, 1\), not \(1, 2, 1\)"),
        ({"weights.R.0": np.zeros((4, 1, 1), np.longdouble)}, r"R.0 has dtype .*, not one of float16"),
        ({"inputs.lengths": np.array([1, 3])}, "the case has lengths None, but its arrays have"),
        ({f"weights.{name}.1": np.zeros((4, 1, 1)) for name in "WR"}, "has weights for 2 rows, needs 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tensors: dict[str, Array], message: str) -> None:
    case = a_case(T=3, B=2)
    with pytest.raises(GenerationError, match=message):
        prove(case, Arrays.from_tensors({**random_arrays(case).flat, **tensors}))


def test_a_state_only_the_arrays_have_is_refused() -> None:
    case = a_case()
    with pytest.raises(GenerationError, match="c0 is in the case or in its arrays, but not in both"):
        prove(case.model_copy(update={"c0": None}), random_arrays(case))


def test_overflow_is_refused() -> None:
    linear = {"gate": "linear", "cell": "linear", "hidden": "linear"}
    case = a_case(dtype="float64", h0=None, c0=None, activations=linear)
    with pytest.raises(GenerationError, match=r"y\[0, 0, 0\] is beyond the largest float64"):
        prove(case, gate_inputs(case, [[1e200], [0.0], [1e200], [1.0]]))


def test_working_precision_is_restored() -> None:
    case = a_case(T=2, B=1, I=2, H=2)
    before = flint.ctx.prec
    prove(case, random_arrays(case))
    with pytest.raises(GenerationError):
        prove(case, random_arrays(case), first_bits=20, most_bits=20)
    assert flint.ctx.prec == before


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
