"""Work on a cluster with a scheduler and workers in processes of their own: the results are those of one machine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import conformance
from harness import COMMAND, ROOT, Suite, gone, python, python_path, started

pytest.importorskip("distributed")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
WAIT = 60.0


class Cluster:
    """A scheduler and workers on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", self.file)
        until(self.file.exists, self.processes[0])
        self.address = json.loads(self.file.read_text())["address"]

    @property
    def file(self) -> Path:
        return self.folder / "scheduler.json"

    def start(self, *words: Any, **environment: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", *map(str, words)]
            env = os.environ | {"PYTHONPATH": python_path(), "DASK_TEMPORARY_DIRECTORY": str(self.folder)} | environment
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=env)
        self.processes.append(process)
        return process

    def worker(self, **environment: str) -> "subprocess.Popen[bytes]":
        """A worker; not by way of dask's nanny, which sets OMP_NUM_THREADS."""
        words = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--scheduler-file", self.file)
        return self.start("worker", *words, **environment)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    made = Cluster(tmp_path / "cluster")
    yield made
    made.close()


def until(there: Callable[[], Any], *processes: "subprocess.Popen[Any]") -> None:
    """Wait for something, while these processes are to go on."""
    deadline = time.monotonic() + WAIT
    while not there():
        assert all(process.poll() is None for process in processes), "it ended"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def results(path: Path) -> list[str]:
    """The lines of a results file in order, without how long anything took."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line.pop("seconds", None)
        line.pop("import_seconds", None)
    return sorted(re.sub(r"it took \S+ s", "", json.dumps(line, sort_keys=True)) for line in lines)


def below(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    children = {
        int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    }
    return children.union(*(below(child) for child in children))


def run(suite: Suite, *more: Any) -> list[Any]:
    return ["-c", COMMAND, "run", *more, *suite.folders]


CASES = ("tiny/*", "*/hangs", "*/exits", "*/segfaults", "*/nan", "*/forks*", "*/interrupts", "*/right")
BROKEN = ("--adapter", "broken", "--adapter", "tanh-off", *(word for case in CASES for word in ("--case", case)))


def test_a_killed_worker_and_a_late_one_change_nothing(suite: Suite, cluster: Cluster, tmp_path: Path) -> None:
    """The adapter crashes, hangs and forks meanwhile; none of that is the worker's end."""
    first = cluster.worker()
    there = started(*run(suite, *BROKEN, "--timeout", 2, "--on", cluster.address, "-o", "there.jsonl"), cwd=tmp_path)
    results_there = tmp_path / "there.jsonl"
    until(lambda: results_there.exists() and results_there.read_text().count("\n") > 5, first, there)
    second = cluster.worker()
    until(lambda: below(first.pid), first, there)
    adapters = below(first.pid)
    first.kill()
    _, said = there.communicate(timeout=WAIT)
    assert there.returncode == 1, said
    assert python(*run(suite, *BROKEN, "--timeout", 2, "-o", "here.jsonl"), cwd=tmp_path).returncode == 1
    assert results(results_there) == results(tmp_path / "here.jsonl")
    assert re.search(r"1 worker at tcp://\S+; dashboard: \S+", said)
    assert second.poll() is None and not below(second.pid), "a run left its adapter behind"
    assert all(gone(pid) for pid in adapters)


