"""docs/checking-files.md does what it says, and prints what it shows, with onnx and onnxruntime themselves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, blocks, files, shell

pytestmark = [pytest.mark.onnx, pytest.mark.slow]
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PAGE = ROOT / "docs" / "checking-files.md"
_NUMBER = re.compile(r"(?<=noise )[\d.e+]+")


def test_the_page_shows_what_its_commands_print(tmp_path):
    for name, text in files(PAGE):
        (tmp_path / name).write_text(text)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    printed = []
    for line, code in shell(PAGE):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{line}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    (shown,) = [text for text in blocks(PAGE, "text") if text.startswith("model.onnx")]
    # The noise of a right answer is another one on another processor.
    assert _NUMBER.sub("N", printed[1]) == _NUMBER.sub("N", shown)
