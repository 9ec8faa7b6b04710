"""Ctrl-C at moments that are hard to hit: it is an interrupt wherever it strikes, and nothing else is said."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness import COMMAND, gone
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

import conformance.case.select
from conformance.case.source import Source, Uniform
from conformance.cli import main
from conformance.cli.interrupts import interrupted, interrupts
from conformance.golden.store import VectorStore
from conformance.run.commands import completed
from conformance.run.messages import Ask


class Interrupted(BaseModel):
    """Ctrl-C strikes while it is compared."""

    def __eq__(self, other: object) -> bool:
        signal.raise_signal(signal.SIGINT)
        return True

    __hash__ = None


class Outer(BaseModel):
    inner: Interrupted = Interrupted()


@pytest.fixture(autouse=True)
def listening():
    """A shell's background jobs, and all that they start, are deaf to Ctrl-C unless they listen."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "it was not put back"
    signal.signal(signal.SIGINT, usual)


def test_what_a_library_makes_of_an_interrupt_is_one():
    with pytest.raises(PydanticSerializationError):
        Outer(inner=Interrupted()).model_dump_json(exclude_defaults=True)
    with pytest.raises(KeyboardInterrupt) as caught, interrupts():
        Outer(inner=Interrupted()).model_dump_json(exclude_defaults=True)
    assert isinstance(caught.value.__cause__, PydanticSerializationError)


def test_an_interrupt_that_nobody_heard_of_ends_a_run(suite, monkeypatch):
    """Some code catches everything, while it is imported for example."""
    load_specs = conformance.case.select.load_specs

    def deaf(*arguments: Any) -> Any:
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        return load_specs(*arguments)

    monkeypatch.setattr(conformance.case.select, "load_specs", deaf)
    done = CliRunner().invoke(main, ["run", "--adapter", "numpy", "--case", "tiny/*", *map(str, suite.folders)])
    assert done.exit_code == 130
    assert done.stderr == "\ninterrupted after 0 results\n"


def test_an_interrupt_of_the_command_before_is_none_of_the_next_ones():
    with pytest.raises(KeyboardInterrupt), interrupts():
        signal.raise_signal(signal.SIGINT)
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a shell's background job
    try:
        with interrupts():
            assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, usual)


def test_without_an_interrupt_an_error_is_what_it_was():
    with pytest.raises(ZeroDivisionError), interrupts():
        _ = 1 / 0


def test_an_interrupt_while_a_request_is_written_is_one(suite, monkeypatch):
    case = suite.cases["tiny/plain-f32"]
    arrays = VectorStore(suite.vectors).load(case).arrays

    def interrupting(self: Source, other: object) -> bool:
        signal.raise_signal(signal.SIGINT)
        return True

    monkeypatch.setattr(Source, "__eq__", interrupting)
    with pytest.raises(KeyboardInterrupt):
        Ask.of(case.model_copy(update={"x": Source(uniform=Uniform(low=0.0, high=0.5))}), arrays, 1.0)


def test_an_interrupt_while_a_program_is_started_ends_that_too(monkeypatch):
    """It strikes between the start of the process and the moment when anybody knows of it."""
    popen, pids = subprocess.Popen, []

    def interrupting(*arguments: Any, **options: Any) -> "subprocess.Popen[str]":
        process = popen(*arguments, **options)
        pids.append(process.pid)
        signal.raise_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupting)
    with pytest.raises(KeyboardInterrupt):
        completed([sys.executable, "-c", "import time; time.sleep(3600)"])
    assert gone(pids[0], 0.0)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the processes in /proc")
def test_what_a_program_has_started_is_gone_when_it_was_cut_short(tmp_path):
    script = f"sleep 3600 & echo $! > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; wait"
    with pytest.raises(subprocess.TimeoutExpired):
        completed(["/bin/sh", "-c", script], seconds=1.0)
    assert gone(int((tmp_path / "pid").read_text()), 0.0)


def children(pid: int) -> list[str]:
    """The ids of the processes that a process has started, by any of its threads (Linux)."""
    return [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker in /proc")
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05])
def test_ctrl_c_at_a_terminal_while_the_worker_starts_ends_in_silence(seconds, suite, tmp_path):
    """It goes to every process of the terminal, to one that has not yet got as far as to leave it too."""
    command = [sys.executable, "-c", COMMAND, "run", "--adapter", "numpy", "--case", "tiny/*", *map(str, suite.folders)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        until = time.monotonic() + 30
        while not children(process.pid):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.001)
        time.sleep(seconds)
        workers = children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert 'File "<string>"' not in stderr, "a worker's last words"
    assert all(gone(int(worker)) for worker in workers)
