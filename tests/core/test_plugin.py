"""The pytest plugin, in pytest sessions of its own: what it collects, how results show, and its sleep until called."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from harness import LENGTHS, Suite, python, started
from harness import WAYS as FAULTS

from conformance.case.errors import SpecError
from conformance.case.load import load_spec
from conformance.case.select import select_cases
from conformance.data import default_folders
from conformance.golden.store import VectorStore

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


SERVER = """
import contextlib, io, json, os, sys, pytest
for line in sys.stdin:
    folder, arguments = json.loads(line)
    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = pytest.main(arguments)
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}


@dataclass(frozen=True)
class Done:
    """A pytest session that has ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Project:
    """A folder with specs, known deviations and a test of its own, as somebody's repository may have them.

    Sessions with no other plugin run one after the other in the process `server`: its imports are paid for once.
    """

    root: Path
    suite: Suite
    server: subprocess.Popen[str]

    def pytest(self, *arguments: Any, cwd: Path | None = None) -> Done:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        assert self.server.stderr is not None
        request = [str(cwd or self.root), ["-p", "lstm-conformance", *map(str, arguments)]]
        print(json.dumps(request), file=self.server.stdin, flush=True)
        reply = self.server.stdout.readline()
        assert reply, self.server.stderr.read()
        return Done(*json.loads(reply))

    def ours(self, *arguments: Any) -> list[Any]:
        """Arguments, with the vectors and deviations of the project."""
        return [*arguments, "--lstm-vectors", self.suite.vectors, "--lstm-deviations", "deviations"]

    def collected(self, *arguments: Any) -> list[str]:
        """The node ids that pytest collects."""
        done = self.pytest(*self.ours("--collect-only", "-q", *arguments))
        assert done.code == 0, done.stdout + done.stderr
        return [line for line in done.stdout.splitlines() if "::" in line]


@pytest.fixture(scope="module")
def project(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(suite.specs, root / "specs")
    (root / "deviations").mkdir()
    (root / "deviations" / "broken.yaml").write_text(DEVIATIONS)
    (root / "pytest.ini").write_text(INI)
    (root / "test_of_theirs.py").write_text("def test_theirs():\n    pass\n")
    (root / "specs" / "compose.yaml").write_text("services: {db: {image: postgres}}\n")
    with started("-c", SERVER, cwd=root, LSTM_BROKEN_STARTS=str(root / "starts"), **ALONE) as server:
        yield Project(root, suite, server)
        server.communicate()


def adapters(*names: str) -> list[str]:
    return [part for name in names for part in ("--lstm-adapter", name)]


def cases(*globs: str) -> list[str]:
    return [part for glob in globs for part in ("--lstm-case", glob)]


def selected(*ways: str) -> list[str]:
    return cases("tiny/*", *(f"broken/{way}" for way in ways))


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
    """What a session left."""

    done: Done
    outcomes: dict[str, Outcome]
    results: list[dict[str, Any]]


def session(project: Project, name: str, *arguments: Any, xdist: bool = False) -> Session:
    """Run a session that writes both of its files."""
    arguments = (*project.ours(*arguments), "--junitxml", f"{name}.xml", "--lstm-results", f"{name}/r.jsonl")
    if xdist:
        ended = python("-m", "pytest", "-p", "lstm-conformance", "-p", "xdist", *arguments, cwd=project.root, **ALONE)
        done = Done(ended.returncode, ended.stdout, ended.stderr)
    else:
        done = project.pytest(*arguments)
    return Session(done, outcomes_of(project.root / f"{name}.xml"), lines_of(project.root / name / "r.jsonl"))


@pytest.fixture(scope="module")
def whole(project: Project) -> Session:
    """Right and wrong adapters, and one that cannot load, in one process."""
    arguments = [*adapters("broken", "constructor-raises", "numpy"), *selected(*WAYS), "--lstm-timeout", "2"]
    return session(project, "whole", "specs", "-v", "-rs", *arguments)


def test_every_case_is_a_test_with_every_adapter_and_an_adapters_tests_stand_together(whole, project):
    ids = [line.split()[0] for line in whole.done.stdout.splitlines() if "::" in line and "%]" in line]
    chosen = [f"broken/{way}" for way in WAYS] + [c for c in project.suite.cases if c.startswith("tiny/")]
    assert ids == [
        f"specs/{case_id.split('/')[0]}.yaml::{case_id}[{adapter}]"
        for adapter in ("broken", "constructor-raises", "numpy")
        for case_id in chosen
    ]
    assert whole.done.code == pytest.ExitCode.TESTS_FAILED
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
        ("hangs", "timed out", "no answer within 2 s; the worker was killed here:"),
    ],
)
def test_a_failure_shows_the_message_of_the_command_line_and_nothing_else(whole, project, way, outcome, message):
    shown = whole.outcomes[f"broken/{way}[broken]"]
    assert (shown.kind, shown.properties["outcome"]) == ("failure", outcome)
    line = next(li for li in whole.results if (li.get("case"), li.get("adapter")) == (f"broken/{way}", "broken"))
    assert shown.text == line["message"]
    assert shown.text.startswith(shown.message.partition("\n[+")[0])  # pytest shortens a long one
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
    assert header["adapters"]["broken"]["versions"]["lstm-broken"] == "1.5"


@pytest.fixture(scope="module")
def parallel(project: Project) -> Session:
    """The like of it in two processes, without what takes long."""
    ways = selected("raises", "missing", "nan", "still-right")
    return session(project, "parallel", "specs", "-q", "-n", "2", *adapters("broken", "numpy"), *ways, xdist=True)


@pytest.mark.slow
def test_under_xdist_the_outcomes_are_the_same(whole, parallel):
    assert len(parallel.outcomes) == 2 * (4 + 5)
    assert parallel.outcomes == {name: whole.outcomes[name] for name in parallel.outcomes}
    assert parallel.done.code == pytest.ExitCode.TESTS_FAILED


def test_under_xdist_the_results_of_all_processes_are_in_the_one_file(whole, parallel):
    header, *results, footer = parallel.results
    assert footer == {"kind": "footer", "results": len(results)}
    assert header["adapters"] == {name: whole.results[0]["adapters"][name] for name in ("broken", "numpy")}

    def comparable(lines: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
        return {(line["adapter"], line["case"]): (line["outcome"], line.get("noise")) for line in lines}

    assert len(results) == len(comparable(results)) == 2 * (4 + 5)
    assert comparable(results).items() <= comparable(whole.results[1:]).items()


def test_each_adapter_is_started_once_when_the_one_before_it_has_ended(project):
    three = adapters("counts-starts", "counts-starts@cpu", "counts-starts@npu")
    done = project.pytest(*project.ours("specs", "-q", *three, *cases("tiny/*")))
    others = 3 * (len(FAULTS) + len(LENGTHS))
    assert f"10 passed, {others} deselected, 5 errors in " in done.stdout
    assert "counts-starts has no device 'npu'; it has cpu\n" in done.stdout
    starts = [line.split() for line in (project.root / "starts").read_text().splitlines()]
    assert [alive for _, alive in starts] == ["0", "0", "0"]


def test_xdist_is_told_to_keep_an_adapters_tests_together(project):
    (project.root / "groups").mkdir()
    (project.root / "groups" / "conftest.py").write_text(
        "def pytest_collection_finish(session):\n"
        "    print(*(mark.args for item in session.items for mark in item.iter_markers('xdist_group')))\n"
    )
    chosen = [*adapters("numpy", "broken"), *cases("tiny/stack")]
    done = project.pytest("-p", "xdist", "--collect-only", "-q", "groups", "specs", *chosen)
    assert "('numpy',) ('broken',)\n" in done.stdout


def test_a_session_stops_where_it_is_told_to_and_its_results_say_so(project):
    ways = cases("broken/right", "broken/nan", "broken/missing", "broken/raises")
    stopped = session(project, "stopped", "specs", "-x", "--runxfail", *adapters("broken"), *ways)
    assert stopped.done.code == pytest.ExitCode.TESTS_FAILED
    assert {name: o.kind for name, o in stopped.outcomes.items()} == {
        "broken/right[broken]": "passed",
        "broken/raises[broken]": "failure",
    }
    assert [line["kind"] for line in stopped.results] == ["header", "result", "result"]


def test_what_in_the_known_deviations_can_have_no_effect_is_said_at_the_end(project):
    (project.root / "idle").mkdir()
    (project.root / "idle" / "ghost.yaml").write_text(DEVIATIONS)
    text = DEVIATIONS.replace("broken/nan", "cell/stpe*").replace('{lstm-broken: ">=1"}', '{pytorch: "<3"}', 1)
    (project.root / "idle" / "broken.yaml").write_text(text)
    folders = ["--lstm-vectors", project.suite.vectors, "--lstm-deviations", "idle"]
    quick = project.pytest("specs", "-q", *adapters("broken"), *cases("broken/right"), *folders)
    warnings = [line for line in quick.stdout.splitlines() if "warning" in line]
    assert warnings == [
        f"lstm-conformance: warning: idle/{warning}"
        for warning in (
            "ghost.yaml:1: is not read, for no adapter is called ghost; they are listed by: conformance doctor",
            "broken.yaml:1: versions: broken reports no pytorch; it reports lstm-broken, numpy",
        )
    ]
    whole = project.pytest("specs", "-q", *adapters("broken"), "--lstm-suite", *cases("broken/right"), *folders)
    assert "idle/broken.yaml:1: cases: cell/stpe* fits no case; near it: cell" in whole.stdout
    assert "broken/still-right fits" not in whole.stdout


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


@pytest.mark.parametrize("xdist", [False, True])
def test_a_pattern_that_matches_no_case_is_an_error_that_names_what_is_near(project, xdist):
    arguments = ["specs", *(["-n", "1"] if xdist else []), *adapters("numpy"), *cases("tiny/stack", "tiny/revers")]
    found = session(project, "pattern", *arguments, xdist=xdist)
    assert found.done.code != 0
    assert "ERROR collecting --lstm-case" in found.done.stdout
    assert "\nno case matches 'tiny/revers'; near it: tiny/reverse" in found.done.stdout
    assert "INTERNALERROR" not in found.done.stdout
    assert [line["kind"] for line in found.results] == ["header"]


def test_a_worker_elsewhere_and_its_limit_stand_in_the_message(project):
    place = f"same=python={sys.executable}"
    options = [
        "--lstm-worker",
        place,
        *adapters("same:broken"),
        "--lstm-memory",
        1,
        *cases("broken/right", "broken/hogs"),
    ]
    done = project.pytest(*project.ours("specs", "-q", *options))
    assert "1 failed, 1 passed" in done.stdout
    assert "broken/hogs[same:broken]" in done.stdout
    assert "  the worker's memory is limited to 1 GiB\n" in done.stdout
    again = "again: conformance run --adapter same:broken --case broken/hogs --specs "
    assert again in done.stdout and f" --worker {place} --memory 1\n" in done.stdout


def test_in_process_the_adapter_is_in_the_process_of_pytest(project):
    (project.root / "starts").unlink(missing_ok=True)
    chosen = ["--lstm-in-process", *adapters("counts-starts"), *cases("tiny/*")]
    done = project.pytest(*project.ours("specs", "-q", *chosen))
    assert "5 passed" in done.stdout
    assert (project.root / "starts").read_text() == f"{project.server.pid} 0\n"


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


def test_without_an_adapter_it_only_has_options(project):
    script = "import sys, pytest; print(pytest.main(sys.argv[1:])); print(*sys.modules)"
    arguments = ["-p", "lstm-conformance", "-q", "--collect-only", "."]
    done = python("-c", script, *arguments, cwd=project.root, **ALONE)
    *output, modules = done.stdout.splitlines()
    assert [line for line in output if "::" in line] == ["test_of_theirs.py::test_theirs"]
    assert "lstm" not in " ".join(output)
    assert "conformance.plugin" in modules.split()
    assert not {"numpy", "pydantic", "yaml", "execnet", "click", "conformance.case", "conformance.data"} & set(
        modules.split()
    )
    assert "--lstm-adapter=[PLACE:]NAME[@DEVICE]" in project.pytest("--help").stdout
    assert [point.value for point in entry_points(group="pytest11", name="lstm-conformance")] == ["conformance.plugin"]
