"""What the judge's message says of a wrong answer: what, where, how far, where first, and how to see it again."""

import numpy as np
import pytest
from judging import a_case, difference, judged

from conformance.case.outcomes import Failed
from conformance.results.result import Result


@pytest.mark.parametrize(
    ("direction", "wrong", "first"),
    [
        ("forward", [(2, 0, 0), (1, 1, 3), (1, 0, 2)], "direction forward, step 1, row 0"),
        ("reverse", [(0, 0, 0), (1, 1, 3)], "direction reverse, step 1, row 1"),
        ("bidirectional", [(2, 1, 1), (0, 0, 5)], "direction forward, step 2, row 1"),
        ("bidirectional", [(0, 0, 4), (1, 1, 7)], "direction reverse, step 1, row 1"),
    ],
)
def test_the_first_wrong_step_is_the_first_that_was_computed(direction, wrong, first):
    outcome = judged(a_case(direction=direction), y=dict.fromkeys(wrong, 0.3))
    assert isinstance(outcome, Failed)
    assert outcome.first_wrong == first


def test_only_wrong_outputs_have_a_first_wrong_step():
    outcome = judged(a_case(), h_n={(0, 0, 0): 0.3})
    assert isinstance(outcome, Failed)
    assert outcome.first_wrong is None


def test_the_message_says_what_where_how_far_where_first_and_how_to_see_it_again():
    case = a_case(origin={"file": "specs/judge.yaml", "line": 42}, direction="reverse")
    outcome = judged(case, y={(1, 1, 3): 0.25, (0, 0, 1): 7.0}, h_n=np.zeros((1, 2, 4)), c_n={(0, 0, 0): 1e-5})
    result = Result(case, "torch@cuda", outcome, {"torch": "2.9.0", "cuda": "12.8"}, "float32")
    assert result.message().splitlines() == [
        "FAILED judge/case [torch@cuda; torch 2.9.0]   specs/judge.yaml:42",
        "  y: 2 of 24 elements differ; worst 6.9 at (0, 0, 1): got 7, golden 0.125; noise 1.15e+08, allowed 11",
        "  h_n: has dtype float64, needs float32",
        "  c_n: 1 of 8 elements differ; worst 1e-05 at (0, 0, 0): got 9.99999975e-06, golden 0; noise 168, allowed 11",
        "  first wrong: direction reverse, step 1, row 1",
        "  again: conformance run --adapter torch@cuda --case judge/case",
    ]


def test_the_message_shows_enough_digits_to_tell_two_numbers_apart():
    case = a_case(dtype="float64", tolerance={"noise": 1})
    outcome = judged(case, y={(0, 0, 4 - 1): 3 / 8 + 2.0**-52})
    assert "got 0.37500000000000022, golden 0.375; noise 2, allowed 1" in difference(outcome, "y")


def test_the_message_names_every_term_of_the_tolerance():
    case = a_case(tolerance={"noise": 4, "absolute": 1e-7, "ulp": 2})
    assert "allowed 4 or absolute 1e-07 or ulp 2" in difference(judged(case, y={(0, 0, 0): 1.0}), "y")
