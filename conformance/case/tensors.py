"""The canonical arrays that go into and out of an LSTM, and their bytes in safetensors form.

Layouts (docs/equations.md): x (T, B, I); h0 (L*D, B, P); c0 (L*D, B, H); y (T, B, D*P); h_n, c_n like h0, c0;
W (4, H, I_l), R (4, H, P), b_w, b_r (4, H), gates in the order i, f, g, o; row = layer * D + direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from operator import itemgetter
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

Array = np.ndarray[Any, np.dtype[Any]]
Outputs = dict[str, Array]
"""Output tensors by name: those of `Case.outputs`."""


@dataclass(frozen=True)
class LayerWeights:
    """Weights of one layer in one direction; biases are None where the case has none."""

    W: Array
    R: Array
    b_w: Array | None = None
    b_r: Array | None = None
    peephole: Array | None = None
    projection: Array | None = None
    projection_bias: Array | None = None
    gamma: Array | None = None
    beta: Array | None = None
    gamma_cell: Array | None = None
    beta_cell: Array | None = None

    @property
    def bias(self) -> Array:
        """b_w + b_r (4, H), summed in float64 and rounded once to the dtype of W; zeros without biases."""
        if self.b_w is None or self.b_r is None:
            return np.zeros(self.W.shape[:2], self.W.dtype)
        return (self.b_w.astype(np.float64) + self.b_r.astype(np.float64)).astype(self.W.dtype)

    def mapped(self, change: Callable[[Array], Array]) -> LayerWeights:
        """The same with `change` applied to each tensor that there is."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(self, **{name: change(array) for name, array in given.items() if array is not None})


@dataclass(frozen=True)
class Weights:
    """`rows[layer * D + direction]`, and the head's `W_y` (O, D*P) and `b_y` (O) where there is one."""

    rows: tuple[LayerWeights, ...]
    W_y: Array | None = None
    b_y: Array | None = None

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> Weights:
        """From the flat names of `Case.weight_shapes`: `W.0`, `R.0`, ..., `W_y`, `b_y`."""
        rows: dict[int, dict[str, Array]] = {}
        for name, array in tensors.items():
            kind, dot, row = name.partition(".")
            if dot:
                rows.setdefault(int(row), {})[kind] = array
        return cls(tuple(LayerWeights(**rows[row]) for row in sorted(rows)), tensors.get("W_y"), tensors.get("b_y"))

    def mapped(self, change: Callable[[Array], Array]) -> Weights:
        """The same with `change` applied to each tensor that there is."""
        W_y, b_y = (None if array is None else change(array) for array in (self.W_y, self.b_y))
        return Weights(tuple(row.mapped(change) for row in self.rows), W_y, b_y)


@dataclass(frozen=True)
class Inputs:
    """x (T, B, I); lengths (B,) int64 or None for all T; h0 and c0 None for zeros.

    mask (T, B), False at the steps a row leaves out: given where there are holes, and says what lengths say too.
    targets (T, B) or (B,) int64, -1 at steps a row leaves out. dy, dh_n, dc_n: dL/dy, ..., where gradients are asked of
    a loss that is not looked into; None for zeros.
    """

    x: Array
    lengths: Array | None = None
    mask: Array | None = None
    h0: Array | None = None
    c0: Array | None = None
    targets: Array | None = None
    dy: Array | None = None
    dh_n: Array | None = None
    dc_n: Array | None = None

    def block(self, steps: slice) -> Inputs:
        """Those of some steps that follow one another: x, and of each row's length what is left to them, 0 at least."""
        lengths = None if self.lengths is None else np.clip(self.lengths - steps.start, 0, steps.stop - steps.start)
        return replace(self, x=self.x[steps], lengths=lengths)

    def mapped(self, change: Callable[[Array], Array]) -> Inputs:
        """The same with `change` applied to each tensor of real numbers: not to lengths, mask and targets."""
        given = {name: getattr(self, name) for name in ("x", "h0", "c0", "dy", "dh_n", "dc_n")}
        return replace(self, **{name: change(array) for name, array in given.items() if array is not None})


@dataclass(frozen=True)
class Arrays:
    """Everything an implementation is given for a case."""

    weights: Weights
    inputs: Inputs
    flat: Mapping[str, Array] = field(repr=False)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> Arrays:
        """From flat names: `weights.W.0`, ..., `inputs.x`, `inputs.lengths`, ..."""
        weights = {n.removeprefix("weights."): a for n, a in tensors.items() if n.startswith("weights.")}
        inputs = {n.removeprefix("inputs."): a for n, a in tensors.items() if n.startswith("inputs.")}
        flat = {f"weights.{n}": a for n, a in weights.items()} | {f"inputs.{n}": a for n, a in inputs.items()}
        return cls(Weights.from_tensors(weights), Inputs(**inputs), flat)

    def in_dtype(self, dtype: type[np.floating[Any]]) -> Arrays:
        """The same numbers in another dtype; lengths and mask stay what they are."""
        kept = (np.int64, np.bool_)
        return Arrays.from_tensors({n: a if a.dtype in kept else a.astype(dtype) for n, a in self.flat.items()})


_FROM_SAFETENSORS = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype(np.int64),
    "I8": np.dtype(np.int8),
    "BOOL": np.dtype(np.bool_),
}
SENDABLE = frozenset(_FROM_SAFETENSORS.values())
"""The dtypes that `to_bytes` and `from_bytes` carry."""


def to_bytes(tensors: Mapping[str, Array]) -> bytes:
    """The safetensors file of these tensors; the same bytes for the same tensors, whatever their order."""
    arrays = {name: np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape) for name in sorted(tensors)}
    return bytes(safetensors.numpy.save(arrays))


def from_bytes(data: bytes) -> dict[str, Array]:
    """The tensors of a safetensors file; raises safetensors.SafetensorError when it is not one.

    safetensors' own NumPy front writes bfloat16 but cannot read it, so its core function is called directly.
    """
    tensors: dict[str, Array] = {}
    listed = safetensors.deserialize(data)  # type: ignore[no-untyped-call]  # in another order every time
    for name, entry in sorted(listed, key=itemgetter(0)):
        dtype = _FROM_SAFETENSORS[entry["dtype"]]
        tensors[name] = np.frombuffer(bytes(entry["data"]), dtype=dtype).reshape(entry["shape"])
    return tensors
