"""Reads the weights of a TorchScript archive without running its code, and without torch.

https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/docs/serialization.md: `data.pkl` is a pickle of the module
with the modules inside it, whose tensors refer to the files `data/0`, `data/1`, ... Every class and function that the
pickle names becomes an inert stand-in here, whatever its name, so unpickling calls nothing of Python's and nothing of
the archive's.
"""

from __future__ import annotations

import functools
import io
import math
import pickle
from collections.abc import Iterator
from typing import Any, Final

import ml_dtypes
import numpy as np

from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.files import MEBIBYTE
from conformance.weights.held import MOST_TENSORS, Held, demand_bounded, refused
from conformance.weights.zipped import Zip

_STORAGES: Final = {
    "FloatStorage": np.dtype(np.float32),
    "DoubleStorage": np.dtype(np.float64),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
}
_REBUILD = "_rebuild_tensor_v2"
_MOST_PICKLE: Final = 4 * MEBIBYTE
"""The largest pickle: each of its bytes may make an object of up to 200."""
_MOST_CLASSES: Final = 10_000
_DEEPEST: Final = 64
"""Most levels of modules inside modules."""


class _Inert:
    """Stands in for an object of a class that the pickle names; keeps what it was made of and its state."""

    kind = ""

    def __new__(cls, *given: Any) -> _Inert:
        made = super().__new__(cls)
        made.given = given
        made.state = None
        return made

    def __init__(self, *given: Any) -> None:
        self.given: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Makes nothing but inert stand-ins and plain values."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._made: dict[tuple[str, str], type[_Inert]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if len(self._made) > _MOST_CLASSES:
            raise pickle.UnpicklingError(f"it names more than {_MOST_CLASSES:,} classes")
        return self._made.setdefault((module, name), type("Inert", (_Inert,), {"kind": name}))

    def persistent_load(self, reference: Any) -> Any:
        return reference


def is_torchscript(names: list[str]) -> bool:
    """Whether an archive with these members is TorchScript: whether it has code."""
    return any(name.endswith("/constants.pkl") for name in names) and any("/code/" in name for name in names)


def read_torchscript(archive: Zip) -> Held:
    """The tensors of the module's parameters and buffers, by their names in its state_dict.

    Raises:
        FileError: it is damaged.
    """
    path = archive.path
    main = [name for name in archive.names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(main) != 1 or archive.size(main[0]) > _MOST_PICKLE:
        raise refused(path, "it is a TorchScript archive without a module, or with one that is too large")
    try:
        module = _Unpickler(archive.content(main[0])).load()
    except (pickle.UnpicklingError, ValueError, TypeError, AttributeError, EOFError, IndexError, KeyError,
            RecursionError, MemoryError, OverflowError) as error:  # fmt: skip
        raise refused(path, f"its module cannot be read: {shortened(str(error))}") from error
    folder = main[0].removesuffix("data.pkl")
    tensors: dict[str, Array] = {}
    others: list[str] = []
    total = 0
    stored = functools.cache(archive.content)
    for name, value in _tensors(archive, module):
        found = _described(value)
        if found is None:
            others.append(f"{shortened(name)}: not a dense tensor of floating-point numbers")
            continue
        key, dtype, offset, shape, strides = found
        total += dtype.itemsize * math.prod(shape)
        demand_bounded(path, [total])  # a view may be larger than what it views
        content = stored(f"{folder}data/{key}")
        numbers = np.frombuffer(content[: len(content) // dtype.itemsize * dtype.itemsize], dtype)
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if 0 not in shape and last >= len(numbers):
            raise refused(path, f"{shortened(name)} is larger than what is stored of it")
        steps = [stride * dtype.itemsize for stride in strides]
        view = np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps) if 0 not in shape else np.zeros(shape)
        tensors[name] = np.array(view, dtype)
    return Held(path, "TorchScript", tensors, left_out=tuple(others))


def _tensors(archive: Zip, module: Any) -> Iterator[tuple[str, Any]]:
    """The tensors of a module and of the modules inside it, with their names."""
    waiting = [("", module, 0)]
    seen = 0
    while waiting:
        prefix, value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise refused(archive.path, f"its modules are nested more than {_DEEPEST} deep, or hold each other")
        if (seen := seen + 1) > MOST_TENSORS:
            raise refused(archive.path, f"it has more than {MOST_TENSORS:,} modules and tensors")
        if isinstance(value, _Inert) and value.kind == _REBUILD:
            yield prefix, value
        elif isinstance(value, _Inert) and isinstance(value.state, dict):
            names = [(f"{prefix}.{key}" if prefix else str(key), each) for key, each in value.state.items()]
            held = [(name, each, depth + 1) for name, each in names]
            waiting += reversed(held)


def _described(tensor: _Inert) -> tuple[str, np.dtype[Any], int, tuple[int, ...], tuple[int, ...]] | None:
    """Key, dtype, offset, shape and strides of a tensor; None if it is not one of floating-point numbers."""
    try:
        storage, offset, shape, strides = tensor.given[:4]
        _, kind, key, _, _ = storage
        dtype = _STORAGES.get(kind.kind)
        numbers = (offset, *shape, *strides)
    except (TypeError, ValueError, AttributeError):
        return None
    if dtype is None or not isinstance(key, str) or len(shape) != len(strides):
        return None
    if not all(isinstance(number, int) and 0 <= number < 2**40 for number in numbers):
        return None
    return key, dtype, offset, tuple(shape), tuple(strides)
