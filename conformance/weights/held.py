"""`Held`: what a file of weights holds, whatever its format; and the bounds that every reader keeps.

A file that a user brings may be hostile. Every reader adds up the sizes that the file states before it makes an array,
takes no more than `MOST_BYTES` of tensors, and executes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ml_dtypes
import numpy as np

from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, FileError

if TYPE_CHECKING:
    from conformance.weights.onnx_find import FoundInModel

MOST_BYTES: Final = 1024 * MEBIBYTE
"""The largest file that is read, and the most bytes of tensors that are taken from one."""
MOST_TENSORS: Final = 100_000
MOST_TEXT: Final = 64 * MEBIBYTE
"""The largest configuration within a file."""

FLOATS: Final = {name: np.dtype(name) for name in ("float16", "float32", "float64")} | {
    "bfloat16": np.dtype(ml_dtypes.bfloat16)
}
"""The dtypes that weights have, by the names of a case's `dtype`."""


@dataclass(frozen=True)
class Node:
    """One LSTM operator of a TensorFlow Lite graph.

    name: where it stands. kind: the operator. tensors: its constant weights by their role. attributes: by the name that
    the format has for them. problems: what of it could not be read, one line each.
    """

    name: str
    kind: str
    tensors: Mapping[str, Array]
    attributes: Mapping[str, Any]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """The content of a file.

    form: the format, in words. tensors: those of floating-point numbers, by name, `/` between the parts where the file
    has a hierarchy. nodes: the LSTM operators of a graph. config: Keras' configuration of the model. keras: the version
    of Keras that wrote it. names: of a Keras 3 file, the path of a group -> the name of its layer. options: what
    `conformance convert` wrote of options. left_out: what the file holds besides, one line each. model: what
    was found in an ONNX model (conformance.weights.onnx_find).
    """

    path: Path
    form: str
    tensors: Mapping[str, Array]
    nodes: tuple[Node, ...] = ()
    config: Mapping[str, Any] | None = None
    keras: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    model: FoundInModel | None = None


def refused(path: Path, problem: str) -> FileError:
    """The error for a file that cannot be read, for a reason on one line."""
    return FileError(path, "read", problem)


def demand_bounded(path: Path, sizes: Iterable[int], most: int = MOST_BYTES) -> None:
    """Check what a file says of its sizes, in bytes, before anything of that size is made.

    Raises:
        FileError: they are too many, or too large together.
    """
    total = count = 0
    for size in sizes:
        total, count = total + size, count + 1
        if size < 0 or total > most:
            raise refused(path, f"its tensors take more than {most / MEBIBYTE:g} MiB, the most that are read")
        if count > MOST_TENSORS:
            raise refused(path, f"it has more than {MOST_TENSORS:,} tensors")


def floats_only(tensors: Mapping[str, Array]) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The tensors of floating-point numbers, and a line for each of the others."""
    kept = {name: array for name, array in tensors.items() if array.dtype in FLOATS.values()}
    others = (f"{shortened(name)}: {tensors[name].dtype}" for name in tensors if name not in kept)
    return kept, tuple(others)
