"""Rows of length 0, rows with holes, empty batches and calls in turn: each row's answer is that of the row alone."""

import math
from typing import Any

import numpy as np
import pytest
from witnesses import WITNESSES, Witness, a_case, by_oracle, worst

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa


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
