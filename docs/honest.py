"""Collects the worst right answers of all adapters, from which the default tolerances follow.

    conformance run -o results.jsonl        # all adapters over all cases; several files will do
    python docs/honest.py results.jsonl

writes honest.json beside this file and the tables of noise-units.md. What the tables demand is then in NOISE_ALLOWED
and BIAS_ALLOWED of conformance/case/dtypes.py; tests/core/test_tolerances.py compares the two.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
HONEST = FOLDER / "honest.json"
DOCUMENT = FOLDER / "noise-units.md"
BLOCK = re.compile(r"(?<=<!-- honest: made by docs/honest.py -->\n).*?(?=<!-- end of honest -->)", re.DOTALL)
FACTOR = 1.5
"""How much room is left above the worst right answer."""
STEPS = {"noise": 1.0, "bias": 0.25}
"""The steps in which what is allowed is chosen; it is at least one step."""
FORMATS = ("float32", "float64", "float16", "bfloat16", "int8")
UNBIASED = ("int8",)
"""Formats in which no bias is judged."""

Worst = dict[str, dict[str, dict[str, Any]]]
"""Format that the answers are judged in -> adapter -> the worst noise and bias, each with its case."""


def collected(files: list[str]) -> Worst:
    """The worst right answers in results files, of cases that are judged by the default tolerance."""
    worst: Worst = {}
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["kind"] != "result" or record["outcome"] != "passed" or record.get("allowed") is None:
                continue
            found = worst.setdefault(record["precision"], {}).setdefault(record["adapter"], {})
            for measure in ("noise",) if record["precision"] in UNBIASED else STEPS:
                if record.get(measure, -1.0) > found.get(measure, -1.0):
                    found |= {measure: record[measure], f"{measure}_case": record["case"]}
    return {name: dict(sorted(worst[name].items())) for name in FORMATS if name in worst}


def demanded(worst: Worst, measure: str) -> dict[str, float]:
    """The least tolerance that leaves room above the worst right answer, for each format."""
    step = STEPS[measure]
    most = {
        name: max(found.get(measure, 0.0) for found in adapters.values())
        for name, adapters in worst.items()
        if measure == "noise" or name not in UNBIASED
    }
    return {name: max(1, math.ceil(FACTOR * value / step - 1e-9)) * step for name, value in most.items()}


def tables(worst: Worst) -> str:
    """Two Markdown tables: noise and bias, a line for each adapter and a column for each format."""
    adapters = sorted({adapter for found in worst.values() for adapter in found})
    parts = []
    for measure in STEPS:
        allowed = demanded(worst, measure)
        lines = [f"| worst {measure} | {' | '.join(allowed)} |", f"|---|{'---:|' * len(allowed)}"]
        for adapter in adapters:
            found = [worst[name].get(adapter, {}).get(measure) for name in allowed]
            lines.append(f"| {adapter} | {' | '.join('' if each is None else f'{each:.2f}' for each in found)} |")
        lines.append(f"| **allowed** | {' | '.join(f'**{each:g}**' for each in allowed.values())} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def main(files: list[str]) -> None:
    """Write honest.json and the tables, from results files."""
    worst = collected(files)
    HONEST.write_text(json.dumps(worst, indent=1) + "\n", encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(BLOCK.sub(lambda _: f"\n{tables(worst)}\n\n", text), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
