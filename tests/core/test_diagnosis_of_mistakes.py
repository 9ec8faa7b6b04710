"""Diagnosis: a mistake that is made is named, two at once are, and so is what is written down, in little time."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from diagnosing import diagnosed, made, named, shuffled, wrong
from harness import shipped_cases, shipped_vectors

from conformance.case.model import Case
from conformance.case.tensors import Outputs
from conformance.golden.inputs import make_arrays
from conformance.golden.vector import Vector
from conformance.lstm.gradients import reference_of
from conformance.lstm.kappa import kappa
from conformance.lstm.mistakes import BY_ID, CATALOGUE, Mistake
from conformance.verdict.answer import Answer
from conformance.verdict.diagnose import diagnose

FAILURES = int(os.environ.get("LSTM_FAILURES", "0"))
"""How many failing cases of each mistake are diagnosed; without it one, of every fifth mistake."""
LONG = 500
"""Cases of more steps are tried one by one below: there is not the time to compute every mistake to its end."""


def failures(mistake: Mistake) -> Iterator[tuple[Case, Vector, Outputs]]:
    """The cases that an implementation with this mistake fails, in no order, with its answers."""
    for case in shuffled([c for c in shipped_cases().values() if mistake.applies(c) and c.T <= LONG], mistake.id):
        vector = shipped_vectors().load(case)
        outputs = made(mistake.variant, case, vector)
        if wrong(case, vector, outputs):
            yield case, vector, outputs


@pytest.mark.slow
def test_every_mistake_that_is_made_is_named():
    tried: Counter[bool] = Counter()
    missed = []
    some = CATALOGUE if FAILURES else shuffled(CATALOGUE, "some")[: len(CATALOGUE) // 5]
    for mistake in some:
        for failure in islice(failures(mistake), FAILURES or 1):
            right = named(diagnosed(*failure), mistake.id)
            tried[right] += 1
            missed += [] if right else [f"{mistake.id} on {failure[0].id}"]
    assert tried.total() >= len(some) - 3  # there are mistakes that show only in cases made on demand
    assert tried[True] >= 0.95 * tried.total(), missed


EXACT = [m for m in CATALOGUE if not (m.approximate or m.systematic or m.precision)]
# Two permutations of the gates are a third one, or two others; a variant of the gradients has a step of its own.
APART = [m for m in EXACT if m.axis not in ("gates", "gradients", "gradient flow", "loss")]


@pytest.mark.slow
def test_two_mistakes_at_once_are_named():
    tried: Counter[bool] = Counter()
    missed = []
    for n, one in enumerate(shuffled(APART, "pairs")[:16]):
        partners = [m for m in shuffled(APART, f"partner {n}")[:20] if m.axis != one.axis]
        if found := next(_made_together(one, partners), None):
            pair, failure = found
            right = named(diagnosed(*failure), *pair)
            tried[right] += 1
            missed += [] if right else [f"{pair} on {failure[0].id}"]
    assert tried.total() >= 12
    assert tried[True] >= 0.9 * tried.total(), missed


def _made_together(
    one: Mistake, partners: Sequence[Mistake]
) -> Iterator[tuple[tuple[str, str], tuple[Case, Vector, Outputs]]]:
    """Pairs on cases on which they do not come to the answer of either."""
    for other in partners:
        for case in shuffled(
            [c for c in shipped_cases().values() if one.applies(c) and other.applies(c)], one.id + other.id
        )[:5]:
            vector = shipped_vectors().load(case)
            alone = [made(mistake.variant, case, vector) for mistake in (one, other)]
            both = made(type("Both", (one.variant, other.variant), {}), case, vector)
            if not all(wrong(case, vector, outputs) for outputs in (*alone, both)) or case.T > LONG:
                continue
            if all(wrong(case, replace(vector, golden=_as_golden(outputs)), both) for outputs in alone):
                yield (one.id, other.id), (case, vector, both)


def _as_golden(outputs: Outputs) -> Outputs:
    return {name: array.astype(np.float64) for name, array in outputs.items()}


@pytest.mark.slow
@pytest.mark.parametrize("case_id", ["long/thousand-f32", "long/thousand-bidirectional-f64"])
@pytest.mark.parametrize("mistake", ["gates-iofg-read-as-ifgo", "forget-gate-left-out"])
def test_a_long_case_is_diagnosed_in_the_same_time(case_id, mistake):
    case = shipped_cases()[case_id]
    vector = shipped_vectors().load(case)
    assert named(diagnosed(case, vector, made(BY_ID[mistake].variant, case, vector)), mistake)


@pytest.mark.parametrize("mistake", ["loss-summed", "loss-divided-by-padding-too", "loss-mask-reversed"])
def test_a_mistake_of_the_loss_and_of_its_gradients_is_named(mistake):
    keys = {"id": "own/loss", "T": 5, "B": 3, "I": 2, "H": 4, "direction": "reverse", "lengths": [5, 3, 4]}
    head = {"head": {"O": 3, "cross_entropy": True}}
    for gradients in ({}, {"gradients": "whole"}):
        case = Case.model_validate(keys | head | gradients)
        arrays = make_arrays(case)
        golden = reference_of(case).run(arrays.in_dtype(np.float64))
        vector = Vector(arrays, golden, kappa(case, arrays))
        assert named(diagnosed(case, vector, made(BY_ID[mistake].variant, case, vector)), mistake)


@pytest.mark.parametrize("mistake", ["final-h-and-c-swapped", "padding-moves-h"])
def test_what_is_written_down_is_tried_whatever_the_time(mistake):
    case = shipped_cases()["long/thousand-bidirectional-f32"]
    vector = shipped_vectors().load(case)
    outputs = made(BY_ID[mistake].variant, case, vector)
    answer = Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, "float32")
    assert named(diagnose(answer, [mistake]), mistake)


def test_several_that_are_written_down_are_tried_together():
    case = shipped_cases()["lengths/unsorted-bidirectional-f32"]
    vector = shipped_vectors().load(case)
    ids = ["final-h-and-c-swapped", "lengths-ignored", "input-bias-twice"]
    three = type("Three", tuple(BY_ID[each].variant for each in ids), {})
    outputs = made(three, case, vector)
    assert diagnosed(case, vector, outputs) == ()
    assert named(diagnosed(case, vector, outputs, written=ids), *ids)
    assert not named(diagnosed(case, vector, outputs, written=ids[:2]), *ids[:2])


def test_cases_on_which_mistakes_coincide_tell_them_apart_together():
    """As docs/reading-a-failure.md says of its example."""
    common = set(BY_ID)
    for case_id in "lengths/unsorted-reverse-f32", "lengths/unsorted-forward-f32":
        case = shipped_cases()[case_id]
        vector = shipped_vectors().load(case)
        suspects = diagnosed(case, vector, made(BY_ID["padding-moves-state"].variant, case, vector))
        common &= {mistake for suspect in suspects for mistake in suspect.mistakes}
    assert common == {"padding-moves-state"}


def test_what_is_written_down_is_found_though_the_top_layer_hides_it():
    """The steps that count are nearly zero, whatever the layer below gives."""
    case = shipped_cases()["designed-openvino-static/005-2-layers-batch-major-no-bias-no-states-empty-rows-calls"]
    vector = shipped_vectors().load(case)
    ids = ["activations-ignored", "lengths-ignored"]
    outputs = made(type("Both", tuple(BY_ID[each].variant for each in ids), {}), case, vector)
    assert named(diagnosed(case, vector, outputs, written=ids), *ids)
