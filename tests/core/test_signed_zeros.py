"""The sign of a zero is judged where IEEE 754 fixes it, and nowhere else."""

from typing import Any

import numpy as np
import pytest
from harness import shipped_cases, shipped_vectors

from conformance.case.model import Case
from conformance.case.options import Tolerance
from conformance.case.outcomes import Failed, Passed
from conformance.case.tensors import Arrays, Outputs, to_bytes
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa
from conformance.lstm.reference import Reference
from conformance.run.assess import assess
from conformance.run.messages import Computed
from conformance.verdict.compare import judge
from conformance.verdict.contracts import DEFAULTS, Contracts


class MultiplyingRelu(Reference):
    """relu as z times whether z is positive: what it makes of a negative z is -0."""

    def activation(self, activation, z):
        return z * (z > 0) if activation.name == "relu" else super().activation(activation, z)


class AbsoluteCell(Reference):
    """A tanh computed from |c|, whose sign is lost where the output gate is closed."""

    def output(self, act, o, hh):
        return np.where(o == 0, 0.0, o * hh).astype(hh.dtype)


def judged(case: Case, variant: type[Reference], contracts: Contracts = DEFAULTS) -> Passed | Failed:
    vector = shipped_vectors().load(case)
    with np.errstate(all="ignore"):
        outputs = variant(case).run(vector.arrays)
    return judge(
        *(case, outputs, vector.golden, vector.kappa), precision=case.dtype, contracts=contracts, arrays=vector.arrays
    )


@pytest.mark.parametrize(
    ("case_id", "variant"),
    [
        ("activations/gates-relu-f32", MultiplyingRelu),
        ("activations/gates-hard-sigmoid-steep-f32", AbsoluteCell),
        ("saturation/gate-inputs-z1000-f32", AbsoluteCell),
        ("not-finite/x-inf-f32", AbsoluteCell),
    ],
)
def test_the_sign_of_a_product_that_is_zero_is_that_of_its_factors(case_id, variant):
    case = shipped_cases()[case_id]
    assert isinstance(judged(case, Reference), Passed)
    outcome = judged(case, variant)
    assert isinstance(outcome, Failed)
    assert outcome.noise < 11
    assert all(difference.within_tolerance for difference in outcome.differences)
    assert " zeros have the wrong sign; first at (" in outcome.differences[0].problem


def test_a_wrong_sign_alone_is_not_put_down_to_a_mistake():
    case = shipped_cases()["activations/gates-relu-f32"]
    vector = shipped_vectors().load(case)
    answer = Computed(to_bytes(MultiplyingRelu(case).run(vector.arrays)), {}, case.dtype, "zeros", "initial", 0.0)
    outcome = assess(case, vector, answer, ()).outcome
    assert isinstance(outcome, Failed)
    assert outcome.suspects is None
    problem = outcome.differences[0].problem
    assert problem.endswith((": got -0, not 0", ": got 0, not -0"))


def test_a_case_that_allows_larger_errors_allows_any_sign():
    case = shipped_cases()["activations/gates-relu-f32"]
    assert isinstance(judged(case.model_copy(update={"tolerance": Tolerance(ulp=1)}), MultiplyingRelu), Passed)


def verdict(fields: dict[str, Any], change=lambda outputs: None, edit=lambda tensors: None, **contracts: str):
    """The verdict on the reference's answer to a case of its own, to which something was done."""
    case = Case.model_validate({"id": "zeros/case", "T": 3, "B": 2, "I": 2, "H": 3} | fields)
    tensors = {name: array.copy() for name, array in make_arrays(case).flat.items()}
    edit(tensors)
    arrays = Arrays.from_tensors(tensors)
    outputs: Outputs = Reference(case).run(arrays)
    golden = {name: array.astype(np.float64) + 0.0 for name, array in outputs.items()}  # whose zeros have no sign
    change(outputs)
    held = Contracts(**contracts)
    return judge(case, outputs, golden, kappa(case, arrays), precision=case.dtype, contracts=held, arrays=arrays)


ZERO = {"constant": 0.0}


