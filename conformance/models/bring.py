"""From the files that people bring to cases: which kind a file is, what is in it, and a suite of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.models import brought, suite
from conformance.models.brought import Brought, Wanted
from conformance.weights.finding import find
from conformance.weights.reading import read


@dataclass(frozen=True)
class BroughtFile:
    """What is in one file: the layers that become cases, what does not, each with a reason, and notes on the whole."""

    path: Path
    layers: list[Brought]
    left_out: list[tuple[str, str]]
    notes: list[str]

    @property
    def family(self) -> str:
        """The name of its family of cases."""
        return brought.slug(self.path.stem)


def bring(path: Path, wanted: Wanted) -> BroughtFile:
    """Everything in a file that is, or may be, an LSTM.

    Raises:
        ConformanceError: the file cannot be read, or is of no kind that is known here.
    """
    return _onnx(path, wanted) if path.suffix.lower() == ".onnx" else _weights(path, wanted)


def _weights(path: Path, wanted: Wanted) -> BroughtFile:
    """The layers of a file that holds weights, by the names and shapes of its tensors."""
    held = read(path)
    found = find(held, prefix=wanted.prefix, options=wanted.options)
    names = brought.distinct([brought.slug(layer.where or path.stem) for layer in found.layers])
    layers = [
        brought.in_dtype(brought.from_weights(layer, name, wanted))
        for layer, name in zip(found.layers, names, strict=True)
    ]
    return BroughtFile(path, layers, [(each, "") for each in found.others], list(held.left_out))


def _onnx(path: Path, wanted: Wanted) -> BroughtFile:
    try:
        from conformance.models import onnx_find
        from conformance.models.onnx_single import model_of
    except ImportError as error:
        raise ConformanceError(f"{path}: reading it needs the package onnx: pip install onnx ({error})") from error
    found = onnx_find.find(path)
    chosen = [layer for layer in found.layers if layer.node.name.startswith(wanted.prefix)]
    names = brought.distinct([brought.slug(layer.node.name or layer.where) for layer in chosen])
    layers = [
        brought.in_dtype(each)
        for layer, name in zip(chosen, names, strict=True)
        for each in brought.by_reading(brought.from_onnx(layer, name, model_of(layer), wanted))
    ]
    return BroughtFile(path, layers, [(each.where, each.why) for each in found.not_used], found.notes)


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
