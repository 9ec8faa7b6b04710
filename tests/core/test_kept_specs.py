"""The suite's own specs, once read, come from the cache: the same cases, and nothing else than cases."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from conformance.case.errors import SpecError
from conformance.case.kept import folder, kept
from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.data import default_folders

SPEC = """
family: two
description: for a test
source: none
defaults: {seed: 1}
cases:
  - {name: first, T: 2, B: 1, I: 1, H: 1, padding: .nan, lengths: [1]}
  - {name: second, T: 3, B: 1, I: 1, H: 1, x: {values: [[[0.5]], [[1]], [[-2.0]]]}}
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "two.yaml"
    file.write_text(SPEC)
    return file


def not_again(file: Path) -> NoReturn:
    raise AssertionError(f"{file} is read again")


def texts(cases: list[Case]) -> list[str]:
    return [case.model_dump_json() for case in cases]


def test_the_kept_cases_of_every_spec_are_those_that_were_read() -> None:
    for file in sorted(default_folders().specs.glob("*.yaml")):
        read = load_spec(file)
        assert kept(file, "shown", lambda _, read=read: read) is read  # type: ignore[misc]
        again = kept(file, "shown", not_again)
        assert texts(again) == texts(read)
        assert [case.digest() for case in again] == [case.digest() for case in read]
        assert [case.origin for case in again] == [case.origin for case in read]


def test_a_file_that_changed_is_read_again_and_so_is_one_that_is_named_in_another_way(spec: Path) -> None:
    assert [case.T for case in kept(spec, "two.yaml", load_spec)] == [2, 3]
    kept(spec, "two.yaml", not_again)
    with pytest.raises(AssertionError, match="read again"):
        kept(spec, "specs/two.yaml", not_again)
    spec.write_text(SPEC.replace("T: 2", "T: 4"))
    assert [case.T for case in kept(spec, "two.yaml", load_spec)] == [4, 3]


def test_what_is_wrong_with_a_spec_is_said_each_time(spec: Path) -> None:
    spec.write_text(SPEC.replace("T: 2", "T: two"))
    for _ in range(2):
        with pytest.raises(SpecError, match="T"):
            kept(spec, "two.yaml", load_spec)
    spec.unlink()
    with pytest.raises(SpecError, match="cannot be read"):
        kept(spec, "two.yaml", load_spec)


def calls_mkdir(made: Path) -> bytes:
    class Foreign:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(made),)

    return pickle.dumps([Foreign()])


def calls_mkdir_by_way_of_a_module(made: Path) -> bytes:
    return calls_mkdir(made).replace(b"\x8c\x05posix", b"\x8c\x16conformance.case.files").replace(
        b"\x8c\x05mkdir", b"\x8c\x08os.mkdir"
    )  # fmt: skip


@pytest.mark.parametrize("foreign", [calls_mkdir, calls_mkdir_by_way_of_a_module])
def test_nothing_but_cases_is_made_of_an_entry(
    spec: Path, tmp_path: Path, foreign: Callable[[Path], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    data = foreign(made)
    unframed = data[:2] + data[11:]  # a frame's length has changed with its content
    kept(spec, "two.yaml", load_spec)
    (entry,) = folder().iterdir()
    entry.write_bytes(unframed)
    assert [case.T for case in kept(spec, "two.yaml", load_spec)] == [2, 3]
    assert not made.exists()
    kept(spec, "two.yaml", not_again)  # it has been put right
    pickle.loads(unframed)  # it is a pickle that does something
    assert made.exists()


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: pickle.dumps(["no case"])]
)
def test_an_entry_that_is_damaged_is_as_none(spec: Path, damage: Callable[[bytes], bytes]) -> None:
    kept(spec, "two.yaml", load_spec)
    (entry,) = folder().iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    assert [case.T for case in kept(spec, "two.yaml", load_spec)] == [2, 3]
    kept(spec, "two.yaml", not_again)


def test_without_a_folder_to_write_to_specs_are_read(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    for _ in range(2):
        assert [case.T for case in kept(spec, "two.yaml", load_spec)] == [2, 3]


def test_a_spec_that_takes_tensors_from_a_file_is_read_each_time(spec: Path) -> None:
    read = load_spec(spec)
    object.__setattr__(read[1].x, "_folder", spec.parent)
    kept(spec, "two.yaml", lambda _: read)
    with pytest.raises(AssertionError, match="read again"):
        kept(spec, "two.yaml", not_again)


def test_few_entries_are_left_of_a_file(spec: Path) -> None:
    for number in range(8):
        kept(spec, f"{number}/two.yaml", load_spec)
    assert len(list(folder().iterdir())) == 4
    kept(spec, "7/two.yaml", not_again)


def test_a_copy_has_a_digest_of_its_own_and_is_equal_to_its_like(spec: Path) -> None:
    case, _ = kept(spec, "two.yaml", load_spec)
    first = case.digest()
    longer = case.model_copy(update={"T": case.T + 1})
    assert longer.digest() != first
    assert longer.model_copy(update={"T": case.T}).digest() == first
    assert longer.model_copy(update={"T": case.T}) == case
