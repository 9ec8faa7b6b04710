"""A name is said only if it is earned: what has the size of a mistake need not be that mistake."""

import math

import numpy as np
import pytest
from diagnosing import diagnosed, made, named, wrong
from harness import shipped_cases, shipped_vectors

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.mistakes.grammar import sampled
from conformance.lstm.mistakes.precision import quantising
from conformance.lstm.reference import Reference
from conformance.verdict.answer import Answer
from conformance.verdict.locate import locate


def noisy(case, vector, units: float, precision: str, share: float = 1.0):
    """Golden values with errors of so many units of a format, at random, in a share of the elements."""
    random = np.random.Generator(np.random.PCG64(5))
    found = {}
    for name, golden in vector.golden.items():
        size = units * UNIT_ROUNDOFF[precision] * np.max(np.abs(golden), initial=0.0)
        error = random.uniform(-size, size, golden.shape) * (random.random(golden.shape) < share)
        found[name] = (golden + error).astype(case.np_dtype)
    return found


@pytest.mark.parametrize("case_id", ["sequence/longer-f32", "lengths/unsorted-reverse-f64"])
@pytest.mark.parametrize(("units", "share"), [(3.0, 1.0), (3.0, 0.5), (12.0, 1.0), (12.0, 0.5)])
def test_noise_of_the_size_of_a_format_is_not_that_format(case_id, units, share):
    case, vector = shipped_cases()[case_id], shipped_vectors().load(shipped_cases()[case_id])
    outputs = noisy(case, vector, units, "bfloat16", share)
    assert diagnosed(case, vector, outputs) == ()


def test_right_elements_beside_wrong_ones_rule_a_format_out():
    case, vector = (
        shipped_cases()["sequence/longer-f32"],
        shipped_vectors().load(shipped_cases()["sequence/longer-f32"]),
    )
    outputs = made(BY_ID["computed-in-bfloat16"].variant, case, vector)
    assert diagnosed(case, vector, outputs) != ()
    right = made(Reference, case, vector)
    outputs["y"][::2] = right["y"][::2]
    assert diagnosed(case, vector, outputs) == ()


@pytest.mark.parametrize("case_id", ["saturation/inputs-to-100-f32", "saturation/whole-inputs-to-99-f32"])
@pytest.mark.parametrize("fault", ["gate-activation:exchanged:all:always", "gate-activation:exchanged:gate-f:always"])
def test_a_gross_mistake_in_a_saturated_case_is_no_approximation(case_id, fault):
    case, vector = shipped_cases()[case_id], shipped_vectors().load(shipped_cases()[case_id])
    outputs = made(sampled(fault).mistake.variant, case, vector)
    assert wrong(case, vector, outputs)
    assert all(suspect.how == "reproduces" for suspect in diagnosed(case, vector, outputs))


@pytest.mark.parametrize("narrow", ["in-float16", "in-bfloat16"])
@pytest.mark.parametrize("site", ["output-gate", "input-term", "peephole", "h-between-steps"])
def test_one_rounding_to_a_half_format_is_no_approximation(site, narrow):
    case = shipped_cases()["peephole/plain-reverse-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(sampled(f"{site}:{narrow}:all:always").mistake.variant, case, vector)
    assert wrong(case, vector, outputs)
    assert not any(suspect.how == "resembles" for suspect in diagnosed(case, vector, outputs))


class OtherSums:
    """Sums in another order than the mistake of the catalogue."""

    def product(self, rows, matrix):
        return super().product(rows[:, ::-1], matrix[:, ::-1])


INTEGERS = ("weights-in-int8", "weights-in-int8-by-row", "quantised-dynamically", "quantised-dynamically-to-7-bits")


@pytest.mark.parametrize("mistake", INTEGERS)
@pytest.mark.parametrize("case_id", ["sequence/longer-f32", "stack/plain-layers2-bidirectional-f32"])
def test_integers_are_not_called_bfloat16(case_id, mistake):
    case, vector = shipped_cases()[case_id], shipped_vectors().load(shipped_cases()[case_id])
    outputs = made(type("Quantised", (OtherSums, BY_ID[mistake].variant), {}), case, vector)
    suspects = diagnosed(case, vector, outputs)
    assert suspects[0].mistakes == (mistake,)
    assert not any(suspect.how == "precision" for suspect in suspects)


def test_integers_of_another_scale_have_no_name_or_that_of_integers():
    case, vector = (
        shipped_cases()["sequence/longer-f32"],
        shipped_vectors().load(shipped_cases()["sequence/longer-f32"]),
    )
    outputs = made(quantising(100.0, 200), case, vector)
    for suspect in diagnosed(case, vector, outputs):
        assert suspect.mistakes[0] in INTEGERS


@pytest.mark.parametrize(
    ("mistake", "case_id"),
    [
        ("padded-y-from-moving-state", "lengths/unsorted-forward-f32"),
        ("reverse-y-of-top-layer-in-order-of-processing", "stack/plain-layers2-bidirectional-f32"),
        ("only-first-step-computed", "sequence/longer-f32"),
    ],
)
def test_what_engines_and_exporters_do_has_a_name(mistake, case_id):
    case, vector = shipped_cases()[case_id], shipped_vectors().load(shipped_cases()[case_id])
    assert named(diagnosed(case, vector, made(BY_ID[mistake].variant, case, vector)), mistake)


def test_a_mistake_in_a_part_has_no_name_but_a_place():
    case = shipped_cases()["sequence/longer-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(sampled("recurrent-bias:dropped:units-from-8:always").mistake.variant, case, vector)
    where = locate(Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, case.dtype))
    assert where is not None
    assert where.axes["unit"].first == 8
    assert diagnosed(case, vector, outputs, where=where) == ()


def test_a_wrong_forward_pass_is_named_though_its_gradients_are_wrong_as_well():
    """As an implementation's are, which differentiates its own forward pass."""
    case = shipped_cases()["gradients/whole-forward-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(sampled("recurrent-bias:dropped:all:always").mistake.variant, case, vector)
    off = np.max(np.abs(outputs["d_W.0"] - vector.golden["d_W.0"]))
    assert off > 1e-3
    assert named(diagnosed(case, vector, outputs), "recurrent-bias-ignored")
    assert all(math.isfinite(suspect.noise) for suspect in diagnosed(case, vector, outputs))
