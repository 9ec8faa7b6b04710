"""The run path with real adapters in real worker processes: what an adapter does costs its own case and no other."""

import contextlib
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import LENGTHS, WAYS, Suite, gone, install_broken_adapters

from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.golden.store import VectorStore
from conformance.results.deviations import Deviation
from conformance.results.result import Result
from conformance.run.messages import Computed, Died, Silent
from conformance.run.process import Worker
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings

SECONDS = 2.0


def run_all(adapter: str, suite: Suite, **kwargs: Any) -> dict[str, Result]:
    runner = Runner(
        adapter,
        VectorStore(kwargs.pop("vectors", suite.vectors)),
        kwargs.pop("deviations", []),
        RunSettings(timeout=SECONDS),
    )
    try:
        return {result.case.id: result for result in runner.results(suite.cases.values())}
    finally:
        runner.close()


@pytest.fixture(scope="module")
def results(suite: Suite) -> dict[str, Result]:
    """Every case with the adapter `broken`, one runner for all."""
    with pytest.MonkeyPatch.context() as patch:
        install_broken_adapters(patch)
        return run_all("broken", suite)


FAULTS = {
    "right": ("passed", "noise "),
    "raises": ("errored", "RuntimeError: no kernel for this shape"),
    "raises-without-a-word": ("errored", "ValueError: (no message)"),
    "calls-sys-exit": ("errored", "SystemExit: giving up"),
    "raises-a-surrogate": ("errored", r"RuntimeError: cannot read /models/caf\udce9"),
    "panics": ("errored", "Panic: index out of bounds"),
    "not-a-dict": ("errored", "TypeError: the adapter returned list; it must return a dict of arrays"),
    "a-list": ("failed", "y: is a list, needs to be a NumPy array of float32"),
    "missing": ("failed", "c_n: not returned"),
    "more-than-asked": ("passed", "noise "),
    "wrong-shape": ("failed", "y: has shape (2, 3, 4), needs (3, 2, 4)"),
    "float64": ("failed", "y: has dtype float64, needs float32"),
    "int32": ("failed", "y: is an array of dtype int32, needs to be a NumPy array of float32"),
    "nan": ("failed", "y: 1 of 24 elements differ; worst nan at (1, 0, 2): got nan, golden "),
    "one-element": ("failed", "h_n: 1 of 8 elements differ; worst 0.25 at (0, 1, 2): got "),
    "coarse": ("passed", "noise "),
    "unknown-precision": (
        "errored",
        "ValueError: the adapter declares precision 'float8'; allowed: bfloat16, float16, ",
    ),
    "unknown-padding": ("errored", "ValueError: the adapter declares padded_y 'garbage'; allowed: zeros, last"),
    "unknown-empty-rows": ("errored", "ValueError: the adapter declares empty_rows 'garbage'; allowed: initial, zeros"),
    "modifies-its-inputs": ("errored", "ValueError: assignment destination is read-only"),
    "modifies-them-in-c": ("errored", "ValueError: the adapter changed what it was given: inputs.x"),
    "noisy": ("passed", "noise "),
    "interrupts": ("errored", "KeyboardInterrupt"),
    "exits": ("crashed", "the worker process ended: exit code 3; it last printed:"),
    "exits-silently": ("crashed", "the worker process ended: exit code 0"),
    "segfaults": ("crashed", "the worker process ended: Segmentation fault; it last printed:"),
    "hangs": ("timed out", "no answer within 2 s; the worker was killed"),
    "hogs": ("passed", "noise "),
    "hogs-in-c": ("passed", "noise "),
    "forks-and-both-go-on": (
        "errored",
        "the adapter forked its process and let the copy return too; the copy must end itself, with os._exit()",
    ),
    "forks-as-it-should": ("passed", "noise "),
    "speaks-out-of-turn": (
        "errored",
        "what came is no answer to this case: the adapter, or a process it has started, ",
    ),
    "still-right": ("passed", "noise "),
    "carries": ("passed", "noise "),
    "empties": ("passed", "noise "),
    "empties-unsaid": ("failed", "h_n: 4 of 8 elements differ; worst "),
}


@pytest.mark.parametrize("way", [*WAYS, *LENGTHS])
def test_every_way_to_misbehave_ends_in_its_own_outcome_with_its_own_message(results, way):
    outcome, message = FAULTS[way]
    result = results[f"broken/{way}"]
    assert result.outcome.name == outcome
    head, body, *rest = result.message().splitlines()
    assert head.startswith(f"{outcome.upper()} broken/{way} [broken; lstm-broken 1.5]   ")
    assert head.endswith(f"broken.yaml:{result.case.origin.line}")
    assert body.startswith(f"  {message}")
    assert rest[-1] == f"  again: conformance run --adapter broken --case broken/{way}"
    assert result.unexpected == (outcome != "passed")


def test_a_process_that_ends_leaves_its_last_words(results):
    assert results["broken/exits"].message().splitlines()[2:-1] == ["  | device lost"]
    assert len(results["broken/exits-silently"].message().splitlines()) == 3
    for way in ("segfaults", "hangs"):
        message = results[f"broken/{way}"].message()
        assert re.search(rf'\| +File ".*lstm_broken\.py", line \d+ in {way}\n', message)
        assert "worker.py" not in message


