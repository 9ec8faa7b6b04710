"""Diagnosis: a mistake is named under every contract, and through numbers too large for the dtype."""

import numpy as np
import pytest
from diagnosing import diagnosed, made, named, wrong
from harness import shipped_cases, shipped_vectors

from conformance.case.model import Case
from conformance.golden.vector import Vector
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.reference import Reference
from conformance.verdict.contracts import Contracts


@pytest.mark.parametrize(
    ("contracts", "mistake"),
    [
        (Contracts(padded_y="last"), "padding-moves-state"),
        (Contracts(padded_y="last"), "recurrent-bias-ignored"),
        (Contracts(padded_y="last"), "lengths-ignored"),
        (Contracts(empty_rows="zeros"), "recurrent-bias-ignored"),
        (Contracts(empty_rows="zeros"), "lengths-ignored"),
    ],
)
def test_a_mistake_is_held_to_the_contracts_where_it_is_right(contracts, mistake):
    case = shipped_cases()["lengths/zero-forward-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(BY_ID[mistake].variant, case, vector)
    if mistake != "lengths-ignored":  # what runs over the padding leaves nothing to carry and no row empty
        outputs = contracts.applied(case, outputs)
    assert wrong(case, vector, outputs, contracts)
    assert named(diagnosed(case, vector, outputs, contracts=contracts), mistake)


def test_a_direction_that_is_right_carries_its_y_beside_one_that_is_wrong():
    case = shipped_cases()["lengths/unsorted-bidirectional-f32"]
    vector, contracts = shipped_vectors().load(case), Contracts(padded_y="last")
    outputs = made(BY_ID["padded-y-holds-initial-state"].variant, case, vector)
    width = outputs["y"].shape[-1] // 2
    assert np.allclose(outputs["y"][..., :width], vector.golden["y"][..., :width], atol=1e-6)
    outputs["y"] = outputs["y"].copy()
    outputs["y"][..., :width] = contracts.applied(case, outputs)["y"][..., :width]
    assert wrong(case, vector, outputs, contracts)
    assert named(diagnosed(case, vector, outputs, contracts=contracts), "padded-y-holds-initial-state")


def test_a_row_that_has_ended_holds_what_is_agreed_whatever_a_mistake_carried_on():
    case = shipped_cases()["lengths/stream-f32"]
    vector, contracts = shipped_vectors().load(case), Contracts(empty_rows="zeros")
    outputs = contracts.applied(case, made(BY_ID["recurrent-bias-ignored"].variant, case, vector))
    assert np.any(np.all(outputs["h_n"] == 0.0, axis=-1))
    assert named(diagnosed(case, vector, outputs, contracts=contracts), "recurrent-bias-ignored")


def test_numbers_too_large_for_the_dtype_are_the_same_infinity():
    case = Case.model_validate(
        {
            "id": "diagnosis/overflow",
            **{"T": 3, "B": 2, "I": 3, "H": 4, "dtype": "float16"},
            "activations": {"gate": "sigmoid", "cell": "linear", "hidden": "linear"},
            "x": {"uniform": {"low": 2e4, "high": 4e4}},
            "tolerance": {"noise": 16},
        }
    )
    from conformance.golden.inputs import make_arrays
    from conformance.lstm.kappa import kappa

    arrays = make_arrays(case)
    golden = Reference(case).run(arrays.in_dtype(np.float64))
    vector = Vector(arrays, golden, kappa(case, arrays))
    outputs = made(BY_ID["output-gate-left-out"].variant, case, vector)
    assert any(np.isinf(array.astype(np.float64)).any() for array in outputs.values())
    assert named(diagnosed(case, vector, outputs), "output-gate-left-out")


@pytest.mark.parametrize("case_id", ["nan-in-one-gate/relu-cell", "nan-in-one-gate/relu-cell-bias"])
def test_a_mistake_whose_numbers_exceed_float32_is_followed_through_the_overflow(case_id):
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    outputs = made(BY_ID["nan-lost-in-gate-input"].variant, case, vector)
    assert np.isinf(outputs["y"]).any()
    (suspect,) = diagnosed(case, vector, outputs)
    assert suspect.mistakes == ("nan-lost-in-gate-input",)
