"""Every option of the cell and of a sequence: oracle and reference against plain loops, fractions, and rows alone."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_lstm import in_float64, plain_lstm

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.verdict.noise import noise

pytest.importorskip("flint")

from conformance.lstm.oracle import prove

LINEAR = {"gate": "linear", "cell": "linear", "hidden": "linear"}
CLIP = {"bound": 0.7, "reading": "gates"}


def a_case(**fields: Any) -> Case:
    sizes = {"T": 5, "B": 3, "I": 2, "H": 4}
    return Case.model_validate({"id": "test/options", "dtype": "float64", "seed": 3} | sizes | fields)


def by_oracle(case: Case, arrays: Arrays) -> Outputs:
    return dict(prove(case, arrays).outputs)


def by_reference(case: Case, arrays: Arrays) -> Outputs:
    return Reference(case).run(arrays)


WITNESSES = [by_oracle, by_reference]
Witness = Callable[[Case, Arrays], Outputs]


def worst(got: Outputs, wanted: Outputs, scale: Outputs) -> float:
    assert got.keys() == wanted.keys()
    return max(float(np.max(noise(got[n], wanted[n], scale[n], "float64"), initial=0.0)) for n in got)


# Against plain loops. Each option stands with the fields without which it is nothing; taking it away must be noticed.

OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"peephole": True}, {}),
    ({"peephole": True}, {"direction": "bidirectional", "layers": 2, "lengths": [2, 5, 3]}),
    ({"gate_clip": CLIP}, {}),
    ({"gate_clip": CLIP}, {"peephole": True, "direction": "reverse"}),
    ({"gate_clip": {"bound": 0.4, "reading": "all"}}, {"peephole": True, "forget_bias": 0.5}),
    ({"cell_clip": 0.5}, {}),
    ({"cell_clip": 0.5}, {"peephole": True, "direction": "bidirectional"}),
    ({"cell_clip": 0.5}, {"gate_clip": {"bound": 0.4, "reading": "all"}, "peephole": True}),
    ({"P": 3}, {}),
    ({"P": 3}, {"layers": 2, "direction": "bidirectional", "lengths": [2, 5, 3], "head": {"O": 2}}),
    ({"P": 6}, {"peephole": True}),
    ({"projection_bias": True}, {"P": 3, "layers": 2}),
    ({"projection_clip": 0.3}, {"P": 3}),
    ({"projection_clip": 0.3}, {"P": 3, "projection_bias": True, "direction": "reverse"}),
    ({"coupling": "forget=1-input"}, {}),
    ({"coupling": "forget=1-input"}, {"peephole": True, "gate_clip": CLIP}),
    ({"coupling": "input=1-forget"}, {}),
    ({"coupling": "input=1-forget"}, {"peephole": True, "forget_bias": 0.5, "cell_clip": 0.5}),
    ({"layer_norm": "basic-lstm-cell"}, {"bias": False}),
    ({"layer_norm": "basic-lstm-cell"}, {"bias": False, "forget_bias": 1.0, "layers": 2, "direction": "bidirectional"}),
    ({"layer_norm": "nnapi"}, {}),
    ({"layer_norm": "nnapi"}, {"bias": False}),
    ({"layer_norm": "nnapi"}, {"peephole": True, "coupling": "input=1-forget", "P": 3, "projection_bias": True}),
    ({"layer_norm": "nnapi"}, {"cell_clip": 0.5, "projection_clip": 0.3, "P": 3, "forget_bias": 0.5}),
    ({"forget_bias": 1.0}, {"layer_norm": "nnapi", "peephole": True}),
    ({"peephole": True}, {"layer_norm": "nnapi"}),
    ({"lengths": [0, 5, 0]}, {}),
    ({"lengths": [3, 0, 1]}, {"direction": "bidirectional", "layers": 2, "padding": math.nan, "head": {"O": 2}}),
    ({"skip": [[1], [], [0, 3, 4]]}, {"direction": "bidirectional", "layers": 2, "padding": math.nan}),
    ({"skip": [[1, 2], [0], [0, 1, 2, 3, 4]]}, {"lengths": [4, 5, 2], "direction": "reverse", "h0": None}),
    ({"activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}}}, {"peephole": True, "cell_clip": 0.5}),
]


@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize(("option", "others"), OPTIONS, ids=str)
def test_an_option_agrees_with_plain_loops_and_makes_a_difference(
    option: dict[str, Any], others: dict[str, Any], witness: Witness
) -> None:
    case = a_case(**option, **others)
    arrays = make_arrays(case)
    wanted, scale = plain_lstm(case, arrays), kappa(case, arrays)
    got = witness(case, arrays)
    assert worst(got, wanted, scale) <= 16
    assert {name: array.shape for name, array in got.items()} == case.outputs
    if witness is by_reference and not {"P", "layer_norm"} & option.keys():  # without these the weights are others
        without = a_case(**others)
        before = witness(without, make_arrays(without))
        assert worst(before, got, scale) > 1e6


def numbers(given: list[float] | float, shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(np.array(given, np.float64), shape).copy()


def one_unit(**fields: Any) -> tuple[Case, Arrays]:
    """T = 2, one row, H = 1, all linear, dyadic numbers: every answer is a rational number that float64 holds.

    x = 1, 3; W = 1/2, 1/4, -1, 1/2 for i, f, g, o; R = 1/4, -1/2, 1/2, 1; b_w = 1/2, b_r = -1/4; h0 = 1/2, c0 = 2;
    peephole 1/2, -1/4, 1; projection 2, its bias -1/4.
    """
    case = a_case(**{"T": 2, "B": 1, "I": 1, "H": 1, "activations": LINEAR} | fields)
    values = {
        "W": [[[0.5]], [[0.25]], [[-1.0]], [[0.5]]],
        "R": [[[0.25]], [[-0.5]], [[0.5]], [[1.0]]],
        "b_w": 0.5,
        "b_r": -0.25,
        "peephole": [[0.5], [-0.25], [1.0]],
        "projection": 2.0,
        "projection_bias": -0.25,
    }
    tensors = {
        f"weights.{name}": numbers(values[name.partition(".")[0]], shape) for name, shape in case.weight_shapes.items()
    }
    tensors["inputs.x"] = np.array([[[1.0]], [[3.0]]])
    tensors["inputs.h0"], tensors["inputs.c0"] = np.full((1, 1, 1), 0.5), np.full((1, 1, 1), 2.0)
    return case, Arrays.from_tensors(tensors)


HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)


def bound(value: Fraction, most: Fraction | None) -> Fraction:
    return value if most is None else max(-most, min(most, value))


def sums(x: int, h: Fraction) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """W x + R h + 1/4 of the gates i, f, g, o in `one_unit`."""
    return (
        x * HALF + h * QUARTER + QUARTER,
        x * QUARTER - h * HALF + QUARTER,
        -x + h * HALF + QUARTER,
        x * HALF + h + QUARTER,
    )


def with_peepholes(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    i, f, g, o = sums(x, h)
    new = (f - QUARTER * c) * c + (i + HALF * c) * g
    return (o + new) * new, new


def with_cell_clip(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    """Bound 3/4: the stored c, which the output peephole and Hh then see."""
    i, f, g, o = sums(x, h)
    new = bound((f - QUARTER * c) * c + (i + HALF * c) * g, 3 * QUARTER)
    return (o + new) * new, new


def with_gate_clip(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    """Bound 1/2, gates only: c may grow, and Hh sees all of it."""
    i, f, g, o = (bound(z, HALF) for z in sums(x, h))
    new = f * c + i * g
    return o * new, new


def with_literal_gate_clip(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    """Bound 1/2, every activation: Hh sees a bounded c, the next step and the output peephole the whole one."""
    i, f, g, o = sums(x, h)
    new = bound(f - QUARTER * c, HALF) * c + bound(i + HALF * c, HALF) * bound(g, HALF)
    return bound(o + new, HALF) * bound(new, HALF), new


def with_projection(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    i, f, g, o = sums(x, h)
    new = f * c + i * g
    return 2 * (o * new) - QUARTER, new


def with_projection_clip(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    """Bound 1/8, after the projection's bias; the next step reads the bounded h."""
    new_h, new = with_projection(h, c, x)
    return bound(new_h, HALF * QUARTER), new


