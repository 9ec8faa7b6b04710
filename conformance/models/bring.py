"""From the files that people bring to cases: which kind a file is, what is in it, and a suite of its layers."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.text import shortened
from conformance.models import brought, suite
from conformance.models.brought import Brought
from conformance.models.wanted import Wanted


@dataclass(frozen=True)
class BroughtFile:
    """What is in one file: the layers that become cases, what does not, each with a reason, and notes on the whole.

    nothing: what to say if there is neither. axes: the names that the file has for the sizes that it leaves open.
    """

    path: Path
    layers: list[Brought]
    left_out: list[tuple[str, str]]
    notes: list[str]
    nothing: str
    axes: frozenset[str] = frozenset()

    @property
    def family(self) -> str:
        """The name of its family of cases."""
        return brought.slug(self.path.stem)


_NOTHING = {
    "ONNX": "there is no LSTM in it, neither as an operator nor made of single ones",
    "TensorFlow Lite": "it has no LSTM operator; one that the converter wrote as single operators is not recognised",
}
"""What to say of a file without a layer, by its format."""
_NO_TENSORS = "no LSTM is found by the names and shapes of its tensors"
_SHOWN = 8
"""Most names in a message."""
_KINDS = (".onnx", ".safetensors", ".keras", ".h5", ".hdf5", ".pt", ".pth", ".bin", ".tflite", ".npz")


def bring(path: Path, wanted: Wanted, given: Path | None = None) -> BroughtFile:
    """Everything in a file that is, or may be, an LSTM.

    Args:
        path: the file, or a folder with one model in it.
        given: where the inputs are.

    Raises:
        ConformanceError: the file cannot be read, or is of no kind that is known here.
    """
    path = _file_in(path) if path.is_dir() else path
    return _onnx(path, wanted, given) if path.suffix.lower() == ".onnx" else _weights(path, wanted, given)


def _file_in(folder: Path) -> Path:
    """The model in a folder.

    Raises:
        ConformanceError: there is none, or more than one.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS and path.is_file())
    if len(found) == 1:
        return found[0]
    if (folder / "saved_model.pb").exists():
        raise ConformanceError(f"{folder}: is a SavedModel of TensorFlow, which is not read; save it as .keras or .h5")
    if not found:
        raise ConformanceError(f"{folder}: has no model in it; its name would end in {', '.join(_KINDS)}")
    raise ConformanceError(f"{folder}: has {len(found)} models in it; name one, like {found[0]}")


def _weights(path: Path, wanted: Wanted, given: Path | None) -> BroughtFile:
    """The layers of a file that holds weights, by the names and shapes of its tensors."""
    from conformance.weights.finding import find
    from conformance.weights.reading import read

    if given is not None:
        from conformance.models.inputs import read_inputs

        wanted = replace(wanted, inputs=read_inputs(given))
    held = read(path)
    found = find(held, prefix=wanted.prefix, options=wanted.options)
    if wanted.prefix and not found.layers and (every := find(held, options=wanted.options).layers):
        _no_such(path, wanted.prefix, [layer.where for layer in every])
    names = brought.distinct([brought.slug(layer.where or path.stem) for layer in found.layers])
    layers = [
        brought.in_dtype(brought.from_weights(layer, name, wanted))
        for layer, name in zip(found.layers, names, strict=True)
    ]
    others = [each.partition(": ") for each in found.others]
    return BroughtFile(
        path, layers, [(where, why) for where, _, why in others], [], _NOTHING.get(held.form, _NO_TENSORS)
    )


def _no_such(path: Path, prefix: str, names: Sequence[str]) -> NoReturn:
    listed = ", ".join(shortened(repr(name)) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    raise ConformanceError(f"{path}: --prefix {shortened(prefix)}: no layer's name begins so; there are {listed}")


def _onnx(path: Path, wanted: Wanted, given: Path | None) -> BroughtFile:
    try:
        importlib.import_module("onnx")
    except ImportError as error:
        raise ConformanceError(f"{path}: reading it needs the package onnx: pip install onnx ({error})") from error
    from conformance.models.onnx_single import model_of
    from conformance.weights import onnx_find
    from conformance.weights.found import meant_by

    if wanted.options:
        key = next(iter(wanted.options))
        raise ConformanceError(f"{path}: --set {key}: an ONNX model says its options itself; --set is for weights")
    found = onnx_find.find(path)
    chosen = [found.layers[n] for n in meant_by(wanted.prefix, [(layer.node.name,) for layer in found.layers])]
    if found.layers and not chosen:
        _no_such(path, wanted.prefix, [layer.node.name for layer in found.layers])
    names = brought.distinct([brought.slug(layer.node.name or layer.where) for layer in chosen])
    asked, notes = [wanted] * len(chosen), list(found.notes)
    if given is not None and chosen:
        from conformance.models import onnx_inputs
        from conformance.models.inputs import read_inputs

        if (arrays := onnx_inputs.given_to(found.model, given)) is not None:
            asked = [replace(wanted, inputs=each) for each in onnx_inputs.reaching(found.model, chosen, arrays)]
            notes.append(f"{given} is given to the model; what reaches each LSTM is what onnxruntime computed")
        else:
            asked = [replace(wanted, inputs=read_inputs(given))] * len(chosen)
    layers = [
        brought.in_dtype(each)
        for layer, name, own in zip(chosen, names, asked, strict=True)
        for each in brought.by_reading(brought.from_onnx(layer, name, model_of(layer), own))
    ]
    axes = {size for layer in chosen for size in (layer.T, layer.B) if isinstance(size, str)}
    return BroughtFile(
        path, layers, [(each.where, each.why) for each in found.not_used], notes, _NOTHING["ONNX"], frozenset(axes)
    )


def write(folder: Path, files: Sequence[BroughtFile]) -> list[Case]:
    """Write the layers of these files as a suite; the cases.

    Raises:
        ConformanceError: a family of that name is there already.
        FileError: a file cannot be written.
    """
    cases: list[Case] = []
    families = brought.distinct([file.family for file in files])
    for family, file in zip(families, files, strict=True):
        if file.layers:
            cases += suite.write(folder, family, f"the LSTM layers of {file.path.name}", file.layers)
    return cases
