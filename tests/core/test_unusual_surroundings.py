"""Files that others write or remove, streams that are closed or full, folders whose names nothing can decode."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from harness import COMMAND, Suite
from reports import right_records, written

from conformance.cli import main
from conformance.data import displayed
from conformance.files import Claim, FileError
from conformance.results.reading import read_results
from conformance.results.writing import ResultsFile


def command(suite: Suite, *words: str) -> list[str]:
    return [sys.executable, "-c", COMMAND, *words, "--specs", str(suite.specs), "--vectors", str(suite.vectors)]


def results_file(path: Path) -> Path:
    return written(path, right_records())


RUN = ("run", "--adapter", "numpy", "--case", "tiny/plain-*")


@pytest.mark.parametrize("words", [["report", "--format", "badge", "-o"], ["report", "--format", "junit", "-o"]])
def test_a_report_does_not_replace_what_it_reads(tmp_path, words):
    path = results_file(tmp_path / "r.jsonl")
    (tmp_path / "link").symlink_to(path)
    before = path.read_bytes()
    for output in (path, tmp_path / "link"):
        done = CliRunner().invoke(main, [words[0], str(path), *words[1:], str(output)])
        assert done.exit_code == 2 and "is read by this command; name another file" in done.output
    assert path.read_bytes() == before


@pytest.mark.parametrize("option", ["--markdown", "--junit"])
def test_nor_does_a_gate(tmp_path, option):
    path = results_file(tmp_path / "r.jsonl")
    done = CliRunner().invoke(main, ["gate", str(path), str(path), option, str(path)])
    assert done.exit_code == 2 and "is read by this command" in done.output
    assert read_results(path).complete


def test_a_report_does_not_replace_the_results_that_a_run_is_writing(tmp_path):
    path, other = results_file(tmp_path / "r.jsonl"), tmp_path / "running.jsonl"
    with Claim(other):
        other.write_text("results so far")
        done = CliRunner().invoke(main, ["report", str(path), "--format", "badge", "-o", str(other)])
    assert done.exit_code == 2 and f"{other}: cannot be written: another process is writing it" in done.output
    assert other.read_text() == "results so far"


@pytest.mark.parametrize("lost", [Path.unlink, lambda path: path.replace(path.with_name("moved"))])
def test_a_run_whose_file_was_taken_away_does_not_say_that_it_is_there(tmp_path, lost):
    found = read_results(results_file(tmp_path / "r.jsonl"))
    path = tmp_path / "new.jsonl"
    file = ResultsFile(path)
    file.begin(found.header)
    file.add(found.records[0])
    lost(path)
    with pytest.raises(FileError, match="another program removed or replaced it during the run"):
        file.close(complete=True)


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)])
def test_a_run_works_with_closed_streams(suite, tmp_path, closed):
    path = tmp_path / "r.jsonl"
    words = [*command(suite, *RUN), "-o", str(path)]
    shell = " ".join(f"{n}{'<' if n == 0 else '>'}&-" for n in closed)
    done = subprocess.run(["sh", "-c", f'exec "$@" {shell}', "sh", *words], check=False, timeout=120)
    assert done.returncode == 0
    assert len(read_results(path).records) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_message_that_cannot_be_written_leaves_the_exit_code(suite, unbuffered):
    words, environment = command(suite, "run", "--adapter", "nosuch"), {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stderr=full, env=environment, check=False, timeout=60)
    assert done.returncode == 2


def test_a_folder_whose_name_cannot_be_decoded_is_escaped(suite, tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff"))
    assert displayed(folder).endswith("b\\udcff")
    shutil.copytree(suite.specs, folder / "specs")
    words = [sys.executable, "-c", COMMAND, *RUN, "--specs", str(folder / "specs"), "--vectors", str(suite.vectors)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_report_says_where_results_are_not_those_of_the_headers_cases(tmp_path):
    path = results_file(tmp_path / "r.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["case"] = "nosuch/case"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = CliRunner().invoke(main, ["report", str(path), "--format", "markdown"])
    assert "the cases of right are not those of the header" in done.output


def test_a_gate_names_the_versions_of_the_suite_where_they_differ(tmp_path):
    before, after = results_file(tmp_path / "before.jsonl"), results_file(tmp_path / "after.jsonl")
    header, rest = before.read_text().split("\n", 1)
    before.write_text(json.dumps(json.loads(header) | {"suite": "0.0.1"}) + "\n" + rest)
    done = CliRunner().invoke(main, ["gate", str(before), str(after)])
    assert "lstm-conformance 0.0.1 -> " in done.output
