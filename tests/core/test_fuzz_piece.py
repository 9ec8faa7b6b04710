"""Pieces with adapters in real workers: what is wrong is found, what is known is not, what dies costs one case."""

import pickle
from pathlib import Path

import pytest
from fuzzing import label

from conformance.fuzz.drawing import QUESTIONS
from conformance.fuzz.found import Findings
from conformance.fuzz.piece import piece
from conformance.run.settings import RunSettings

CASES = 8 * QUESTIONS


def found(kind: str, settings: RunSettings | None = None, **options) -> Findings:
    return piece(label(kind), 3, 0, CASES, settings or RunSettings(timeout=20.0), **options)


def mistakes(findings: Findings) -> set[str]:
    return {each.mistakes[0][0] for each in findings.failures if each.mistakes}


@pytest.fixture(scope="module")
def without_lengths() -> Findings:
    return found("NoLengths")


def test_a_mistake_is_found_and_named(without_lengths: Findings) -> None:
    assert mistakes(without_lengths) == {"lengths-ignored"}
    assert without_lengths.judged + without_lengths.unjudgeable == CASES == without_lengths.next
    assert without_lengths.related > 2


@pytest.mark.slow
def test_a_range_is_a_part_of_the_whole(without_lengths: Findings) -> None:
    settings = RunSettings(timeout=20.0)
    parts = [piece(label("NoLengths"), 3, *ends, settings) for ends in ((0, 70), (70, CASES))]
    assert sum(part.judged for part in parts) == without_lengths.judged
    failures = [failure for part in parts for failure in part.failures]
    assert min(each.question.number for each in failures) == without_lengths.failures[0].question.number


@pytest.mark.slow
def test_nothing_is_wrong_with_what_is_right() -> None:
    findings = found("Right")
    assert not findings.wrong and not findings.failures


@pytest.mark.slow
def test_the_same_piece_is_the_same(without_lengths: Findings) -> None:
    again = found("NoLengths")
    again.seconds, again.processor = without_lengths.seconds, without_lengths.processor
    assert pickle.dumps(again) == pickle.dumps(without_lengths)


@pytest.mark.slow
def test_a_known_deviation_is_not_reported(tmp_path: Path) -> None:
    entry = "- {cases: ['lengths/*'], reason: known, mistake: lengths-ignored, versions: {numpy: '>=1'}}\n"
    (tmp_path / "lstm_fuzzed.yaml").write_text(entry)
    settings = RunSettings(timeout=20.0, deviations=tmp_path)
    known = found("NoLengths", settings)
    assert not known.wrong and known.known
    hidden = found("NoLengths", settings, deviations=False)
    assert sum(hidden.wrong.values()) == known.known and mistakes(hidden) == {"lengths-ignored"}


@pytest.mark.slow
def test_another_mistake_than_the_known_one_is_reported(tmp_path: Path) -> None:
    entry = "- {cases: ['lengths/*'], reason: known, mistake: lengths-ignored, versions: {numpy: '>=1'}}\n"
    (tmp_path / "lstm_fuzzed.yaml").write_text(entry)
    findings = found("NoPeephole", RunSettings(timeout=20.0, deviations=tmp_path))
    assert mistakes(findings) == {"peephole-ignored"} and not findings.known


@pytest.mark.slow
def test_what_only_later_calls_get_wrong_is_found() -> None:
    assert found("Aging").failures


def test_an_error_is_found_once_whatever_its_numbers() -> None:
    findings = found("Raises")
    (failure,) = findings.failures
    assert failure.outcome == "errored" and "no kernel for # units" in failure.kind[1]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "outcome"), [("Exits", "crashed"), ("Hangs", "timed out")])
def test_what_ends_the_process_costs_its_own_cases_alone(kind: str, outcome: str) -> None:
    findings = piece(label(kind), 3, 0, 3 * QUESTIONS, RunSettings(timeout=1.0))
    assert {each.outcome for each in findings.failures} == {outcome}
    assert findings.judged + findings.unjudgeable >= 3 * QUESTIONS - 1
    dead = sum(findings.wrong.values())
    assert 0 < dead < findings.judged
