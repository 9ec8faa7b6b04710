"""Whatever an adapter does to its process, and whatever others do to it: one run, whose other results stand."""

import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from harness import BROKEN_ADAPTERS, COMMAND, Suite, gone, make_suite, started

import conformance
from conformance.golden.store import VectorStore
from conformance.results.reading import read_results
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings

BECOMES = {
    "right": "passed",
    "hangs-till-killed": "crashed",
    "nan": "failed",
    "segfaults": "crashed",
    "hangs": "timed out",
    "hangs-in-c": "timed out",
    "raises": "errored",
    "hogs": "errored",
    "forks-and-exits": "crashed",
    "hogs-in-c": "errored",
    "exits": "crashed",
    "exits-silently": "crashed",
    "modifies-them-in-c": "errored",
    "stops": "errored",
    "sleeps": "passed",
    "still-right": "passed",
}


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """A case for each way to misbehave."""
    cases = "".join(f"  - name: {way}\n" for way in BECOMES)
    spec = f"family: broken\ndefaults: {{T: 3, B: 2, I: 2, H: 4}}\ncases:\n{cases}"
    return make_suite(tmp_path_factory.mktemp("many"), {"broken.yaml": spec})


def wait_for(path: Path, process: "subprocess.Popen[str]") -> str:
    """The content of a file that a run is to write."""
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text()


