"""Results files: what an interrupted run leaves, going on from there, shards, and what does not belong together."""

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import conformance
from harness import COMMAND, python, started

from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs
from conformance.case.select import shard
from conformance.case.text import counted
from conformance.data import default_folders
from conformance.results.reading import read_results
from conformance.results.record import Record
from conformance.run.parallel import run_in_parallel


def told(path: Path) -> dict[tuple[str, str], Record]:
    """What a file says of each adapter and case, but for the time it took."""
    return {(r.adapter, r.case): r.model_copy(update={"seconds": 0.0}) for r in read_results(path).records}


def test_what_is_written_is_read_again(suite, whole):
    results = read_results(whole)
    assert results.complete
    assert results.header.cases == len(results.records) == 5
    first = results.records[0]
    assert (first.case, first.family, first.dtype, first.outcome, first.allowed) == (
        "tiny/plain-f32", "tiny", "float32", "passed", 11.0
    )  # fmt: skip
    assert 0 < first.noise < 16


def test_every_place_where_a_file_may_be_cut_is_noticed(whole, tmp_path):
    data = whole.read_bytes()
    path = tmp_path / "cut.jsonl"
    header = data.index(b"\n") + 1
    for size in [*range(header, len(data), 17), len(data) - 1]:
        path.write_bytes(data[:size])
        results = read_results(path)
        assert not results.complete
        assert results.size <= size
        assert list(results.records) == list(read_results(whole).records[: len(results.records)])
    for size in (0, 1, header - 1):
        path.write_bytes(data[:size])
        with pytest.raises(ConformanceError, match="not a results file"):
            read_results(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:1] + lines[2:], "damaged: its footer promises 5 results, it has 4"),
        (lambda lines: ["{}", *lines[1:]], ":1: not a kind of line of a results file: None; allowed: header, result"),
        (lambda lines: [lines[0], "nonsense", *lines[1:]], ":2: not a line of a results file: "),
        (lambda lines: [*lines, lines[1]], ":8: a result is not allowed here"),
        (lambda lines: [lines[0], lines[1].replace("passed", "pleased"), *lines[2:]], ":2: outcome: needs one of"),
        (lambda lines: [lines[0].replace('"format": 2', '"format": 3'), *lines[1:]], "results of format 3; this suite"),
    ],
)
def test_what_is_not_a_results_file_is_refused_with_the_line(whole, tmp_path, change, message):
    path = tmp_path / "changed.jsonl"
    path.write_text("\n".join(change(whole.read_text().splitlines())) + "\n")
    with pytest.raises(ConformanceError) as raised:
        read_results(path)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


# Going on


@pytest.mark.slow
def test_ctrl_c_and_resume_give_what_one_run_gives(suite, tmp_path):
    cases = [word for way in ("right", "noisy", "nan", "exits", "still-right") for word in ("--case", f"broken/{way}")]
    run = ["run", "--adapter", "broken", "--adapter", "numpy", *cases, *suite.folders, "-o"]
    assert python("-c", COMMAND, *run, "once.jsonl", cwd=tmp_path).returncode == 1
    # A shell's background jobs, and all that they start, are deaf to Ctrl-C unless they listen.
    listening = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND}"
    path = tmp_path / "twice.jsonl"
    with started("-c", listening, *run, "twice.jsonl", cwd=tmp_path) as process:
        while process.poll() is None and not (path.exists() and path.read_text().count("\n") >= 2):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    found = read_results(path)
    assert not found.complete, "the interrupt came too late to show anything"
    assert process.returncode == 130
    assert f"interrupted after {counted(len(found.records), 'result')}; twice.jsonl has them" in stderr
    with path.open("a") as file:
        file.write('{"kind": "result", "case": "broken/no')  # as a kill in the middle of a line leaves it
    again = python("-c", COMMAND, *run, "twice.jsonl", "--resume", cwd=tmp_path)
    assert again.returncode == 1
    assert f"twice.jsonl has {counted(len(found.records), 'result')}, {10 - len(found.records)} to go\n" in again.stdout
    assert read_results(path).complete
    assert told(path) == told(tmp_path / "once.jsonl")
    assert again.stdout.count("\nCRASHED broken/exits") + again.stdout.startswith("CRASHED broken/exits") == 1


def test_resume_begins_where_there_is_nothing_and_rests_where_all_is_done(suite, whole, tmp_path):
    path = tmp_path / "new" / "r.jsonl"
    run = ["run", "--adapter", "numpy", "--case", "tiny/*", "-o", path, "--resume", *suite.folders]
    assert conformance(*run).exit_code == 0
    assert told(path) == told(whole)
    before = path.read_bytes()
    done = conformance(*run)
    assert done.exit_code == 0
    assert "5 results, 0 to go" in done.output
    assert done.output.endswith(f"5 results, 0 unexpected; written to {path}\n")
    assert path.read_bytes() == before


