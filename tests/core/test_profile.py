"""Where in time, and in which gate, an error is: what the report plots."""

import json
from typing import Any

import numpy as np
import pytest
from reports import answer, cases, judged, vector_of

from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.model import Case
from conformance.case.outcomes import Failed, Suspect
from conformance.lstm.mistakes import BY_ID, CATALOGUE
from conformance.verdict.answer import Answer
from conformance.verdict.profile import POINTS, SERIES, profile

ALLOWED = NOISE_ALLOWED["float32"]


def profile_of(case_id: str, *mistakes: str) -> dict[str, Any]:
    outcome = judged(cases()[case_id], answer(cases()[case_id], *mistakes))
    assert isinstance(outcome, Failed)
    assert outcome.profile is not None
    return outcome.profile


def changed(case_id: str, change) -> dict[str, Any]:
    """The profile of a right answer to which something was done."""
    case, vector = cases()[case_id], vector_of(case_id)
    outputs = {name: array.copy() for name, array in answer(case).items()}
    change(outputs)
    return profile(Answer(case, vector.arrays, outputs, vector.golden, vector.kappa, case.dtype))


def test_noise_of_y_is_told_for_each_step_and_direction():
    def change(outputs):
        outputs["y"][3:, 1, 2] += 0.5  # H is 6: forward
        outputs["y"][:2, 0, 7] += 0.5  # reverse

    y = changed("stack/plain-layers2-bidirectional-f32", change)["y"]
    assert [noise > ALLOWED for noise in y["forward"]] == [False, False, False, True, True]
    assert [noise > ALLOWED for noise in y["reverse"]] == [True, True, False, False, False]


def test_steps_of_padding_are_gaps_unless_they_are_wrong():
    right = changed("lengths/all-short-bidirectional-f32", lambda outputs: None)["y"]
    assert [noise is None for noise in right["forward"]] == [False] * 6 + [True] * 2

    def change(outputs):
        outputs["y"][7, 0, 0] = 0.5

    wrong = changed("lengths/all-short-bidirectional-f32", change)["y"]
    assert wrong["forward"][6] is None
    assert wrong["forward"][7] > 16


def test_what_is_no_number_is_infinite_and_can_be_written():
    def change(outputs):
        outputs["y"][2, 0, 0] = np.nan

    found = changed("stack/plain-layers2-bidirectional-f32", change)
    assert found["y"]["forward"][2] == "inf"
    json.dumps(found, allow_nan=False)


def test_long_cases_keep_their_peaks_in_few_points():
    def change(outputs):
        outputs["y"][503, 0, 0] += 0.5

    found = changed("long/thousand-f32", change)
    assert found["every"] == 5
    series = found["y"]["forward"]
    assert len(series) == POINTS
    assert [n for n, noise in enumerate(series) if noise > ALLOWED] == [100]


def plain(mistake: str) -> Case:
    """A float64 case of one layer and direction, forward, in which a mistake can be made."""
    there = (case for case in cases().values() if BY_ID[mistake].applies(case) and case.dtype == "float64")
    found = (
        c for c in there if c.layers == 1 and c.direction == "forward" and c.T > 1 and not c.masked and not c.on_demand
    )
    return next(case for case in found if case.coupling is None and case.h0 is not None)


@pytest.mark.parametrize(
    ("mistake", "first_wrong"),
    [
        ("forget-bias-ignored", "fch"),
        ("forget-bias-on-input-gate", "ifch"),
        ("peephole-output-uses-previous-cell", "oh"),
        ("output-gate-left-out", "h"),
        ("candidate-gated-by-forget-gate", "ch"),
    ],
)
def test_the_gate_that_is_wrong_at_the_first_step_is_told(mistake, first_wrong):
    found = profile_of(plain(mistake).id, mistake)
    gates = found["gates"]["forward"]
    assert mistake in found["mistake"]
    assert tuple(gates) == SERIES
    assert {name for name in SERIES if gates[name][0] > 1e-6} == set(first_wrong)


def test_the_difference_of_h_is_that_of_y():
    case = plain("candidate-gated-by-forget-gate")
    found = profile_of(case.id, "candidate-gated-by-forget-gate")["gates"]["forward"]["h"]
    apart = np.abs(answer(case, "candidate-gated-by-forget-gate")["y"] - vector_of(case.id).golden["y"])
    np.testing.assert_allclose(found, apart.max(axis=(1, 2)), rtol=5e-3)


def test_the_layer_where_a_mistake_begins_is_told():
    found = profile_of("stack/plain-layers3-forward-f64", "layers-share-recurrent-weights")
    assert found["layer"] == 1
    assert max(found["gates"]["forward"]["h"]) > 1e-3


def test_a_gradient_is_wrong_in_the_gate_that_is_wrong():
    def change(outputs):
        outputs["d_W.0"][3, 1, 1] += 1.0

    found = changed("gradients/whole-forward-f32", change)["gradients"]
    assert set(found) == {"d_W.0", "d_R.0", "d_b_w.0", "d_b_r.0"}
    assert [noise > ALLOWED for noise in found["d_W.0"]] == [False, False, False, True]
    assert max(found["d_R.0"]) < ALLOWED
    assert "gates" not in profile_of("gradients/whole-forward-f32", "gradient-gates-igfo-for-ifgo")


@pytest.mark.slow
@pytest.mark.parametrize(
    "case_id", ["lengths/stack-bidirectional-f64", "gradients/stack-f32", "not-finite/x-bidirectional-nan"]
)
def test_every_mistake_of_the_catalogue_has_a_profile_that_can_be_written(case_id):
    case, vector = cases()[case_id], vector_of(case_id)
    right = Answer(case, vector.arrays, answer(case), vector.golden, vector.kappa, case.dtype)
    told = 0
    for mistake in CATALOGUE:
        suspects = [Suspect((mistake.id,), "reproduces", 1.0, case.dtype)]
        found = profile(right, suspects)
        assert len(json.dumps(found, allow_nan=False)) < 4000
        told += "gates" in found
    assert told > 50
