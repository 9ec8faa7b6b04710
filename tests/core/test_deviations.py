"""Known deviations: they excuse what they describe, in the versions they name, and nothing else; strictly."""

from pathlib import Path
from typing import Any

import pytest

from conformance.case.errors import SpecError
from conformance.case.model import Case
from conformance.case.outcomes import Crashed, Difference, Errored, Failed, Outcome, Passed, TimedOut, Unsupported
from conformance.run.deviations import Deviation, find, load_deviations
from conformance.run.result import Result

ENTRY = """\
- cases: [stack/*-f16, head/last-step]
  reason: sums in half precision
  versions: {torch: ">=2.4,<2.6"}
"""
CASE = Case.model_validate({"id": "stack/deep-f16", "T": 1, "B": 1, "I": 1, "H": 1, "dtype": "float16"})
FAILED = Failed(99.0, (Difference("y", "1 of 1 elements differ", 99.0),))
OUTCOMES: dict[str, Outcome] = {
    "failed": FAILED,
    "errored": Errored("RuntimeError: no"),
    "crashed": Crashed("exit code 1"),
    "timed out": TimedOut(5.0),
}


def loaded(tmp_path: Path, text: str, adapter: str = "torch") -> list[Deviation]:
    (tmp_path / "torch.yaml").write_text(text)
    return load_deviations(tmp_path, adapter)


def result_of(outcome: Outcome, deviation: Deviation | None) -> Result:
    return Result(CASE, "torch", outcome, {"torch": "2.5.1"}, deviation=deviation)


def a_deviation(**fields: Any) -> Deviation:
    return Deviation(cases=("stack/*",), reason="sums in half precision", versions={"torch": "<3"}, **fields)


@pytest.mark.parametrize("expected", OUTCOMES)
@pytest.mark.parametrize("shown", OUTCOMES)
def test_a_deviation_excuses_the_outcome_it_names_and_no_other(expected, shown):
    result = result_of(OUTCOMES[shown], a_deviation(outcome=expected))
    assert result.deviates_as_known == (shown == expected)
    assert result.unexpected == (shown != expected)


def test_a_pass_where_a_deviation_is_known_is_unexpected_and_says_what_to_do():
    result = result_of(Passed(1.0), a_deviation(where="deviations/torch.yaml:7"))
    assert result.unexpected
    assert not result.deviates_as_known
    message = result.message()
    assert message.startswith("PASSED stack/deep-f16 [torch; torch 2.5.1]")
    assert "does not show the known deviation: sums in half precision (deviations/torch.yaml:7)" in message
    assert "if it is mended, bound the entry's versions; it holds for {'torch': '<3'}" in message


def test_a_known_deviation_that_shows_is_named_in_the_message():
    message = result_of(FAILED, a_deviation(where="deviations/torch.yaml:7")).message()
    assert "known deviation: sums in half precision (deviations/torch.yaml:7)" in message


@pytest.mark.parametrize(("outcome", "unexpected"), [(FAILED, True), (Passed(1.0), False), (Unsupported("no"), False)])
def test_without_a_deviation_only_a_wrong_outcome_is_unexpected(outcome, unexpected):
    assert result_of(outcome, None).unexpected == unexpected


def test_a_case_the_adapter_refuses_is_no_news_even_where_a_deviation_is_known():
    assert not result_of(Unsupported("no"), a_deviation()).unexpected


@pytest.mark.parametrize(
    ("case", "versions", "applies"),
    [
        ("stack/deep-f16", {"torch": "2.5.1"}, True),
        ("stack/deep-f16", {"torch": "2.4"}, True),
        ("stack/deep-f16", {"torch": "2.5.1+cu124"}, True),
        ("stack/deep-f16", {"torch": "2.5.0.dev20240901"}, True),
        ("stack/deep-f16", {"torch": "2.6"}, False),
        ("stack/deep-f16", {"torch": "2.3.9"}, False),
        ("stack/deep-f16", {"torch": "git-1a2b3c"}, False),
        ("stack/deep-f16", {"keras": "2.5"}, False),
        ("stack/deep-f16", {}, False),
        ("head/last-step", {"torch": "2.5", "numpy": "2.0"}, True),
        ("head/last-step-f32", {"torch": "2.5"}, False),
        ("stack/deep-f32", {"torch": "2.5"}, False),
        ("STACK/deep-f16", {"torch": "2.5"}, False),
    ],
)
def test_a_deviation_holds_for_its_cases_in_its_versions(tmp_path, case, versions, applies):
    found = find(loaded(tmp_path, ENTRY), case, versions)
    assert (found is not None) == applies


def test_every_package_a_deviation_names_must_be_of_the_version_named(tmp_path):
    both = loaded(tmp_path, ENTRY.replace("}", ', numpy: "<2"}'))
    assert find(both, "head/last-step", {"torch": "2.5", "numpy": "1.26"}) is not None
    assert find(both, "head/last-step", {"torch": "2.5", "numpy": "2.0"}) is None


def test_the_first_entry_that_applies_counts_and_knows_where_it_stands(tmp_path):
    second = ENTRY.replace("half precision", "another order").replace("<2.6", "<9")
    deviations = loaded(tmp_path, f"# known since 2024\n{ENTRY}{second}")
    early, late = (find(deviations, "head/last-step", {"torch": v}) for v in ("2.5", "2.7"))
    assert early is not None
    assert late is not None
    assert (early.reason, early.where) == ("sums in half precision", f"{tmp_path}/torch.yaml:2")
    assert (late.reason, late.where) == ("sums in another order", f"{tmp_path}/torch.yaml:5")


def test_an_adapter_without_a_file_has_no_deviations(tmp_path):
    assert loaded(tmp_path, ENTRY, adapter="keras") == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("reason: sums in half precision", "reson: x", "2: reson: unknown key; allowed: cases, outcome, reason, repro"),
        ("  reason: sums in half precision\n", "", "1: reason: Field required"),
        ("reason: sums in half precision", "reason: ''", "2: reason: String should have at least 1 character"),
        ("  versions: {torch: \">=2.4,<2.6\"}\n", "", "1: versions: Field required"),
        ("{torch: \">=2.4,<2.6\"}", "{}", "3: versions: Dictionary should have at least 1 item"),
        ("\">=2.4,<2.6\"", "2.5", "3: versions.torch: Input should be a valid string"),
        ("\">=2.4,<2.6\"", "'2.5'", "3: versions: torch: '2.5' is not a version range like '>=1.2,<2'"),
        ("[stack/*-f16, head/last-step]", "[]", "1: cases: Tuple should have at least 1 item"),
        ("[stack/*-f16, head/last-step]", "stack/x", "1: cases: Input should be a valid tuple"),
        ("reason: sums", "outcome: passed\n  reason: sums", "2: outcome: Input should be 'failed', 'errored'"),
        (ENTRY, "cases: []\n", "1: a deviations file is a list"),
        ("- cases", "- plain text\n- cases", "1: a deviation is a mapping"),
        ("{torch", "{{torch", "4: not valid YAML"),
        (ENTRY, "", "1: the file is empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_told_with_file_line_and_key(tmp_path, old, new, problem):
    assert old in ENTRY
    with pytest.raises(SpecError) as caught:
        loaded(tmp_path, ENTRY.replace(old, new, 1))
    assert any(line.startswith(f"{tmp_path}/torch.yaml:{problem}") for line in caught.value.problems)


def test_a_file_that_is_not_text_is_told_as_such(tmp_path):
    (tmp_path / "torch.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"torch\.yaml:1: cannot be read"):
        load_deviations(tmp_path, "torch")
