"""The reference, held to an LSTM of plain loops over Python floats, and its activations to chosen points.

The options beyond the plain LSTM are in test_options_*.py, together with the oracle.
"""

import math
from typing import Any

import numpy as np
import pytest
from plain_lstm import plain_lstm
from reference_cases import HARD, activation, answer, assert_close, case

from conformance.case.options import Activation
from conformance.golden.inputs import make_arrays
from conformance.lstm.activations import FUNCTIONS
from conformance.lstm.reference import Reference

SPREAD: list[dict[str, Any]] = [
    {},
    {"direction": "reverse"},
    {"direction": "bidirectional"},
    {"T": 1, "B": 1, "I": 1, "H": 1},
    {"H": 1, "direction": "bidirectional", "layers": 2},
    {"lengths": [2, 5, 1]},
    {"lengths": [2, 5, 1], "direction": "reverse"},
    {"lengths": [2, 5, 1], "direction": "bidirectional", "padding": math.nan},
    {"lengths": [3, 3, 3], "direction": "reverse"},
    {"lengths": [4, 2, 5], "direction": "bidirectional", "layers": 3},
    {"layers": 2},
    {"layers": 2, "direction": "reverse"},
    {"layers": 3, "direction": "bidirectional"},
    {"h0": None},
    {"c0": None, "direction": "reverse"},
    {"h0": None, "c0": None, "direction": "bidirectional", "layers": 2},
    {"bias": False},
    {"forget_bias": 1.5},
    {"forget_bias": -2.0, "activations": {"gate": HARD}, "direction": "bidirectional"},
    {"x": {"uniform": {"low": -300.0, "high": 300.0}}},
    {"x": {"constant": 5000.0}},
    {"head": {"O": 3}},
    {"head": {"O": 2, "after": "last_step"}, "layers": 2},
    {"head": {"O": 3}, "direction": "bidirectional", "lengths": [1, 5, 2]},
    {"activations": [{"gate": HARD, "cell": "relu"}, {"hidden": "softsign"}], "direction": "bidirectional"},
    {"activations": [{"cell": "relu"}, {"cell": "softsign"}], "direction": "bidirectional", "layers": 2},
]


@pytest.mark.parametrize("fields", SPREAD, ids=str)
def test_the_reference_agrees_with_plain_loops(fields: dict[str, Any]) -> None:
    wanted = case(**fields)
    arrays = make_arrays(wanted)
    assert_close(answer(wanted, arrays), plain_lstm(wanted, arrays))


@pytest.mark.parametrize("position", ["gate", "cell", "hidden"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_activation_agrees_with_plain_loops_in_every_position(name: str, position: str) -> None:
    wanted = case(activations={position: activation(name)}, direction="bidirectional")
    arrays = make_arrays(wanted)
    assert_close(answer(wanted, arrays), plain_lstm(wanted, arrays))


def test_outputs_have_the_case_s_names_and_shapes() -> None:
    wanted = case(layers=2, direction="bidirectional", head={"O": 3})
    assert {name: array.shape for name, array in answer(wanted).items()} == wanted.outputs


# The activation functions, point by point.


POINTS: dict[str, dict[float, float]] = {
    "sigmoid": {0: 0.5, 1: 0.7310585786300049, -1: 0.2689414213699951, -50: 1.9287498479639178e-22, -1e4: 0, 1e4: 1},
    "tanh": {0: 0, 0.5: 0.46211715726000973, -2: -0.9640275800758169, 1e4: 1, -1e4: -1, 1e-9: 1e-9},
    "relu": {-3: 0, 0: 0, 0.25: 0.25, 1e30: 1e30},
    "hard_sigmoid": {0: 0.5, 1: 0.75, -1: 0.25, 2: 1, 2.5: 1, -2: 0, -2.5: 0, 1.5: 0.875},
    "affine": {0: 0.5, 2: 1, -4: -0.5, 100: 25.5},
    "leaky_relu": {3: 3, 0: 0, -4: -1, -1e30: -2.5e29},
    "thresholded_relu": {0.25: 0.25, 0.24999: 0, 0: 0, -5: 0, 0.26: 0.26, 7: 7},
    "scaled_tanh": {0: 0, 1: 0.25 * 0.46211715726000973, -4: -0.25 * 0.9640275800758169, 1e4: 0.25},
    "elu": {2: 2, 0: 0, -1: -0.15803013970713942, -50: -0.25, -1e-9: -2.49999999875e-10,
            -1e-30: -2.5e-31, 1e4: 1e4},
    "softsign": {0: 0, 1: 0.5, -3: -0.75, 1e9: 0.999999999, 0.25: 0.2},
    "softplus": {0: 0.6931471805599453, -1: 0.31326168751822286, 1e4: 1e4, -50: 1.9287498479639178e-22,
                 -80: 1.8048513878454153e-35},
    "linear": {-2.5: -2.5, 0: 0, 1e30: 1e30},
}  # fmt: skip
"""alpha = 0.25 and beta = 0.5 where a function takes them."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_at_chosen_points(name: str, dtype: str) -> None:
    points = POINTS[name]
    chosen = Activation.model_validate(activation(name, 0.25, 0.5))
    z = np.array([list(points)], dtype)
    with np.errstate(over="ignore"):
        got = Reference(case()).activation(chosen, z)
    assert got.dtype == dtype and got.shape == z.shape
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(got, [list(points.values())], rtol=4 * eps, atol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_of_nan_are_nan(name: str) -> None:
    chosen = Activation.model_validate(activation(name))
    with np.errstate(invalid="ignore"):
        assert np.isnan(Reference(case()).activation(chosen, np.array([math.nan]))).all()
