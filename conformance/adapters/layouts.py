"""How each framework's weights lie, as data, and the one piece of code that packs and unpacks them.

A `Layout` names the order of the gates and, for each of the framework's tensors, its parts: `W` (4, H, I),
`R` (4, H, P), the biases `b_w`, `b_r` (4, H), or `b`, their sum. Matrices are laid as rows (gate * H, n) side by side
along n, or transposed; vectors one behind the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conformance.case.tensors import Array, LayerWeights

CANONICAL = "ifgo"


@dataclass(frozen=True)
class Layout:
    """gates: a permutation of `ifgo`. tensors: name -> its parts, in order. transposed: matrices are (n, gate * H).

    separate: every gate has a tensor of its own, named by the tensor's name with `{gate}` filled in.
    A bias among the parts of a matrix is one column of it.
    """

    gates: str
    tensors: Mapping[str, tuple[str, ...]]
    transposed: bool = False
    separate: bool = False


TORCH = Layout("ifgo", {"weight_ih": ("W",), "weight_hh": ("R",), "bias_ih": ("b_w",), "bias_hh": ("b_r",)})
ONNX = Layout("iofg", {"W": ("W",), "R": ("R",), "B": ("b_w", "b_r")})
KERAS = Layout("ifgo", {"kernel": ("W",), "recurrent_kernel": ("R",), "bias": ("b",)}, transposed=True)
TF_BLOCK = Layout("igfo", {"w": ("W", "R"), "b": ("b",)}, transposed=True)
TF_BLOCK_V2 = Layout("ifgo", {"w": ("W", "R"), "b": ("b",)}, transposed=True)
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
    return packed


def unpack(layout: Layout, tensors: Mapping[str, Array], input_size: int, hidden_size: int) -> LayerWeights:
    """The canonical weights of one layer and direction; a summed bias `b` comes back as b_w, with b_r zero.

    Raises:
        KeyError: a tensor of the layout is missing.
        ValueError: a tensor's size does not fit `input_size` and `hidden_size`.
    """
    back = [layout.gates.index(gate) for gate in CANONICAL]
    found: dict[str, Array] = {}
    for name, parts in layout.tensors.items():
        is_matrix = any(part in _MATRICES for part in parts)
        widths = [{"W": input_size, "R": hidden_size}.get(part, 1) for part in parts]
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


def _part(weights: LayerWeights, part: str) -> Array:
    if part == "b":
        return weights.bias
    array: Array | None = getattr(weights, part)
    return array if array is not None else np.zeros(weights.W.shape[:2], weights.W.dtype)


def _join(arrays: list[Array], is_matrix: bool, transposed: bool) -> Array:
    joined = np.concatenate(arrays, axis=-1)
    return np.ascontiguousarray(joined.T if is_matrix and transposed else joined)
