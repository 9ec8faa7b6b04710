"""The oracle's activation functions against fractions and 900-digit decimals, rounded once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
from oracle_cases import a_case, assert_same, tanh

from conformance.case.options import ActivationName
from conformance.case.tensors import Arrays

pytest.importorskip("flint")

from conformance.lstm.oracle import prove

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