def with_forget_from_input(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    i, _, g, o = sums(x, h)
    new = (1 - i) * c + i * g
    return o * new, new


def with_input_from_forget(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    """Forget bias 1/2: it is in f before i is made of f."""
    _, f, g, o = sums(x, h)
    f += HALF
    new = f * c + (1 - f) * g
    return o * new, new


EXACT: list[tuple[dict[str, Any], Callable[[Fraction, Fraction, int], tuple[Fraction, Fraction]]]] = [
    ({"peephole": True}, with_peepholes),
    ({"peephole": True, "cell_clip": 0.75}, with_cell_clip),
    ({"gate_clip": {"bound": 0.5, "reading": "gates"}}, with_gate_clip),
    ({"gate_clip": {"bound": 0.5, "reading": "all"}, "peephole": True}, with_literal_gate_clip),
    ({"P": 1, "projection_bias": True}, with_projection),
    ({"P": 1, "projection_bias": True, "projection_clip": 0.125}, with_projection_clip),
    ({"coupling": "forget=1-input"}, with_forget_from_input),
    ({"coupling": "input=1-forget", "forget_bias": 0.5}, with_input_from_forget),
]


@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize(("fields", "by_hand"), EXACT, ids=lambda value: getattr(value, "__name__", ""))
def test_two_steps_by_hand_in_fractions(
    fields: dict[str, Any], by_hand: Callable[[Fraction, Fraction, int], tuple[Fraction, Fraction]], witness: Witness
) -> None:
    h, c, hs = HALF, Fraction(2), []
    for x in (1, 3):
        h, c = by_hand(h, c, x)
        hs.append(h)
    got = witness(*one_unit(**fields))
    assert [Fraction(v) for v in got["y"].ravel().tolist()] == hs
    assert (Fraction(got["h_n"].item()), Fraction(got["c_n"].item())) == (h, c)


def two_units(case: Case, W: dict[int, list[float]] | list[float], **values: Any) -> Arrays:
    """Arrays of a case with T = B = I = 1, H = 2: x = 1, and all zeros but for W of the gates and the given tensors."""
    tensors = {f"weights.{name}": np.zeros(shape) for name, shape in case.weight_shapes.items()}
    tensors |= {f"inputs.{name}": np.zeros(shape) for name, shape in case.input_shapes.items()}
    for gate in range(4):
        tensors["weights.W.0"][gate, :, 0] = W[gate] if isinstance(W, dict) else W
    for name, value in values.items():
        tensors[f"inputs.{name}" if name == "c0" else f"weights.{name}.0"][:] = value
    tensors["inputs.x"][:] = 1.0
    return Arrays.from_tensors(tensors)


SMALL: dict[str, Any] = {"T": 1, "B": 1, "I": 1, "H": 2, "activations": LINEAR}


@pytest.mark.parametrize("witness", WITNESSES)
def test_nnapi_layer_norm_by_hand(witness: Witness) -> None:
    """Every gate's W x + R h is +-3 in the two units: mean 0, variance 9. gamma 2, then the bias 5/4."""
    case = a_case(**SMALL, layer_norm="nnapi", forget_bias=0.5)
    got = witness(case, two_units(case, [3.0, -3.0], gamma=2.0, b_w=1.0, b_r=0.25, c0=4.0))
    unit = 6 / math.sqrt(9 + 1e-8)
    for n, z in enumerate((unit + 1.25, -unit + 1.25)):
        c = (z + 0.5) * 4 + z * z
        assert got["c_n"][0, 0, n] == pytest.approx(c, rel=1e-14)
        assert got["h_n"][0, 0, n] == pytest.approx(z * c, rel=1e-14)


@pytest.mark.parametrize("witness", WITNESSES)
def test_basic_lstm_cell_layer_norm_by_hand(witness: Witness) -> None:
    """The same with beta 5/4 in place of a bias. The new cell is normalised too, and stored so: gamma 3, beta -1/2."""
    case = a_case(**SMALL, layer_norm="basic-lstm-cell", bias=False, forget_bias=0.5)
    given = {"gamma": 2.0, "beta": 1.25, "gamma_cell": 3.0, "beta_cell": -0.5, "c0": 4.0}
    got = witness(case, two_units(case, [3.0, -3.0], **given))
    unit = 6 / math.sqrt(9 + 1e-12)
    zs = [unit + 1.25, -unit + 1.25]
    raw = [(z + 0.5) * 4 + z * z for z in zs]
    mean = sum(raw) / 2
    variance = sum((v - mean) ** 2 for v in raw) / 2
    for n, z in enumerate(zs):
        c = 3 * (raw[n] - mean) / math.sqrt(variance + 1e-12) - 0.5
        assert got["c_n"][0, 0, n] == pytest.approx(c, rel=1e-14)
        assert got["h_n"][0, 0, n] == pytest.approx(z * c, rel=1e-14)


@pytest.mark.parametrize("witness", WITNESSES)
def test_epsilon_of_nnapi(witness: Witness) -> None:
    """The input gate is +-1e-5, the candidate +-1: c = 1e-5 / sqrt(1e-10 + 1e-8) times 1 / sqrt(1 + 1e-8)."""
    case = a_case(**SMALL, layer_norm="nnapi", bias=False)
    got = witness(case, two_units(case, {0: [1e-5, -1e-5], 1: [0, 0], 2: [1, -1], 3: [0, 0]}, gamma=1.0))
    assert got["c_n"].ravel() == pytest.approx([1e-5 / math.sqrt(1.01e-8) / math.sqrt(1 + 1e-8)] * 2, rel=1e-13)


@pytest.mark.parametrize("witness", WITNESSES)
def test_epsilon_of_basic_lstm_cell(witness: Witness) -> None:
    """i = 1 by its beta, g = +-1e-6, so that c = +-r with r = 1e-6 / sqrt(2e-12), and then r / sqrt(r**2 + 1e-12)."""
    case = a_case(**SMALL, layer_norm="basic-lstm-cell", bias=False)
    beta = np.array([[1.0], [0.0], [0.0], [1.0]])
    weights = two_units(
        case, {0: [0, 0], 1: [0, 0], 2: [1e-6, -1e-6], 3: [0, 0]}, gamma=1e-6, beta=beta, gamma_cell=1.0
    )
    r = 1e-6 * 1e-6 / math.sqrt(1e-12 + 1e-12)
    wanted = r / math.sqrt(r * r + 1e-12)
    assert witness(case, weights)["h_n"].ravel() == pytest.approx([wanted, -wanted], rel=1e-13)


# Sequences: a row of length 0, a row with holes.


def the_row(case: Case, arrays: Arrays, b: int) -> tuple[Case, Arrays]:
    """Row b alone, without the steps that it leaves out; T is what remains."""
    steps = case.valid_steps(b)
    alone = case.model_copy(update={"T": len(steps), "B": 1, "lengths": None, "skip": None})
    tensors = {n: a for n, a in arrays.flat.items() if n not in ("inputs.lengths", "inputs.mask")}
    tensors["inputs.x"] = tensors["inputs.x"][steps, b : b + 1]
    tensors |= {n: tensors[n][:, b : b + 1] for n in ("inputs.h0", "inputs.c0") if n in tensors}
    return alone, Arrays.from_tensors(tensors)


HOLES: list[dict[str, Any]] = [
    {"skip": [[1, 2], [], [0, 4]]},
    {"skip": [[0], [2], [0, 1, 2, 3]], "lengths": [3, 4, 5]},
    {"skip": [[4], [0, 4], [1, 3]], "peephole": True, "P": 3, "coupling": "input=1-forget"},
    {"skip": [[1], [0, 2], []], "layer_norm": "nnapi"},
]


@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("fields", HOLES, ids=str)
def test_a_row_with_holes_is_the_row_with_those_steps_cut_out(
    fields: dict[str, Any], direction: str, witness: Witness
) -> None:
    case = a_case(**fields, direction=direction, layers=2, padding=math.nan)
    arrays = make_arrays(case)
    got = witness(case, arrays)
    for b in range(case.B):
        steps = case.valid_steps(b)
        alone = witness(*the_row(case, arrays, b))
        for name in ("h_n", "c_n"):
            np.testing.assert_allclose(got[name][:, b], alone[name][:, 0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(got["y"][steps, b], alone["y"][:, 0], rtol=1e-12, atol=1e-14)
        left_out = [t for t in range(case.T) if t not in steps]
        assert not got["y"][left_out, b].any()


@pytest.mark.parametrize("witness", WITNESSES)
def test_lengths_are_holes_at_the_end(witness: Witness) -> None:
    lengths = a_case(lengths=[2, 5, 0], direction="bidirectional", layers=2)
    holes = a_case(skip=[[2, 3, 4], [], [0, 1, 2, 3, 4]], direction="bidirectional", layers=2)
    one, two = (witness(case, make_arrays(case)) for case in (lengths, holes))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_a_row_without_steps_keeps_its_initial_state_in_every_layer(direction: str, witness: Witness) -> None:
    case = a_case(lengths=[0, 5, 2], direction=direction, layers=2, P=3)
    arrays = make_arrays(case)
    got = witness(case, arrays)
    assert arrays.inputs.h0 is not None and arrays.inputs.c0 is not None
    assert np.array_equal(got["h_n"][:, 0], arrays.inputs.h0[:, 0])
    assert np.array_equal(got["c_n"][:, 0], arrays.inputs.c0[:, 0])
    assert not got["y"][:, 0].any() and got["y"][:2, 2].all()


@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize("fields", [{}, {"lengths": [], "head": {"O": 2}}, {"layers": 2, "P": 3, "skip": []}], ids=str)
def test_an_empty_batch_has_empty_answers(fields: dict[str, Any], witness: Witness) -> None:
    case = a_case(B=0, direction="bidirectional", **fields)
    got = witness(case, make_arrays(case))
    assert {name: array.shape for name, array in got.items()} == case.outputs
    assert all(array.shape == case.outputs[name] for name, array in kappa(case, make_arrays(case)).items())


# Calls in turn change nothing (what an adapter does with them is in test_calls.py).


def test_calls_have_the_golden_values_of_the_whole_batch() -> None:
    fields = {"lengths": [5, 0, 2], "direction": "bidirectional", "head": {"O": 2}}
    whole, calls = a_case(**fields), a_case(**fields, calls=[1, 2])
    arrays = make_arrays(whole)
    assert {n: a.tobytes() for n, a in by_oracle(whole, arrays).items()} == {
        n: a.tobytes() for n, a in by_oracle(calls, arrays).items()
    }
    got = NumpyReference().run(calls, arrays.weights, arrays.inputs)
    assert worst(got, by_oracle(whole, arrays), kappa(whole, arrays)) <= 16


# Anything at all.

ACTIVATIONS = st.sampled_from(
    [
        *("sigmoid", "tanh", "relu", "softsign", "softplus"),
        {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5},
        {"name": "leaky_relu", "alpha": 0.1},
        {"name": "scaled_tanh", "alpha": 1.7159, "beta": "2/3"},
        {"name": "elu", "defaults": "onnx"},
    ]
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A small case with any options that go together."""

    def some(values: Any, otherwise: Any = None) -> Any:
        return draw(st.one_of(st.just(otherwise), values))

    T, B, H = draw(st.integers(1, 5)), draw(st.integers(0, 3)), draw(st.integers(1, 4))
    norm = some(st.sampled_from(["basic-lstm-cell", "nnapi"]))
    fields: dict[str, Any] = {
        "id": f"test/any-{draw(st.integers(0, 10**6))}",
        **{"T": T, "B": B, "H": H, "I": draw(st.integers(1, 3)), "layers": draw(st.integers(1, 2))},
        "direction": draw(st.sampled_from(["forward", "reverse", "bidirectional"])),
        "dtype": draw(st.sampled_from(["float32", "float64", "float16", "bfloat16"])),
        "bias": draw(st.booleans()) and norm != "basic-lstm-cell",
        "layer_norm": norm,
        "padding": draw(st.sampled_from([1e3, math.nan])),
        "head": some(st.builds(dict, O=st.integers(1, 3))),
    }
    if not draw(st.booleans()):
        fields["h0"] = None
    if not draw(st.booleans()):
        fields["c0"] = None
    if norm != "basic-lstm-cell":
        fields["peephole"] = draw(st.booleans())
        fields["cell_clip"] = some(st.sampled_from([0.25, 0.9]))
        fields["coupling"] = some(st.sampled_from(["forget=1-input", "input=1-forget"]))
        fields["P"] = some(st.integers(1, 5))
    if norm is None:
        readings = st.sampled_from(["gates", "all"])
        fields["gate_clip"] = some(st.builds(dict, bound=st.sampled_from([0.35, 1.1]), reading=readings))
    if fields.get("P") is not None:
        fields["projection_bias"] = draw(st.booleans())
        fields["projection_clip"] = some(st.sampled_from([0.15, 0.6]))
    if fields.get("coupling") != "forget=1-input":
        fields["forget_bias"] = some(st.sampled_from([1.0, -0.3]), 0.0)
    if draw(st.booleans()):
        fields["lengths"] = draw(st.lists(st.integers(0, T), min_size=B, max_size=B))
    if draw(st.booleans()):
        steps = st.sets(st.integers(0, T - 1)).map(sorted)
        fields["skip"] = draw(st.lists(steps, min_size=B, max_size=B))
    if draw(st.booleans()):
        sets = st.builds(dict, gate=st.sampled_from(["sigmoid", {"name": "hard_sigmoid", "defaults": "onnx"}]))
        each = st.builds(lambda a, cell, hidden: a | {"cell": cell, "hidden": hidden}, sets, ACTIVATIONS, ACTIVATIONS)
        directions = 2 if fields["direction"] == "bidirectional" else 1
        chosen = draw(st.lists(each, min_size=directions, max_size=directions))
        given_, default = (
            [a for one in chosen for a in one.values() if isinstance(a, dict) and ("defaults" in a) is by_default]
            for by_default in (False, True)
        )
        if not (given_ and default):  # a case has the one or the other
            fields["activations"] = chosen
    return Case.model_validate(fields)


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(case=cases())
def test_oracle_reference_and_plain_loops_agree_on_anything(case: Case) -> None:
    arrays = make_arrays(case)
    wide = in_float64(arrays)
    golden, scale = by_oracle(case, arrays), kappa(case, arrays)
    assert worst(by_reference(case.model_copy(update={"dtype": "float64"}), wide), golden, scale) <= 16
    assert worst(plain_lstm(case, wide), golden, scale) <= 16
