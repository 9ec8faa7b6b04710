"""Inputs that a user gives for the layers of a model: from .npz, .safetensors, or recorded elsewhere."""

from __future__ import annotations

from pathlib import Path

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Array, from_bytes
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, read_file

LARGEST = 1024 * MEBIBYTE
NAMES = {"X": "x", "initial_h": "h0", "initial_c": "c0", "sequence_lens": "lengths"}
"""ONNX's names, which are taken for the suite's."""


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npz or .safetensors file. Pickled objects are refused.

    Raises:
        FileError: it cannot be read, is too large, damaged, or unpacks to more.
        ConformanceError: it is not such a file.
    """
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError

        try:
            return from_bytes(read_file(path, LARGEST))
        except (SafetensorError, KeyError) as error:
            raise ConformanceError(f"{path}: is not a safetensors file that the suite can read: {error}") from error
    if path.suffix != ".npz":
        raise ConformanceError(f"{path}: arrays are read from .npz and .safetensors files")
    from conformance.weights.npz_file import arrays_of
    from conformance.weights.zipped import Zip

    return arrays_of(Zip(path, read_file(path, LARGEST)))


def read_inputs(path: Path) -> dict[str, Array]:
    """x, h0, c0 and lengths, as far as a file has them, by these names or those of the ONNX operator.

    Raises:
        ConformanceError: it has none of them, or others.
    """
    given = {NAMES.get(name, name): array for name, array in read_arrays(path).items()}
    if unknown := sorted(given.keys() - set(NAMES.values())):
        raise ConformanceError(
            f"{path}: {shortened(repr(unknown[0]))} is not an input of an LSTM; they are called "
            f"{', '.join(NAMES.values())}, or {', '.join(NAMES)}"
        )
    return given
