"""The speed of the reference beside onnx.reference's and torch's: ratios, all taken in turn in one process.

    python benchmarks/reference.py              needs the extras onnx and torch

One layer, forward, float32, called as the adapters of this suite call them, building left out. Below 1 the reference is
faster. One thread each, so that the ratio is of the work.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import statistics
import time

from conformance.adapters import registry
from conformance.case.model import Case
from conformance.golden.inputs import make_arrays

SIZES = ((50, 128, 20, 100), (1000, 1, 8, 64), (128, 32, 256, 512))
OTHERS = {"onnx-reference": 0.7, "torch": 1.5}
"""The most that is allowed; of torch's time where H is at least 100."""
ROUNDS = 7


def case_of(T: int, B: int, I: int, H: int) -> Case:
    """A plain case of this size."""
    origin = {"file": __file__, "line": 1}
    return Case.model_validate(
        {"id": "benchmark/plain", "origin": origin, "T": T, "B": B, "I": I, "H": H, "dtype": "float32"}
    )


def main() -> None:
    """Print one line for each size: the reference's milliseconds, and the ratio to each other one's."""
    adapters = {name: registry.make(name) for name in ("numpy", *OTHERS)}
    for size in SIZES:
        case = case_of(*size)
        arrays = make_arrays(case)
        models = {name: adapter.prepare(case, arrays.weights) for name, adapter in adapters.items()}
        taken: dict[str, list[float]] = {name: [] for name in models}
        for turn in range(ROUNDS + 1):
            for name, model in models.items():
                start = time.perf_counter()
                model(arrays.inputs)
                if turn:  # the first one warms up
                    taken[name].append(time.perf_counter() - start)
        middle = {name: statistics.median(times) for name, times in taken.items()}
        ratios = (f"{middle['numpy'] / middle[name]:.2f} of {name} (allowed {most})" for name, most in OTHERS.items())
        print(f"T, B, I, H = {size}: {middle['numpy'] * 1e3:.1f} ms, {', '.join(ratios)}")


if __name__ == "__main__":
    main()
