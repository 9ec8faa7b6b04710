"""Arrays that do not fit their case, and numbers that are not finite or would overflow, are refused by the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from oracle_cases import a_case, gate_inputs, random_arrays

from conformance.case.errors import GenerationError
from conformance.case.tensors import Array, Arrays

pytest.importorskip("flint")

from conformance.lstm.oracle import prove


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
