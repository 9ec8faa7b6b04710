"""Canonical weights from a layer's own tensors, whose sizes say what I, H and P are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conformance.adapters.layouts import Layout, unpack
from conformance.case.tensors import Array, LayerWeights

_MATRICES = ("W", "R")


class Misfit(ValueError):
    """The tensors are not those of an LSTM in the layout; the text says why."""


def names_of(layout: Layout, part: str) -> list[str]:
    """The names of the tensors that have a part, filled in for each gate if each gate has its own."""
    names = [name for name, parts in layout.tensors.items() if part in parts]
    return [name.format(gate=gate) for name in names for gate in (layout.gates if layout.separate else " ")]


def needed(layout: Layout) -> list[str]:
    """The names of the tensors without which there is no layer: those with W and R."""
    return list(dict.fromkeys(name for part in _MATRICES for name in names_of(layout, part)))


def optional(layout: Layout) -> list[str]:
    """The names of the tensors that a layer may have: biases, peepholes, projection."""
    biases = [name for part in ("b", "b_w", "b_r") for name in names_of(layout, part)]
    peepholes = [layout.peephole.format(gate=gate) for gate in layout.gates] if layout.peephole else []
    found = [*biases, *peepholes, *([layout.projection] if layout.projection else [])]
    return [name for name in dict.fromkeys(found) if name not in needed(layout)]


def unpacked(layout: Layout, tensors: Mapping[str, Array]) -> LayerWeights:
    """The canonical weights of one layer and direction; without biases if none of their tensors is there.

    Raises:
        Misfit: a tensor is missing, or the shapes are not those of an LSTM.
    """
    if missing := [name for name in needed(layout) if name not in tensors]:
        raise Misfit(f"{missing[0]} is missing")
    biases = [n for part in ("b", "b_w", "b_r") for n in names_of(layout, part) if n not in needed(layout)]
    have = [name for name in biases if name in tensors]
    if have and len(have) != len(biases):
        raise Misfit(f"{next(name for name in biases if name not in tensors)} is missing beside {have[0]}")
    if not have and biases:
        kept = {name: parts for name, parts in layout.tensors.items() if set(parts) & set(_MATRICES)}
        layout = replace(layout, tensors=kept)
    if len({array.dtype for array in tensors.values()}) > 1:
        raise Misfit("its tensors are not of one dtype")
    I, H = _sizes(layout, tensors)
    try:
        return unpack(layout, tensors, I, H)
    except (ValueError, KeyError, IndexError) as error:
        raise Misfit(f"its shapes are not those of an LSTM: {error}") from error


def _sizes(layout: Layout, tensors: Mapping[str, Array]) -> tuple[int, int]:
    """The input size I and the hidden size H."""
    axis = 1 if layout.transposed or layout.folded else 0
    for name in needed(layout):
        if tensors[name].ndim != 2:
            raise Misfit(f"{name} has {tensors[name].ndim} axes, not 2")
    recurrent, given = (tensors[names_of(layout, part)[0]] for part in ("R", "W"))
    gates = 1 if layout.separate else 4
    H, rest = divmod(recurrent.shape[axis], gates)
    if rest or H == 0:
        raise Misfit(f"{names_of(layout, 'R')[0]} has {recurrent.shape[axis]} gate units, not a multiple of {gates}")
    P = H
    if layout.projection is not None and layout.projection in tensors:
        projection = tensors[layout.projection]
        if projection.ndim != 2:
            raise Misfit(f"{layout.projection} has {projection.ndim} axes, not 2")
        P = projection.shape[axis]
    parts = next(parts for parts in layout.tensors.values() if "W" in parts)
    I = given.shape[1 - axis] - sum({"W": 0, "R": P}.get(part, 1) for part in parts)
    if I < 1:
        raise Misfit(f"{names_of(layout, 'W')[0]} has {given.shape[1 - axis]} columns, too few for its parts")
    return I, H
