"""The canonical arrays that go into and out of an LSTM, and their form as safetensors bytes.

Layouts (docs/equations.md): x (T, B, I); h0 (L*D, B, P); c0 (L*D, B, H); y (T, B, D*P); h_n, c_n like h0, c0;
W (4, H, I_l), R (4, H, P), b_w, b_r (4, H), gates in the order i, f, g, o; row = layer * D + direction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from conformance.case.dtypes import Array
from conformance.case.tensor_table import BY_GATE, COTANGENTS, Inputs, LayerWeights, Weights
from conformance.files import parse_json

__all__ = ["BY_GATE", "COTANGENTS", "SENDABLE", "Array", "Arrays", "Inputs", "LayerWeights", "Outputs", "Weights",
           "MOST_METADATA", "from_bytes", "metadata_of", "to_bytes"]  # fmt: skip

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
"""The dtypes that `to_bytes` and `from_bytes` support."""


MOST_METADATA = 256 * 1024
"""The longest `__metadata__` that is read, in bytes of JSON."""


def to_bytes(tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> bytes:
    """The safetensors file of these tensors; the same bytes for the same tensors, whatever their order.

    metadata: texts for the header, in this order. safetensors itself writes them in another order every time.
    """
    arrays = {name: np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape) for name in sorted(tensors)}
    plain = bytes(safetensors.numpy.save(arrays))
    if not metadata:
        return plain
    header, body = _parts(plain)
    told = json.dumps({_METADATA: dict(metadata)}, separators=(",", ":")).encode()
    header = told[:-1] + (b"," if arrays else b"") + header.rstrip(b" ")[1:]
    header += b" " * (-len(header) % 8)  # the tensors begin at a multiple of 8
    return len(header).to_bytes(_SIZE, "little") + header + body


def metadata_of(data: bytes) -> dict[str, str]:
    """The texts in the header of a safetensors file; empty if it has none.

    Raises:
        ValueError: there are too many of them, or the file is not one of safetensors.
    """
    header, _ = _parts(data)
    if len(header) > 4 * MOST_METADATA:
        raise ValueError(f"its header has {len(header):,} bytes, at most {4 * MOST_METADATA:,} are read")
    content = parse_json(header)
    found = content.get(_METADATA, {}) if isinstance(content, dict) else None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError(f"{_METADATA} is not a map of texts")
    if (length := sum(len(key) + len(text) for key, text in found.items())) > MOST_METADATA:
        raise ValueError(f"{_METADATA} has {length:,} characters, at most {MOST_METADATA:,} are read")
    return found


_METADATA = "__metadata__"
_SIZE = 8


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """The header and the tensors of a safetensors file."""
    end = _SIZE + int.from_bytes(data[:_SIZE], "little")
    return data[_SIZE:end], data[end:]


def from_bytes(data: bytes) -> dict[str, Array]:
    """The tensors of a safetensors file; raises safetensors.SafetensorError if it is not one.

    safetensors' own NumPy interface writes bfloat16 but cannot read it, so its core function is called directly.
    """
    tensors: dict[str, Array] = {}
    listed = safetensors.deserialize(data)  # type: ignore[no-untyped-call]  # in another order every time
    for name, entry in sorted(listed, key=itemgetter(0)):
        dtype = _FROM_SAFETENSORS[entry["dtype"]]
        tensors[name] = np.frombuffer(bytes(entry["data"]), dtype=dtype).reshape(entry["shape"])
    return tensors
