"""How the pytest plugin runs: one worker at a time, to where it is told to stop, in other places, and not uncalled."""

import sys
from importlib.metadata import entry_points

import pytest
from harness import LENGTHS, python
from harness import WAYS as FAULTS
from plugin_sessions import ALONE, DEVIATIONS, adapters, cases, session

pytestmark = pytest.mark.slow  # each test is a session of pytest, or several, in a process of its own


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
