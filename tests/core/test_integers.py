"""Answers computed with 8-bit integers: right ones pass, mistakes beside the rounding do not; some are not judged."""

from dataclasses import replace

import numpy as np
import pytest
from diagnosing import made
from harness import shipped_cases, shipped_vectors

from conformance.case.dtypes import INTEGERS, NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.outcomes import Failed, Passed, Unsupported
from conformance.lstm.integers import kappa_in, kappa_of_integers
from conformance.lstm.mistakes import BY_ID
from conformance.lstm.mistakes.precision import quantising
from conformance.run.assess import of_outputs
from conformance.verdict.contracts import DEFAULTS

CASES = [
    *("sequence/longer-f32", "stack/plain-layers2-bidirectional-f32", "direction/plain-reverse-f32"),
    *("cell/step-f32-both-states", "calls/growing-f32", "head/last-step-f32", "peephole/plain-reverse-f32"),
]
WAYS = {
    "int8": [quantising(127.0, 255), quantising(127.5, 127), quantising(127.0, None)],
    "int8-by-row": [quantising(127.0, 255, by_row=True), quantising(127.0, None, by_row=True)],
}
"""Right computations with integers, by the format in which each is declared."""


def of(case_id):
    case = shipped_cases()[case_id]
    return case, shipped_vectors().load(case)


def judged(case, vector, outputs, precision):
    return of_outputs(case, vector, outputs, precision, DEFAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("case_id", CASES)
@pytest.mark.parametrize(("precision", "way"), [(name, way) for name, ways in WAYS.items() for way in ways])
def test_right_integers_pass_in_their_format_and_not_in_float32(case_id, precision, way):
    case, vector = of(case_id)
    outputs = made(way, case, vector)
    assert isinstance(judged(case, vector, outputs, precision), Passed)
    assert isinstance(judged(case, vector, outputs, "float32"), Failed)


@pytest.mark.parametrize("case_id", CASES[:2])
@pytest.mark.parametrize(
    "mistake", ["gates-iofg-read-as-ifgo", "recurrent-bias-ignored", "forget-gate-left-out", "output-of-previous-cell"]
)
def test_a_mistake_beside_the_rounding_fails_and_is_named(case_id, mistake):
    case, vector = of(case_id)
    both = type("Both", (quantising(127.5, 127), BY_ID[mistake].variant), {})
    outcome = judged(case, vector, made(both, case, vector), "int8")
    assert isinstance(outcome, Failed)
    assert mistake in {name for suspect in outcome.suspects for name in suspect.mistakes}


def test_four_bits_are_not_eight():
    case, vector = of("sequence/longer-f32")
    assert isinstance(judged(case, vector, made(quantising(7.0, 15), case, vector), "int8"), Failed)


def test_one_unit_more_than_allowed_fails():
    case, vector = of("sequence/short-f32")
    golden, kappa = vector.golden["h_n"], kappa_in("int8", case, vector.arrays, vector.kappa)["h_n"]
    unit = UNIT_ROUNDOFF["int8"] * np.maximum(kappa, np.max(np.abs(golden)))
    right = {name: array.astype(case.np_dtype) for name, array in vector.golden.items()}
    for units, outcome in ((NOISE_ALLOWED["int8"] * 0.99, Passed), (NOISE_ALLOWED["int8"] * 1.01, Failed)):
        outputs = right | {"h_n": (golden + units * unit).astype(case.np_dtype)}
        assert isinstance(judged(case, vector, outputs, "int8"), outcome)


def test_a_scale_for_each_row_allows_less():
    case, vector = of("sequence/longer-f32")
    sums = [sum(np.sum(k) for k in kappa_of_integers(case, vector.arrays, by_row=each).values()) for each in (0, 1)]
    assert sums[1] < 0.97 * sums[0]


def test_what_padding_holds_does_not_widen_what_is_allowed():
    case, vector = of("lengths/unsorted-bidirectional-f32")
    steps = np.arange(case.T)[:, None] < np.array(case.lengths)
    inputs = vector.arrays.inputs
    assert np.abs(inputs.x[~steps]).max() > 100 * np.abs(inputs.x[steps]).max()
    bare = replace(vector.arrays, inputs=replace(inputs, x=np.where(steps[..., None], inputs.x, np.float32(0))))
    widened, narrow = (kappa_of_integers(case, each, by_row=False) for each in (vector.arrays, bare))
    assert all(np.array_equal(widened[name], narrow[name]) for name in narrow)


def test_other_formats_keep_the_kappa_of_the_vector():
    case, vector = of("sequence/short-f32")
    assert all(
        kappa_in(name, case, vector.arrays, vector.kappa) is vector.kappa for name in set(UNIT_ROUNDOFF) - INTEGERS
    )


def test_an_error_of_a_weight_is_not_called_a_bias():
    case, vector = of("sequence/longer-f32")
    outcome = judged(case, vector, made(quantising(127.0, None), case, vector), "int8")
    assert isinstance(outcome, Passed)
    assert outcome.bias == 0.0


@pytest.mark.parametrize(
    ("case_id", "reason"),
    [
        ("activations/hidden-thresholded-relu-f32", "thresholded_relu jumps"),
        ("batch/among-extremes-f32", "as much as the largest"),
    ],
)
def test_where_rounding_explains_everything_nothing_is_judged(case_id, reason):
    case, vector = of(case_id)
    outcome = judged(case, vector, {name: array.astype(case.np_dtype) for name, array in vector.golden.items()}, "int8")
    assert isinstance(outcome, Unsupported)
    assert reason in outcome.reason
