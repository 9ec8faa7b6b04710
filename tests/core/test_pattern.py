"""The pattern of wrong indices along an axis, whatever the axis is."""

import numpy as np
import pytest

from conformance.verdict.pattern import along, pattern_of


def words(wrong, of, noun="unit", judged=None):
    mask = np.zeros(of, dtype=bool)
    mask[list(wrong)] = True
    pattern = pattern_of(mask, judged)
    assert pattern is not None
    return pattern.words(noun)


@pytest.mark.parametrize(
    ("wrong", "of", "said"),
    [
        (range(5), 5, "every unit"),
        ([0], 5, "the first unit of 5"),
        ([4], 7, "unit 4 of 7"),
        ([6], 7, "the last unit of 7"),
        ([8], 9, "the last unit of 9 (the tail beyond a multiple of 4 or 8)"),
        (range(12, 15), 15, "units 12 to 14 of 15 (the tail beyond a multiple of 4)"),
        (range(32, 37), 37, "units 32 to 36 of 37 (the tail beyond a multiple of 8, 16 or 32)"),
        (range(32, 40), 40, "units 32 to 39 of 40 (the tail beyond a multiple of 16 or 32)"),
        (range(33, 40), 40, "units from 33 on, of 40"),
        (range(4), 15, "units 0 to 3 of 15"),
        (range(2, 4), 15, "units 2 to 3 of 15"),
        (range(0, 9, 2), 9, "the even units of 9"),
        (range(1, 9, 2), 9, "the odd units of 9"),
        (range(15, 33, 16), 33, "every 16th unit from 15 on, of 33"),
        (range(2, 12, 3), 12, "every 3rd unit from 2 on, of 12"),
        ([0, 1, 2, 4, 5], 6, "every unit but unit 3"),
        ([1, 2, 7], 9, "units 1, 2 and 7 of 9"),
        ([0, 1, 3, 4, 7, 9, 11, 12], 20, "8 of 20 units, among them 0, 1, 3, 4, 7 and 9"),
    ],
)
def test_the_shortest_rule_that_fits_is_said(wrong, of, said):
    assert words(wrong, of) == said


def test_two_indices_far_apart_are_no_rule():
    assert words([0, 3], 6) == "units 0 and 3 of 6"
    assert words([5, 14], 20) == "units 5 and 14 of 20"


def test_nothing_wrong_has_no_pattern():
    assert pattern_of(np.zeros(4, dtype=bool)) is None


def test_indices_that_could_not_be_seen_do_not_count_as_right():
    judged = np.array([True, True, False, True, True, False])
    assert words([0, 1, 3, 4], 6, judged=judged) == "every unit"
    assert words([3, 4], 6, judged=judged) == "units from 3 on, of 6"
    assert words([1, 3], 6, judged=judged) == "units 1 to 3 of 6"
    assert words([0, 3], 6, judged=judged) == "units 0 and 3 of 6"


def test_the_noun_is_put_into_the_plural():
    assert words([1, 2], 5, "column of W") == "columns of W 1 to 2 of 5"
    assert words([1, 3], 4, "scan step") == "the odd scan steps of 4"


@pytest.mark.parametrize("wrong", [range(6), [5], [0, 2, 4], [0, 1, 2, 4, 5], [1, 2], [0, 3, 4]])
def test_the_indices_can_be_had_back(wrong):
    mask = np.zeros(6, dtype=bool)
    mask[list(wrong)] = True
    assert pattern_of(mask).wrong == list(wrong)


def test_what_is_wrong_along_an_axis():
    wrong = np.zeros((2, 3, 4), dtype=bool)
    wrong[1, 2, 0] = True
    assert along(wrong, 1).tolist() == [False, False, True]
    assert np.argwhere(along(wrong, 0, 2)).tolist() == [[1, 0]]
