"""Diagnosis: noise is no mistake, and coarser formats and approximations are named though their digits are others."""

import numpy as np
import pytest
from diagnosing import diagnosed, made, named, wrong
from harness import shipped_cases, shipped_vectors

from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.model import Case
from conformance.case.tensors import Outputs
from conformance.golden.vector import Vector
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.reference import Reference


def with_noise(case: Case, vector: Vector, units: float) -> Outputs:
    """The golden values, each wrong by up to so many noise units, at random."""
    random = np.random.Generator(np.random.PCG64(7))
    outputs = {}
    for name, golden in vector.golden.items():
        largest = np.maximum(vector.kappa[name], np.max(np.abs(golden), initial=0.0))
        error = random.uniform(-1.0, 1.0, golden.shape) * units * 2.0**-24 * largest
        outputs[name] = (golden + error).astype(np.float32)
    return outputs


SOME = ["sequence/longer-f32", "stack/plain-layers3-bidirectional-f32", "cell/step-f32-both-states"]


@pytest.mark.parametrize("case_id", SOME)
@pytest.mark.parametrize("units", [50.0, 3000.0, 4e6])
def test_what_is_no_mistake_is_reproduced_by_none(case_id, units):
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    outputs = with_noise(case, vector, units)
    assert wrong(case, vector, outputs)
    suspects = diagnosed(case, vector, outputs)
    assert not any(suspect.how == "reproduces" for suspect in suspects)
    assert units < 1e6 or suspects == ()  # smaller noise may well be of the size of a coarser format's


def test_a_right_answer_with_one_number_changed_is_no_mistake():
    case = shipped_cases()["sequence/longer-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(Reference, case, vector)
    outputs["y"][7, 0, 3] += 0.25
    assert diagnosed(case, vector, outputs) == ()


@pytest.mark.parametrize(
    ("mistake", "precision"),
    [("products-in-tf32", "tf32"), ("computed-in-bfloat16", "bfloat16"), ("computed-in-float16", "float16")],
)
def test_a_coarser_format_is_named_though_its_digits_are_others(mistake, precision):
    case = shipped_cases()["sequence/longer-f32"]
    vector = shipped_vectors().load(case)

    class OtherDigits(BY_ID[mistake].variant):
        """Sums in another order than the mistake of the catalogue."""

        def product(self, rows, matrix):
            return super().product(rows[:, ::-1] * np.float32(1.0001), matrix[:, ::-1])

    first = diagnosed(case, vector, made(OtherDigits, case, vector))[0]
    assert first.how == "precision"
    assert UNIT_ROUNDOFF[first.precision] == UNIT_ROUNDOFF[precision]
    assert 0.01 < first.noise < 16


def test_float64_computed_in_float32_is_named_and_so_it_is_beside_another_mistake():
    case = shipped_cases()["lengths/unsorted-reverse-f64"]
    vector = shipped_vectors().load(case)
    narrow = vector.arrays.in_dtype(np.float32)
    for other in (), ("padding-moves-state",):

        class OtherDigits(*(BY_ID[each].variant for each in other), Reference):
            """Sums in another order than the mistake of the catalogue."""

            def product(self, rows, matrix):
                return super().product(rows[:, ::-1], matrix[:, ::-1])

        outputs = {name: array.astype(np.float64) for name, array in OtherDigits(case).run(narrow).items()}
        suspects = diagnosed(case, vector, outputs)
        assert named(suspects, *other, "float64-in-float32")
        assert {(suspect.how, suspect.precision) for suspect in suspects} == {("precision", "float32")}
        assert all(suspect.noise < 16 for suspect in suspects)


def test_an_approximation_of_other_digits_is_said_to_be_alike():
    case = shipped_cases()["sequence/longer-f32"]
    vector = shipped_vectors().load(case)

    class OtherTanh(Reference):
        def activation(self, activation, z):
            result = super().activation(activation, z)
            return result * (1 + 1e-5 * np.sin(31 * z)) if activation.name == "tanh" else result

    suspects = diagnosed(case, vector, made(OtherTanh, case, vector))
    assert named(suspects, "tanh-good-to-five-digits")
    assert {suspect.how for suspect in suspects} == {"resembles"}
