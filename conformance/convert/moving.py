"""A move of weights: read, find, change, write, read again, prove."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.tensors import Weights
from conformance.case.text import counted, shortened
from conformance.convert.changes import Changed, changed, demand_plain
from conformance.convert.proof import Line, Side, proven
from conformance.convert.writing import content_of, layout_by_suffix
from conformance.files import read_file, replace_file
from conformance.weights.finding import find
from conformance.weights.found import OPTIONS, FoundLayer, keys_of, options_of
from conformance.weights.held import MOST_BYTES, Held
from conformance.weights.named import Named, layout_of
from conformance.weights.reading import read


@dataclass(frozen=True)
class Request:
    """What is asked for. layers: names of layers of the source, stacked in this order; () for the only one.

    stack: all the layers that are found, as one stack. forget_bias, dtype: see conformance.convert.changes.
    options: keys of a case that the source's file does not tell. seed: of the drawn inputs.
    """

    source: Path
    target: Path
    read_as: str | None = None
    write_as: str | None = None
    layers: tuple[str, ...] = ()
    stack: bool = False
    forget_bias: float | None = None
    dtype: str | None = None
    options: Mapping[str, Any] | None = None
    seed: int = 0


@dataclass(frozen=True)
class Move:
    """A move that has been carried out. told: what changed and what was assumed. lines: the proof, as it is made."""

    layer: FoundLayer
    source: Named
    target: Named
    told: tuple[str, ...]
    lines: Iterator[Line]


def carried_out(asked: Request) -> Move:
    """Write the target.

    Raises:
        ConformanceError: the source cannot be read, no layer or too many are found, the target cannot hold the layer,
            or the file does not come back bit by bit.
    """
    name = asked.write_as or layout_by_suffix(asked.target)
    if name is None:
        raise ConformanceError(f"{asked.target.name} may hold any layout: give --to LAYOUT (--list-layouts names them)")
    target = layout_of(name)
    layer = _chosen(asked)
    source = layout_of(layer.layout)
    if asked.forget_bias is not None and source.forget_bias is None and target.forget_bias is None:
        names = f"{source.name} does not add" if source is target else f"neither {source.name} nor {target.name} adds"
        raise ConformanceError(f"{names} a forget bias at run time, so --forget-bias says nothing")
    if target.name != "tflite" or asked.target.suffix != ".tflite":
        demand_plain(layer)
    made = changed(layer, target, asked.forget_bias, asked.dtype)
    data, unsaid = content_of(asked.target, target, made)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        trial = Path(folder) / f"trial{asked.target.suffix}"
        trial.write_bytes(data)
        back = _read_back(trial, target, made)
    replace_file(asked.target, data)
    if read_file(asked.target, MOST_BYTES) != data:
        raise ConformanceError(f"{asked.target}: what was written does not come back; is the disk sound?")
    told = (*layer.notes, *made.told, *unsaid)
    sides = (Side("source", source, dict(layer.keys), layer.weights), Side("target", target, made.keys, back))
    return Move(layer, source, target, told, proven(sides, asked.seed))


def _chosen(asked: Request) -> FoundLayer:
    """The one layer to convert."""
    read_as = None if asked.read_as is None else layout_of(asked.read_as)
    held = read(asked.source)
    found = find(held, layout=read_as, options=asked.options)
    layers = [_with_forget_bias(each, asked.forget_bias) for each in found.layers]
    if asked.layers:
        layers = [_named(name, layers, asked.source) for name in asked.layers]
    if not layers:
        seen = list(found.others[:3]) or [_holding(held)]
        hint = "if there is one, name its layout: --from LAYOUT"
        raise ConformanceError(f"{asked.source}: no LSTM layer is found; {'; '.join(seen)}; {hint}")
    if len(layers) > 1 and not (asked.layers or asked.stack):
        names = ", ".join(shortened(each.where) for each in layers)
        raise ConformanceError(
            f"{asked.source}: has {counted(len(layers), 'LSTM layer')}: {names}; choose one with --layer NAME, give "
            "several --layer to stack them in this order, or --stack for all"
        )
    layer = layers[0] if len(layers) == 1 else _stacked(layers, asked.source)
    for key, reason in layer.asked.items():
        how = f"--{key.replace('_', '-')}" if key == "forget_bias" else f"--set {key}=..."
        raise ConformanceError(f"{asked.source}: {shortened(layer.where) or 'the layer'}: {reason}; give {how}")
    return layer


def _holding(held: Held) -> str:
    """What a file holds, where nothing in it is like a layer."""
    some = [f"{shortened(name)} {array.shape}" for name, array in list(held.tensors.items())[:4]]
    return f"it holds {counted(len(held.tensors), 'tensor')}{': ' if some else ''}{', '.join(some)}"


def _with_forget_bias(layer: FoundLayer, given: float | None) -> FoundLayer:
    """The layer with the forget bias that its framework adds at run time, if it adds one and the user says which."""
    if given is None or "forget_bias" not in layer.asked:
        return layer
    asked = {key: reason for key, reason in layer.asked.items() if key != "forget_bias"}
    return replace(layer, keys={**layer.keys, "forget_bias": given}, asked=asked)


def _named(name: str, layers: Sequence[FoundLayer], source: Path) -> FoundLayer:
    exact = [each for each in layers if each.where.strip("/.") == name.strip("/.")]
    found = exact or [each for each in layers if name in each.where.split("/")]
    if len(found) != 1:
        names = ", ".join(shortened(each.where) or "''" for each in layers) or "none"
        raise ConformanceError(f"{source}: has no LSTM layer {shortened(name)!r}; it has {names}")
    return found[0]


def _stacked(layers: Sequence[FoundLayer], source: Path) -> FoundLayer:
    """Several layers as one stack, each on the outputs of the one before."""
    first = layers[0]
    rows = tuple(row for each in layers for row in each.weights.rows)
    directions = 2 if first.keys["direction"] == "bidirectional" else 1
    if len({each.layout for each in layers}) > 1:
        raise ConformanceError(f"{source}: the layers to stack are in different layouts")
    said = [{"direction": each.keys["direction"], **options_of(each.keys)} for each in layers]
    for each, own in zip(layers, said, strict=True):
        if other := [key for key in OPTIONS if own.get(key) != said[0].get(key)]:
            both = f"{shortened(each.where)} has another {other[0]} than {shortened(first.where)}"
            raise ConformanceError(f"{source}: {both}; a stack has one")
    try:
        sizes = keys_of(rows, directions)
    except ValueError as error:
        raise ConformanceError(f"{source}: the layers do not form a stack: {error}") from error
    sizes.pop("direction")
    notes = dict.fromkeys(note for each in layers for note in each.notes)
    asked = {key: reason for each in layers for key, reason in each.asked.items()}
    where = " + ".join(each.where for each in layers)
    keys = {**first.keys, **sizes}
    return replace(first, where=where, keys=keys, weights=Weights(rows), notes=tuple(notes), asked=asked)


def _read_back(path: Path, target: Named, made: Changed) -> Weights:
    """The weights that the written file holds, which must be those that were to be written, bit by bit."""
    found = find(read(path), layout=target).layers
    rows = tuple(row for each in found for row in each.weights.rows)
    wanted = made.weights.flat
    got = Weights(rows).flat
    wrong = [n for n in wanted.keys() | got.keys() if n not in got or n not in wanted or not _same(got[n], wanted[n])]
    if wrong:
        raise ConformanceError(f"{min(wrong)} does not come back from the file as it was written; nothing is written")
    return Weights(rows)


def _same(a: Any, b: Any) -> bool:
    return bool(a.dtype == b.dtype and a.shape == b.shape and np.ascontiguousarray(a).tobytes() == b.tobytes())
