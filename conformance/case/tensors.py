"""The canonical arrays that go into and out of an LSTM, and their form as safetensors bytes.

Layouts (docs/equations.md): x (T, B, I); h0 (L*D, B, P); c0 (L*D, B, H); y (T, B, D*P); h_n, c_n like h0, c0;
W (4, H, I_l), R (4, H, P), b_w, b_r (4, H), gates in the order i, f, g, o; row = layer * D + direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy

from conformance.case.array_bytes import SENDABLE, from_bytes
from conformance.case.tensor_table import BY_GATE, COTANGENTS, Array, Inputs, LayerWeights, Weights

__all__ = ["BY_GATE", "COTANGENTS", "SENDABLE", "Array", "Arrays", "Inputs", "LayerWeights", "Outputs", "Weights",
           "from_bytes", "to_bytes"]  # fmt: skip

Outputs = dict[str, Array]
"""Output tensors by name: those of `Case.outputs`."""


@dataclass(frozen=True)
class Arrays:
    """Everything an implementation is given for a case."""

    weights: Weights
    inputs: Inputs

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> Arrays:
        """From flat names: `weights.W.0`, ..., `inputs.x`, `inputs.lengths`, ..."""
        weights = {n.removeprefix("weights."): a for n, a in tensors.items() if n.startswith("weights.")}
        inputs = {n.removeprefix("inputs."): a for n, a in tensors.items() if n.startswith("inputs.")}
        return cls(Weights.from_tensors(weights), Inputs(**inputs))

    @property
    def flat(self) -> dict[str, Array]:
        """By flat names, the inverse of `from_tensors`."""
        weights = {f"weights.{name}": array for name, array in self.weights.flat.items()}
        return weights | {f"inputs.{name}": array for name, array in self.inputs.flat.items()}

    def mapped(self, change: Callable[[Array], Array]) -> Arrays:
        """The same with `change` applied to each tensor of real numbers: not to lengths, mask and targets."""
        return Arrays(self.weights.mapped(change), self.inputs.mapped(change))

    def in_dtype(self, dtype: type[np.floating[Any]]) -> Arrays:
        """The same numbers in another dtype; lengths, mask and targets stay as they are."""
        return self.mapped(lambda array: array.astype(dtype))


def to_bytes(tensors: Mapping[str, Array]) -> bytes:
    """The safetensors file of these tensors; the same bytes for the same tensors, whatever their order."""
    arrays = {name: np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape) for name in sorted(tensors)}
    return bytes(safetensors.numpy.save(arrays))
