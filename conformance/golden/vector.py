"""`Vector`: the stored data of one case: its arrays, its proven outputs, and how far rounding may move them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors

from conformance.case.model import Case
from conformance.case.source import Source
from conformance.case.tensors import Array, Arrays, Outputs, from_bytes, to_bytes
from conformance.files import MEBIBYTE
from conformance.golden.inputs import make_tensors

TensorTypes = dict[str, tuple[np.dtype[Any], tuple[int, ...]]]
"""Dtype and shape of tensors, by name."""

REMADE_FROM = 2 * 1024
"""In a case with `remade`, a uniform tensor of more bytes is made again instead of stored."""
_ZERO = -128
"""The stored exponent that represents a kappa of zero."""


@dataclass(frozen=True)
class Vector:
    """The numbers of a case.

    arrays: weights and inputs. golden: outputs, float64, proven correctly rounded. kappa: same shapes, powers of two.
    """

    arrays: Arrays
    golden: Outputs
    kappa: Outputs

    def to_bytes(self, remade: Collection[str] = (), metadata: Mapping[str, str] | None = None) -> bytes:
        """The safetensors file: `weights.*`, `inputs.*`, `golden.*` (F64) and `kappa.*` (I8: exponents of two).

        remade: tensors of which only the SHA-256 is stored, as `sha256.*` (32 I8). metadata: what the file says of its
        case (conformance.golden.metadata).
        """
        tensors = {name: array for name, array in self.arrays.flat.items() if name not in remade}
        tensors |= {f"sha256.{name}": _digest(self.arrays.flat[name]) for name in remade}
        tensors |= {f"golden.{name}": array for name, array in self.golden.items()}
        tensors |= {f"kappa.{name}": _exponents(array) for name, array in self.kappa.items()}
        return to_bytes(tensors, metadata)

    @classmethod
    def from_bytes(cls, data: bytes, case: Case | None = None) -> Vector:
        """The inverse of `to_bytes`. case: where tensors that are not stored come from.

        Raises:
            ValueError: not a safetensors file, or not one of ours; or a tensor made again is not what it was.
        """
        try:
            tensors = from_bytes(data)
            tensors |= _made_again(tensors, case)
            arrays = Arrays.from_tensors(tensors)
        except (safetensors.SafetensorError, KeyError, TypeError) as error:
            raise ValueError(str(error)) from error
        for kind, dtype in (("golden", np.float64), ("kappa", np.int8)):
            for name, array in tensors.items():
                if name.startswith(f"{kind}.") and array.dtype != dtype:
                    raise ValueError(f"{name} is {array.dtype}, not {np.dtype(dtype)}")
        golden = {n.removeprefix("golden."): a for n, a in tensors.items() if n.startswith("golden.")}
        kappa = {n.removeprefix("kappa."): _powers(a) for n, a in tensors.items() if n.startswith("kappa.")}
        if not golden or set(golden) != set(kappa):
            raise ValueError("has no golden values, or no kappa for some of them")
        if any(kappa[name].shape != array.shape for name, array in golden.items()):
            raise ValueError("kappa and the golden values have different shapes")
        return cls(arrays, golden, kappa)

    def misfit(self, wanted: TensorTypes) -> str | None:
        """The first tensor that is missing, extra, or of the wrong dtype or shape (`tensors_of`); None if all fit."""
        found = {name: (array.dtype, array.shape) for name, array in self.arrays.flat.items()}
        found |= {f"golden.{name}": (array.dtype, array.shape) for name, array in self.golden.items()}
        if found == wanted:
            return None
        name = min(name for name in wanted.keys() | found.keys() if found.get(name) != wanted.get(name))
        has, needs = (_described(each[name]) if name in each else "none" for each in (found, wanted))
        return f"{name}: the file has {has}, the case needs {needs}"

    def difference(self, other: Vector) -> str | None:
        """The first tensor that differs between two vectors, and how; kappa may differ by one step. None if equal."""
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
        return f"{min(extra)} is stored, but no longer generated" if extra else None


def remade_of(case: Case) -> list[str]:
    """The tensors of a case that are not stored but made again from their sources when its vector is read."""
    if not case.remade:
        return []
    shapes = {f"weights.{name}": shape for name, shape in case.weight_shapes.items()}
    shapes |= {f"inputs.{name}": shape for name, shape in case.input_shapes.items()}
    return [
        name
        for name, shape in shapes.items()
        if case.np_dtype.itemsize * math.prod(shape) > REMADE_FROM and _source(case, name).uniform is not None
    ]


def _source(case: Case, name: str) -> Source:
    kind, _, field = name.partition(".")
    source: Source = getattr(case if kind == "inputs" else case.weights, field.partition(".")[0])
    return source


def _made_again(tensors: Mapping[str, Array], case: Case | None) -> dict[str, Array]:
    """The tensors of which a file has only the SHA-256."""
    digests = {name.removeprefix("sha256."): digest for name, digest in tensors.items() if name.startswith("sha256.")}
    if not digests:
        return {}
    if case is None:
        raise ValueError(f"{min(digests)} is not stored, and there is no case to make it again from")
    made = make_tensors(case, digests)
    for name, digest in digests.items():
        if name not in made or digest.tobytes() != _digest(made[name]).tobytes():
            raise ValueError(f"{name}, made again from its source, does not have the SHA-256 that is stored")
    return {name: made[name] for name in digests}


def _digest(array: Array) -> np.ndarray[Any, np.dtype[np.int8]]:
    return np.frombuffer(hashlib.sha256(array.tobytes()).digest(), np.int8)


def tensors_of(case: Case) -> TensorTypes:
    """Name, dtype and shape of every tensor of a case's vector, except kappa, which has the shapes of `golden`."""
    wanted = {f"weights.{name}": (case.np_dtype, shape) for name, shape in case.weight_shapes.items()}
    wanted |= {f"inputs.{name}": (case.np_dtype, shape) for name, shape in case.input_shapes.items()}
    if case.lengths is not None:
        wanted["inputs.lengths"] = (np.dtype(np.int64), (case.B,))
    if case.skip is not None:
        wanted["inputs.mask"] = (np.dtype(np.bool_), (case.T, case.B))
    if case.targets_shape is not None:
        wanted["inputs.targets"] = (np.dtype(np.int64), case.targets_shape)
    return wanted | {f"golden.{name}": (np.dtype(np.float64), shape) for name, shape in case.outputs.items()}


def most_bytes(wanted: TensorTypes) -> int:
    """The largest file of these tensors: the tensors, kappa (one byte per golden value), names and shapes."""
    sizes = {name: (dtype.itemsize, math.prod(shape)) for name, (dtype, shape) in wanted.items()}
    return sum((size + name.startswith("golden.")) * count for name, (size, count) in sizes.items()) + MEBIBYTE


def _described(tensor: tuple[np.dtype[Any], tuple[int, ...]]) -> str:
    dtype, shape = tensor
    return f"{dtype} ({', '.join(map(str, shape))})"


def _same_bytes(a: Array, b: Array | None) -> bool:
    return b is not None and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _exponents(kappa: Array) -> np.ndarray[Any, np.dtype[np.int8]]:
    with np.errstate(divide="ignore"):
        exponents = np.clip(np.rint(np.log2(kappa)), -127, 127)
    return np.where(kappa > 0, exponents, _ZERO).astype(np.int8)


_POWERS = np.ldexp(1.0, np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int32))
"""The power of two for every stored exponent, indexed by the exponent's bits."""
_POWERS[_ZERO] = 0.0


def _powers(exponents: Array) -> Array:
    return _POWERS[exponents.view(np.uint8)]
