"""Writes layers that people brought as a suite of their own: a folder to run in CI ever after.

my-suite/specs/<family>.yaml                what each case is
my-suite/specs/<family>/<case>.safetensors  its weights, and the inputs that were given
my-suite/vectors/                           its golden values, once they are proven
my-suite/nodes/<family>/<case>.onnx         the node as the file has it
my-suite/engines.py                         adapters that run these nodes
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from conformance.case.errors import ConformanceError
from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.case.tensors import to_bytes
from conformance.case.text import visible
from conformance.files import replace_file, writing
from conformance.golden import lint
from conformance.golden.inputs import make_arrays
from conformance.models import own_nodes
from conformance.models.brought import Brought

WHY = "the numbers are those of the file"


_UNFINISHED = ".unfinished"


def demand_empty(folder: Path) -> None:
    """Raises ConformanceError if something is in the folder already, FileError if that cannot be said."""
    with writing(folder):
        empty = not folder.exists() or not any(folder.iterdir())
    if not empty:
        raise ConformanceError(f"{folder} is there already and not empty: name a new folder, or remove it")


@contextlib.contextmanager
def finished(folder: Path) -> Iterator[None]:
    """What this context writes into a new or empty folder; nothing stays of it after an error or Ctrl-C.

    Raises:
        ConformanceError: something is in the folder already, or another process is writing there.
        FileError: it cannot be made.
    """
    demand_empty(folder)
    with writing(folder):
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / _UNFINISHED
        try:
            mark.touch(exist_ok=False)
        except FileExistsError as error:
            raise ConformanceError(f"{folder}: another import writes there; name another folder") from error
    try:
        yield
    except BaseException:
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path != mark:
                path.unlink()
        mark.unlink()  # the last, or another process would begin before the rest is gone
        if new:
            folder.rmdir()
        raise
    mark.unlink()


def write(folder: Path, family: str, described: str, layers: Sequence[Brought]) -> list[Case]:
    """Write the specs of these layers; the cases that they are. Their vectors are not made here.

    Raises:
        ConformanceError: a folder with this family is there already, or a layer cannot be a case.
        FileError: a file cannot be written.
    """
    spec = folder / "specs" / f"{family}.yaml"
    if spec.exists():
        raise ConformanceError(f"{spec} is there already: remove it, or name another folder")
    entries = [_entry(folder, family, layer) for layer in layers]
    replace_file(spec, _text(family, described, entries))
    exempt = {case.id: lint.findings(case, make_arrays(case)) for case in load_spec(spec)}
    for entry in entries:
        if rules := exempt[f"{family}/{entry['name']}"]:
            entry["exempt"] = dict.fromkeys(rules, WHY)
    replace_file(spec, _text(family, described, entries))
    if any(layer.node is not None for layer in layers):
        replace_file(folder / own_nodes.FILE, own_nodes.ENGINES)
    return load_spec(spec)


def _entry(folder: Path, family: str, layer: Brought) -> dict[str, Any]:
    """A case of the spec; what belongs to it is written beside it."""
    file = f"{family}/{layer.name}.safetensors"
    replace_file(folder / "specs" / file, to_bytes(layer.weights.flat | layer.inputs))
    if layer.node is not None:
        replace_file(folder / own_nodes.FOLDER / family / f"{layer.name}.onnx", layer.node)
    given = {name: {"file": file} for name in layer.inputs}
    return {"name": layer.name, "description": visible(layer.where), **layer.keys, "weights": {"file": file}, **given}


def _text(family: str, described: str, entries: Sequence[dict[str, Any]]) -> str:
    content = {"family": family, "description": visible(described), "cases": list(entries)}
    return yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=False, default_flow_style=None)
