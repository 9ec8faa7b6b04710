"""The worker processes of a run: when they start, are sent ahead, are replaced, and end with all they have started."""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from harness import Suite, gone
from running import SECONDS, run_all

from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.golden.store import VectorStore
from conformance.run.messages import Computed, Died, Silent
from conformance.run.process import Worker
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings


def test_one_process_serves_all_cases_and_is_gone_with_its_log_when_the_runner_is_closed(
    suite, broken_adapters, tmp_path, monkeypatch
):
    logs = tmp_path / "logs"
    logs.mkdir()
    monkeypatch.setenv("TMPDIR", str(logs))
    monkeypatch.setenv("LSTM_BROKEN_STARTS", str(tmp_path / "starts"))
    run_all("counts-starts", suite)
    pid, _ = (tmp_path / "starts").read_text().split()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert list(logs.iterdir()) == []


@pytest.fixture
def notes(broken_adapters, tmp_path, monkeypatch) -> Callable[[], list[str]]:
    """What the adapters `noting` and `loads-once` have written down."""
    path = tmp_path / "notes"
    monkeypatch.setenv("LSTM_BROKEN_NOTES", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


def named(suite: Suite, *ways: str) -> list[Case]:
    return [suite.cases[f"broken/{way}"] for way in ways]


def test_what_is_sent_ahead_is_another_workers_when_the_first_one_dies(suite, notes):
    runner = Runner("noting", VectorStore(suite.vectors), [], RunSettings(timeout=SECONDS))
    ways = ("right", "exits", "still-right", "segfaults", "nan")
    outcomes = [(result.case.id, result.outcome.name) for result in runner.results(named(suite, *ways))]
    runner.close()
    became = {"exits": "crashed", "segfaults": "crashed", "nan": "failed"}
    assert outcomes == [(f"broken/{way}", became.get(way, "passed")) for way in ways]
    # Nothing is run twice, and a process runs nothing after the case that it dies of.
    begun = [line.removeprefix("broken/").split()[0] for line in notes()]
    assert " ".join(begun) == ("start right exits start still-right segfaults start nan")


def test_the_worker_is_ahead_of_this_process_and_what_it_computed_for_nobody_is_dropped(suite, notes):
    runner = Runner("noting", VectorStore(suite.vectors), [], RunSettings(timeout=SECONDS))
    results = runner.results(named(suite, "right", "raises", "missing", "nan"))
    next(results)  # judged; nothing has been asked of the second
    deadline = time.monotonic() + 30
    while len(notes()) < 4:
        assert time.monotonic() < deadline, notes()
        time.sleep(0.01)
    results.close()
    assert runner.run(suite.cases["broken/nan"]).outcome.name == "failed"
    runner.close()


def test_a_dead_worker_is_replaced_while_what_it_answered_is_judged(suite, notes):
    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, notes()
            time.sleep(0.01)

    runner = Runner("noting", VectorStore(suite.vectors), [], RunSettings(timeout=SECONDS))
    results = runner.results(named(suite, "right", "nan", "exits", "still-right"))
    outcomes = [next(results).outcome.name]
    until(lambda: len(notes()) >= 4)
    with contextlib.suppress(ChildProcessError):  # it has been noticed already
        os.waitid(os.P_PID, int(notes()[0].removeprefix("start ")), os.WEXITED | os.WNOWAIT)
    outcomes.append(next(results).outcome.name)
    until(lambda: sum(line.startswith("start") for line in notes()) == 2)  # nobody has asked for the crash yet
    outcomes += [result.outcome.name for result in results]
    runner.close()
    assert outcomes == ["passed", "failed", "crashed", "passed"]
    assert sum(line.startswith("start") for line in notes()) == 2


def test_a_process_that_reads_nothing_any_more_holds_up_nobody(suite, broken_adapters):
    worker = Worker("broken")
    case, vector = suite.cases["broken/right"], VectorStore(suite.vectors).load(suite.cases["broken/right"])
    start = time.monotonic()
    worker.send(case.model_copy(update={"id": "broken/hangs-in-c"}), vector.arrays, 0.5)
    much = Arrays.from_tensors(dict(vector.arrays.flat) | {"inputs.x": np.zeros((1000, 1000, 8), np.float32)})
    for _ in range(3):
        worker.send(case, much, 0.5)
    assert isinstance(worker.receive(), Silent)
    worker.close()
    assert time.monotonic() - start < 5


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes a worker has started")
@pytest.mark.parametrize(
    ("way", "became"),
    [("leaves-a-daemon", Computed), ("leaves-a-daemon-and-exits", Died), ("leaves-a-daemon-and-hangs", Silent)],
)
def test_a_process_that_has_left_group_session_and_environment_ends_with_its_worker(
    way, became, suite, notes, tmp_path
):
    worker, case = Worker("noting"), suite.cases["broken/right"]
    worker.send(case.model_copy(update={"id": f"broken/{way}"}), VectorStore(suite.vectors).load(case).arrays, 1.5)
    assert isinstance(worker.receive(), became)
    daemon = int((tmp_path / "notes.daemon").read_text())
    worker.close()
    assert gone(daemon, 0.0)


def test_an_adapter_that_loads_no_more_is_given_up(suite, notes):
    runner = Runner("loads-once", VectorStore(suite.vectors), [], RunSettings(timeout=SECONDS))
    first, *others = runner.results(named(suite, "exits", *["right"] * 8))
    runner.close()
    assert first.outcome.name == "crashed"
    assert {result.outcome.name for result in others} == {"errored"}
    told = [result.message().splitlines()[1].strip() for result in others]
    lost = "loads-once cannot load: RuntimeError: device lost"
    assert told == [lost] * 3 + [f"gave up after 3 failed starts: {lost}"] * 5
    assert sum(line.startswith("start") for line in notes()) == 1 + 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
def test_memory_beyond_the_limit_is_the_cases_own_and_leaves_no_worker_behind(suite, notes):
    runner = Runner("noting", VectorStore(suite.vectors), [], RunSettings(timeout=SECONDS, memory=1))
    results = list(runner.results(named(suite, "hogs", "hogs-in-c", "right")))
    runner.close()
    assert [result.outcome.name for result in results] == ["errored", "errored", "passed"]
    for result, what in (
        (results[0], "MemoryError: Unable to allocate 2.00 GiB"),
        (results[1], "RuntimeError: std::bad_alloc"),
    ):
        _, error, limit, again = result.message().splitlines()
        assert what in error
        assert limit == "  the worker's memory is limited to 1 GiB"
        assert again == f"  again: conformance run --adapter noting --case {result.case.id} --memory 1"
    assert sum(line.startswith("start") for line in notes()) == 3


def test_in_process_the_adapter_answers_here_and_the_judge_is_the_same(suite, notes):
    runner = Runner("noting", VectorStore(suite.vectors), [], RunSettings(timeout=SECONDS, in_process=True))
    results = list(runner.results(named(suite, "right", "raises", "nan", "modifies-its-inputs")))
    runner.close()
    assert [result.outcome.name for result in results] == ["passed", "errored", "failed", "errored"]
    assert notes()[0] == f"start {os.getpid()}"
    worker = Worker("noting")
    worker.close()
    assert worker.info == runner.info  # what each says of itself and its place
    assert (worker.info.versions["lstm-broken"], worker.info.device) == ("1.5", "cpu")
    assert (worker.info.python, worker.info.machine) == (platform.python_version(), platform.machine())
