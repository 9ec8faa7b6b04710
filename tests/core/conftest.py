"""Fixtures of several modules: a small store of vectors, made once, and a project whose tests run cases."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Suite
from plugin_sessions import Project, project_in
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


@pytest.fixture(scope="module")
def project(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project_in(tmp_path_factory.mktemp("project"), suite) as project:
        yield project
