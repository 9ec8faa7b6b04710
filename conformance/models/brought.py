"""A layer that somebody brought, with the inputs it is to be tried on: from here on, no matter which file it was in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.case.fields import LONGEST_NAME
from conformance.case.tensors import Array, Weights
from conformance.case.text import shortened
from conformance.models.wanted import Wanted
from conformance.weights.found import case_of

if TYPE_CHECKING:
    from conformance.weights.found import FoundLayer
    from conformance.weights.onnx_layer import Layer
    from conformance.weights.onnx_sizes import Size

DEFAULT_T, DEFAULT_B = 7, 3
"""Sizes where the file says nothing: odd, different, and more than one."""


@dataclass(frozen=True)
class Brought:
    """One case to be.

    where: where the layer stands in its file. name: that of the case. keys: those of a case, with its sizes. weights,
    inputs: canonical, by the names of `Case.weight_shapes` and `Case.input_shapes`; what is not here is drawn. node:
    the node itself as an ONNX model, if it came from one. notes: what was chosen or assumed, in words.
    """

    where: str
    name: str
    keys: dict[str, Any]
    weights: Weights
    inputs: dict[str, Array] = field(default_factory=dict)
    node: bytes | None = None
    notes: tuple[str, ...] = ()


def slug(text: str) -> str:
    """Text as the name of a case: lower case, with hyphens."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return plain[-(LONGEST_NAME - 10) :].strip("-") or "lstm"


def from_onnx(layer: Layer, name: str, node: bytes, wanted: Wanted) -> Brought:
    """A node of an ONNX model, with its sizes, states and lengths.

    Raises:
        ConformanceError: the inputs that were given do not fit the node, or each other.
    """
    keys, notes, inputs = dict(layer.keys), list(layer.notes), dict(wanted.inputs)
    batch_major = keys.get("layout") == "batch_major"
    for ours, theirs in (("h0", "initial_h"), ("c0", "initial_c"), ("lengths", "sequence_lens")):
        if ours in inputs and theirs not in layer.open:
            why = f"its {theirs} is constant in the file" if theirs in layer.stored else f"it has no {theirs}"
            raise ConformanceError(f"{layer.where}: {ours} is given, but {why}")
        if theirs in layer.stored:
            stored = layer.stored[theirs]
            turned = stored.swapaxes(0, 1) if batch_major and stored.ndim == 3 else stored
            inputs[ours] = np.ascontiguousarray(turned)
        elif theirs not in layer.open:
            keys[ours] = None
    keys.pop("lengths", None)
    drawn = [theirs for ours, theirs in (("h0", "initial_h"), ("c0", "initial_c"))
             if theirs in layer.open and ours not in inputs]  # fmt: skip
    if drawn:
        notes.append(f"{' and '.join(drawn)} drawn, for the file leaves {'them' if len(drawn) > 1 else 'it'} open")
    lengths = inputs.pop("lengths", None)
    told_T, told_B = (
        _told(axis, wanted.size(axis, size, other), size if isinstance(size, int) else None, inputs, place)
        for axis, size, other, place in (("T", layer.T, layer.B, 0), ("B", layer.B, layer.T, 1))
    )
    if told_B is None and lengths is not None:
        told_B = len(lengths)
    T, B = _chosen(told_T, told_B, notes, (layer.T, layer.B))
    if "sequence_lens" in layer.open or lengths is not None:
        given = [max(T - 2 * b, 1) for b in range(B)] if lengths is None else [int(n) for n in lengths]
        keys["lengths"] = given
        if lengths is None:
            notes.append(f"lengths chosen: {', '.join(map(str, given))}")
    sized = _sized(layer.where, keys, len(layer.weights.rows), T, B, inputs, wanted, notes)
    return Brought(layer.where, name, sized, layer.weights, inputs, node, tuple(notes))


def by_reading(layer: Brought) -> list[Brought]:
    """A layer with a clip as a case for each of the two readings of the operator's text; others as they are.

    Each engine is judged by the reading that it documents (docs/equations.md, clips).
    """
    clip = layer.keys.get("gate_clip")
    if clip is None or layer.node is None:
        return [layer]
    said = {
        "gates": "clip read as bounding the inputs of the four gates",
        "all": "clip read as bounding the input of every activation, that of the cell state too",
    }
    return [
        replace(
            layer,
            name=f"{layer.name}-clip-{reading}",
            keys={**layer.keys, "gate_clip": {**clip, "reading": reading}},
            notes=(*layer.notes, note),
        )
        for reading, note in said.items()
    ]


