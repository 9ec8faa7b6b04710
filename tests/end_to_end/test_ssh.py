"""Workers behind ssh: a real sshd on the loopback interface, with keys and settings of its own."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import COMMAND, ROOT, Suite, gone, python, python_path, started

from conformance.case.errors import AdapterUnavailable
from conformance.golden.store import VectorStore
from conformance.results.reading import Results, read_results
from conformance.run.places import parse_places
from conformance.run.process import Worker
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings

SSHD = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
TOOLS = {"sshd": SSHD, "ssh": shutil.which("ssh"), "ssh-keygen": shutil.which("ssh-keygen")}


@dataclass
class Host:
    """A host `board` that only the configuration file knows; notes: what the adapter `noting` writes there."""

    config: Path
    notes: Path
    daemon: subprocess.Popen[str]

    @property
    def option(self) -> str:
        """For `--worker`."""
        return f"board=ssh=board//python={sys.executable}//ssh_config={self.config}"

    def pids(self) -> list[int]:
        """The workers that have run there."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [int(line.removeprefix("start ")) for line in lines if line.startswith("start ")]

    def sessions(self) -> list[int]:
        """The processes of the daemon, a connection each."""
        children = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text()
        return [int(pid) for pid in children.split()]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A running sshd that lets this user in with a key made for it."""
    if missing := [name for name, path in TOOLS.items() if path is None]:
        reason = f"{', '.join(missing)} not installed (Debian: openssh-server, openssh-client)"
        if os.environ.get("LSTM_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\n"
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nPidFile none\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\n"
        f"SetEnv PYTHONPATH={python_path()} LSTM_BROKEN_NOTES={folder}/notes TMPDIR={folder}\n"
    )
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    (folder / "config").write_text(
        f"Host board\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known_hosts\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # which the Debian package leaves to its service
    command = [str(SSHD), "-D", "-e", "-f", folder / "sshd_config"]
    with (folder / "sshd.log").open("w") as log:
        daemon = subprocess.Popen(command, stderr=log, text=True)
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            assert daemon.poll() is None and time.monotonic() < deadline, (folder / "sshd.log").read_text()
            time.sleep(0.05)
    yield Host(folder / "config", folder / "notes", daemon)
    daemon.terminate()
    daemon.wait(10)


def outcomes(results: Results, adapter: str) -> dict[str, str]:
    """By name of the case, without its family."""
    return {r.case.partition("/")[2]: r.outcome for r in results.records if r.adapter == adapter}


def test_an_adapter_behind_ssh_gives_the_results_it_gives_here(
    suite: Suite, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:  # which an ssh session does not get
        monkeypatch.delenv(name)
    run = ["run", "--worker", host.option, "--adapter", "board:numpy", "--adapter", "numpy", "--case", "tiny/*"]
    done = python("-c", COMMAND, *run, "-o", "r.jsonl", *suite.folders, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = read_results(tmp_path / "r.jsonl")
    assert results.complete
    there, here = (
        [(r.case, r.outcome, r.noise) for r in results.records if r.adapter == adapter]
        for adapter in ("board:numpy", "numpy")
    )
    assert there == here
    assert {outcome for _, outcome, _ in there} == {"passed"}
    infos = results.header.adapters
    assert infos["board:numpy"] == infos["numpy"]  # it is the same machine after all
    assert infos["numpy"].python and infos["numpy"].machine


def test_a_harness_behind_ssh(suite: Suite, host: Host, tmp_path: Path) -> None:
    engine = ROOT / "examples" / "harnesses" / "python" / "harness.py"
    command = f"board:command:{sys.executable} {engine}"
    run = ["run", "--worker", host.option, "--adapter", command, "--case", "tiny/[plr]*", *suite.folders]
    done = python("-c", COMMAND, *run, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = python("-c", COMMAND, *run, "--trace", "t.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert "--trace writes a file on this machine; board is another one" in done.stderr


def test_a_crash_and_a_hang_behind_ssh_cost_their_own_cases(suite: Suite, host: Host, tmp_path: Path) -> None:
    ways = {
        "right": "passed",
        "exits": "crashed",
        "nan": "failed",
        "segfaults": "crashed",
        "hangs": "timed out",
        "hogs": "errored",
        "still-right": "passed",
    }
    run = ["run", "--worker", host.option, "--adapter", "board:noting", "--timeout", 3, "--memory", 1]
    cases = [word for way in ways for word in ("--case", f"broken/{way}")]
    done = python("-c", COMMAND, *run, *cases, "-o", "r.jsonl", *suite.folders, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    results = read_results(tmp_path / "r.jsonl")
    assert results.complete
    assert outcomes(results, "board:noting") == ways
    assert list(outcomes(results, "board:noting")) == list(ways)
    told = {record.case: record.message or "" for record in results.records}
    assert (
        "the worker process ended: exit code 3 (its memory is limited to 1 GiB); it last printed:\n  | device lost"
        in (told["broken/exits"])
    )
    assert "Fatal Python error: Segmentation fault" in told["broken/segfaults"]
    assert (
        f"again: conformance run --adapter board:noting --case broken/nan --specs {suite.specs}" in told["broken/nan"]
    )
    assert f"--worker {host.option} --memory 1" in told["broken/nan"]
    assert len(host.pids()) == 1 + 4
    assert all(map(gone, host.pids()))
    assert list(host.config.parent.glob("conformance-*.log")) == []


def test_a_worker_that_hangs_in_c_is_gone_from_the_host(suite: Suite, host: Host) -> None:
    case = suite.cases["broken/right"]
    arrays = VectorStore(suite.vectors).load(case).arrays
    worker = Worker("board:noting", RunSettings(places=parse_places([host.option])))
    worker.send(case.model_copy(update={"id": "broken/hangs-in-c"}), arrays, 60.0)
    (pid,) = host.pids()
    deadline = time.monotonic() + 30
    while "broken/hangs-in-c" not in host.notes.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert Path(f"/proc/{pid}").exists()
    worker.close()  # as Ctrl-C does
    assert gone(pid, 0.5)


def test_a_host_that_is_lost_costs_the_case_at_work_and_then_ends_the_adapter(suite: Suite, host: Host) -> None:
    runner = Runner(
        "board:noting", VectorStore(suite.vectors), [], RunSettings(timeout=60.0, places=parse_places([host.option]))
    )
    results = runner.results([suite.cases[f"broken/{way}"] for way in ["right", "hangs", *["still-right"] * 5]])
    assert type(next(results).outcome).__name__ == "Passed"
    sessions = host.sessions()  # now, for a daemon that has ended has no children
    assert sessions
    host.daemon.terminate()  # no new connections
    for session in sessions:
        os.kill(session, 9)
    lost, *others = results
    assert type(lost.outcome).__name__ == "Crashed"
    assert "the worker process ended: a signal, or the loss of the connection" in lost.message()
    assert all(" does not answer: ssh: connect to host 127.0.0.1 port " in other.message() for other in others)
    assert "gave up after 3 failed starts" in others[-1].message()
    runner.close()
    assert all(gone(pid, 20) for pid in host.pids())  # a worker without its connection ends itself


def test_a_host_that_does_not_answer_says_so(suite: Suite, host: Host, tmp_path: Path) -> None:
    host.daemon.terminate()
    host.daemon.wait(10)
    said = r"^board: ssh board \S+ does not answer: (ssh: connect to host 127\.0\.0|.*reset by peer)"
    with pytest.raises(AdapterUnavailable, match=said):
        Worker("board:numpy", RunSettings(places=parse_places([host.option])))
    wrong = host.option.replace(f"//python={sys.executable}", "//python=/opt/none/python")
    with started("-c", COMMAND, "run", "--worker", wrong, "--adapter", "board:numpy", cwd=tmp_path) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("board: ssh board /opt/none/python does not answer: ssh: connect to host 127.0.0.1 port ")
