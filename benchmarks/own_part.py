"""The suite's own part of a run: at the start, for each case, and the peak memory of its process.

    python benchmarks/own_part.py               needs the extra onnx, for the memory

One adapter in one worker (`-j 1`), one case and then all shipped ones of the families that have only such. What the
adapter takes to load and to compute is subtracted from the wall time; the processor time is that of the command's own
process, so it counts what goes on while the worker loads or computes, and depends less on what else the machine does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from conformance.case.select import select_cases
from conformance.data import default_folders

ONE = "cell/step-f32-both-states"
START, SLOPE, MEMORY = 0.25, 0.1, 200
"""Seconds, milliseconds a case, MiB: what is aimed at."""
ROUNDS = 3
PROGRAM = """
import atexit, json, resource, sys
def told():
    own = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([own.ru_utime + own.ru_stime, own.ru_maxrss / 1024]), file=sys.stderr)
atexit.register(told)
sys.argv[0] = "conformance"
from conformance.cli import main
main()
"""


class Own(NamedTuple):
    """The suite's own part of a run: wall and processor seconds, peak MiB; how many cases."""

    wall: float
    processor: float
    memory: float
    cases: int


def measured(folder: Path, *words: str) -> Own:
    """A run of the command with these words more.

    Raises:
        subprocess.CalledProcessError: something unexpected came out.
    """
    output = folder / "results.jsonl"
    run = [sys.executable, "-c", PROGRAM, "run", "--specs", str(folder / "specs"), "-o", str(output), *words]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    processor, memory = json.loads(done.stderr.splitlines()[-1])
    _, *results, footer = map(json.loads, output.read_text().splitlines())
    frameworks = sum(footer["import_seconds"].values()) + sum(result.get("seconds", 0.0) for result in results)
    return Own(footer["seconds"] - frameworks, processor, memory, len(results))


def shipped_specs(folder: Path) -> None:
    """A copy of the suite's specs, without the files that have cases whose vectors are made on demand."""
    shutil.copytree(default_folders().specs, folder / "specs")
    made = {case.id.partition("/")[0] for case in select_cases(folder / "specs", ()) if case.on_demand}
    for file in (folder / "specs").glob("*.yaml"):
        if made & {line.removeprefix("family:").strip() for line in file.read_text().splitlines()}:
            file.unlink()


def main() -> None:
    """Print three lines: the part at the start, that of each case, and the peak memory."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        shipped_specs(folder)
        alone = ("-j", "1", "--adapter", "numpy")
        one = min(measured(folder, *alone, "--case", ONE) for _ in range(ROUNDS))
        every = min(measured(folder, *alone) for _ in range(ROUNDS))
        both = measured(folder, "-j", "2", "--adapter", "numpy", "--adapter", "onnxruntime")
    more = every.cases - one.cases
    wall, processor = ((b - a) / more * 1e3 for a, b in ((one.wall, every.wall), (one.processor, every.processor)))
    print(f"start: {one.wall:.2f} s beside loading, {one.processor:.2f} s of processor (aim: {START} s)")
    print(f"a case: {wall:.2f} ms beside computing, {processor:.2f} ms of processor (aim: {SLOPE} ms; {more:,} cases)")
    print(f"peak memory: {both.memory:.0f} MiB with two adapters (aim: {MEMORY} MiB)")


if __name__ == "__main__":
    main()
