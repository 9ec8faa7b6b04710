"""What docs/python-api.md shows for NumPy alone works as it says; tests/frameworks/test_own_layers.py runs the rest."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, files

import conformance
from conformance.api.layouts import LAYOUTS
from conformance.api.told import CheckOptions

PAGE = ROOT / "docs" / "python-api.md"
EXAMPLES = dict(files(PAGE))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_my_function.py", "look.py"])
def test_examples_run(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(EXAMPLES[name])
    runner = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--strict-markers"] if name.startswith("test") else []
    done = subprocess.run(
        [sys.executable, *runner, name], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_names_everything_there_is() -> None:
    text = PAGE.read_text()
    for name in conformance.__all__:
        assert f"conformance.{name}" in text or f"`{name}`" in text, name
    for layout in LAYOUTS:
        assert f"`{layout}`" in text, layout


def test_every_option_is_explained() -> None:
    told = inspect.getdoc(CheckOptions) or ""
    for option in CheckOptions.__annotations__:
        assert f"{option}:" in told or f"{option}, " in told or f", {option}:" in told, option
