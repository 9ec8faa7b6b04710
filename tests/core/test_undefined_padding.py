"""The contract `undefined`: what y holds where a row leaves a step out is not judged, and everything else is."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Inputs, Outputs, Weights
from conformance.golden.inputs import make_arrays
from conformance.golden.vector import Vector
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa
from conformance.lstm.mistakes import BY_ID
from conformance.verdict.answer import Answer
from conformance.verdict.compare import judge
from conformance.verdict.contracts import Contracts
from conformance.verdict.diagnose import diagnose
from conformance.verdict.profile import profile

UNDEFINED = Contracts(padded_y="undefined")
MASKED: dict[str, Any] = {"B": 3, "lengths": [0, 5, 3], "skip": [[], [1], [0]]}
"""A row without a step, one with a hole, and one that is short and has a hole."""


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "test/undefined", "T": 5, "I": 2, "H": 3, "seed": 2} | MASKED | fields)


def vector_of(case: Case) -> Vector:
    arrays = make_arrays(case)
    return Vector(arrays, reference_of(case).run(arrays.in_dtype(np.float64)), kappa(case, arrays))


def answer(case: Case, vector: Vector, padding: float) -> Outputs:
    """The reference's answer, with a number of one's own in y and logits wherever a row leaves a step out."""
    outputs = NumpyReference().run(case, vector.arrays.weights, vector.arrays.inputs)
    for row in range(case.B):
        left_out = sorted({*range(case.T)} - {*case.valid_steps(row)})
        for name in {"y", "logits", "probabilities"} & outputs.keys():
            outputs[name][left_out, row] = padding
    return outputs


def verdict(case: Case, vector: Vector, outputs: Outputs, contracts: Contracts = UNDEFINED) -> Passed | Failed:
    return judge(case, outputs, vector.golden, vector.kappa, precision=case.dtype, contracts=contracts)


@pytest.mark.parametrize("padding", [0.25, 1e30, math.inf, math.nan])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"direction": "bidirectional", "dtype": "bfloat16"},
        {"head": {"O": 2, "softmax": True}, "direction": "reverse"},
        {"gradients": "whole", "lengths": [2, 5, 3]},
    ],
    ids=str,
)
def test_anything_may_stand_where_nothing_is_promised(fields: dict[str, Any], padding: float) -> None:
    case = a_case(**fields)
    vector = vector_of(case)
    outputs = answer(case, vector, padding)
    assert isinstance(verdict(case, vector, outputs), Passed)
    for held in ("zeros", "last"):
        assert isinstance(verdict(case, vector, outputs, Contracts(padded_y=held)), Failed)


@pytest.mark.parametrize(
    ("tensor", "index"),
    [
        ("y", (0, 1, 2)),
        ("y", (4, 1, 0)),
        ("y", (2, 2, 1)),
        ("h_n", (0, 0, 1)),
        ("c_n", (0, 2, 0)),
        ("logits", (1, 2, 0)),
    ],
)
def test_a_wrong_number_anywhere_else_fails(tensor: str, index: tuple[int, ...]) -> None:
    case = a_case(head={"O": 2})
    vector = vector_of(case)
    outputs = answer(case, vector, math.nan)
    outputs[tensor][index] += 0.01
    outcome = verdict(case, vector, outputs)
    assert isinstance(outcome, Failed)
    assert [difference.tensor for difference in outcome.differences] == [tensor]
    assert math.isfinite(outcome.noise), "what is not judged is no part of the noise either"


@pytest.mark.parametrize("tensor", ["d_x", "d_W.0", "d_h0"])
def test_gradients_are_judged_as_ever(tensor: str) -> None:
    case = a_case(gradients="whole", lengths=[2, 5, 3])
    vector = vector_of(case)
    outputs = answer(case, vector, 7.0)
    outputs[tensor].flat[-1] += 0.5
    assert isinstance(verdict(case, vector, outputs), Failed)


def test_shape_and_dtype_are_judged() -> None:
    case = a_case()
    vector = vector_of(case)
    outputs = answer(case, vector, 7.0)
    for wrong in (outputs["y"][:4], outputs["y"].astype(np.float64)):
        assert isinstance(verdict(case, vector, outputs | {"y": wrong}), Failed)


def test_it_says_nothing_of_a_case_without_lengths_and_holes() -> None:
    case = a_case(lengths=None, skip=None)
    vector = vector_of(case)
    outputs = answer(case, vector, 7.0)
    assert isinstance(verdict(case, vector, outputs), Passed)
    outputs["y"][-1, 0, 0] = math.nan
    assert isinstance(verdict(case, vector, outputs), Failed)


@pytest.mark.parametrize("mistake", ["recurrent-bias-ignored", "lengths-one-too-long", "padding-moves-state"])
def test_a_mistake_is_named_whatever_the_padding_holds(mistake: str) -> None:
    case = a_case(skip=None, lengths=[2, 5, 3])
    vector = vector_of(case)
    outputs = BY_ID[mistake].outputs(case, vector.arrays)
    for row in range(case.B):
        outputs["y"][len(case.valid_steps(row)) :, row] = math.nan
    numbers = Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, case.dtype, UNDEFINED)
    suspects = diagnose(numbers)
    assert (mistake,) in [suspect.mistakes for suspect in suspects]
    series = profile(numbers, suspects)["y"]["forward"]
    assert "inf" not in series


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_a_scan_that_goes_on_through_the_padding_has_a_name(direction: str) -> None:
    """As Flax' RNN has it: the states are right, y past a row's end is what the padding makes of them."""
    case = a_case(B=2, skip=None, lengths=[2, 4], direction=direction, padding=0.5)
    vector = vector_of(case)
    outputs = through_the_padding(case, vector)
    assert isinstance(verdict(case, vector, outputs), Passed)
    held_to_zeros = verdict(case, vector, outputs, Contracts())
    assert isinstance(held_to_zeros, Failed)
    assert [difference.tensor for difference in held_to_zeros.differences] == ["y"]
    suspects = diagnose(Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, case.dtype))
    assert [suspect.mistakes for suspect in suspects] == [("padded-y-from-moving-state",)]


def through_the_padding(case: Case, vector: Vector) -> Outputs:
    """Each row by itself: its own steps, in their order, and behind them the padding in the same order."""
    weights, inputs = vector.arrays.weights, vector.arrays.inputs
    assert inputs.h0 is not None and inputs.c0 is not None
    alone = case.model_copy(update={"direction": "forward", "lengths": None, "B": 1})
    outputs = NumpyReference().run(case, weights, inputs)
    for row, direction in itertools.product(range(case.B), range(case.D)):
        own, padding = np.split(np.arange(case.T), [len(case.valid_steps(row))])
        order = np.concatenate([own[::-1], padding[::-1]] if case.reverse(direction) else [own, padding])
        here = np.s_[direction : direction + 1, row : row + 1]
        one = Inputs(inputs.x[order, row : row + 1], h0=inputs.h0[here], c0=inputs.c0[here])
        y = NumpyReference().run(alone, Weights((weights.rows[direction],), None, None), one)["y"]
        outputs["y"][order, row, direction * case.H : (direction + 1) * case.H] = y[:, 0]
    return outputs
