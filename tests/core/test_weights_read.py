"""Files of weights are read as they are; what is damaged, too large or would execute is refused in one line."""

import io
import json
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from conformance.files import FileError
from conformance.weights.reading import read

A = np.arange(6, dtype=np.float32).reshape(2, 3)


def problem(path: Path) -> str:
    with pytest.raises(FileError) as raised:
        read(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: cannot be read: ") and "\n" not in text
    return raised.value.problem


def in_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array: Any, **how: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), **how)
    return stream.getvalue()


def test_an_npz_gives_its_floats_and_names_the_rest(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "w.npz", a=A, b=A.astype(np.float16), h=A.astype(ml_dtypes.bfloat16), n=np.arange(3))
    held = read(tmp_path / "w.npz")
    assert held.form == "npz" and list(held.tensors) == ["a", "b", "h"]
    assert np.array_equal(held.tensors["a"], A) and held.tensors["h"].dtype == ml_dtypes.bfloat16
    assert np.array_equal(held.tensors["h"], A.astype(ml_dtypes.bfloat16))
    assert held.left_out == ("n: int64",)


def test_a_safetensors_file_gives_its_floats_and_its_options(tmp_path: Path) -> None:
    data = {"a": A, "b": A.astype(ml_dtypes.bfloat16), "n": np.arange(3)}
    safetensors.numpy.save_file(data, tmp_path / "w", {"lstm": json.dumps({"forget_bias": 1.0}), "other": "x"})
    held = read(tmp_path / "w")
    assert held.form == "safetensors" and held.options == {"forget_bias": 1.0} and held.left_out == ("n: I64",)
    assert np.array_equal(held.tensors["a"], A) and held.tensors["b"].dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize("cut", [9, 60, 90])
def test_a_truncated_safetensors_file_is_refused(cut: int, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(safetensors.numpy.save({"a": A})[:cut])
    assert problem(tmp_path / "w").startswith("it is a damaged safetensors file: ")


@pytest.mark.parametrize("metadata", ["{", "[1]", "1"])
def test_options_that_are_no_object_are_refused(metadata: str, tmp_path: Path) -> None:
    safetensors.numpy.save_file({"a": A}, tmp_path / "w", {"lstm": metadata})
    assert "metadata" in problem(tmp_path / "w")


def test_pickled_objects_in_an_npz_are_refused(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "w.npz", {"a.npy": npy(np.array([{}], object), allow_pickle=True)})
    assert "a.npy holds Python objects" in problem(path)


@pytest.mark.parametrize("shape", [(200,), (10**12,), (-1,), (2, 4), (2**63, 2)])
def test_an_npz_whose_header_lies_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    path = in_zip(tmp_path / "w.npz", {"a.npy": stream.getvalue() + bytes(400)})
    assert re.fullmatch("its member a.npy states [-0-9,]+ bytes of numbers and has 400", problem(path))


def test_a_zip_that_says_it_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "w.npz", {"a.npy": npy(A)})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(data)
    assert problem(path) == "its tensors take more than 1024 MiB, the most that are read"


def test_a_zip_that_says_it_unpacks_to_less_than_it_does_is_refused(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "w.npz", {"a.npy": npy(np.zeros(10_000))})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(data)
    assert "a.npy is damaged" in problem(path)


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    path = in_zip(tmp_path / "w.npz", {"a.npy": npy(A)})
    path.write_bytes(path.read_bytes()[:-10])
    assert problem(path).startswith("it is a damaged zip file: ")


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy(A))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", npy(A))
    assert problem(path) == "two of its members have the same name"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK", b"{}" * 10])
def test_what_is_no_file_of_weights_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(content)
    assert problem(tmp_path / "w")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert problem(tmp_path) == "it is a folder, not a regular file"
