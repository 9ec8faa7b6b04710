"""Reads a file of weights, by what it begins with and not by its name."""

from __future__ import annotations

from pathlib import Path

from conformance.files import read_file
from conformance.weights.held import MOST_BYTES, Held, refused

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK"
_TFLITE = b"TFL3"
_PICKLE = b"\x80"
"""The first byte of a pickle of protocol 2 or later, as torch.save wrote before PyTorch 1.6."""
_FORMS = "safetensors, npz, HDF5, .keras, a PyTorch state_dict, TorchScript, TensorFlow Lite or ONNX"


def read(path: Path) -> Held:
    """The tensors of a file and what it says of options.

    Raises:
        FileError: it is missing, too large, of no known format, damaged, or it holds what would have to be executed.
        ConformanceError: the package that reads its format is not installed.
    """
    data = read_file(path, MOST_BYTES)
    if data.startswith(_HDF5):
        from conformance.weights.hdf5_file import read_hdf5

        return read_hdf5(path, data)
    if data.startswith(_ZIP):
        return _read_zip(path, data)
    if data[4:8] == _TFLITE:
        from conformance.weights.tflite_file import read_tflite

        return read_tflite(path, data)
    if data.startswith(_PICKLE):
        from conformance.weights.torch_file import read_torch

        return read_torch(path, data)
    if _is_safetensors(data):
        from conformance.weights.safetensors_file import read_safetensors

        return read_safetensors(path, data)
    if path.suffix == ".onnx":  # a protobuf begins with nothing of its own
        from conformance.weights.onnx_file import read_onnx

        return read_onnx(path)
    raise refused(path, f"it is none of {_FORMS} (whose name ends in .onnx)" if data else "it is empty")


def _is_safetensors(data: bytes) -> bool:
    """Whether it begins with the length of a header and then with the header, a JSON object."""
    return len(data) > 8 and data[8:9] == b"{"


def _read_zip(path: Path, data: bytes) -> Held:
    from conformance.weights.torchscript_file import is_torchscript, read_torchscript
    from conformance.weights.zipped import Zip

    archive = Zip(path, data)
    names = archive.names
    if "config.json" in names:
        from conformance.weights.hdf5_file import read_keras

        return read_keras(archive)
    if is_torchscript(names):
        return read_torchscript(archive)
    if any(name.endswith("data.pkl") for name in names):
        from conformance.weights.torch_file import read_torch

        return read_torch(path, data)
    if names and all(name.endswith(".npy") for name in names):
        from conformance.weights.npz_file import read_npz

        return read_npz(archive)
    raise refused(path, f"it is a zip file, but none of {_FORMS}")
