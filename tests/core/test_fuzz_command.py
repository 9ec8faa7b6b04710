"""`conformance fuzz`: exit codes, what is written, and what of it works without the campaign."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from command_line import conformance
from fuzzing import label

from conformance.case.load import load_spec

pytestmark = pytest.mark.slow  # campaigns, each with workers of its own

FEW = ("--cases", 160, "--seed", 3, "-j", 1)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """One against an adapter that ignores lengths."""
    folder = tmp_path_factory.mktemp("fuzz") / "found"
    result = conformance("fuzz", "--adapter", label("NoLengths"), *FEW, "-o", folder, "--json")
    assert result.exit_code == 1, result.output
    return folder, json.loads(result.stdout)


def test_the_summary_names_the_finding(campaign: tuple[Path, dict]) -> None:
    folder, told = campaign
    (finding,) = told["findings"]
    assert finding["mistakes"][0] == ["lengths-ignored"] and Path(finding["folder"]).parent == folder
    assert told["judged"] > 100 and told["next"] == 160 and not told["interrupted"]
    assert finding["numbers"] <= 12


def test_a_finding_is_small_and_proven_and_fails_again(campaign: tuple[Path, dict]) -> None:
    own = Path(campaign[1]["findings"][0]["folder"])
    (case,) = load_spec(own / "specs" / "fuzz.yaml")
    assert (case.B, case.I, case.H, case.layers) == (1, 1, 1, 1) and case.T <= 2
    places = ("--specs", own / "specs", "--vectors", own / "vectors")
    wrong = conformance("run", "--adapter", label("NoLengths"), *places)
    assert wrong.exit_code == 1 and "lengths-ignored" in wrong.output
    right = conformance("run", "--adapter", "numpy", *places)
    assert right.exit_code == 0, right.output


def test_the_script_needs_nothing_of_the_suite(campaign: tuple[Path, dict]) -> None:
    script = Path(campaign[1]["findings"][0]["folder"]) / "reproduce.py"
    assert "conformance." not in re.sub('""".*?"""', "", script.read_text(), flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-I", script], capture_output=True, text=True, check=True)
    right, engine = re.findall(r"c_n\nright\n(.*?)\nthe engine\n(.*)", done.stdout, re.DOTALL)[0]
    assert right.split() != engine.split()


def test_the_same_campaign_finds_the_same(campaign: tuple[Path, dict], tmp_path: Path) -> None:
    again = conformance("fuzz", "--adapter", label("NoLengths"), *FEW, "-o", tmp_path / "again", "--json")
    assert {each["name"] for each in json.loads(again.stdout)["findings"]} == {
        each["name"] for each in campaign[1]["findings"]
    }
    specs = [next(folder.glob("*/specs/fuzz.yaml")).read_bytes() for folder in (campaign[0], tmp_path / "again")]
    vectors = [next(folder.rglob("*.safetensors")).read_bytes() for folder in (campaign[0], tmp_path / "again")]
    assert specs[0] == specs[1] and vectors[0] == vectors[1]


def test_nothing_wrong_is_exit_code_0(tmp_path: Path) -> None:
    result = conformance("fuzz", "--adapter", label("Right"), *FEW, "-o", tmp_path / "none")
    assert result.exit_code == 0, result.output
    assert "0 kinds of it new" in result.output and "--from 160" in result.output


def test_what_ends_the_process_is_written_with_a_warning(tmp_path: Path) -> None:
    result = conformance("fuzz", "--adapter", label("Exits"), "--cases", 32, "--seed", 3, "-j", 1, "-o", tmp_path / "e")
    assert result.exit_code == 1 and "do not publish it" in result.output
    (text,) = (tmp_path / "e").glob("crashed-*/finding.txt")
    assert "Report it to the vendor" in text.read_text()


def test_what_ends_the_process_only_after_others_is_told_too(tmp_path: Path) -> None:
    output = tmp_path / "e"
    result = conformance("fuzz", "--adapter", label("WearsOut"), "--cases", 32, "--seed", 3, "-j", 1, "-o", output)
    assert result.exit_code == 1
    assert "exit code 4" in result.output
    assert (
        "asked by itself, the case did not do it again: what the process was asked before may matter" in result.output
    )
    assert "reduced" not in result.output
    (script,) = output.glob("crashed-*/reproduce.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert "has not answered: call it in engine()" in done.stdout


REFUSED = {
    "both limits": (("--minutes", 1, "--cases", 3), "not both"),
    "another folder": (("--cases", 3, "-o", Path(__file__).parent / "broken_adapters"), "repository"),
    "no such adapter": (("--cases", 3, "--adapter", "nothing-like-it"), "nothing-like-it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    arguments, told = REFUSED[name]
    own = () if "-o" in arguments else ("-o", tmp_path / "x")
    result = conformance("fuzz", "--adapter", label("Right"), *own, *arguments)
    assert result.exit_code == 2 and told in result.output


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    result = conformance("fuzz", "--adapter", label("Right"), "--cases", 3, "-o", tmp_path)
    assert result.exit_code == 2 and "name another folder" in result.output


def test_a_harness_is_asked_as_any_adapter(tmp_path: Path) -> None:
    harness = Path(__file__).parents[2] / "examples" / "harnesses" / "python" / "harness.py"
    result = conformance("fuzz", "--adapter", f"command:{harness}", *FEW, "-o", tmp_path / "none", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["judged"] > 100 and told["processor"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_writes_what_was_found_until_then(tmp_path: Path, jobs: int) -> None:
    """In the midst of pieces; the signal reaches the first process alone."""
    out, notes = tmp_path / "found", tmp_path / "notes"
    words = ["fuzz", "--adapter", label("Noting"), "--seed", "3", "--minutes", "10", "-j", str(jobs), "-o", out]
    running = subprocess.Popen(
        [sys.executable, "-c", "from conformance.cli import main; main()", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NOTES": str(notes)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )

    def at_work() -> bool:
        """Whether each worker has been asked for more layers than wait for it."""
        told = Counter(notes.read_text().split() if notes.exists() else ())
        return sum(count >= 30 for count in told.values()) >= jobs

    until = time.monotonic() + 100.0
    while not at_work() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    told, errors = running.communicate(timeout=120.0)
    assert running.returncode == 130, errors
    assert "lengths-ignored" in told and list(out.glob("lengths-ignored-*/finding.txt"))
    following = re.search(r"interrupted; go on with: .* --from (\d+)", errors)
    assert following is not None and 0 < int(following[1]) < 8192


def test_the_commands_it_tells_name_the_file_of_harnesses(tmp_path: Path) -> None:
    harness = Path(__file__).parents[2] / "examples" / "harnesses" / "python" / "harness.py"
    (tmp_path / "names.yaml").write_text(f"mine: {shlex.quote(sys.executable)} {harness}\n")
    given = ("--harnesses", tmp_path / "names.yaml", "--timeout", 9)
    result = conformance("fuzz", "--adapter", "mine", *given, "--cases", 16, "-j", 1, "-o", tmp_path / "none")
    assert result.exit_code == 0, result.output
    (following,) = re.findall("next: (.*)", result.stdout)
    assert f"--harnesses {tmp_path / 'names.yaml'}" in following
