"""Shared by the tests of the run path, the command line and the plugin: small specs, and starting processes."""

import functools
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.golden.store import VectorStore

ROOT = Path(__file__).parents[1]
BROKEN_ADAPTERS = Path(__file__).parent / "core" / "broken_adapters"
COMMAND = "import sys; sys.argv[0] = 'conformance'; from conformance.cli import main; main()"
"""The command line, for `python -c`."""

WAYS = [
    *("right", "raises", "raises-without-a-word", "calls-sys-exit", "not-a-dict", "a-list", "missing"),
    *("more-than-asked", "wrong-shape", "float64", "int32", "nan", "one-element", "coarse", "unknown-precision"),
    *("unknown-padding", "unknown-empty-rows", "modifies-its-inputs", "modifies-them-in-c", "noisy", "exits"),
    *("exits-silently", "segfaults", "hangs", "still-right"),
    *("hogs", "hogs-in-c", "raises-a-surrogate", "panics", "interrupts"),
    *("forks-and-both-go-on", "forks-as-it-should", "speaks-out-of-turn"),
]
"""What the adapter `broken` does with the case `broken/<way>` (broken_adapters/lstm_broken_ways.py)."""

LENGTHS = {"carries": [1, 3], "empties": [0, 3], "empties-unsaid": [0, 3]}
"""The ways that test contracts, and the lengths of their cases."""

SPECS = {
    "tiny.yaml": """\
family: tiny
defaults: {T: 4, B: 2, I: 3, H: 5}
cases:
  - name: plain
    vary: {dtype: [float32, float64]}
  - name: reverse
    direction: reverse
  - name: lengths
    direction: bidirectional
    lengths: [2, 4]
  - name: stack
    layers: 2
    head: {O: 2}
""",
    "broken.yaml": "family: broken\ndefaults: {T: 3, B: 2, I: 2, H: 4}\ncases:\n"
    + "".join(f"  - name: {way}\n" for way in WAYS)
    + "".join(f"  - {{name: {way}, lengths: {lengths}}}\n" for way, lengths in LENGTHS.items()),
}


@dataclass(frozen=True)
class Suite:
    """A folder of specs with proven vectors, and an empty folder of deviations. Tests share it: do not modify it."""

    specs: Path
    vectors: Path
    deviations: Path
    cases: Mapping[str, Case]

    @property
    def folders(self) -> list[Any]:
        """The options of `conformance run` that make it use this suite."""
        return ["--specs", self.specs, "--vectors", self.vectors, "--deviations", self.deviations]


def make_suite(root: Path, specs: Mapping[str, str]) -> Suite:
    """Make a suite in a folder: these specs (file name -> text), with their vectors, and no deviations."""
    from conformance.golden.build import build
    from conformance.golden.metadata import file_of

    suite = Suite(root / "specs", root / "vectors", root / "deviations", cases := {})
    suite.specs.mkdir()
    suite.deviations.mkdir()
    for name, text in specs.items():
        (suite.specs / name).write_text(text)
    store = VectorStore(suite.vectors)
    for case in load_specs(suite.specs):
        built = build(case)
        store.save(case, file_of(case, built.vector), built.bits)
        cases[case.id] = case
    store.write_manifest()
    return suite


def python_path() -> str:
    """PYTHONPATH, with the folder of the broken adapters in front."""
    return os.pathsep.join([str(BROKEN_ADAPTERS), *filter(None, [os.environ.get("PYTHONPATH")])])


def install_broken_adapters(patch: pytest.MonkeyPatch) -> None:
    """Make the broken adapters look installed to this process and its children."""
    patch.setattr(sys, "path", [str(BROKEN_ADAPTERS), *sys.path])
    patch.setenv("PYTHONPATH", python_path())


def started(*arguments: Any, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Start Python in its own process, in which the broken adapters look installed."""
    command = [sys.executable, *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": python_path()} | environment
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def python(*arguments: Any, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python until it ends, for at most two minutes."""
    with started(*arguments, cwd=cwd, **environment) as process:
        try:
            stdout, stderr = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether a process that is not our child, and its whole group, has ended or ends within `seconds` (Linux).

    A process that has been killed but not yet waited for counts as ended.
    """
    deadline = time.monotonic() + seconds
    while pid in _running():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _running() -> set[int]:
    """Ids of all running processes and of their groups."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if state not in "ZX":
            found |= {int(path.parent.name), int(group)}
    return found


@functools.cache
def shipped_cases() -> dict[str, Case]:
    """The suite's own cases with a stored vector, by id."""
    return {case.id: case for case in load_specs(ROOT / "specs") if not case.on_demand}


@functools.cache
def shipped_vectors() -> VectorStore:
    """The store of the suite's own vectors."""
    return VectorStore(ROOT / "vectors")
