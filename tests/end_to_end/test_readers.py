"""The readers of examples/readers compile, and read in vectors what Python reads. Skipped without a compiler."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from conformance.case.tensors import from_bytes, metadata_of
from conformance.data import default_folders

READERS = Path(__file__).parents[2] / "examples" / "readers"
VECTORS = default_folders().vectors
DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int8": "I8",
          "bool": "BOOL"}  # fmt: skip
PLACES = os.pathsep.join([os.environ["PATH"], str(Path.home() / ".cargo" / "bin")])
HOW = {
    "C++": ("c++", ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", "{program}", "read.cpp"]),
    "Rust": ("rustc", ["--edition", "2021", "-D", "warnings", "-O", "-o", "{program}", "read.rs"]),
    "JavaScript": ("node", None),
}


@pytest.fixture(scope="module", params=HOW)
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that reads a file."""
    name, arguments = HOW[request.param]
    tool = shutil.which(name, path=PLACES)
    if tool is None:
        pytest.skip(f"{request.param}: {name} is not here")
    if arguments is None:
        return [tool, str(READERS / "read.mjs")]
    program = str(tmp_path_factory.mktemp("reader") / "read")
    command = [tool, *(word.format(program=program) for word in arguments)]
    done = subprocess.run(command, cwd=READERS, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [program]


def run(reader: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*reader, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def vectors_of_each_dtype() -> list[Path]:
    """The first few files, in the order of their names, that have all dtypes among their tensors, and NaN, and -0."""
    wanted, chosen = {*DTYPES.values(), "nan", "infinite", "-0", "scalar", "subnormal float16"}, []
    for path in sorted(VECTORS.glob("*/*.safetensors")):
        tensors = from_bytes(path.read_bytes())
        found = set()
        for array in tensors.values():
            numbers = array.astype(np.float64).ravel()[:3]
            found |= {DTYPES[str(array.dtype)]}
            found |= {"nan"} if np.isnan(numbers).any() else set()
            found |= {"infinite"} if np.isinf(numbers).any() else set()
            found |= {"-0"} if (np.signbit(numbers) & (numbers == 0)).any() else set()
            found |= {"scalar"} if array.shape == () else set()
            small = (abs(numbers) < 2.0**-14) & (numbers != 0)
            found |= {"subnormal float16"} if array.dtype == np.float16 and small.any() else set()
        if found & wanted:
            wanted -= found
            chosen.append(path)
    assert not wanted
    return chosen


def test_each_reader_reads_what_python_reads(reader: list[str]) -> None:
    for path in vectors_of_each_dtype():
        done = run(reader, path)
        assert done.returncode == 0, (path, done.stderr)
        head, lines = done.stdout.splitlines()[:3], done.stdout.splitlines()[3:]
        told, tensors = metadata_of(path.read_bytes()), from_bytes(path.read_bytes())
        assert head == [f"{key} {told[key]}" for key in ("case", "sizes", "allowed")]
        assert [line.split()[0] for line in lines] == sorted(tensors)
        for line in lines:
            name, dtype, shape, *numbers = line.split()
            array = tensors[name]
            assert dtype == DTYPES[str(array.dtype)], line
            assert shape == f"[{','.join(map(str, array.shape))}]", line
            right = [float(number) for number in array.astype(np.float64).ravel()[:3]]
            assert len(numbers) == len(right), line
            for got, number in zip(map(float, numbers), right, strict=True):
                assert (np.isnan(got) and np.isnan(number)) or (got, np.signbit(got)) == (number, np.signbit(number)), (
                    line
                )


def test_each_reader_refuses_what_is_no_vector(reader: list[str], tmp_path: Path) -> None:
    path = next(VECTORS.glob("cell/*.safetensors"))
    data = path.read_bytes()
    for content in (b"", b"short", data[:100], data[:-1], data[:8] + b" " + data[9:], b"\xff" * 8 + data[8:],
                    data.replace(b'"kappa.y"', b'"kappa.z"')):  # fmt: skip
        (tmp_path / "v").write_bytes(content)
        done = run(reader, tmp_path / "v")
        assert done.returncode == 1, content[:200]
        assert len(done.stderr.splitlines()) == 1
    assert run(reader, tmp_path / "none").returncode == 1
    assert run(reader).returncode == 1
