"""Whatever a harness does to its frames and its process: one run, whose other results stand, and nothing left over."""

import os
import sys
from pathlib import Path

import pytest
from harness import COMMAND, ROOT, Suite, gone, make_suite, python, started

from conformance.golden.store import VectorStore
from conformance.results.reading import read_results
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings

MISBEHAVING = ROOT / "tests" / "core" / "harnesses" / "misbehaving.py"
BECOMES = {
    "right": ("passed", None),
    "prints": ("passed", None),
    "answers-another": ("errored", "requests are answered one at a time, in order"),
    "says-too-many": ("errored", "and the tensors that follow take"),
    "half-a-frame": ("crashed", "exit code 3; it last printed: oh no the harness ended after"),
    "sorts-its-fields": ("errored", "this looks like an answer; the line of a frame must begin with"),
    "exits": ("crashed", "exit code 5; it last printed: out of registers the harness ended before it answered"),
    "segfaults": ("crashed", "Segmentation fault"),
    "hangs": ("timed out", "no answer within 4 s; the worker was killed; it last printed: thinking again:"),
    "leaves-a-child": ("crashed", "exit code 6"),
    "raises": ("errored", "EngineError: out of registers"),
    "refuses": ("unsupported", None),
    "right2": ("passed", None),
}


@pytest.fixture(scope="session")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """A case for each way to misbehave."""
    cases = "".join(f"  - name: {way}\n" for way in BECOMES)
    spec = f"family: ways\ndefaults: {{T: 3, B: 2, I: 2, H: 4}}\ncases:\n{cases}"
    return make_suite(tmp_path_factory.mktemp("ways"), {"ways.yaml": spec})


def test_one_run_survives_everything(ways: Suite, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    environment = {"LSTM_NOTES": str(tmp_path / "child"), "TMPDIR": str(tmp_path / "tmp")}
    run = ["run", "--timeout", 4, "--adapter", f"command:{MISBEHAVING}", "-o", "r.jsonl", *ways.folders]
    with started("-c", COMMAND, *run, cwd=tmp_path, **environment) as process:
        printed, problems = process.communicate(timeout=400)
    assert process.returncode == 1, printed + problems
    assert "Traceback" not in problems
    results = read_results(tmp_path / "r.jsonl")
    assert results.complete
    of = {record.case.removeprefix("ways/"): record for record in results.records}
    assert {way: record.outcome for way, record in of.items()} == {
        way: outcome for way, (outcome, _) in BECOMES.items()
    }
    for way, (_, said) in BECOMES.items():
        told = " ".join(line.strip("| ") for line in (of[way].message or "").splitlines())
        assert said is None or said in told, told
    assert "at lstm.c:88" in (of["raises"].traceback or "")
    # The child of one that had ended, in a session of its own, has ended too; so have all logs.
    assert gone(int((tmp_path / "child").read_text()))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_harness_at_another_interpreters_place(ways: Suite, tmp_path: Path) -> None:
    options = ["--worker", f"old=python={sys.executable}", "--adapter", f"old:command:{MISBEHAVING}"]
    done = python("-c", COMMAND, "run", *options, "--case", "ways/right*", *ways.folders, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_ends_when_the_run_is_over(ways: Suite, tmp_path: Path) -> None:
    text = f"""#!/bin/sh
case "$1" in --describe) ;; *) echo $$ > {tmp_path}/pid;; esac
exec {sys.executable} {MISBEHAVING} "$@"
"""
    (tmp_path / "engine").write_text(text)
    (tmp_path / "engine").chmod(0o755)
    runner = Runner(f"command:{tmp_path / 'engine'}", VectorStore(ways.vectors), [], RunSettings())
    assert runner.run(ways.cases["ways/right"]).outcome.name == "passed"
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    runner.close()
    assert gone(pid)
