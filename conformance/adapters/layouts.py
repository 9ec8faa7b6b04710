"""The weight layout of each framework, as data, and the code that packs and unpacks all of them.

A `Layout` names the order of the gates and, for each of the framework's tensors, its parts: `W` (4, H, I),
`R` (4, H, P), the biases `b_w`, `b_r` (4, H), or `b`, their sum; also `gamma` and `beta` of a layer norm. Matrices are
rows (gate * H, n) side by side along n, transposed, or folded; vectors follow one another. Peepholes (3, H) and a
projection (P, H) are separate tensors, if present.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.case.tensor_table import BY_GATE, LAYER_WEIGHTS
from conformance.case.tensors import Array, LayerWeights

CANONICAL = LAYER_WEIGHTS["W"].gates
_PEEPHOLES = LAYER_WEIGHTS["peephole"].gates
_MATRICES = tuple(name for name in BY_GATE if len(LAYER_WEIGHTS[name].axes.split()) == 3)
_PARTS = (*BY_GATE, "b")


@dataclass(frozen=True)
class Layout:
    """gates: a permutation of `ifgo`. tensors: name -> its parts, in order. transposed: matrices are (n, gate * H).

    folded: matrices are (n, gate * H), but a gate's (n, H) block is not the transpose of its (H, n) matrix: it holds
    the same numbers in the same row-major order, so that a row of the matrix continues over the rows of the block.
    separate: every gate has its own tensor, named by the tensor's name with `{gate}` filled in.
    A bias among the parts of a matrix is one column of it.
    peephole: the name of the tensor of the three peepholes, in the same order of gates without g; with `{gate}` in the
    name, each has its own tensor. projection: the name of the projection's tensor. Absent weights are left out.
    """

    gates: str
    tensors: Mapping[str, tuple[str, ...]]
    transposed: bool = False
    folded: bool = False
    separate: bool = False
    peephole: str | None = None
    projection: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError if gates is not a permutation, a part is unknown, or matrices are transposed and folded."""
        if sorted(self.gates) != sorted(CANONICAL):
            raise ValueError(f"gates {self.gates!r}: needs an order of i, f, g and o, where g is the cell candidate")
        for name, parts in self.tensors.items():
            if unknown := [part for part in parts if part not in _PARTS]:
                raise ValueError(f"{name}: has no part {unknown[0]!r}; the parts are {', '.join(_PARTS)}")
        if self.transposed and self.folded:
            raise ValueError("matrices are transposed or folded: give one of the two")


_TORCH = {"weight_ih": ("W",), "weight_hh": ("R",), "bias_ih": ("b_w",), "bias_hh": ("b_r",)}
TORCH = Layout("ifgo", _TORCH, projection="weight_hr")
ONNX = Layout("iofg", {"W": ("W",), "R": ("R",), "B": ("b_w", "b_r")}, peephole="P")
KERAS = Layout("ifgo", {"kernel": ("W",), "recurrent_kernel": ("R",), "bias": ("b",)}, transposed=True)
_CUDNN = {"kernel": ("W",), "recurrent_kernel": ("R",), "bias": ("b_w", "b_r")}
KERAS2_CUDNN = Layout("ifgo", _CUDNN, folded=True)
_TF_BLOCK = {"w": ("W", "R"), "b": ("b",)}
TF_BLOCK = Layout("igfo", _TF_BLOCK, transposed=True, peephole="wc{gate}")
TF_BLOCK_V2 = Layout("ifgo", _TF_BLOCK, transposed=True, peephole="wc{gate}")
_TF1_CELL = {"kernel": ("W", "R"), "bias": ("b",)}
TF1_CELL = Layout("igfo", _TF1_CELL, transposed=True, peephole="w_{gate}_diag", projection="projection/kernel")
_FLAX = {"i{gate}/kernel": ("W",), "h{gate}/kernel": ("R",), "h{gate}/bias": ("b",)}
FLAX = Layout("ifgo", _FLAX, transposed=True, separate=True)
_ONE_PER_GATE = {"W_{gate}": ("W",), "R_{gate}": ("R",), "b_w_{gate}": ("b_w",), "b_r_{gate}": ("b_r",)}
ONE_PER_GATE = Layout("ifgo", _ONE_PER_GATE, separate=True, peephole="peephole_{gate}", projection="projection")
DEEP_BREATHE = Layout("figo", {"weights": ("b", "R", "W")})


def parts_of(layout: Layout) -> set[str]:
    """The fields of `LayerWeights` that a layout has a place for."""
    parts = {part for parts in layout.tensors.values() for part in parts}
    parts |= {"b_w", "b_r"} if "b" in parts else set()
    given = {"peephole": layout.peephole, "projection": layout.projection}
    return parts | {name for name, tensor in given.items() if tensor is not None}


def pack(layout: Layout, weights: LayerWeights) -> dict[str, Array]:
    """The framework's tensors for one layer and direction, in the dtype of the weights."""
    order = [CANONICAL.index(gate) for gate in layout.gates]
    packed: dict[str, Array] = {}
    for name, parts in layout.tensors.items():
        arrays = [_part(weights, part)[order] for part in parts]
        if any(part in _MATRICES for part in parts):
            columns = np.concatenate([a[..., None] if a.ndim == 2 else a for a in arrays], axis=-1)
            gates = [_laid(layout, gate) for gate in columns]
            whole = np.concatenate(gates, axis=_gate_axis(layout))
        else:
            whole = np.concatenate(arrays).reshape(-1)
            gates = [np.concatenate(gate) for gate in zip(*arrays, strict=True)]
        if layout.separate:
            packed |= {name.format(gate=gate): _own(array) for gate, array in zip(layout.gates, gates, strict=True)}
        else:
            packed[name] = _own(whole)
    return packed | _packed_options(layout, weights)


