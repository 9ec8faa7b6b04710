"""The pytest plugin, in pytest processes of its own: what it collects, how results show, and that it sleeps unless called."""

import json
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from harness import Suite, python

from conformance.data import default_folders
from conformance.golden.store import VectorStore

Completed = subprocess.CompletedProcess[str]
INI = "[pytest]\naddopts = --strict-markers --strict-config -p no:cacheprovider\nfilterwarnings = error\n"
DEVIATIONS = """\
- cases: [broken/nan]
  reason: a known mishap
  versions: {lstm-broken: ">=1"}
- cases: [broken/still-right]
  reason: wrong until the last release
  versions: {lstm-broken: ">=1"}
"""
WAYS = ["right", "raises", "missing", "nan", "exits", "hangs", "still-right"]


@dataclass(frozen=True)
class Project:
    """A folder with specs, known deviations and a test of its own, as somebody's repository may have them."""

    root: Path
    suite: Suite

    def pytest(self, *arguments: Any, xdist: bool = False, **environment: str) -> Completed:
        """Run pytest there, with this plugin and no other but xdist where it is asked for."""
        plugins = ["-p", "lstm-conformance", *(["-p", "xdist"] if xdist else [])]
        return python("-m", "pytest", *plugins, *arguments, cwd=self.root, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
                      PYTEST_ADDOPTS="", **environment)  # fmt: skip

    def conformance(self, *arguments: Any, **kwargs: Any) -> Completed:
        """Run pytest there with the vectors and deviations of the project."""
        return self.pytest(
            *arguments, "--lstm-vectors", self.suite.vectors, "--lstm-deviations", "deviations", **kwargs
        )

    def collected(self, *arguments: Any) -> list[str]:
        """The node ids that pytest collects."""
        done = self.conformance("--collect-only", "-q", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.fixture(scope="module")
def project(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(suite.specs, root / "specs")
    (root / "deviations").mkdir()
    (root / "deviations" / "broken.yaml").write_text(DEVIATIONS)
    (root / "pytest.ini").write_text(INI)
    (root / "test_of_theirs.py").write_text("def test_theirs():\n    pass\n")
    (root / "specs" / "compose.yaml").write_text("services: {db: {image: postgres}}\n")
    return Project(root, suite)


def adapters(*names: str) -> list[str]:
    return [part for name in names for part in ("--lstm-adapter", name)]


def cases(*globs: str) -> list[str]:
    return [part for glob in globs for part in ("--lstm-case", glob)]


SELECTED = cases("tiny/*", *(f"broken/{way}" for way in WAYS))


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass(frozen=True)
class Outcome:
    """What a JUnit report says of one test."""

    kind: str  # passed, failure, error, skipped, xfail
    message: str
    text: str
    properties: dict[str, str]


def outcomes_of(report: Path) -> dict[str, Outcome]:
    found = {}
    for test in ElementTree.parse(report).iter("testcase"):
        properties = {p.attrib["name"]: p.attrib["value"] for p in test.iter("property")}
        outcome = Outcome("passed", "", "", properties)
        for child in test:
            if child.tag != "properties":
                kind = "xfail" if child.get("type") == "pytest.xfail" else child.tag
                outcome = Outcome(kind, child.get("message", ""), child.text or "", properties)
        found[test.attrib["name"]] = outcome
    return found


@dataclass(frozen=True)
class Session:
    """A pytest session that has ended, and what it left."""

    done: Completed
    outcomes: dict[str, Outcome]
    results: list[dict[str, Any]]


def session(project: Project, name: str, *arguments: Any, **kwargs: Any) -> Session:
    files = ["--junitxml", f"{name}.xml", "--lstm-results", f"{name}/r.jsonl"]
    done = project.conformance(*arguments, *files, **kwargs)
    report, results = project.root / f"{name}.xml", project.root / name / "r.jsonl"
    return Session(done, outcomes_of(report), lines_of(results))


@pytest.fixture(scope="module")
def whole(project: Project) -> Session:
    """Right and wrong adapters, and one that cannot load, in one process."""
    arguments = [*adapters("broken", "constructor-raises", "numpy"), *SELECTED, "--lstm-timeout", "1.5"]
    return session(project, "whole", "specs", "-v", "-rs", *arguments)


def test_every_case_is_a_test_with_every_adapter_and_an_adapters_tests_stand_together(whole, project):
    ids = [line.split()[0] for line in whole.done.stdout.splitlines() if "::" in line and "%]" in line]
    chosen = [f"broken/{way}" for way in WAYS] + [c for c in project.suite.cases if c.startswith("tiny/")]
    assert ids == [
        f"specs/{case_id.split('/')[0]}.yaml::{case_id}[{adapter}]"
        for adapter in ("broken", "constructor-raises", "numpy")
        for case_id in chosen
    ]
    assert whole.done.returncode == pytest.ExitCode.TESTS_FAILED
    digest = VectorStore(project.suite.vectors).digest()[:12]
    assert f"lstm-conformance: adapters broken, constructor-raises, numpy; vectors {digest}\n" in whole.done.stdout


def test_right_answers_pass(whole):
    assert {o.kind for name, o in whole.outcomes.items() if name.endswith("[numpy]")} == {"passed"}
    assert whole.outcomes["broken/right[broken]"].kind == "passed"


def test_an_unsupported_case_is_skipped_with_the_adapters_reason_and_the_cases_place(whole):
    outcome = whole.outcomes["tiny/plain-f64[broken]"]
    assert (outcome.kind, outcome.message) == ("skipped", "broken computes in float32, not in float64")
    assert "SKIPPED [1] specs/tiny.yaml:4: broken computes in float32, not in float64\n" in whole.done.stdout


def test_a_known_deviation_that_shows_is_an_expected_failure_with_its_reason(whole):
    outcome = whole.outcomes["broken/nan[broken]"]
    assert (outcome.kind, outcome.message) == ("xfail", "a known mishap")


def test_a_known_deviation_that_does_not_show_fails(whole):
    outcome = whole.outcomes["broken/still-right[broken]"]
    assert outcome.kind == "failure"
    assert outcome.text.startswith("PASSED broken/still-right [broken; lstm-broken 1.5]")
    assert "does not show the known deviation: wrong until the last release (deviations/broken.yaml:4)" in outcome.text


@pytest.mark.parametrize(
    ("way", "outcome", "message"),
    [
        ("raises", "errored", "RuntimeError: no kernel for this shape"),
        ("missing", "failed", "c_n: not returned"),
        ("exits", "crashed", "the worker process ended: exit code 3; it last printed:\n  | device lost"),
        ("hangs", "timed out", "no answer within 1.5 s; the worker was killed"),
    ],
)
def test_a_failure_shows_the_message_of_the_command_line_and_nothing_else(whole, project, way, outcome, message):
    shown = whole.outcomes[f"broken/{way}[broken]"]
    assert (shown.kind, shown.properties["outcome"]) == ("failure", outcome)
    line = next(li for li in whole.results if (li.get("case"), li.get("adapter")) == (f"broken/{way}", "broken"))
    assert shown.text == line["message"]
    assert f"\n  {message}\n" in shown.text
    where = project.suite.cases[f"broken/{way}"].origin.line
    assert f"   specs/broken.yaml:{where}\n" in shown.text
    header = f" broken/{way}[broken] "
    section = whole.done.stdout.split(f"{header}__", 1)[1].split("\n", 1)[1]
    assert section.startswith(shown.text + "\n_") or section.startswith(shown.text + "\n=")
    assert "plugin.py" not in whole.done.stdout


def test_an_adapter_that_cannot_load_is_an_error_of_each_of_its_tests(whole):
    found = [o for name, o in whole.outcomes.items() if name.endswith("[constructor-raises]")]
    assert len(found) == len(WAYS) + 5
    for outcome in found:
        assert (outcome.kind, outcome.text) == ("error", "constructor-raises cannot load: RuntimeError: driver too old")


def test_a_test_has_its_outcome_noise_and_versions_as_properties(whole):
    properties = whole.outcomes["tiny/reverse[broken]"].properties
    assert properties["outcome"] == "passed"
    assert 0 < float(properties["noise"]) < 16
    assert properties["versions"].startswith("lstm-broken 1.5, numpy ")
    assert set(whole.outcomes["tiny/plain-f64[broken]"].properties) == {"outcome", "versions"}


def test_the_results_file_lacks_its_footer_where_an_adapter_gave_no_results(whole):
    header, *results = whole.results
    assert {line["kind"] for line in results} == {"result"}
    assert len(results) == 2 * (len(WAYS) + 5)
    assert header["adapters"]["constructor-raises"] == {}
    assert header["adapters"]["broken"]["lstm-broken"] == "1.5"


@pytest.fixture(scope="module")
def parallel(project: Project) -> Session:
    """The same in two processes, without the adapter that cannot load."""
    arguments = [*adapters("broken", "numpy"), *SELECTED, "--lstm-timeout", "1.5"]
    return session(project, "parallel", "specs", "-q", "-n", "2", *arguments, xdist=True)


def test_under_xdist_the_outcomes_are_the_same(whole, parallel):
    def comparable(outcomes: dict[str, Outcome]) -> dict[str, Any]:
        return {name: o for name, o in outcomes.items() if "constructor" not in name}

    assert comparable(parallel.outcomes) == comparable(whole.outcomes)
    assert parallel.done.returncode == pytest.ExitCode.TESTS_FAILED


def test_under_xdist_the_results_of_all_processes_are_in_the_one_file(whole, parallel):
    header, *results, footer = parallel.results
    assert footer == {"kind": "footer", "results": len(results)}
    assert header["adapters"] == {name: whole.results[0]["adapters"][name] for name in ("broken", "numpy")}

    def comparable(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted((li["adapter"], li["case"], li["outcome"], li["noise"] or 0.0) for li in lines)

    assert comparable(results) == comparable(whole.results[1:])


def test_loadgroup_keeps_an_adapter_in_one_process(project):
    arguments = [*adapters("counts-starts", "numpy"), *cases("tiny/*"), "-n", "2", "--dist", "loadgroup"]
    starts = project.root / "starts"
    done = project.conformance("specs", "-q", *arguments, xdist=True, LSTM_BROKEN_STARTS=str(starts))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout
    assert len(starts.read_text().split()) == 1


def test_a_session_stops_where_it_is_told_to_and_its_results_say_so(project):
    ways = cases("broken/right", "broken/nan", "broken/missing", "broken/raises")
    stopped = session(project, "stopped", "specs", "-x", "--runxfail", *adapters("broken"), *ways)
    assert stopped.done.returncode == pytest.ExitCode.TESTS_FAILED
    assert {name: o.kind for name, o in stopped.outcomes.items()} == {
        "broken/right[broken]": "passed",
        "broken/raises[broken]": "failure",
    }
    assert [line["kind"] for line in stopped.results] == ["header", "result", "result"]


def test_maxfail_counts_and_runxfail_makes_a_known_deviation_a_failure(project):
    ways = cases("broken/nan", "broken/missing", "broken/still-right", "tiny/reverse")
    stopped = session(project, "maxfail", "specs", "--maxfail", "2", "--runxfail", *adapters("broken"), *ways)
    assert {name: o.kind for name, o in stopped.outcomes.items()} == {
        "broken/missing[broken]": "failure",
        "broken/nan[broken]": "failure",
    }
    assert "  known deviation: a known mishap (deviations/broken.yaml:1)" in stopped.outcomes["broken/nan[broken]"].text


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
    assert [node.split("::")[1] for node in ids[1:]] == [
        f"cell/step-f32-{states}[numpy]" for states in ("both-states", "h0-only", "c0-only", "no-states")
    ]


def test_a_wrong_spec_is_a_collection_error_that_says_what_is_wrong_and_no_more(project, tmp_path):
    one = "family: one\ncases:\n  - {name: a, T: 1, B: 1, I: 1, H: 1}\n"
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "a.yaml").write_text(one)
    (tmp_path / "b.yaml").write_text(one.replace("\ncases", "\n# again\ncases"))
    (tmp_path / "c.yaml").write_text("family: two\nlayers: 2\ncases: []\n")
    (tmp_path / "d.yaml").write_text("services: {db: {image: postgres}}\n")
    done = Project(tmp_path, project.suite).pytest("-q", *adapters("numpy"), ".", *cases("one/*"))
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "___ ERROR collecting b.yaml ___" in done.stdout
    assert "_\nb.yaml:4: the id one/a is already taken by a.yaml:3\n_" in done.stdout
    assert (
        "_\nc.yaml:2: layers: unknown key allowed: family, description, source, defaults, cases\n"
        "c.yaml:3: cases: needs a list of at least one case\n=" in done.stdout
    )
    assert "d.yaml" not in done.stdout
    assert "Traceback" not in done.stdout
    named = Project(tmp_path, project.suite).pytest("-q", *adapters("numpy"), "d.yaml")
    assert "d.yaml:1: services: unknown key" in named.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (adapters("nunpy"), "no adapter 'nunpy'; did you mean 'numpy'? installed: "),
        (["--lstm-suite"], "--lstm-suite needs an adapter: --lstm-adapter NAME; names: conformance doctor"),
        ([*adapters("numpy"), "--lstm-deviations", "nowhere"], "--lstm-deviations: no folder nowhere"),
        ([*adapters("numpy"), "--lstm-vectors", "nowhere"], "--lstm-vectors: no folder nowhere"),
        ([*adapters("broken"), "--lstm-deviations", "wrong"], "wrong/broken.yaml:1: cases: Field required"),
        ([*adapters("numpy"), *cases("tiny/revers")], "no case matches 'tiny/revers'; near it: tiny/reverse"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error_with_the_next_step(project, arguments, message):
    (project.root / "wrong").mkdir(exist_ok=True)
    (project.root / "wrong" / "broken.yaml").write_text("- {reason: x, versions: {a: '>1'}}\n")
    done = project.pytest("specs", *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {message}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_an_adapter_it_only_has_options(project):
    script = "import sys, pytest; print(pytest.main(sys.argv[1:])); print(*sys.modules)"
    arguments = ["-p", "lstm-conformance", "-q", "--collect-only", "."]
    done = python("-c", script, *arguments, cwd=project.root, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS="")
    *output, modules = done.stdout.splitlines()
    assert [line for line in output if "::" in line] == ["test_of_theirs.py::test_theirs"]
    assert "lstm" not in " ".join(output)
    assert "conformance.plugin" in modules.split()
    assert not {"numpy", "pydantic", "yaml", "execnet", "click", "conformance.case", "conformance.data"} & set(
        modules.split()
    )
    assert "--lstm-adapter=NAME[@DEVICE]" in project.pytest("--help").stdout
    assert [point.value for point in entry_points(group="pytest11", name="lstm-conformance")] == ["conformance.plugin"]
