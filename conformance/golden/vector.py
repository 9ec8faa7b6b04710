"""`Vector`: what is kept of one case: its arrays, its proven outputs, and how far rounding may move them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors

from conformance.case.tensors import Array, Arrays, Outputs, from_bytes, to_bytes

_ZERO = -128
"""The stored exponent that stands for a kappa of zero."""


@dataclass(frozen=True)
class Vector:
    """A case's numbers.

    arrays: weights and inputs. golden: outputs, float64, proven correctly rounded. kappa: like golden, powers of two.
    """

    arrays: Arrays
    golden: Outputs
    kappa: Outputs

    def to_bytes(self) -> bytes:
        """The safetensors file: `weights.*`, `inputs.*`, `golden.*` (F64) and `kappa.*` (I8: exponents of two)."""
        tensors: dict[str, Array] = dict(self.arrays.flat)
        tensors |= {f"golden.{name}": array for name, array in self.golden.items()}
        tensors |= {f"kappa.{name}": _exponents(array) for name, array in self.kappa.items()}
        return to_bytes(tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Vector:
        """The inverse of `to_bytes`.

        Raises:
            ValueError: not a safetensors file, or not one of ours.
        """
        try:
            tensors = from_bytes(data)
            arrays = Arrays.from_tensors(tensors)
        except (safetensors.SafetensorError, KeyError, TypeError) as error:
            raise ValueError(str(error)) from error
        golden = {n.removeprefix("golden."): a for n, a in tensors.items() if n.startswith("golden.")}
        kappa = {n.removeprefix("kappa."): _powers(a) for n, a in tensors.items() if n.startswith("kappa.")}
        if not golden or set(golden) != set(kappa):
            raise ValueError("holds no golden values, or no kappa for some of them")
        if any(kappa[name].shape != array.shape for name, array in golden.items()):
            raise ValueError("kappa has not the shape of the golden values")
        return cls(arrays, golden, kappa)

    def difference(self, other: Vector) -> str | None:
        """The first tensor in which two vectors differ, and how; kappa may differ by one step. None if all agree."""
        for name, array in self.arrays.flat.items():
            if not _same_bytes(array, other.arrays.flat.get(name)):
                return f"{name} differs"
        for name, array in self.golden.items():
            if not _same_bytes(array, other.golden.get(name)):
                return f"golden {name} differs"
            steps = np.abs(_exponents(self.kappa[name]).astype(int) - _exponents(other.kappa[name]))
            if steps.max(initial=0) > 1:
                return f"kappa {name} differs by {steps.max()} steps"
        extra = (set(other.arrays.flat) - set(self.arrays.flat)) | (set(other.golden) - set(self.golden))
        return f"{min(extra)} is not made any more" if extra else None


def _same_bytes(a: Array, b: Array | None) -> bool:
    return b is not None and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _exponents(kappa: Array) -> np.ndarray[Any, np.dtype[np.int8]]:
    with np.errstate(divide="ignore"):
        exponents = np.clip(np.rint(np.log2(kappa)), -127, 127)
    return np.where(kappa > 0, exponents, _ZERO).astype(np.int8)


_POWERS = np.ldexp(1.0, np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int32))
"""The power of two of every exponent, by the exponent's bits."""
_POWERS[_ZERO] = 0.0


def _powers(exponents: Array) -> Array:
    return _POWERS[exponents.view(np.uint8)]