def test_one_run_survives_everything(many: Suite, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    run = ["run", "-j", 2, "--timeout", 3, "--memory", 1, "--adapter", "noting", "--adapter", "numpy", "-o", "r.jsonl"]
    (tmp_path / "tmp").mkdir()
    environment = {"LSTM_BROKEN_NOTES": str(notes), "TMPDIR": str(tmp_path / "tmp")}
    with started("-c", COMMAND, *run, *many.folders, cwd=tmp_path, **environment) as process:
        pid = int(wait_for(notes.with_suffix(".kill"), process))
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
        os.kill(pid, signal.SIGKILL)
        printed, problems = process.communicate(timeout=120)
    assert process.returncode == 1, printed + problems
    assert "Traceback" not in problems
    results = read_results(tmp_path / "r.jsonl")
    assert results.complete
    of = {
        adapter: {r.case.removeprefix("broken/"): r for r in results.records if r.adapter == adapter}
        for adapter in ("noting", "numpy")
    }
    assert {way: record.outcome for way, record in of["noting"].items()} == BECOMES
    assert {record.outcome for record in of["numpy"].values()} == {"passed"}
    assert list(of["noting"]) == list(of["numpy"]) == list(BECOMES)
    told = {way: record.message or "" for way, record in of["noting"].items()}
    limited = " (its memory is limited to 1 GiB)"
    assert "process ended: Killed, by hand or by the kernel for lack of memory" + limited in told["hangs-till-killed"]
    assert "process ended: Segmentation fault" + limited in told["segfaults"]
    assert "process ended: exit code 4" + limited in told["forks-and-exits"]
    for way, function in (("hangs", "hangs"), ("hangs-in-c", "hangs_in_c")):
        assert "no answer within 3 s; the worker was killed here:\n" in told[way]
        assert f" in {function}\n" in told[way]
    assert told["hogs"].splitlines()[2] == "  the worker's memory is limited to 1 GiB"
    # Every case was begun once, by a process that is gone by now, as are its children and its log.
    lines = notes.read_text().splitlines()
    assert [line.removeprefix("broken/") for line in lines if not line.startswith("start ")] == list(BECOMES)
    pids = [int(line.removeprefix("start ")) for line in lines if line.startswith("start ")]
    assert len(pids) > 5 and all(map(gone, pids))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_worker_that_nobody_is_left_to_kill_ends_itself(tmp_path: Path) -> None:
    script = """
import ctypes
from conformance.run import confine
with confine.ending_after(0.2 - confine._ALONE_SECONDS):
    pass
ctypes.PyDLL(None).usleep(600_000)
print("still here", flush=True)
with confine.ending_after(0.2 - confine._ALONE_SECONDS):
    ctypes.PyDLL(None).sleep(60)
"""
    with started("-c", script, cwd=tmp_path) as process:
        printed, problems = process.communicate(timeout=30)
    assert (process.returncode, printed, problems) == (-signal.SIGALRM, "still here\n", "")


def test_a_case_that_waits_at_the_worker_does_not_spend_its_own_time(many: Suite, broken_adapters: None) -> None:
    runner = Runner("broken", VectorStore(many.vectors), [], RunSettings(timeout=1.3))
    cases = [many.cases[f"broken/{way}"] for way in ("sleeps", "sleeps", "right")]
    assert [result.outcome.name for result in runner.results(cases)] == ["passed"] * 3
    runner.close()


@pytest.mark.parametrize(("command", "counted"), [("continue", "1 result, 0 unexpected"), ("quit", "")])
def test_a_breakpoint_stops_in_process_and_leaving_the_debugger_ends_the_run(
    many: Suite, tmp_path: Path, command: str, counted: str
) -> None:
    run = ["run", "--in-process", "--adapter", "broken", "--case", "broken/stops", *many.folders]
    with started("-c", COMMAND, *run, cwd=tmp_path) as process:
        printed, problems = process.communicate(f"print(model.__module__, inputs.x.shape)\n{command}\n", timeout=60)
    assert "(Pdb) conformance.adapters.numpy_reference (3, 2, 2)\n" in printed
    assert counted in printed
    assert process.returncode == (0 if counted else 130)
    assert problems.startswith("" if counted else "\ninterrupted after 0 results")
    assert "Traceback" not in problems


def interpreter(folder: Path, *paths: Path) -> Path:
    """A second interpreter: a virtual environment with this suite, and other folders of modules."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    own = [*paths, Path(conformance.__file__).parents[1], Path(sysconfig.get_path("purelib"))]
    (site / "suite.pth").write_text("".join(f"{path}\n" for path in own))
    return folder / "bin" / "python"


def adapters_of_version(folder: Path, version: str) -> Path:
    """The broken adapters as another version of their framework."""
    folder.mkdir()
    text = (BROKEN_ADAPTERS / "lstm_broken.py").read_text()
    (folder / "lstm_broken.py").write_text(text.replace('"lstm-broken": "1.5"', f'"lstm-broken": "{version}"'))
    (folder / "lstm_broken_ways.py").write_text((BROKEN_ADAPTERS / "lstm_broken_ways.py").read_text())
    info = folder / f"lstm_broken-{version}.dist-info"
    info.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (info / name).write_text((BROKEN_ADAPTERS / "lstm_broken-1.5.dist-info" / name).read_text())
    return folder


def test_two_versions_of_a_framework_run_side_by_side_in_two_interpreters(many: Suite, tmp_path: Path) -> None:
    (tmp_path / "deviations").mkdir()
    (tmp_path / "deviations" / "broken.yaml").write_text(
        "- {cases: [broken/nan], reason: mended in 1.5, versions: {lstm-broken: '<1.5'}}\n"
    )
    old = interpreter(tmp_path / "old", adapters_of_version(tmp_path / "1.4", "1.4"))
    new = interpreter(tmp_path / "new", adapters_of_version(tmp_path / "1.6", "1.6"))
    run = ["run", "--worker", f"old=python={old}", "--worker", f"new=python={new}"]
    run += ["--adapter", "old:broken", "--adapter", "new:broken", "--case", "broken/nan", "--case", "broken/right"]
    folders = ["--specs", many.specs, "--vectors", many.vectors, "--deviations", tmp_path / "deviations"]
    environment = {"PYTHONPATH": ""}  # here there is no such adapter at all
    with started("-c", COMMAND, *run, *folders, "-o", "r.jsonl", cwd=tmp_path, **environment) as process:
        printed, problems = process.communicate(timeout=120)
    assert process.returncode == 1, printed + problems
    results = read_results(tmp_path / "r.jsonl")
    versions = {label: info.versions["lstm-broken"] for label, info in results.header.adapters.items()}
    assert versions == {"old:broken": "1.4", "new:broken": "1.6"}
    found = {(r.adapter, r.case): (r.outcome, r.unexpected) for r in results.records}
    assert found == {
        ("old:broken", "broken/right"): ("passed", False),
        ("new:broken", "broken/right"): ("passed", False),
        ("old:broken", "broken/nan"): ("failed", False),  # known of that version
        ("new:broken", "broken/nan"): ("failed", True),
    }
    assert f"broken/nan --specs {many.specs}" in printed and f"--worker new=python={new}" in printed
    (columns,) = (line for line in printed.splitlines() if "old:broken" in line and "new:broken" in line)
    assert columns.index("old:broken") < columns.index("new:broken")
