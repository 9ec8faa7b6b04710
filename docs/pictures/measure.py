"""Measures what the pictures show, and writes measured.json beside this file.

    conformance run --adapter numpy -o numpy.jsonl     # and so on, one file for each adapter
    python docs/pictures/measure.py numpy.jsonl torch.jsonl onnxruntime.jsonl ...

Right answers come from the results files. Mistakes are computed here, each on every case on which it can be made
(`conformance.golden.power`, a few minutes). Then `python docs/pictures/draw.py` draws.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.load import load_specs
from conformance.data import default_folders
from conformance.golden.power import Power, measure

PER_DECADE = 10
"""Bins of the histograms in each factor of ten of noise; bin n holds 10^(n/10) up to 10^((n+1)/10)."""
ALLOWED = NOISE_ALLOWED["float32"]
MEASURED = Path(__file__).with_name("measured.json")


def main(files: list[str]) -> None:
    """Write measured.json from the results files of single adapters, in the order in which they are to be drawn."""
    adapters = dict(answered(Path(file)) for file in files)
    folders = default_folders()
    cases = load_specs(folders.specs)
    powers = measure(cases, folders.vectors)
    measured = {
        "how": "python docs/pictures/measure.py with one results file for each adapter, of all cases",
        "suite": __version__,
        "cases": len(cases),
        "adapters": adapters,
        "mistakes": mistakes(powers),
    }
    MEASURED.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def answered(path: Path) -> tuple[str, dict[str, Any]]:
    """An adapter's name, and what its results file says: who computed, the matrix's cells, the noise of what passed."""
    header, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ((name, info),) = header["adapters"].items()
    records = [line for line in lines if line["kind"] == "result"]
    passed = [record for record in records if record["outcome"] == "passed" and record.get("allowed") is not None]
    worst = max(passed, key=lambda record: record["noise"])
    return name, {
        "versions": info["versions"],
        "processor": info["processor"],
        "worst": {"noise": worst["noise"], "case": worst["case"]},
        "noise": histogram(record["noise"] for record in passed),
        "families": families(records),
    }


def families(records: list[dict[str, Any]]) -> dict[str, str]:
    """The cells of the matrix, as `conformance run` prints them; the last one is of all families."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["case"].partition("/")[0], []).append(record)
    return {name: cell(group) for name, group in (groups | {"all": records}).items()}


def cell(records: list[dict[str, Any]]) -> str:
    """Passed / failed / unsupported, the worst noise of what passed, and how many known deviations showed."""
    counts = Counter(status(record) for record in records)
    parts = [f"{counts['passed']}/{counts['failed']}/{counts['unsupported']}"]
    if counts["passed"]:
        parts.append(f"{max(record['noise'] for record in records if record['outcome'] == 'passed'):.1f}")
    if counts["known"]:
        parts.append(f"+{counts['known']} known")
    return " ".join(parts)


def status(record: dict[str, Any]) -> str:
    """What a result counts as in the matrix."""
    if record.get("unexpected"):
        return "failed"
    return record["outcome"] if record["outcome"] in {"passed", "unsupported"} else "known"


def mistakes(powers: list[Power]) -> dict[str, Any]:
    """The separations of the mistakes, as the noise that they are where float32 is judged.

    best: each mistake, on the case that shows it best. every: each, on every float32 case on which it can be made.
    """
    measured = [power for power in powers if not power.mistake.systematic]  # whose separation is not one of noise
    effects = [effect for power in measured for effect in power.effects if effect.dtype == "float32"]
    least = min(measured, key=lambda power: power.separation)
    return {
        "best": histogram(ALLOWED * power.separation for power in measured),
        "every": histogram(ALLOWED * effect.separation for effect in effects),
        "caught": sum(effect.caught for effect in effects),
        "least": {"noise": float(f"{ALLOWED * least.separation:.4g}"), "mistake": least.mistake.id},
    }


def histogram(values: Iterable[float]) -> dict[str, int]:
    """How many values lie in each bin, in order; 0 and infinity (a NaN, a wrong shape) have one of their own."""
    found = sorted(values)
    counts = Counter(math.floor(math.log10(value) * PER_DECADE) for value in found if 0 < value < math.inf)
    ends = {"zero": found.count(0.0), "infinite": found.count(math.inf)}
    return {str(key): count for key, count in counts.items()} | {key: count for key, count in ends.items() if count}


if __name__ == "__main__":
    main(sys.argv[1:])