def test_an_error_keeps_its_traceback_for_the_results_file_and_out_of_the_message(results):
    result = results["broken/raises"]
    assert "lstm_broken.py" in result.record().traceback
    assert "Traceback" not in result.message()


def test_every_result_can_be_written_as_json(results):
    for result in results.values():
        line = json.loads(json.dumps(result.record().model_dump(mode="json"), allow_nan=False))
        assert (line["case"], line["adapter"]) == (result.case.id, "broken")
        assert line["outcome"] == result.outcome.name
        assert line.get("message") == (result.message() if line["outcome"] != "passed" else None)
    assert results["broken/nan"].record().noise is None
    assert 16 < results["broken/one-element"].record().noise < 1e9


def test_the_adapters_own_family_is_untouched_by_its_faults_elsewhere(results):
    outcomes = {case_id: r.outcome.name for case_id, r in results.items() if case_id.startswith("tiny/")}
    assert outcomes.pop("tiny/plain-f64") == "unsupported"
    assert set(outcomes.values()) == {"passed"}
    refused = results["tiny/plain-f64"]
    assert refused.outcome.reason == "broken computes in float32, not in float64"
    assert not refused.unexpected


def test_an_answer_is_judged_at_the_precision_its_adapter_declares(results):
    assert results["broken/coarse"].precision == "bfloat16"
    assert results["broken/coarse"].noise < 16
    assert results["broken/right"].precision == "float32"


def test_the_reference_passes_everything(suite):
    assert {result.outcome.name for result in run_all("numpy", suite).values()} == {"passed"}


@pytest.mark.slow
def test_a_tanh_that_is_wrong_by_1e_5_fails_every_case(suite, broken_adapters):
    for case_id, result in run_all("tanh-off", suite).items():
        assert result.outcome.name == "failed", case_id
        assert result.noise > 32, case_id


def damaged(suite: Suite, tmp_path: Path) -> Path:
    """A copy of the vectors with four that are not as they should be."""
    vectors = tmp_path / "vectors"
    shutil.copytree(suite.vectors, vectors)
    file = vectors / "tiny" / "plain-f32.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    file = vectors / "tiny" / "reverse.safetensors"
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    (vectors / "tiny" / "lengths.safetensors").unlink()
    manifest = json.loads((vectors / "MANIFEST.json").read_text())
    del manifest["vectors"]["tiny/stack"]
    (vectors / "MANIFEST.json").write_text(json.dumps(manifest))
    return vectors


def test_a_bad_vector_is_an_error_of_its_case_that_no_deviation_excuses(suite, tmp_path):
    everything = Deviation(cases=("*",), outcome="errored", reason="always", versions={"numpy": ">0"})
    vectors = damaged(suite, tmp_path)
    results = run_all("numpy", suite, vectors=vectors, deviations=[everything])
    for name, problem in {
        "plain-f32": "damaged or truncated",
        "reverse": "altered: SHA-256 is ",
        "lengths": "the vector of tiny/lengths cannot be read: No such file or directory",
        "stack": f"tiny/stack has no vector in {vectors}/MANIFEST.json",
    }.items():
        result = results[f"tiny/{name}"]
        assert result.outcome.name == "errored"
        assert result.unexpected
        assert result.deviation is None
        assert problem in result.message()
        assert f"make it with: conformance generate --case 'tiny/{name}'" in result.message()
    assert results["tiny/plain-f64"].outcome.name == "passed"


def test_a_vector_of_another_state_of_its_spec_is_refused(suite):
    changed = suite.cases["tiny/plain-f32"].model_copy(update={"seed": 7})
    runner = Runner("numpy", VectorStore(suite.vectors), [])
    result = runner.run(changed)
    runner.close()
    assert result.outcome.name == "errored"
    assert "made from another version of " in result.message()


def test_known_deviations_reach_the_result(suite, broken_adapters):
    known = Deviation(cases=("broken/nan", "broken/right"), reason="no idea", versions={"lstm-broken": "==1.5"})
    runner = Runner("broken", VectorStore(suite.vectors), [known], RunSettings(timeout=SECONDS))
    shows, does_not, other = (runner.run(suite.cases[f"broken/{way}"]) for way in ("nan", "right", "missing"))
    runner.close()
    assert (shows.deviates_as_known, shows.unexpected) == (True, False)
    assert (does_not.deviates_as_known, does_not.unexpected) == (False, True)
    assert (other.deviation, other.unexpected) == (None, True)


def test_a_known_deviation_of_a_precision_is_for_answers_declared_in_it(suite, broken_adapters):
    known = Deviation(cases=("*",), reason="no idea", versions={"lstm-broken": "==1.5"}, precision="bfloat16")
    runner = Runner("broken", VectorStore(suite.vectors), [known], RunSettings(timeout=SECONDS))
    coarse, right, raising = (runner.run(suite.cases[f"broken/{way}"]) for way in ("coarse", "right", "raises"))
    runner.close()
    assert coarse.deviation == known
    assert (right.deviation, right.unexpected) == (None, False)
    assert (raising.deviation, raising.unexpected) == (None, True)


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
