"""The example of a harness, changed in what it says of itself."""

import shlex
import sys
from pathlib import Path
from typing import Any

from harness import ROOT

EXAMPLE = ROOT / "examples" / "harnesses" / "python" / "harness.py"


def script(folder: Path, **changes: Any) -> str:
    """The command of the example with another description, and with answers to `prepare` that say more."""
    told = changes.pop("prepared", {})
    (folder / "changed.py").write_text(f"""
import json, sys
sys.path.insert(0, {str(EXAMPLE.parent)!r})
import harness
whole = harness.answer
def answer(request, tensors, layers):
    told, found = whole(request, tensors, layers)
    return told | ({told!r} if request["op"] == "prepare" else {{}}), found
harness.answer = answer
if "--describe" in sys.argv:
    print(json.dumps(harness.DESCRIPTION | {changes!r}))
else:
    harness.serve(sys.stdin.buffer, sys.stdout.buffer)
""")
    return shlex.join([sys.executable, str(folder / "changed.py")])
