"""A file is written by one process at a time, and the claim of one that is gone is gone too."""

import signal

import pytest
from command_line import conformance
from file_trouble import WRITERS, names, refusal
from harness import started

from conformance.files import Claim, FileError, replace_claimed_file, replace_file


def test_a_file_that_somebody_writes_is_written_by_nobody_else(suite, whole, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("old")
    run = ["run", "--adapter", "numpy", "--case", "tiny/*", *suite.folders, "-o", path]
    others = [WRITERS["merge"](whole, path), WRITERS["baseline"](whole, path)]
    with Claim(path):
        for arguments in (run, [*run, "--resume"], *others):
            assert refusal(*arguments) == (
                f"{path}: cannot be written: another process is writing it; "
                "wait until that ends, or name another file\n"
            )
        assert path.read_text() == "old"
    assert conformance(*run).exit_code == 0
    assert names(tmp_path) == {"r.jsonl"}


def test_two_runs_of_one_file_that_is_not_there_yet(tmp_path):
    path = tmp_path / "r.jsonl"
    with Claim(path) as first:
        assert first.empty
        with pytest.raises(FileError, match="another process is writing it"):
            Claim(path)
    assert names(tmp_path) == set()


def test_a_claim_is_of_the_file_that_stands_there_and_not_of_one_before(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with Claim(path):
        with pytest.raises(FileError, match="another process is writing it"):
            replace_file(path, "without the right to it")
        replace_claimed_file(path, "new")
        with Claim(path), pytest.raises(FileError):  # the file that was claimed is no more
            Claim(path)
    assert path.read_text() == "new"


HOLD = """\
import sys, time
from pathlib import Path
from conformance.files import Claim
claim = Claim(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_the_claim_of_a_killed_process_is_gone(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with started("-c", HOLD, path, cwd=tmp_path) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(FileError, match="another process is writing it"):
            Claim(path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        Claim(path).release()
    assert path.read_text() == "old"
