"""Known deviations: they excuse what they describe, in the versions they name, and nothing else; strictly."""

from pathlib import Path
from typing import Any

import pytest

from conformance.adapters import registry
from conformance.case.errors import SpecError
from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.outcomes import (
    Crashed,
    Difference,
    Errored,
    Failed,
    Outcome,
    Passed,
    Suspect,
    TimedOut,
    Unsupported,
)
from conformance.data import default_folders
from conformance.results.deviations import Deviation, find, idle, load_all, load_deviations, unread
from conformance.results.result import Result

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


@pytest.mark.parametrize(
    ("mistakes", "found", "known"),
    [
        ("lengths-ignored", "lengths-ignored", True),
        ("lengths-ignored", None, False),
        ("lengths-ignored", "peephole-ignored", False),
        ("coarse-tanh", None, True),  # whose digits are the framework's own
        ("coarse-tanh", "peephole-ignored", False),
        (["lengths-ignored", "coarse-tanh"], None, True),
        (["lengths-ignored", "coarse-tanh"], "lengths-ignored", False),
    ],
)
def test_the_diagnosis_has_to_find_the_mistake_that_is_written_down(mistakes, found, known):
    suspects = () if found is None else (Suspect((found,), "reproduces", 2.0, "float32"),)
    failed = Failed(99.0, FAILED.differences, suspects=suspects)
    assert a_deviation(mistake=mistakes).explains(failed) == known


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


def test_an_entry_that_names_a_precision_counts_for_answers_judged_at_it(tmp_path):
    (entry,) = loaded(tmp_path, ENTRY.replace("  versions", "  precision: bfloat16\n  versions"))
    found = [p for p in (None, "bfloat16", "float16") if find([entry], "head/last-step", {"torch": "2.5"}, p)]
    assert found == ["bfloat16"]


def test_an_entry_that_names_settings_counts_where_the_adapter_reports_them(tmp_path):
    (entry,) = loaded(tmp_path, ENTRY.replace("  versions", '  settings: {torch.mkldnn: "on"}\n  versions'))
    reported = ({}, {"torch.mkldnn": "off"}, {"torch.mkldnn": "on", "torch.threads": "2"})
    assert [find([entry], "head/last-step", {"torch": "2.5"}, None, settings) is not None for settings in reported] == [
        False,
        False,
        True,
    ]


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
        ("reason: sums", "precision: fp8\n  reason: sums", "2: precision: Input should be 'int8', 'int8-by-row'"),
        ("reason: sums", "outcome: passed\n  reason: sums", "2: outcome: needs one of failed, errored, crashed,"),
        (ENTRY, "cases: []\n", "1: a deviations file is a list"),
        ("- cases", "- plain text\n- cases", "1: a deviation is a mapping"),
        ("{torch", "[{torch", "4: not valid YAML"),
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


FOLDER = {
    "torch.yaml": ENTRY,
    "ghost.yaml": ENTRY,
    "tarch.yaml": ENTRY,
    "numpy.yml": ENTRY,
    "torch.YAML": ENTRY,
    "numpy.json": "[]",
    "README.md": "notes",
    "repro/script.yaml": "",
}


def test_files_that_are_not_an_adapters_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FOLDER.items():
        path = Path("my") / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    assert unread(Path("my"), ["torch", "numpy"]) == [
        "my/ghost.yaml:1: is not read, for no adapter is called ghost; they are listed by: conformance doctor",
        "my/numpy.json:1: is not read, for its name does not end in .yaml",
        "my/numpy.yml:1: is not read, for its name does not end in .yaml",
        "my/tarch.yaml:1: is not read, for no adapter is called tarch; did you mean torch.yaml?",
        "my/torch.YAML:1: is not read, for its name does not end in .yaml",
    ]


CASES = ["stack/deep-f16", "head/last-step"]


@pytest.mark.parametrize(
    ("old", "new", "cases", "warning"),
    [
        ("", "", CASES, None),
        ("stack/*-f16", "stack/*", CASES, None),
        ("stack/*-f16", "stack/dep-f16", CASES, "cases: stack/dep-f16 fits no case; near it: stack/deep-f16"),
        ("stack/*-f16", "xyz", CASES, "cases: xyz fits no case; they are listed by: conformance list"),
        ("stack/*-f16", "x" * 5000, CASES, f"cases: {'x' * 120}... (5,000 characters) fits no case; they are"),
        ("stack/*-f16", "xyz", None, None),
        ("{torch:", "{pytorch:", CASES, "versions: torch@cuda reports no pytorch; it reports torch, numpy"),
        ("{torch:", "{Torch:", None, "versions: torch@cuda reports no Torch; it reports torch, numpy"),
    ],
)
def test_what_can_have_no_effect_is_named_with_its_line(tmp_path, old, new, cases, warning):
    found = idle(loaded(tmp_path, ENTRY.replace(old, new)), "torch@cuda", {"torch": "2.5", "numpy": "2.0"}, cases)
    assert len(found) == (warning is not None)
    if warning is not None:
        assert found[0].startswith(f"{tmp_path}/torch.yaml:1: {warning}")


def test_everything_in_the_shipped_deviations_can_have_an_effect():
    """All but the packages, which the adapters say: tests/frameworks/test_deviations.py."""
    folders = default_folders()
    cases = [case.id for case in load_specs(folders.specs)]
    assert unread(folders.deviations, registry.names()) == []
    for adapter, deviations in load_all(folders.deviations).items():
        packages = {package for deviation in deviations for package in deviation.versions}
        assert idle(deviations, adapter, packages, cases) == []
