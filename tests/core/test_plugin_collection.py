"""What the pytest plugin collects, and what of its arguments it refuses with the next step."""

import json
from pathlib import Path

import pytest
from command_line import conformance
from plugin_sessions import INI, adapters, cases, session

from conformance.case.errors import SpecError
from conformance.case.load import load_spec
from conformance.case.select import select_cases
from conformance.data import default_folders

TINY = ["plain-f32", "plain-f64", "reverse", "lengths", "stack"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["specs/tiny.yaml"], [f"tiny/{n}[{a}]" for a in ("numpy", "broken") for n in TINY]),
        (["specs", *cases("tiny/l*", "*/plain-f32")], [f"tiny/{n}[{a}]" for a in ("numpy", "broken")
                                                      for n in ("plain-f32", "lengths")]),
        (["-k", "tiny and numpy and not plain"], [f"tiny/{n}[numpy]" for n in TINY[2:]]),
        (["-m", "lstm(family='tiny', dtype='float64')"], ["tiny/plain-f64[numpy]", "tiny/plain-f64[broken]"]),
        (["-m", "lstm(adapter='broken') and not lstm(family='broken')"], [f"tiny/{n}[broken]" for n in TINY]),
        (["specs/tiny.yaml::tiny/stack[broken]"], ["tiny/stack[broken]"]),
    ],
    ids=["file", "case", "keyword", "marker", "markers", "node"],
)  # fmt: skip
def test_tests_can_be_chosen_by_file_case_keyword_marker_and_node(project, arguments, expected):
    arguments = [*adapters("numpy", "broken"), *arguments]
    assert project.collected(*arguments) == [f"specs/tiny.yaml::{name}" for name in expected]


def test_the_suites_own_specs_stand_for_an_argument(project):
    own = default_folders()
    options = [*adapters("numpy"), "--collect-only", "-q", "--lstm-suite"]
    alone = project.pytest(*options)
    beside = project.pytest(*options, *cases("cell/step-f32-*"), "test_of_theirs.py")
    ids = [line for line in alone.stdout.splitlines() if "::" in line]
    assert len(ids) > 100
    assert {node.split("::")[0].split("/")[-1] for node in ids} == {p.name for p in own.specs.rglob("*.yaml")}
    ids = [line for line in beside.stdout.splitlines() if "::" in line]
    assert ids[0] == "test_of_theirs.py::test_theirs"
    wanted = [f"{case.id}[numpy]" for case in select_cases(own.specs, ["cell/step-f32-*"])]
    assert [node.split("::")[1] for node in ids[1:]] == wanted


def test_a_wrong_spec_is_a_collection_error_that_says_what_is_wrong_and_no_more(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = "family: one\ncases:\n  - {name: a, T: 1, B: 1, I: 1, H: 1}\n"
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "a.yaml").write_text(one)
    (tmp_path / "b.yaml").write_text(one.replace("\ncases", "\n# again\ncases"))
    (tmp_path / "c.yaml").write_text("family: two\nlayers: 2\ncases: []\n")
    (tmp_path / "d.yaml").write_text("services: {db: {image: postgres}}\n")
    done = project.pytest("-q", *adapters("numpy"), ".", *cases("one/*"), cwd=tmp_path)
    assert done.code == pytest.ExitCode.INTERRUPTED
    assert "___ ERROR collecting b.yaml ___" in done.stdout
    assert "_\nb.yaml:4: the id one/a is already taken by a.yaml:3\n_" in done.stdout
    with pytest.raises(SpecError) as caught:
        load_spec(Path("c.yaml"))
    assert len(caught.value.problems) == 2
    assert f"_\n{caught.value}\n=" in done.stdout
    assert "d.yaml" not in done.stdout
    assert "Traceback" not in done.stdout
    named = project.pytest("-q", *adapters("numpy"), "d.yaml", cwd=tmp_path)
    assert "d.yaml:1: services: unknown key" in named.stdout


