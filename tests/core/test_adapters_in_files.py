"""An adapter in a file of the user's, `./mine.py:Mine`, works like an installed one; what is wrong with it is said."""

from pathlib import Path

import pytest
from command_line import conformance
from plugin_sessions import Project

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.results.reading import read_results
from conformance.run.settings import RunSettings

MINE = """
from dataclasses import replace

from beside import ADAPTER

class Mine(ADAPTER):
    name = "mine"

class Swapped(Mine):
    def prepare(self, case, weights):
        order = [1, 0, 2, 3]
        rows = [replace(r, W=r.W[order], R=r.R[order], b_w=r.b_w[order], b_r=r.b_r[order]) for r in weights.rows]
        return super().prepare(case, replace(weights, rows=tuple(rows)))

NUMBER = 3
"""
BESIDE = "from conformance.adapters.numpy_reference import NumpyReference as ADAPTER\n"
CASES = ("--case", "sequence/short-*")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text(BESIDE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("./mine.py:Mine", ("", "mine", "cpu", "./mine.py", "Mine")),
        ("mine.py:Mine@npu:1", ("", "mine", "npu:1", "mine.py", "Mine")),
        ("old:my adapters/mine.py:Mine", ("old", "mine", "cpu", "my adapters/mine.py", "Mine")),
        ("/a:b@c/mine.py:Mine@gpu", ("", "mine", "gpu", "/a:b@c/mine.py", "Mine")),
    ],
)
def test_labels_of_files(label: str, parts: tuple[str, ...]) -> None:
    parsed = registry.parse(label)
    assert (parsed.place, parsed.name, parsed.device, parsed.file, parsed.kind) == parts


def test_the_same_file_elsewhere_is_the_same_adapter_to_a_gate() -> None:
    assert registry.parse("old/mine.py:Mine").identity == registry.parse("before:new/mine.py:Mine").identity
    assert registry.parse("mine.py:Mine").identity != registry.parse("mine.py:Other").identity


def test_it_runs_in_a_worker_and_says_how_to_run_it_again(folder: Path) -> None:
    done = conformance("run", "--adapter", "./mine.py:Mine", "--adapter", "./mine.py:Swapped", *CASES, "-o", "r.jsonl")
    assert done.exit_code == 1
    assert "looks like: gates-figo-read-as-ifgo" in done.stdout
    assert "again: conformance run --adapter ./mine.py:Swapped --case sequence/short-f32" in done.stdout
    records = read_results(folder / "r.jsonl").records
    assert {(record.adapter, record.outcome) for record in records} == {
        ("./mine.py:Mine", "passed"),
        ("./mine.py:Swapped", "failed"),
    }


@pytest.mark.slow
def test_a_run_is_not_continued_with_another_text_of_the_file(folder: Path) -> None:
    words = ("run", "--adapter", "mine.py:Mine", *CASES, "-o", "r.jsonl")
    assert conformance(*words).exit_code == 0
    assert conformance(*words, "--resume").exit_code == 0
    (folder / "mine.py").write_text(MINE + "# changed")
    refused = conformance(*words, "--resume")
    assert refused.exit_code == 2
    assert "sha256 of mine.py" in refused.stderr


@pytest.mark.slow
def test_doctor_and_smoke_know_it(folder: Path) -> None:
    assert conformance("doctor", "--adapter", "./mine.py:Mine").stdout.split()[:2] == ["./mine.py:Mine", "numpy"]
    done = conformance("smoke", "./mine.py:Mine", "--check", "class/*", "--check", "weights/W.*")
    assert done.exit_code == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_pytest_knows_it(folder: Path, project: Project) -> None:
    done = project.pytest(
        "--lstm-suite", "--lstm-adapter", folder / "mine.py:Mine", "--lstm-case", "sequence/short-f32"
    )
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("./absent.py:Mine", "./absent.py: there is no such file"),
        ("./folder.py:Mine", "./folder.py: is not a file"),
        ("./mine.py", "name the class in it, too: ./mine.py:CLASS"),
        ("./mine.py:Other", "has no class Other; its adapters are: ADAPTER, Mine, Swapped"),
        ("./mine.py:NUMBER", "mine.py:NUMBER is not an adapter"),
        ("./wrong.py:Mine", "SyntaxError"),
        ("./mine.py:Mine@gpu", "mine has no device 'gpu'; it has cpu"),
        ("./mine.py:a b", "is not an adapter; give"),
    ],
)
def test_what_is_wrong_with_it_is_said(folder: Path, label: str, said: str) -> None:
    (folder / "folder.py").mkdir()
    (folder / "wrong.py").write_text("class Mine(\n")
    with pytest.raises(AdapterUnavailable) as raised:
        registry.make(label)
    assert said in str(raised.value)


def test_a_command_says_it_in_one_line(folder: Path) -> None:
    done = conformance("run", "--adapter", "./mine.py:Other", *CASES)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "has no class Other; its adapters are: ADAPTER, Mine, Swapped" in done.stderr


def test_a_file_does_not_stand_in_for_a_package_of_its_name(folder: Path) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "numpy.py").write_text("import numpy\n" + MINE)
    (folder / "own" / "beside.py").write_text(BESIDE)
    assert conformance("doctor", "--adapter", "./own/numpy.py:Mine").exit_code == 0


def test_what_a_file_raises_is_said(folder: Path) -> None:
    (folder / "stops.py").write_text("raise RuntimeError('not today')")
    with pytest.raises(AdapterUnavailable, match="RuntimeError: not today"):
        registry.load("./stops.py:Mine")
    with pytest.raises(AdapterUnavailable, match="RuntimeError: not today"):
        registry.load("./stops.py:Mine")


def test_a_folder_that_may_not_be_looked_into(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refused)
    monkeypatch.setattr(Path, "is_dir", refused)
    with pytest.raises(AdapterUnavailable, match=r"\./mine\.py: cannot be read: Permission denied"):
        registry.make("./mine.py:Mine")
    with pytest.raises(ConformanceError, match=r"--specs .* cannot be read: Permission denied"):
        RunSettings()
