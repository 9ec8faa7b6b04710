"""The judge rejects answers with NaN or infinities in the wrong place, of the wrong shape or dtype, or left out."""

import math

import ml_dtypes
import numpy as np
import pytest
from judging import ALLOWED, INFINITY, a_case, above, answer, difference, golden_of, judged, kappa_of

from conformance.case.outcomes import Failed, Passed
from conformance.verdict.compare import judge


@pytest.mark.parametrize(
    ("golden", "got", "passes"),
    [
        (math.nan, math.nan, True),
        (INFINITY, INFINITY, True),
        (-INFINITY, -INFINITY, True),
        (0.0, -0.0, True),
        (-0.0, 0.0, True),
        (INFINITY, -INFINITY, False),
        (math.nan, INFINITY, False),
        (math.nan, 0.0, False),
        (INFINITY, 3.4e38, False),
        (0.5, math.nan, False),
        (0.5, INFINITY, False),
        (0.5, -INFINITY, False),
        (0.0, math.nan, False),
    ],
)
@pytest.mark.parametrize("tolerance", [{}, {"absolute": 1e300, "relative": 1e300, "ulp": 1e300}])
def test_nan_and_infinities_must_stand_where_they_should_and_the_sign_of_a_zero_alone_says_nothing(
    golden, got, passes, tolerance
):
    case = a_case(tolerance=tolerance)
    goldens = golden_of(case)
    goldens["c_n"][0, 1, 2] = golden
    outcome = judged(case, golden=goldens, c_n={(0, 1, 2): got})
    if passes:
        assert outcome == Passed(0.0)
    else:
        assert isinstance(outcome, Failed)
        assert outcome.noise == INFINITY
        problem = difference(outcome, "c_n")
        assert problem.startswith("1 of 8 elements differ; worst ")
        assert f"at (0, 1, 2): got {np.float32(got):.9g}, golden {golden:.9g}; noise inf" in problem


@pytest.mark.parametrize("not_finite", [math.nan, INFINITY, -INFINITY])
def test_a_golden_value_that_is_not_finite_makes_no_other_element_more_tolerant(not_finite):
    case = a_case()
    golden = golden_of(case)
    golden["y"][2, 1, 3] = not_finite
    assert judged(case, golden=golden, y={(0, 0, 0): ALLOWED * 2.0**-24}) == Passed(ALLOWED)
    assert isinstance(judged(case, golden=golden, y={(0, 0, 0): above(ALLOWED * 2.0**-24, "float32")}), Failed)


def test_a_nan_hides_no_other_wrong_element():
    case = a_case()
    outcome = judged(case, y={(0, 1, 1): math.nan, (2, 1, 1): 0.9})
    assert "2 of 24 elements differ; worst nan at (0, 1, 1)" in difference(outcome, "y")


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.zeros((2, 3, 4), np.float32), "has shape (2, 3, 4), needs (3, 2, 4)"),
        (np.zeros((3, 2, 4, 1), np.float32), "has shape (3, 2, 4, 1), needs (3, 2, 4)"),
        (np.zeros((2, 4), np.float32), "has shape (2, 4), needs (3, 2, 4)"),
        (np.zeros((3, 2, 4), np.float64), "has dtype float64, needs float32"),
        (np.zeros((3, 2, 4), np.float16), "has dtype float16, needs float32"),
        (np.zeros((3, 2, 4), ml_dtypes.bfloat16), "has dtype bfloat16, needs float32"),
        (None, "not returned"),
        ("a list", "is a list, needs to be a NumPy array of float32"),
    ],
)
def test_an_output_of_the_wrong_form_fails_whatever_its_numbers(y, problem):
    case = a_case(tolerance={"absolute": 1e9})
    outcome = judged(case, y=y)
    assert isinstance(outcome, Failed)
    assert outcome.noise == INFINITY
    assert [(d.tensor, d.problem) for d in outcome.differences] == [("y", problem)]
    assert outcome.first_wrong is None


def test_an_output_that_is_missing_altogether_fails_and_one_too_many_does_not():
    case = a_case()
    golden, kappa = golden_of(case), kappa_of(case)
    outputs = answer(case, golden) | {"attention": np.zeros(3)}
    assert judge(case, outputs, golden, kappa, precision="float32") == Passed(0.0)
    del outputs["h_n"]
    told = difference(judge(case, outputs, golden, kappa, precision="float32"), "h_n")
    assert told == "not returned; returned without being asked for: attention"
    del outputs["attention"]
    assert difference(judge(case, outputs, golden, kappa, precision="float32"), "h_n") == "not returned"


def test_an_empty_batch_is_right_if_its_shapes_are():
    case = a_case(B=0, head={"O": 3}, lengths=[])
    assert judged(case) == Passed(0.0)
    outcome = judged(case, h_n=np.zeros((1, 1, 4), np.float32))
    assert difference(outcome, "h_n") == "has shape (1, 1, 4), needs (1, 0, 4)"
