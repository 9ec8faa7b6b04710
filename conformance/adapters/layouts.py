"""How each framework's weights lie, as data, and the one piece of code that packs and unpacks them.

A `Layout` names the order of the gates and, for each of the framework's tensors, its parts: `W` (4, H, I),
`R` (4, H, P), the biases `b_w`, `b_r` (4, H), or `b`, their sum. Matrices are laid as rows (gate * H, n) side by side
along n, or transposed; vectors one behind the other. Peepholes (3, H) and a projection (P, H) are tensors beside them,
where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.case.tensors import Array, LayerWeights

CANONICAL = "ifgo"
_PEEPHOLES = "ifo"
_PARTS = ("W", "R", "b_w", "b_r", "b")


@dataclass(frozen=True)
class Layout:
    """gates: a permutation of `ifgo`. tensors: name -> its parts, in order. transposed: matrices are (n, gate * H).

    separate: every gate has a tensor of its own, named by the tensor's name with `{gate}` filled in.
    A bias among the parts of a matrix is one column of it.
    peephole: the name of the tensor of the three peepholes, in the same order of gates without g; with `{gate}` in it,
    each has a tensor of its own. projection: the name of the projection's tensor. What the weights lack is left out.
    """

    gates: str
    tensors: Mapping[str, tuple[str, ...]]
    transposed: bool = False
    separate: bool = False
    peephole: str | None = None
    projection: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what is no order of the gates, and for a part that nobody knows."""
        if sorted(self.gates) != sorted(CANONICAL):
            raise ValueError(f"gates {self.gates!r}: needs an order of i, f, g and o, where g is the cell candidate")
        for name, parts in self.tensors.items():
            if unknown := [part for part in parts if part not in _PARTS]:
                raise ValueError(f"{name}: has no part {unknown[0]!r}; the parts are {', '.join(_PARTS)}")


_TORCH = {"weight_ih": ("W",), "weight_hh": ("R",), "bias_ih": ("b_w",), "bias_hh": ("b_r",)}
TORCH = Layout("ifgo", _TORCH, projection="weight_hr")
ONNX = Layout("iofg", {"W": ("W",), "R": ("R",), "B": ("b_w", "b_r")}, peephole="P")
KERAS = Layout("ifgo", {"kernel": ("W",), "recurrent_kernel": ("R",), "bias": ("b",)}, transposed=True)
_TF_BLOCK = {"w": ("W", "R"), "b": ("b",)}
TF_BLOCK = Layout("igfo", _TF_BLOCK, transposed=True, peephole="wc{gate}")
TF_BLOCK_V2 = Layout("ifgo", _TF_BLOCK, transposed=True, peephole="wc{gate}")
_TF1_CELL = {"kernel": ("W", "R"), "bias": ("b",)}
TF1_CELL = Layout("igfo", _TF1_CELL, transposed=True, peephole="w_{gate}_diag", projection="projection/kernel")
DEEP_BREATHE = Layout("figo", {"weights": ("b", "R", "W")})

_MATRICES = ("W", "R")


def pack(layout: Layout, weights: LayerWeights) -> dict[str, Array]:
    """The framework's tensors for one layer and direction, in the dtype of the weights."""
    order = [CANONICAL.index(gate) for gate in layout.gates]
    packed: dict[str, Array] = {}
    for name, parts in layout.tensors.items():
        arrays = [_part(weights, part)[order] for part in parts]
        is_matrix = any(part in _MATRICES for part in parts)
        if is_matrix:
            arrays = [a[..., None] if a.ndim == 2 else a for a in arrays]
        if layout.separate:
            for position, gate in enumerate(layout.gates):
                packed[name.format(gate=gate)] = _join([a[position] for a in arrays], is_matrix, layout.transposed)
        else:
            flat = [a.reshape(-1, a.shape[-1]) if is_matrix else a.reshape(-1) for a in arrays]
            packed[name] = _join(flat, is_matrix, layout.transposed)
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
        is_matrix = any(part in _MATRICES for part in parts)
        widths = [{"W": input_size, "R": output_size}.get(part, 1) for part in parts]
        if layout.separate:
            gates = [tensors[name.format(gate=gate)] for gate in layout.gates]
            stacked = np.stack([g.T if is_matrix and layout.transposed else g for g in gates])
        else:
            whole = tensors[name].T if is_matrix and layout.transposed else tensors[name]
            stacked = whole.reshape(4, hidden_size, -1) if is_matrix else whole.reshape(len(parts), 4, hidden_size)
        if is_matrix:
            if stacked.shape[-1] != sum(widths):
                raise ValueError(f"{name}: {stacked.shape[-1]} columns where {sum(widths)} are needed")
            pieces = np.split(stacked, np.cumsum(widths)[:-1], axis=-1)
        else:
            pieces = [stacked] if layout.separate else list(stacked)
        for part, piece in zip(parts, pieces, strict=True):
            found[part] = (piece if part in _MATRICES or not is_matrix else piece[..., 0])[back]
    if "b" in found:
        found["b_w"] = found.pop("b")
        found["b_r"] = np.zeros_like(found["b_w"])
    return LayerWeights(**found)


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
        packed[layout.projection] = _join([weights.projection], True, layout.transposed)
    return packed


def _unpacked_options(layout: Layout, tensors: Mapping[str, Array], hidden_size: int) -> dict[str, Array]:
    """`peephole` (3, H) and `projection` (P, H), where there are tensors of theirs."""
    found: dict[str, Array] = {}
    if layout.peephole is not None and _peephole_names(layout)[0] in tensors:
        order = [gate for gate in layout.gates if gate in _PEEPHOLES]
        stacked = np.concatenate([tensors[name] for name in _peephole_names(layout)]).reshape(3, hidden_size)
        found["peephole"] = stacked[[order.index(gate) for gate in _PEEPHOLES]]
    if layout.projection is not None and layout.projection in tensors:
        found["projection"] = tensors[layout.projection].T if layout.transposed else tensors[layout.projection]
    return found


def _part(weights: LayerWeights, part: str) -> Array:
    if part == "b":
        return weights.bias
    array: Array | None = getattr(weights, part)
    return array if array is not None else np.zeros(weights.W.shape[:2], weights.W.dtype)


def _join(arrays: list[Array], is_matrix: bool, transposed: bool) -> Array:
    joined = np.concatenate(arrays, axis=-1)
    return np.ascontiguousarray(joined.T if is_matrix and transposed else joined)
