"""A process that is killed leaves no half-written file."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import SPEC, cases_of, checked, made

from conformance.case.model import Case
from conformance.files import FileError, replace_file
from conformance.golden.store import VectorStore
from conformance.golden.vector import Vector

pytestmark = pytest.mark.slow  # processes that start, work for a while and are killed


def killed(code: str, *arguments: object, when: Callable[[], bool]) -> None:
    """Run Python code in a process group of its own and kill it once `when` holds; its children must end too."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"ready\n"
            deadline = time.monotonic() + 60
            while not when():
                assert child.poll() is None and time.monotonic() < deadline
                time.sleep(0.001)
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            while running_in_group(child.pid):
                assert time.monotonic() < deadline, "a child outlives the killed process"
                time.sleep(0.01)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def running_in_group(group: int) -> bool:
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(line.split()[0] == str(group) and line.split()[1][0] != "Z" for line in listed.splitlines())


GENERATE = """\
import sys
from pathlib import Path
from conformance.case.load import load_spec
from conformance.golden.generate import generate
from conformance.golden.store import VectorStore
print("ready", flush=True)
generate(load_spec(Path(sys.argv[1])), VectorStore(Path(sys.argv[2])), prune=True, jobs=1, report=lambda *_: None)
"""
MORE = "".join(f"  - {{name: more-{n}, seed: {n}}}\n" for n in range(30))


@pytest.mark.parametrize("files", [1, 9])
def test_a_store_is_usable_after_a_killed_generation(
    stored: tuple[Path, list[Case]], tmp_path: Path, files: int
) -> None:
    root, before = stored
    cases = cases_of(SPEC + MORE, tmp_path)
    killed(GENERATE, tmp_path / "s.yaml", root, when=lambda: len(list(root.rglob("more-*.safetensors"))) >= files)
    assert len(list(root.rglob("more-*.safetensors"))) < 30
    store = VectorStore(root)
    for case in before:
        store.load(case)
    for path in root.rglob("[!.]*.safetensors"):
        Vector.from_bytes(path.read_bytes())
    assert made(cases, root).problems == []
    assert checked(cases, root) == []


WRITE = """\
import sys
from pathlib import Path
from conformance.files import replace_file
print("ready", flush=True)
while True:
    for letter in b"ab":
        replace_file(Path(sys.argv[1]), bytes([letter]) * 4_000_000)
"""


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    for pause in (0.0, 0.03, 0.07):
        start = time.monotonic()
        killed(WRITE, path, when=lambda: path.exists() and time.monotonic() > start + 0.3 + pause)  # noqa: B023
        data = path.read_bytes()
        assert len(data) == 4_000_000 and set(data) in ({ord("a")}, {ord("b")})


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileError, match="taken: cannot be written: it is a folder, not a regular file"):
        replace_file(tmp_path / "taken", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