def negative_zeros(*names: str):
    def change(outputs):
        for name in names:
            outputs[name][outputs[name] == 0] = -0.0

    return change


def test_the_sign_of_a_sum_of_many_zeros_is_not_fixed():
    """g is tanh of a sum of zeros; with c0 = -0 that decides the sign of everything that follows."""

    def negative_c0(tensors):
        tensors["inputs.c0"][:] = -0.0

    fields = {"bias": False, "x": ZERO, "h0": None, "c0": ZERO}
    assert isinstance(verdict(fields, negative_zeros("y", "h_n", "c_n"), negative_c0), Passed)
    assert isinstance(verdict(fields, lambda outputs: None, negative_c0), Passed)


def test_plus_zero_and_minus_zero_is_plus_zero():
    """f c0 is +0, and whatever the sign of g, i g + 0 is +0."""
    fields = {"bias": False, "x": ZERO, "h0": None, "c0": ZERO}
    outcome = verdict(fields, negative_zeros("c_n"))
    assert isinstance(outcome, Failed)
    assert [difference.tensor for difference in outcome.differences] == ["c_n"]
    assert outcome.differences[0].problem == "6 of 6 zeros have the wrong sign; first at (0, 0, 0): got -0, not 0"


def test_the_sign_of_a_sum_whose_terms_are_rounded_to_each_others_opposite_is_not_fixed():
    """c is tanh(12.5) - tanh(40): -3e-11, and 0 where both are rounded to 1; o is 0."""

    def saturated(tensors):
        for name in ("weights.W.0", "weights.R.0", "weights.b_w.0", "weights.b_r.0"):
            tensors[name][:] = 0.0
        tensors["weights.W.0"][2] = 12.5
        tensors["weights.b_w.0"][:] = [[10.0], [10.0], [0.0], [-10.0]]
        tensors["inputs.x"][:] = [[[-3.2]], [[1.0]]]

    fields = {
        "T": 2,
        "B": 1,
        "I": 1,
        "H": 1,
        "activations": {"gate": {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5}},
        "h0": None,
        "c0": None,
    }
    assert isinstance(verdict(fields, edit=saturated), Passed)


def test_zeros_that_fill_a_step_left_out_may_have_any_sign():
    fields = {"lengths": [1, 2]}
    assert isinstance(verdict(fields, negative_zeros("y")), Passed)


def test_the_state_of_a_row_without_steps_may_have_any_sign():
    fields = {"lengths": [0, 3], "h0": None, "c0": None}
    assert isinstance(verdict(fields, negative_zeros("h_n", "c_n"), empty_rows="zeros"), Passed)


def test_every_sign_that_is_fixed_is_the_references_own_in_the_cases_dtype():
    """In whatever precision the numbers are computed, the zeros with a fixed sign are the same."""
    for case in shipped_cases().values():
        if case.family in ("activations", "saturation", "batch") and case.dtype in ("float32", "float64"):
            outcome = judged(case, Reference)
            assert isinstance(outcome, Passed), (case.id, outcome)


def test_what_is_tiny_in_float64_and_zero_in_float32_has_no_sign_there():
    """c is -1e-261: in float32 it is the sum of two zeros, whose sign is that of neither."""
    weights = {"W": {"values": [[[-600.0], [0.5]], [[-600.0], [0.5]], [[-1.0], [0.5]], [[-600.0], [0.5]]]}}
    keys = {"id": "signs/underflow", "T": 1, "B": 1, "I": 1, "H": 2, "bias": False, "h0": None, "c0": None}
    case = Case.model_validate(keys | {"x": {"constant": 1.0}, "weights": weights | {"R": {"constant": 0.0}}})
    arrays = make_arrays(case)
    with np.errstate(all="ignore"):
        outputs, golden = Reference(case).run(arrays), Reference(case).run(arrays.in_dtype(np.float64))
    assert golden["y"][0, 0, 0] == 0.0 and np.signbit(golden["y"][0, 0, 0]) and not np.signbit(outputs["y"][0, 0, 0])
    found = judge(case, outputs, golden, kappa(case, arrays), precision="float32", arrays=arrays)
    assert isinstance(found, Passed), found
