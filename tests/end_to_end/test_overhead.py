"""What the suite costs beside the frameworks: a whole run's wall time against import and the framework's own time.

    LSTM_OVERHEAD=torch,onnxruntime pytest tests/end_to_end/test_overhead.py      these adapters
    LSTM_OVERHEAD=all pytest -s tests/end_to_end/test_overhead.py                 all that load here; a table

The machine has to be idle: what else runs counts as the suite's doing. So an adapter gets a few runs, and the best one
is held to the limit: a quarter more than the framework alone, or where that is next to nothing, most of a second. The
command's own start takes a third of a second, which is much beside an adapter that needs no more for everything.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import COMMAND

from conformance.adapters import registry
from conformance.run.results import read_results

MOST = 1.25
LITTLE = 0.75
RUNS = 3
ASKED = os.environ.get("LSTM_OVERHEAD", "numpy")
ADAPTERS = registry.names() if ASKED == "all" else ASKED.split(",")


@dataclass(frozen=True)
class Times:
    """Seconds of one run: from the command's start to its end, the workers' start, the calls of the adapter."""

    wall: float
    imports: float
    own: float

    @property
    def ratio(self) -> float:
        """How many times longer the run took than the framework alone would have."""
        return self.wall / (self.imports + self.own)

    @property
    def within(self) -> bool:
        """Whether the suite's own part is small enough."""
        return self.ratio <= MOST or self.wall - self.imports - self.own <= LITTLE

    def __str__(self) -> str:
        return f"wall {self.wall:7.2f} s   import {self.imports:5.2f} s   cases {self.own:7.2f} s   {self.ratio:.2f}"


def measured(adapter: str, folder: Path) -> Times:
    """Two runs over all cases: one that is timed, and one that says in a file what the adapter took.

    Raises:
        subprocess.CalledProcessError: something unexpected came out, or nothing at all.
    """
    run = [sys.executable, "-c", COMMAND, "run", "--adapter", adapter]
    start = time.monotonic()
    subprocess.run(run, check=True, capture_output=True, text=True)
    wall = time.monotonic() - start
    subprocess.run([*run, "-o", str(folder / "results.jsonl")], check=True, capture_output=True, text=True)
    results = read_results(folder / "results.jsonl")
    assert results.footer is not None
    return Times(wall, results.footer.import_seconds[adapter], sum(record.seconds for record in results.records))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_run_takes_little_longer_than_the_framework(adapter: str, tmp_path: Path) -> None:
    best: Times | None = None
    for _ in range(RUNS):
        try:
            times = measured(adapter, tmp_path)
        except subprocess.CalledProcessError as error:
            if ASKED == "all" and f"{adapter} cannot load" in error.stderr:
                pytest.skip(error.stderr.strip())
            pytest.fail(f"{error.stdout}\n{error.stderr}", pytrace=False)
        best = times if best is None or times.ratio < best.ratio else best
        if best.ratio <= MOST:
            break
    print(f"\n{adapter:30} {best}")
    assert best is not None and best.within, f"{adapter}: {best}"