@pytest.mark.parametrize("xdist", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_pattern_that_matches_no_case_is_an_error_that_names_what_is_near(project, xdist):
    arguments = ["specs", *(["-n", "1"] if xdist else []), *adapters("numpy"), *cases("tiny/stack", "tiny/revers")]
    found = session(project, "pattern", *arguments, xdist=xdist)
    assert found.done.code != 0
    assert "ERROR collecting --lstm-case" in found.done.stdout
    assert "\nno case matches 'tiny/revers'; near it: tiny/reverse" in found.done.stdout
    assert "INTERNALERROR" not in found.done.stdout
    assert [line["kind"] for line in found.results] == ["header"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (adapters("nunpy"), "no adapter 'nunpy'; did you mean 'numpy'? installed: "),
        (["--lstm-suite"], "--lstm-suite needs --lstm-adapter NAME; names: conformance doctor"),
        (
            [*adapters("numpy"), "--lstm-deviations", "nowhere"],
            "--lstm-deviations must be a folder; there is none c",
        ),
        (
            [*adapters("numpy"), "--lstm-vectors", "nowhere"],
            "--lstm-vectors must be a folder; there is none called now",
        ),
        (
            [*adapters("numpy"), "--lstm-timeout", "0"],
            "--lstm-timeout must be greater than 0 and at most 1,000,000 s",
        ),
        (
            [*adapters("numpy"), "--lstm-timeout", "nan"],
            "--lstm-timeout must be greater than 0 and at most 1,000,000",
        ),
        ([*adapters("numpy"), "--lstm-memory", "0"], "--lstm-memory must be greater than 0 and at most 1,000,000 GiB"),
        (
            [*adapters("numpy"), "--lstm-memory", "inf"],
            "--lstm-memory must be greater than 0 and at most 1,000,000 GiB",
        ),
        ([*adapters("numpy"), "--lstm-results", "/dev/full"], "/dev/full: cannot be written: it is a device, not a"),
        ([*adapters("numpy"), "--lstm-results", "wrong/broken.yaml/x"], "wrong/broken.yaml/x: cannot be written: Not"),
        (
            [*adapters("numpy"), "--lstm-worker", "old=pyton=x"],
            "--lstm-worker old=pyton=x: unknown key 'pyton'; allowed: python,",
        ),
        (
            [*adapters("numpy"), "--lstm-worker", "old=ssh=x"],
            "nothing is to run at the place old: no adapter is called",
        ),
        (adapters("old:numpy"), "old:numpy: no place is called old (there is none); name it with --lstm-worker old="),
        (
            [*adapters("numpy"), "--lstm-in-process", "--lstm-memory", "1"],
            "--lstm-in-process starts no worker: --lstm-worker and --lstm-memory do not go with it",
        ),
        (["--lstm-in-process"], "--lstm-in-process needs --lstm-adapter NAME"),
        ([*adapters("broken"), "--lstm-deviations", "wrong"], "wrong/broken.yaml:1: cases: Field required"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error_with_the_next_step(project, arguments, message):
    (project.root / "wrong").mkdir(exist_ok=True)
    (project.root / "wrong" / "broken.yaml").write_text("- {reason: x, versions: {a: '>1'}}\n")
    done = project.pytest("specs", *arguments)
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {message}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_quick_keeps_the_cases_that_a_quick_run_has(project):
    chosen = ["--lstm-suite", "--lstm-quick", *adapters("numpy"), *cases("lengths/*")]
    done = project.pytest("-q", "--collect-only", *chosen)
    kept = {line.partition("::")[2].partition("[")[0] for line in done.stdout.splitlines() if "[numpy]" in line}
    listed = conformance("list", "--quick", "--adapter", "numpy", "--case", "lengths/*", "--json")
    assert kept == {case["id"] for case in json.loads(listed.output)["cases"]}
    done = project.pytest(*project.ours("specs", "-q", "--lstm-quick", *adapters("numpy")))
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "--lstm-quick: " in done.stderr
    assert "without it there is no --quick" in done.stderr