def test_workers_that_differ_get_nothing(suite: Suite, cluster: Cluster, tmp_path: Path) -> None:
    def refused(*more: Any, **environment: str) -> str:
        worker = cluster.worker(**environment)
        until(lambda: "Registered to" in (cluster.folder / f"{len(cluster.processes) - 1}.log").read_text(), worker)
        done = started("-c", COMMAND, "run", *more, "--on", cluster.address, cwd=tmp_path)
        _, said = done.communicate(timeout=WAIT)
        assert done.returncode == 2, said
        worker.terminate()
        worker.wait()
        return said.splitlines()[-1]

    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["cp", "-r", ROOT / "conformance", other], check=True)
    numpy = ("--adapter", "numpy", "--case", "cell/*")
    assert re.fullmatch(
        r"worker tcp://\S+: the digest of the vectors is none \(there is no manifest\), and \w{12} here",
        refused(*numpy, PYTHONPATH=str(other)),
    )
    module = other / "conformance" / "case" / "model.py"
    module.write_text(module.read_text() + "\n")
    assert re.fullmatch(
        r"worker tcp://\S+: the digest of its code is \w{12}, and \w{12} here", refused(*numpy, PYTHONPATH=str(other))
    )
    without = refused(*run(suite, *BROKEN)[3:], PYTHONPATH="")
    assert without.startswith("on every worker: no adapter 'broken'")


def test_what_is_generated_and_drawn_is_that_of_one_machine(suite: Suite, tmp_path: Path) -> None:
    def of(*more: Any) -> tuple[list[str], dict[Path, bytes], Any]:
        vectors = tmp_path / str(len(list(tmp_path.iterdir())))
        made = conformance("generate", "--specs", suite.specs, "--vectors", vectors, "-j", 2, *more)
        folders = ("--specs", suite.specs, "--vectors", vectors)
        drawn = conformance("mistakes", "--sample", 60, "--json", *folders, *more)
        assert made.exit_code == 1 and drawn.exit_code == 0, made.output + drawn.output  # lint has its say
        return (
            sorted(made.stdout.splitlines()),
            {path.relative_to(vectors): path.read_bytes() for path in vectors.rglob("*.*")},
            json.loads(drawn.stdout),
        )

    here, there = of(), of("--on", "dask")
    assert len(here[1]) == len(suite.cases) + 2 and here[2]["caught"]
    assert here == there


def test_a_campaign_of_fuzzing_finds_what_it_finds_on_one_machine(tmp_path: Path) -> None:
    def of(*more: Any) -> dict[str, Any]:
        adapter = f"{ROOT / 'tests/core/broken_adapters/lstm_fuzzed.py'}:NoLengths"
        asked = ("--adapter", adapter, "--cases", 400, "-o", tmp_path / str(len(more)), "-j", 2, "--json")
        done = conformance("fuzz", *asked, *more)
        assert done.exit_code == 1, done.output
        told = json.loads(done.stdout)
        return {name: value for name, value in told.items() if name not in ("seconds", "processor")}

    here, there = of(), of("--on", "dask")
    for found in (*here["findings"], *there["findings"]):
        found.pop("folder")
    assert here["findings"]
    assert here == there


def test_ctrl_c_at_a_terminal_leaves_nothing_behind(suite: Suite, tmp_path: Path) -> None:
    """It goes to the workers of the local cluster, too."""
    (tmp_path / "tmp").mkdir()
    words = run(suite, "--adapter", "broken", "--case", "*/hangs", "--on", "dask", "-j", 2, "-o", "r.jsonl")[2:]
    # Where the tests are a shell's background job, SIGINT is ignored, and so it would be here.
    listening = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND}"
    command = [sys.executable, "-c", listening, *map(str, words)]
    env = os.environ | {"PYTHONPATH": python_path(), "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until(lambda: (tmp_path / "r.jsonl").exists() and (tmp_path / "r.jsonl").read_text(), process)
        time.sleep(1.0)
        started_by_it = below(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=WAIT)
    assert process.returncode == 130, said
    assert "Traceback" not in said and "interrupted after 0 results" in said
    assert len(started_by_it) >= 4 and all(gone(pid) for pid in started_by_it)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_no_scheduler_is_one_line(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.cluster.joining.CONNECT_SECONDS", 0.5)
    done = conformance(*run(suite, "--adapter", "numpy", "--on", "tcp://127.0.0.1:9")[2:])
    assert done.exit_code == 2
    assert done.stderr == (
        "--on tcp://127.0.0.1:9: no scheduler answers within 0.5 s; start one with: dask scheduler; or use --on dask\n"
    )