def from_weights(layer: FoundLayer, name: str, wanted: Wanted) -> Brought:
    """A layer of a file of weights, with sizes; states are drawn.

    Raises:
        ConformanceError: the inputs that were given do not fit the layer, or each other.
    """
    notes, inputs = list(layer.notes), dict(wanted.inputs)
    for key, why in (layer.asked or {}).items():
        notes.append(f"the file does not tell {key}: {why}; taken as in a plain LSTM (--set {key}=... for another)")
    told_T, told_B = (_told(axis, wanted.size(axis), None, inputs, place) for place, axis in enumerate("TB"))
    T, B = _chosen(told_T, told_B, notes)
    keys = dict(layer.keys)
    if "lengths" in inputs:
        keys["lengths"] = [int(n) for n in inputs.pop("lengths")]
    where = f"{layer.where or 'the layer'} ({layer.layout})"
    sized = _sized(where, keys, len(layer.weights.rows), T, B, inputs, wanted, notes)
    return Brought(where, name, sized, layer.weights, inputs, notes=tuple(notes))


def _chosen(
    T: int | None, B: int | None, notes: list[str], in_file: tuple[Size, Size] = (None, None)
) -> tuple[int, int]:
    """T and B, those chosen here where the file leaves them open."""
    found = T or DEFAULT_T, B or DEFAULT_B
    told = [f"{axis} = {size}" + (f" ({shortened(name)})" if isinstance(name, str) else "")
            for axis, given, size, name in zip("TB", (T, B), found, in_file, strict=True) if not given]  # fmt: skip
    if told:
        notes.append(f"the file leaves sizes open; chosen: {', '.join(told)} (--size T=N, --size B=N for others)")
    return found


def _sized(
    where: str,
    keys: dict[str, Any],
    rows: int,
    T: int,
    B: int,
    inputs: Mapping[str, Array],
    wanted: Wanted,
    notes: list[str],
) -> dict[str, Any]:
    """The keys with sizes and with where x comes from. rows: layers times directions."""
    keys = {**keys, "T": T, "B": B, "seed": wanted.seed}
    if "x" not in inputs:
        keys["x"] = {"uniform": {"low": wanted.low, "high": wanted.high}}
        notes.append(f"x drawn from {wanted.low:g} to {wanted.high:g} with seed {wanted.seed}")
    shapes = {"x": (T, B, keys["I"]), "h0": (rows, B, keys.get("P") or keys["H"]), "c0": (rows, B, keys["H"])}
    for name, array in inputs.items():
        if name not in shapes:
            raise ConformanceError(f"{where}: has no input {name}; it has {', '.join(shapes)} and lengths")
        if array.shape != shapes[name]:
            raise ConformanceError(f"{where}: {name} is {array.shape}, not {shapes[name]}")
    try:
        case_of({"id": "brought/layer", **keys})  # before anything is written, and in the words of the file
    except ConformanceError as error:
        raise ConformanceError(f"{where}: {error}") from error
    return keys


def _told(axis: str, wanted: int | None, in_file: int | None, inputs: Mapping[str, Array], place: int) -> int | None:
    """A size as the user, the inputs or the file say it."""
    if "x" in inputs and inputs["x"].ndim == 3:
        found = int(inputs["x"].shape[place])
        if wanted not in (None, found):
            raise ConformanceError(f"--size {axis}={wanted}, but x has {axis} = {found}")
        return found
    if wanted is not None:  # a node takes other sizes than those that the model around it was exported with
        return wanted
    if in_file is not None:
        return in_file
    states = [inputs[name] for name in ("h0", "c0") if axis == "B" and name in inputs]
    return int(states[0].shape[1]) if states and states[0].ndim == 3 else None


def distinct(names: list[str]) -> list[str]:
    """The names with a number behind those that occur before."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found


def in_dtype(brought: Brought) -> Brought:
    """The same with its inputs in the dtype of its weights, if that changes no number.

    Raises:
        ConformanceError: it would round a number.
    """
    dtype = brought.weights.rows[0].W.dtype
    converted = {name: array.astype(dtype) for name, array in brought.inputs.items()}
    for name, array in brought.inputs.items():
        if not np.array_equal(converted[name].astype(np.float64), array.astype(np.float64)):
            raise ConformanceError(
                f"{brought.where}: {name} holds numbers that {dtype} cannot hold; round it: astype({str(dtype)!r})"
            )
    return replace(brought, inputs=converted)
