"""What known deviations lead to beyond their own digits is recognised, and nothing else is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.outcomes import Failed
from conformance.case.tensors import Array
from conformance.fuzz.judging import exactly, reference
from conformance.fuzz.known import Known
from conformance.fuzz.questions import Question
from conformance.golden.inputs import make_arrays
from conformance.lstm.reference import Reference
from conformance.results.deviations import Deviation
from conformance.verdict.answer import Answer
from conformance.verdict.contracts import DEFAULTS


def known(*mistakes: str) -> Known:
    return Known(
        [Deviation(cases=["cell/*"], reason="known", mistake=[each], versions={"x": ">=1"}) for each in mistakes]
    )


ZERO = {"constant": 0.0}


def answer(computed: type[Reference], **keys: Any) -> Answer:
    """The answer in float32 of a wrong computation, judged wrong."""
    base = {"id": "fuzz/known", "T": 12, "B": 2, "I": 3, "H": 8, "bias": False, "h0": None}
    case = Case.model_validate(base | keys)
    arrays = make_arrays(case)
    with np.errstate(all="ignore"):
        got = {n: a.astype(np.float32) for n, a in computed(case).run(arrays.in_dtype(np.float64)).items()}
    judged = exactly(Question(0, case, arrays), got, reference(case, arrays), "float32", DEFAULTS)
    assert judged is not None and isinstance(judged.outcome, Failed) and judged.answer is not None
    return judged.answer


def sigmoid_by(function: Callable[[Array], Array]) -> type[Reference]:
    class By(Reference):
        def activation(self, activation: Activation, z: Array) -> Array:
            found = super().activation(activation, z)
            return function(found) if activation.name == "sigmoid" else found

    return By


def with_default(name: str, alpha: float) -> type[Reference]:
    class With(Reference):
        def activation(self, activation: Activation, z: Array) -> Array:
            other = activation.model_copy(update={"alpha": alpha, "defaults": None})
            return super().activation(other if activation.name == name else activation, z)

    return With


VANISHING = sigmoid_by(lambda found: np.where(found < 2.0**-26, 0.0, found))
DEFAULT_ACTIVATIONS = [
    {
        "gate": {"name": "thresholded_relu", "defaults": "onnx"},
        "cell": "tanh",
        "hidden": {"name": "leaky_relu", "defaults": "onnx"},
    }
]


@pytest.fixture
def infinite() -> Answer:
    """0 times infinity, where the sigmoid of a number far below 0 has become 0."""
    return answer(
        VANISHING,
        T=1,
        x={"constant": -16.0},
        c0={"constant": 0.5},
        weights={"W": {"constant": 1.0}, "R": ZERO},
        poison={"tensor": "c0", "at": [0, 0, 0], "value": np.inf},
    )


def test_what_a_vanished_sigmoid_does_to_an_infinity_is_known(infinite: Answer) -> None:
    assert np.isnan(infinite.outputs["c_n"]).any() and np.isfinite(infinite.golden["y"]).all()
    assert known("coarse-sigmoid").approximates(infinite)


@pytest.mark.parametrize("other", ["coarse-tanh", "nan-lost-in-gate-input", "lengths-ignored"])
def test_it_is_not_known_from_another_deviation(infinite: Answer, other: str) -> None:
    assert not known(other).approximates(infinite)


def test_the_mean_error_of_a_sigmoid_is_known() -> None:
    """An error of half a roundoff of 1 at every step, as ONNX Runtime's has it at 0."""
    biased = answer(sigmoid_by(lambda found: found - 2.0**-24), x=ZERO)
    assert known("coarse-sigmoid").approximates_within(biased)
    assert not known("softplus-overflows").approximates_within(biased)


def test_a_mean_error_that_is_larger_than_the_approximation_is_not_known() -> None:
    biased = answer(sigmoid_by(lambda found: found * (1.0 - 40 * 2.0**-24)), x=ZERO)
    assert not known("coarse-sigmoid").approximates_within(biased)


def test_one_default_that_is_wrong_is_known_beside_another_that_is_right() -> None:
    wrong = answer(with_default("thresholded_relu", 0.0), activations=DEFAULT_ACTIVATIONS)
    assert known("default-parameters-zero").reproduces(wrong) == ("default-parameters-zero",)


def test_a_default_that_is_wrong_in_another_way_is_not() -> None:
    wrong = answer(with_default("thresholded_relu", 0.25), activations=DEFAULT_ACTIVATIONS)
    assert known("default-parameters-zero").reproduces(wrong) is None
    assert not known("default-parameters-zero").approximates(wrong)


def test_only_fine_approximations_are_taken_over_from_a_finding(infinite: Answer) -> None:
    """A coarse one would explain all that is no larger."""
    for mistake, explains in (("coarse-sigmoid", True), ("sigmoid-good-to-five-digits", False)):
        found = Known(())
        found.add((mistake,))
        assert found.approximates(infinite) is explains
