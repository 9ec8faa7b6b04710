"""Draws the pictures of the documents and the matrix of docs/index.md; `--check` says whether they are as drawn.

    python docs/pictures/draw.py [--check]

Nothing is measured here: the numbers stand in measured.json (docs/pictures/measure.py). report.png is a photograph
(docs/pictures/photograph.py) and not checked.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import cell
import noise

FOLDER = Path(__file__).parent
INDEX = FOLDER.parent / "index.md"
FAMILIES = (
    "cell", "sequence", "direction", "stack", "lengths", "activations", "peephole", "gate-clip", "projection",
    "layer-norm", "gradients", "not-finite", "all",
)  # fmt: skip
ADAPTERS = ("numpy", "torch", "onnxruntime", "openvino", "keras-tensorflow")
"""What the matrix of docs/index.md shows."""
BLOCK = re.compile(r"(?<=<!-- matrix: made by docs/pictures/draw.py -->\n).*?(?=<!-- end of matrix -->)", re.DOTALL)


def drawn() -> dict[Path, str]:
    """Every file that is drawn, with its text."""
    measured = json.loads((FOLDER / "measured.json").read_text(encoding="utf-8"))
    return {
        FOLDER / "cell-step.svg": cell.picture(),
        FOLDER / "noise.svg": noise.picture(measured),
        INDEX: BLOCK.sub(lambda _: f"\n{matrix(measured)}\n", INDEX.read_text(encoding="utf-8")),
    }


def matrix(measured: dict[str, Any]) -> str:
    """A Markdown table of some families and adapters, with a row for all families; below it, who answered."""
    adapters = {name: measured["adapters"][name] for name in ADAPTERS}
    lines = [f"| family | {' | '.join(adapters)} |", f"|---|{'---:|' * len(adapters)}"]
    for family in FAMILIES:
        name = "**all families**" if family == "all" else family
        cells = [adapter["families"].get(family, "") for adapter in adapters.values()]
        cells = [re.sub(r" (?=[\dk])", "&nbsp;", text) for text in cells]  # a line breaks before `+n known` only
        lines.append(f"| {name} | {' | '.join(cells)} |")
    versions = {name: version for adapter in adapters.values() for name, version in adapter["versions"].items()}
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return "\n".join([*lines, "", f"{measured['cases']} cases each, on x86-64; {named}.", ""])


def main(arguments: list[str]) -> int:
    """Write what is drawn, or with --check name the files that differ; the exit code."""
    different = {path: text for path, text in drawn().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in different.items():
        if arguments == ["--check"]:
            print(f"docs/{path.relative_to(FOLDER.parent)} is not as drawn: run docs/pictures/draw.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
    return 1 if different and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
