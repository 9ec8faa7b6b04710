"""An answer of too few steps or rows of states is told by its shape, and by the mistake whose numbers it holds."""

from collections.abc import Callable

import numpy as np
import pytest
from reports import cases, vector_of

from conformance.case.outcomes import Failed
from conformance.case.tensors import Outputs, to_bytes
from conformance.lstm.gradients import completed
from conformance.lstm.mistakes import BY_ID, CATALOGUE
from conformance.lstm.reference import Reference
from conformance.results.result import Result
from conformance.run.assess import assess
from conformance.run.messages import Computed
from conformance.verdict import diagnose

SHORTENING = [mistake.id for mistake in CATALOGUE if mistake.shortens]


def made(case_id: str, *mistakes: str) -> Outputs:
    """What an implementation with these mistakes returns: no more than it has."""
    variant = type("Made", tuple(BY_ID[mistake].variant for mistake in mistakes) or (Reference,), {})
    with np.errstate(all="ignore"):
        outputs = completed(variant, cases()[case_id], vector_of(case_id).arrays)
    return {name: array[~np.isnan(array).all(axis=tuple(range(1, array.ndim)))] for name, array in outputs.items()}


def outcome_of(case_id: str, outputs: Outputs, written: tuple[str, ...] = ()) -> Failed:
    case = cases()[case_id]
    tensors = to_bytes({name: np.ascontiguousarray(array) for name, array in outputs.items()})
    answer = Computed(tensors, {}, case.dtype, "zeros", "initial", 0.0)
    outcome = assess(case, vector_of(case_id), answer, written).outcome
    assert isinstance(outcome, Failed)
    return outcome


def found(outcome: Failed) -> list[tuple[str, ...]] | None:
    return None if outcome.suspects is None else [suspect.mistakes for suspect in outcome.suspects]


@pytest.mark.parametrize(
    ("mistake", "case_id"),
    [
        ("final-states-of-top-layer-only", "stack/plain-layers2-bidirectional-f32"),
        ("final-states-of-last-direction-only", "direction/plain-bidirectional-f32"),
        ("only-first-step-computed", "direction/plain-bidirectional-f32"),
        ("only-first-step-computed", "stack/plain-layers2-bidirectional-f32"),
    ],
)
def test_what_it_holds_is_named(mistake: str, case_id: str) -> None:
    outcome = outcome_of(case_id, made(case_id, mistake))
    assert found(outcome) == [(mistake,)]
    message = Result(cases()[case_id], "acme", outcome, {"acme": "1"}).message()
    assert " has shape (" in message
    assert f"looks like: {mistake} (reproduces it, noise " in message


def test_there_is_no_other_that_shortens() -> None:
    assert set(SHORTENING) == {
        *("only-first-step-computed", "final-states-of-top-layer-only", "final-states-of-last-direction-only")
    }


def test_beside_another_mistake_it_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a model that Paddle exports: lengths that nothing reads, and the states of the top layer."""
    monkeypatch.setattr(diagnose, "SECONDS", 60.0)  # on a busy machine the usual ones may end before the pair's turn
    case_id = "lengths/stack-bidirectional-f32"
    both = ("lengths-ignored", "final-states-of-top-layer-only")
    (pair,) = [set(mistakes) for mistakes in found(outcome_of(case_id, made(case_id, *both))) or ()][:1]
    assert pair == set(both)
    assert found(outcome_of(case_id, made(case_id, *both), written=both)) == [both]


CHANGES: dict[str, Callable[[Outputs], Outputs]] = {
    "numbers of no mistake": lambda right: right | {"h_n": right["h_n"][:2] + np.float32(0.25)},
    "another layer's states": lambda right: right | {name: right[name][:2] for name in ("h_n", "c_n")},
    "axes exchanged": lambda right: right | {"y": np.swapaxes(right["y"], 0, 1)},
    "an axis too few": lambda right: right | {"h_n": right["h_n"][0]},
    "a batch row too few": lambda right: right | {"y": right["y"][:, 1:]},
    "a step too many": lambda right: right | {"y": np.concatenate([right["y"], right["y"][:1]])},
    "another dtype": lambda right: {name: array.astype(np.float64) for name, array in right.items()},
    "a tensor too few": lambda right: {name: array for name, array in right.items() if name != "c_n"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_of_any_other_wrong_form_no_mistake_is_told(change: Callable[[Outputs], Outputs]) -> None:
    case_id = "stack/plain-layers2-bidirectional-f32"
    outcome = outcome_of(case_id, change(made(case_id)))
    assert outcome.suspects is None
    assert outcome.profile is None
