"""Fixtures of several modules: a small store of vectors, made once."""

import shutil
from pathlib import Path

import pytest
from stores import SPEC, cases_of, made

from conformance.case.model import Case


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Case]]:
    pytest.importorskip("flint")
    folder = tmp_path_factory.mktemp("pristine")
    cases = cases_of(SPEC, folder)
    assert made(cases, folder / "vectors").problems == []
    return folder / "vectors", cases


@pytest.fixture
def stored(pristine: tuple[Path, list[Case]], tmp_path: Path) -> tuple[Path, list[Case]]:
    """A store of its own with vectors of `plain` and `half`, and the two cases."""
    root, cases = pristine
    shutil.copytree(root, tmp_path / "vectors")
    return tmp_path / "vectors", cases


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Problems show paths relative to the working directory."""
    monkeypatch.chdir(tmp_path)