def test_only_the_same_run_is_resumed(suite, whole, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(whole.read_bytes())
    run = ["run", "--adapter", "numpy", "-o", path, "--resume", *suite.folders]
    other = conformance(*run, "--case", "tiny/plain-*")
    assert other.exit_code == 2
    assert f"{path}: cannot be resumed: it is of other cases\n" in other.stderr
    path.write_text(whole.read_text().replace('"numpy": "', '"numpy": "0.'))
    older = conformance(*run, "--case", "tiny/*")
    assert older.exit_code == 2
    assert "cannot be resumed: versions of numpy were numpy 0." in older.stderr
    assert conformance("run", "--resume", *suite.folders).exit_code == 2


def test_an_interrupt_while_adapters_are_still_being_handed_out_ends_those_that_run():
    class Hanging:
        """A runner whose case ends only with its worker."""

        def __init__(self) -> None:
            self.closed = threading.Event()

        def results(self, cases: object) -> Any:
            assert self.closed.wait(20), "nobody ended the worker"
            yield from ()

        def close(self) -> None:
            self.closed.set()

    def begun(label: str) -> None:
        if label == "second":
            raise KeyboardInterrupt

    runners: Any = {"first": Hanging(), "second": Hanging()}
    at = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_in_parallel(
            runners,
            {"first": [], "second": []},
            2,
            expected=lambda label: [],
            begun=begun,
            report=lambda result: None,
        )
    assert time.monotonic() - at < 5


# Shards


@pytest.mark.slow
def test_shards_part_the_suite_evenly_and_a_case_stays_in_its_own():
    cases = load_specs(default_folders().specs)
    parts = [shard(cases, f"{k}/4") for k in (1, 2, 3, 4)]
    assert sorted(case.id for part in parts for case in part) == sorted(case.id for case in cases)
    assert all(len(cases) / 4 * 0.75 < len(part) < len(cases) / 4 * 1.25 for part in parts)
    assert shard(cases[::2], "1/4") == [case for case in parts[0] if case in cases[::2]]
    # The parts of today are those of every machine and every version: a part that ran elsewhere must fit.
    assert shard([case for case in cases if case.id == "peephole/relu-f32"], "2/100")


@pytest.mark.parametrize("which", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2", "1/2/3"])
def test_what_is_no_shard_is_refused(which):
    with pytest.raises(ConformanceError, match="is not a shard; needs k/n"):
        shard([], which)


@pytest.fixture(scope="module")
def shards(suite, tmp_path_factory) -> list[Path]:
    """The cases `tiny` in three files."""
    paths = [tmp_path_factory.mktemp("shards") / f"{k}.jsonl" for k in (1, 2, 3)]
    for k, path in enumerate(paths, 1):
        run = ["run", "--adapter", "numpy", "--case", "tiny/*", "--shard", f"{k}/3", "-o", path, *suite.folders]
        assert conformance(*run).exit_code == 0
    return paths


def test_shards_together_are_the_whole_run(whole, shards, tmp_path):
    path = tmp_path / "merged.jsonl"
    done = conformance("merge", *shards, "-o", path)
    assert done.exit_code == 0, done.output
    assert done.output == f"5 results of numpy written to {path}\n"
    assert told(path) == told(whole)
    assert read_results(path).header == read_results(whole).header


def changed(path: Path, to: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    to.write_text(text.replace(old, new))
    return to


def test_what_does_not_belong_together_is_not_merged(whole, shards, tmp_path):
    def refusal(*files: Path) -> str:
        done = conformance("merge", *files, "-o", tmp_path / "out.jsonl")
        assert done.exit_code == 2
        assert not (tmp_path / "out.jsonl").exists()
        return done.stderr

    filled = [path for path in shards if read_results(path).records]
    missing = len(read_results(filled[0]).records)
    assert f"cannot be merged: numpy has {missing} of 5 cases; shards given: " in refusal(filled[0])
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(whole.read_text().splitlines(keepends=True)[:-1]))
    assert refusal(cut).startswith(f"{cut}: the run was interrupted after 5 results; finish it with ")
    digest = json.loads(whole.read_text().splitlines()[0])["vectors"]
    assert "was judged by other golden values" in refusal(whole, changed(whole, tmp_path / "v", digest, "0" * 64))
    assert "numpy is numpy 0." in refusal(changed(whole, tmp_path / "n", '{"numpy": "', '{"numpy": "0.'), whole)
    assert "has two outcomes, passed in" in refusal(
        whole, changed(whole, tmp_path / "o", '"float32", "outcome": "passed"', '"float32", "outcome": "failed"')
    )
