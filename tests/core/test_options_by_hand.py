"""Options of the cell against two steps in fractions, and layer norms against what their formulas come to."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from witnesses import LINEAR, WITNESSES, Witness, a_case

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays


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


def with_a_peephole_on_the_previous_cell(h: Fraction, c: Fraction, x: int) -> tuple[Fraction, Fraction]:
    i, f, g, o = sums(x, h)
    new = (f - QUARTER * c) * c + (i + HALF * c) * g
    return (o + c) * new, new


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
    ({"peephole": True, "output_peephole": "previous-cell"}, with_a_peephole_on_the_previous_cell),
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
