"""TorchScript archives are read without torch and without running anything; what is damaged or lies is refused.

The archives are made here by Python's own pickle, with stand-ins for torch's classes.
"""

from __future__ import annotations

import io
import os
import pickle
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.files import FileError
from conformance.weights.held import Held
from conformance.weights.reading import read

A = np.arange(12, dtype=np.float32).reshape(3, 4)


class FloatStorage:
    """Named as torch's is; the reader goes by the name."""


class LongStorage:
    """One of integers."""


class Stored:
    """Where numbers lie: pickled as a reference."""

    def __init__(self, key: str, kind: type = FloatStorage) -> None:
        self.key, self.kind = key, kind


def _rebuild_tensor_v2(*given: Any) -> None:
    raise AssertionError("the pickle must not be executed")


class Tensor:
    """Pickled as torch pickles a tensor."""

    def __init__(self, key: str, shape=(3, 4), strides=(4, 1), offset: int = 0, kind: type = FloatStorage) -> None:
        self.given = (Stored(key, kind), offset, shape, strides, False, {})

    def __reduce__(self) -> Any:
        return _rebuild_tensor_v2, self.given


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return ("storage", value.kind, value.key, "cpu", 12) if isinstance(value, Stored) else None


def module(**held: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(**held)


def archive(path: Path, content: Any, **data: bytes) -> Path:
    stream = io.BytesIO()
    if not isinstance(content, bytes):
        _Pickler(stream, 2).dump(content)
        content = stream.getvalue()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", content)
        file.writestr("m/constants.pkl", b"")
        file.writestr("m/code/__torch__.py", "raise SystemExit('the code must not be executed')")
        for key, numbers in data.items():
            file.writestr(f"m/data/{key}", numbers)
    return path


def held(tmp_path: Path, content: Any, **data: bytes) -> Held:
    return read(archive(tmp_path / "m.pt", content, **data))


def problem(tmp_path: Path, content: Any, **data: bytes) -> str:
    with pytest.raises(FileError) as raised:
        held(tmp_path, content, **data)
    assert "\n" not in str(raised.value)
    return raised.value.problem


def test_tensors_have_the_names_of_the_state_dict_and_the_numbers_of_the_archive(tmp_path):
    found = held(
        tmp_path,
        module(lstm=module(w=Tensor("a"), turned=Tensor("a", (4, 3), (1, 4)), steps=3), b=Tensor("a", (4,), (1,), 8)),
        a=A.tobytes(),
    )
    assert found.form == "TorchScript"
    assert list(found.tensors) == ["lstm.w", "lstm.turned", "b"]
    assert np.array_equal(found.tensors["lstm.w"], A)
    assert np.array_equal(found.tensors["lstm.turned"], A.T)
    assert np.array_equal(found.tensors["b"], A[2])


def test_tensors_of_other_kinds_are_named(tmp_path):
    found = held(tmp_path, module(n=Tensor("a", kind=LongStorage), w=Tensor("a")), a=A.tobytes())
    assert list(found.tensors) == ["w"]
    assert found.left_out == ("n: not a dense tensor of floating-point numbers",)


class Touches:
    """Would make a folder when it is unpickled as pickle is made to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_nothing_that_a_pickle_names_is_called(tmp_path):
    witness = tmp_path / "witness"
    content = pickle.dumps(Touches(witness), 2)
    pickle.loads(content)
    assert witness.exists()  # it would
    witness.rmdir()
    found = held(tmp_path, module(harmless=Touches(witness), w=Tensor("a")), a=A.tobytes())
    assert list(found.tensors) == ["w"]
    assert not witness.exists()


def test_modules_that_hold_each_other_come_to_an_end(tmp_path):
    first = module(w=Tensor("a"))
    first.inner = module(outer=first)
    assert problem(tmp_path, first, a=A.tobytes()) == "its modules are nested more than 64 deep, or hold each other"


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (Tensor("a", (3, 5), (5, 1)), "w is larger than what is stored of it"),
        (Tensor("a", (3, 4), (4, 1), 1), "w is larger than what is stored of it"),
        (Tensor("a", (2, 2), (2**20, 1)), "w is larger than what is stored of it"),
        (Tensor("a", (2**20, 2**20), (0, 0)), "its tensors take more than 1024 MiB, the most that are read"),
        (Tensor("b"), "it has no m/data/b"),
        (Tensor("cut"), "w is larger than what is stored of it"),
    ],
)
def test_tensors_that_lie_are_refused(tensor, said, tmp_path):
    assert problem(tmp_path, module(w=tensor), a=A.tobytes(), cut=A.tobytes()[:-1]) == said


@pytest.mark.parametrize("shape", [(-1, 4), (2**41, 1), ("3", 4)])
def test_sizes_that_are_none_are_not_taken(shape, tmp_path):
    assert not held(tmp_path, module(w=Tensor("a", shape)), a=A.tobytes()).tensors


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"\x80\x02.", b"not a pickle", b"\x80\x02}K\x01s."])
def test_damaged_pickles_are_refused(content, tmp_path):
    assert problem(tmp_path, content).startswith("its module cannot be read: ")


def test_a_pickle_that_is_too_large_is_not_loaded(tmp_path):
    assert "too large" in problem(tmp_path, bytes(4 * 2**20 + 1))


def test_a_pickle_with_too_many_classes_is_refused(tmp_path):
    names = b"".join(b"cm\nC%d\n0" % n for n in range(10_100))
    assert "it names more than 10,000 classes" in problem(tmp_path, b"\x80\x02" + names + b"N.")
