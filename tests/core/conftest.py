"""Fixtures of several modules: vectors and results made once, a project whose tests run cases, and few adapters."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import conformance
from harness import Suite
from plugin_sessions import Project, project_in
from reports import acme_records, right_records, written
from stores import SPEC, cases_of, made

from conformance.adapters import registry
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


@pytest.fixture(scope="module")
def whole(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one adapter with all cases `tiny`."""
    path = tmp_path_factory.mktemp("whole") / "r.jsonl"
    result = conformance("run", "--adapter", "numpy", "--case", "tiny/*", "-o", path, *suite.folders)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an adapter that is wrong in every way."""
    return written(tmp_path_factory.mktemp("reports") / "acme.jsonl", acme_records())


@pytest.fixture(scope="session")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same cases, all answered right."""
    return written(tmp_path_factory.mktemp("reports") / "right.jsonl", right_records())


@pytest.fixture
def two_adapters(broken_adapters: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `numpy` and `import-fails` are installed."""
    monkeypatch.setattr(registry, "GROUP", "lstm_conformance.two")