def unpack(layout: Layout, tensors: Mapping[str, Array], input_size: int, hidden_size: int) -> LayerWeights:
    """The canonical weights of one layer and direction; a summed bias `b` comes back as b_w, with b_r zero.

    Raises:
        KeyError: a tensor of the layout is missing.
        ValueError: a tensor's size does not fit `input_size` and `hidden_size`.
    """
    back = [layout.gates.index(gate) for gate in CANONICAL]
    found = _unpacked_options(layout, tensors, hidden_size)
    output_size = found["projection"].shape[0] if "projection" in found else hidden_size
    for name, parts in layout.tensors.items():
        if any(part in _MATRICES for part in parts):
            widths = [{"W": input_size, "R": output_size}.get(part, 1) for part in parts]
            columns = _matrix(layout, name, tensors, hidden_size)
            if columns.shape[-1] != sum(widths):
                raise ValueError(f"{name}: {columns.shape[-1]} columns where {sum(widths)} are needed")
            pieces = np.split(columns, np.cumsum(widths)[:-1], axis=-1)
            pieces = [piece if part in _MATRICES else piece[..., 0] for part, piece in zip(parts, pieces, strict=True)]
        elif layout.separate:
            stacked = np.stack([tensors[name.format(gate=gate)] for gate in layout.gates])
            pieces = list(stacked.reshape(4, len(parts), hidden_size).swapaxes(0, 1))
        else:
            pieces = list(tensors[name].reshape(len(parts), 4, hidden_size))
        found |= {part: piece[back] for part, piece in zip(parts, pieces, strict=True)}
    if "b" in found:
        found["b_w"] = found.pop("b")
        found["b_r"] = np.zeros_like(found["b_w"])
    return LayerWeights(**found)


def _laid(layout: Layout, gate: Array) -> Array:
    """The (H, n) matrix of one gate in the framework's layout."""
    return gate.reshape(gate.shape[::-1]) if layout.folded else gate.T if layout.transposed else gate


def _gate_axis(layout: Layout) -> int:
    return 1 if layout.transposed or layout.folded else 0


def _matrix(layout: Layout, name: str, tensors: Mapping[str, Array], hidden_size: int) -> Array:
    """A tensor's columns (4, H, n), gates in the order of the layout: the inverse of `_laid`."""
    if layout.separate:
        blocks = [tensors[name.format(gate=gate)] for gate in layout.gates]
    else:
        blocks = np.split(tensors[name], 4, axis=_gate_axis(layout))
    if any(block.shape[_gate_axis(layout)] != hidden_size for block in blocks):
        units = blocks[0].shape[_gate_axis(layout)]
        raise ValueError(f"{name}: gates of {units} units where {hidden_size} are needed")
    return np.stack([_laid(layout, block) for block in blocks])  # which is its own inverse


def _peephole_names(layout: Layout) -> list[str]:
    """The tensors of the peepholes, in their order: three, or the one that holds them all."""
    assert layout.peephole is not None
    names = (layout.peephole.format(gate=gate) for gate in layout.gates if gate in _PEEPHOLES)
    return list(dict.fromkeys(names))


def _packed_options(layout: Layout, weights: LayerWeights) -> dict[str, Array]:
    """The tensors of the peepholes and of the projection, where the weights have them."""
    packed: dict[str, Array] = {}
    if layout.peephole is not None and weights.peephole is not None:
        order = [_PEEPHOLES.index(gate) for gate in layout.gates if gate in _PEEPHOLES]
        names = _peephole_names(layout)
        packed |= zip(names, weights.peephole[order].reshape(len(names), -1), strict=True)
    if layout.projection is not None and weights.projection is not None:
        packed[layout.projection] = _own(_laid(layout, weights.projection))
    return packed


def _unpacked_options(layout: Layout, tensors: Mapping[str, Array], hidden_size: int) -> dict[str, Array]:
    """`peephole` (3, H) and `projection` (P, H), if the framework's tensors include them."""
    found: dict[str, Array] = {}
    if layout.peephole is not None and _peephole_names(layout)[0] in tensors:
        order = [gate for gate in layout.gates if gate in _PEEPHOLES]
        stacked = np.concatenate([tensors[name] for name in _peephole_names(layout)]).reshape(3, hidden_size)
        found["peephole"] = stacked[[order.index(gate) for gate in _PEEPHOLES]]
    if layout.projection is not None and layout.projection in tensors:
        found["projection"] = _laid(layout, tensors[layout.projection])
    return found


def _part(weights: LayerWeights, part: str) -> Array:
    if part == "b":
        # What came from a single bias goes back as it was: -0.0 + 0.0 would be 0.0.
        single = weights.b_w is not None and (weights.b_r is None or not weights.b_r.any())
        return weights.b_w if single and weights.b_w is not None else weights.bias
    array: Array | None = getattr(weights, part)
    return array if array is not None else np.zeros(weights.W.shape[:2], weights.W.dtype)


def _own(array: Array) -> Array:
    """An array in row-major order that shares nothing with the weights."""
    return np.array(array, order="C")
