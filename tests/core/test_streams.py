"""Standard output that nobody reads, or that is full."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import COMMAND, python

from conformance.cli import main
from conformance.results.reading import read_results


def ended(stdout: int, *arguments: Any) -> object:
    """The exit code of a command whose standard output is this file descriptor, which it closes."""
    with os.fdopen(stdout, "w") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as raised:
            main([str(argument) for argument in arguments], prog_name="conformance")
    return raised.value.code


def unread() -> int:
    """A pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["list", "--json"], ["schema"], ["-h"], ["run", "--help"], ["show", "cell/step-f32-both-states"]],
)
def test_output_that_nobody_reads_is_not_an_error_and_a_full_disk_is_one(arguments, capsys):
    assert ended(unread(), *arguments) == 0
    assert capsys.readouterr().err == ""
    assert ended(os.open("/dev/full", os.O_WRONLY), *arguments) == 2
    assert capsys.readouterr().err == "standard output: cannot be written: No space left on device\n"


def test_a_run_whose_output_nobody_reads_comes_to_its_end_and_its_verdict(suite, broken_adapters, tmp_path, capfd):
    for adapter, code in (("numpy", 0), ("broken", 1)):
        path = tmp_path / f"{adapter}.jsonl"
        run = ["run", "--adapter", adapter, "--case", "broken/nan", *suite.folders, "-o", path]
        assert ended(unread(), *run) == code
        assert read_results(path).complete
        assert "Traceback" not in capfd.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux says where a file descriptor leads")
def test_no_file_takes_the_place_of_a_standard_output_that_is_closed(tmp_path):
    closed = (
        f"import os; os.close(1); sys.stdout = None; {COMMAND.removeprefix('import sys; ').removesuffix('; main()')}"
    )
    shown = "main(['list'], standalone_mode=False); os.write(2, os.readlink('/proc/self/fd/1').encode())"
    done = python("-c", f"import sys; {closed}; {shown}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "/dev/null")
