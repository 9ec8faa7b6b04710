"""Each mistake is a wrong computation of its own, also beside another one, and says truly where it can be made."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from rich_cases import LARGE, MARGIN, RICH, apart, arrays_of, outputs_of, rich, right, row_of, same, shown_by, wrong

from conformance.case.tensors import Array
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.lstm.mistakes.non_finite import NanLostInGateInput
from conformance.lstm.mistakes.subnormals import Flushing
from conformance.lstm.reference import Reference
from conformance.lstm.step import Scan, State

# What each computes.


@pytest.mark.slow
@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.id)
def test_a_mistake_stands_out_on_a_case_it_applies_to(mistake: Mistake) -> None:
    if mistake.systematic:
        assert np.any(wrong(mistake.id, "plain") != right("plain"))
    elif mistake.id in LARGE:
        assert mistake.applies(rich(mistake.id))
        assert np.abs(wrong(mistake.id, mistake.id) - right(mistake.id)).max() > 0.01
    else:
        assert shown_by(mistake.id)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.id)
def test_a_mistake_keeps_shapes_and_dtype_and_changes_nothing_where_it_does_not_apply(mistake: Mistake) -> None:
    for name in RICH:
        case, outputs = rich(name), outputs_of(mistake.id, name)
        assert {n: a.shape for n, a in outputs.items()} == case.outputs, name
        assert {a.dtype for a in outputs.values()} == {case.np_dtype}, name
        if not mistake.applies(case):
            assert same(row_of(outputs), right(name), name), name


def test_arrays_in_float64_are_computed_in_float64_for_a_case_in_float32() -> None:
    """The form in which a diagnosis asks: what depends on the case's dtype is the case's to say."""
    for mistake in CATALOGUE:
        for name in ("stack", "saturated-softplus", "closed-output-gate"):
            outputs = mistake.outputs(rich(name), arrays_of(name).in_dtype(np.float64))
            assert {a.dtype for a in outputs.values()} == {np.dtype(np.float64)}, (mistake.id, name)


def test_the_arrays_are_left_as_they_were() -> None:
    before = {(name, n): a.tobytes() for name in RICH for n, a in arrays_of(name).flat.items()}
    for mistake in CATALOGUE:
        for name in ("stack", "large-cell", "projection", "calls", "stream"):
            mistake.outputs(rich(name), arrays_of(name))
    assert {(name, n): a.tobytes() for name in RICH for n, a in arrays_of(name).flat.items()} == before


def test_a_bound_at_the_largest_number_takes_infinities_and_nan_to_it() -> None:
    largest = float(np.finfo(np.float32).max)
    z = np.array([[np.inf, -np.inf, np.nan, -1.5]], np.float32)
    bounded = NanLostInGateInput(rich("plain")).clipped_gate(0, z)
    assert bounded.tolist() == [[largest, -largest, largest, -1.5]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_subnormal_numbers_are_those_of_the_dtype_and_zeros_keep_their_sign(dtype: str) -> None:
    smallest = np.finfo(dtype).smallest_normal
    case = rich("plain").model_copy(update={"dtype": dtype})
    v = np.array([smallest, -smallest, smallest / 2, -smallest / 2, np.nan, -0.0], dtype)
    for array in (v, v.astype(np.float64)):  # in a diagnosis, a case in float32 is computed in float64
        flushed = Flushing(case).flushed(array)
        assert flushed.dtype == array.dtype
        np.testing.assert_array_equal(flushed, [smallest, -smallest, 0.0, -0.0, np.nan, -0.0])
        assert np.signbit(flushed).tolist()[:4] == [False, True, False, True]


def test_half_formats_are_computed_in_float32_and_keep_their_subnormal_numbers() -> None:
    case = rich("plain").model_copy(update={"dtype": "float16"})
    v = np.array([6e-8, -1e-6, 0.0, 1.0], np.float16)
    np.testing.assert_array_equal(Flushing(case).flushed(v), v)


# No two are the same.


ALIKE = {
    # pairs that coincide wherever both are made, and why they are two all the same
    ("lengths-ignored", "padding-leaks"): "a NaN that is read and a NaN that leaks are the same NaN",
    ("lengths-ignored", "lengths-ignored-with-initial-state"): "the second is made on fewer cases",
    ("lengths-ignored-with-initial-state", "padding-leaks"): "a NaN that is read and a NaN that leaks are the same NaN",
    ("initial-state-ignored", "initial-c-ignored-without-h"): "the second is made on fewer cases",
    ("initial-c-ignored", "initial-c-ignored-without-h"): "the second is made on fewer cases",
    ("initial-state-ignored", "initial-h-ignored-without-c"): "the second is made on fewer cases",
    ("initial-h-ignored", "initial-h-ignored-without-c"): "the second is made on fewer cases",
}


@pytest.mark.slow
def test_no_two_mistakes_come_to_the_same_on_every_case_that_shows_both() -> None:
    alike = set()
    for a, b in combinations(BY_ID, 2):
        both = [name for name in shown_by(a) if name in shown_by(b)]
        if both and all(apart(wrong(a, name), wrong(b, name), name) < MARGIN for name in both):
            alike.add((a, b))
    assert alike == set(ALIKE)


@pytest.mark.slow
def test_those_that_do_are_told_apart_by_a_case_that_shows_one_of_them() -> None:
    for a, b in ALIKE:
        assert set(shown_by(a)) != set(shown_by(b)), (a, b)


def test_a_flip_of_the_whole_sequence_that_skips_padding_is_no_mistake() -> None:
    class Flipping(Reference):
        def scan(self, given: Scan) -> tuple[Array, State]:
            if not self.case.reverse(given.direction):
                return super().scan(given)
            forward = Reference(self.case.model_copy(update={"direction": "forward"}))
            valid = None if given.valid is None else given.valid[::-1]
            y, final = forward.scan(replace(given, direction=0, x=given.x[::-1], valid=valid))
            return y[::-1], final

    for name in ("reverse", "stack", "zero", "holes"):
        assert same(row_of(Flipping(rich(name)).run(arrays_of(name))), right(name), name), name


# Two at once.


@pytest.mark.parametrize(
    ("a", "b", "name"),
    [
        ("recurrent-bias-ignored", "gates-iofg-read-as-ifgo", "plain"),
        ("forget-bias-ignored", "peephole-output-uses-previous-cell", "clip-gates"),
        ("lengths-ignored", "input-bias-twice", "reverse"),
        ("padding-moves-cell", "initial-c-ignored", "zero"),
        ("hard-sigmoid-slope-sixth", "second-direction-uses-first-activations", "activations-by-direction"),
        ("stream-state-cleared", "output-bias-for-forget-gate", "stream"),
        ("later-call-keeps-first-state", "lengths-one-too-long", "calls"),
        ("sorted-final-states-not-restored", "later-call-keeps-first-lengths", "calls"),
        ("projection-bias-ignored", "cell-clip-ignored", "projection"),
        ("layout-of-y-ignored", "directions-share-input-weights", "large-cell"),
        ("layer-norm-epsilon-1e-3", "layer-norm-gain-ignored", "norm-of-basic-cell"),
        ("tanh-from-table", "recurrent-weights-transposed", "plain"),
        ("input-forget-ignored", "peephole-ignored", "forget-from-input"),
    ],
)
def test_two_mistakes_can_be_made_at_once(a: str, b: str, name: str) -> None:
    case, arrays = rich(name), arrays_of(name)
    for first, second in ((a, b), (b, a)):
        both = type("Both", (BY_ID[first].variant, BY_ID[second].variant), {})
        found = row_of(both(case).run(arrays))
        for other in (right(name), wrong(a, name), wrong(b, name)):
            assert apart(found, other, name) >= MARGIN
