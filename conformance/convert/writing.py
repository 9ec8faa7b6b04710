"""The target as a file: its bytes, by the suffix of its name."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.tensors import Array, Weights
from conformance.convert.changes import Changed
from conformance.convert.tensors import packed
from conformance.weights.found import case_of, options_of
from conformance.weights.named import Named
from conformance.weights.safetensors_file import OPTIONS


def content_of(path: Path, named: Named, layer: Changed) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of the file, and what it cannot say of the layer, in words.

    Raises:
        ConformanceError: the format does not hold the layout, or the package that writes it is not installed.
    """
    suffix = suffix_of(path)
    case = case_of({**layer.keys, "id": "convert/target", "T": 1, "B": 1, "h0": None, "c0": None})
    only, write = _FORMATS[suffix]
    if only is not None and named.name != only:
        raise ConformanceError(f"{path.name}: a {suffix} file holds the layout {only}, not {named.name}")
    try:
        return write(named, case, layer.weights, options_of(layer.keys))
    except ImportError as error:
        needs = f"{error.name}: pip install {error.name}"
        raise ConformanceError(f"{path.name}: writing a {suffix} file needs {needs}") from error


def suffix_of(path: Path) -> str:
    """The suffix of a file to write. Raises ConformanceError if no format has it."""
    if path.suffix not in _FORMATS:
        raise ConformanceError(f"{path.name}: the target's name ends in {', '.join(_FORMATS)}, which says its format")
    return path.suffix


def layout_by_suffix(path: Path) -> str | None:
    """The layout that a format has where none is given; None if it has to be given."""
    return {".onnx": "onnx", ".tflite": "tflite", ".pt": "torch", ".pth": "torch"}.get(suffix_of(path))


_Written = tuple[bytes, tuple[str, ...]]


def _unsaid(options: Mapping[str, Any]) -> tuple[str, ...]:
    if not options:
        return ()
    return (f"the file cannot say these options of the layer: {json.dumps(options)}",)


def _safetensors(named: Named, case: Case, weights: Weights, options: Mapping[str, Any]) -> _Written:
    metadata = {OPTIONS: json.dumps(options)} if options else None
    return safetensors.numpy.save(packed(named, weights, case.D), metadata), ()


def _npz(named: Named, case: Case, weights: Weights, options: Mapping[str, Any]) -> _Written:
    stream = io.BytesIO()
    np.savez(stream, **packed(named, weights, case.D))  # type: ignore[arg-type]  # the stub has allow_pickle last
    return stream.getvalue(), _unsaid(options)


def _state_dict(named: Named, case: Case, weights: Weights, options: Mapping[str, Any]) -> _Written:
    import torch

    from conformance.adapters.torch_module import to_torch

    stream = io.BytesIO()
    torch.save({name: to_torch(array) for name, array in packed(named, weights, case.D).items()}, stream)
    return stream.getvalue(), _unsaid(options)


def _onnx(named: Named, case: Case, weights: Weights, options: Mapping[str, Any]) -> _Written:
    from conformance.adapters.onnx_model import build

    return build(case, weights, False, False).SerializeToString(), ()


def _tflite(named: Named, case: Case, weights: Weights, options: Mapping[str, Any]) -> _Written:
    from conformance.adapters.litert_model import build

    return build(case, weights).content, ()


def _hdf5(named: Named, case: Case, weights: Weights, options: Mapping[str, Any]) -> _Written:
    import h5py

    if case.dtype == "bfloat16":
        raise ConformanceError("HDF5 has no bfloat16; write safetensors, or give --dtype float32")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        if named.name == "keras":
            _keras3(file, case, weights, named)
        elif named.name in _KERAS2:
            _keras2(file, case, weights, named)
        else:
            for name, array in packed(named, weights, case.D).items():
                file[name] = array
        if options:
            file.attrs[OPTIONS] = json.dumps(options)
    return stream.getvalue(), ()


_KERAS2 = {"keras2": "lstm", "keras2-cudnn": "cu_dnnlstm"}
_NAMES = ("kernel", "recurrent_kernel", "bias")


def _by_layer(case: Case, weights: Weights, named: Named) -> list[list[list[Array]]]:
    """For each layer and each of its directions, the tensors in the order that Keras has them."""
    rows: list[list[Array]] = []
    for row in weights.rows:
        tensors = packed(named, Weights((row,)), 1)
        rows.append([tensors[name] for name in _NAMES if name in tensors])
    return [rows[n : n + case.D] for n in range(0, len(rows), case.D)]


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _keras3(file: Any, case: Case, weights: Weights, named: Named) -> None:
    """As Keras 3's save_weights names the weights of a Sequential model of these layers."""
    for number, rows in enumerate(_by_layer(case, weights, named)):
        layer = f"layers/{_numbered('lstm' if case.D == 1 else 'bidirectional', number)}"
        for row, way in zip(rows, _ways(("forward_layer/", "backward_layer/"), case), strict=True):
            for n, array in enumerate(row):
                file[f"{layer}/{way}cell/vars/{n}"] = array


def _keras2(file: Any, case: Case, weights: Weights, named: Named) -> None:
    """As Keras 2's save_weights writes HDF5: a group for each layer, whose attribute lists its weights in order."""
    kind, layers = _KERAS2[named.name], []
    cell = "lstm_cell/" if named.name == "keras2" else ""
    for number, rows in enumerate(_by_layer(case, weights, named)):
        layer = _numbered(kind if case.D == 1 else "bidirectional", number)
        layers.append(layer)
        group, names = file.create_group(layer), []
        for row, way in zip(rows, _ways((f"forward_{kind}/", f"backward_{kind}/"), case), strict=True):
            for name, array in zip(_NAMES, row, strict=False):
                names.append(f"{layer}/{way}{cell}{name}:0")
                group[names[-1]] = array
        group.attrs["weight_names"] = [name.encode() for name in names]
    file.attrs["layer_names"] = [name.encode() for name in layers]
    file.attrs["backend"] = b"tensorflow"
    file.attrs["keras_version"] = "2"  # without one, Keras converts the weights from those of Keras 1


def _ways(names: Sequence[str], case: Case) -> Sequence[str]:
    return names if case.D == 2 else ("",)


_Writer = Callable[[Named, Case, Weights, Mapping[str, Any]], _Written]
_FORMATS: dict[str, tuple[str | None, _Writer]] = {
    ".safetensors": (None, _safetensors),
    ".npz": (None, _npz),
    ".h5": (None, _hdf5),
    ".hdf5": (None, _hdf5),
    ".pt": (None, _state_dict),
    ".pth": (None, _state_dict),
    ".onnx": ("onnx", _onnx),
    ".tflite": ("tflite", _tflite),
}
"""For each suffix, the only layout that it holds, None for any, and what writes it."""
