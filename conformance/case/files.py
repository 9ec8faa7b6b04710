"""Files that a spec takes tensors from: which they may be, and the digest that holds the case to their content.

A file lies in the spec's folder or below it. Its SHA-256 is part of the case, so a vector that was made from other
content is told from it; a spec may give the digest too, and is then refused if the file has another.
"""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from conformance.case.errors import GenerationError
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, FileError, read_file

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

LARGEST = 2048 * MEBIBYTE
"""The most bytes of a file of tensors; the arrays of one case are bounded by as much."""
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class SpecFolder:
    """The context in which a spec is read: the folder that its files are relative to."""

    path: Path


def located(name: str, folder: Path) -> Path:
    """The path of a file that a spec names.

    Raises:
        ValueError: it is not in the spec's folder, or of another kind.
    """
    written = PurePosixPath(name)
    if written.is_absolute() or ".." in written.parts or "\\" in name or ":" in name:
        raise ValueError(f"file: {shortened(name)}: give a path below the spec's folder, with / and without ..")
    if written.suffix != SUFFIX:
        raise ValueError(f"file: {shortened(name)}: tensors are read from {SUFFIX} files; see: conformance convert")
    path = folder / written
    if not Path(os.path.realpath(path)).is_relative_to(Path(os.path.realpath(folder))):
        raise ValueError(f"file: {shortened(name)} is a link that leads out of the spec's folder")
    return path


def digest_of(name: str, folder: Path) -> str:
    """The SHA-256 of the content of a file that a spec names.

    Raises:
        ValueError: it cannot be used.
    """
    path = located(name, folder)
    try:
        found = path.stat()
    except OSError as error:
        raise ValueError(f"file: {shortened(name)}: {error.strerror}") from error
    return _digest(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed: int) -> str:
    """Of one state of a file: every weight of a spec may name the same."""
    try:
        return hashlib.sha256(read_file(path, LARGEST)).hexdigest()
    except FileError as error:
        raise ValueError(f"file: {error}") from error


def tensor_from(name: str, folder: Path | None, sha256: str | None, tensor: str) -> NDArray[Any]:
    """A tensor of a file that a spec names.

    Raises:
        GenerationError: the file is not there any more, has other content or has no such tensor.
    """
    if folder is None:
        raise GenerationError(f"{name}: a case that takes tensors from a file needs the spec's folder")
    try:
        tensors = _tensors(name, folder, sha256)
    except ValueError as error:
        raise GenerationError(str(error)) from error
    if tensor not in tensors:
        listed = ", ".join(list(tensors)[:12]) + (", ..." if len(tensors) > 12 else "")
        raise GenerationError(f"{name}: has no tensor {tensor}; it has {listed}")
    return tensors[tensor]


@functools.lru_cache(maxsize=4)
def _tensors(name: str, folder: Path, sha256: str | None) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError

    from conformance.case.array_bytes import from_bytes

    data = read_file(located(name, folder), LARGEST)
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(f"{name}: its content has changed since the spec was read")
    try:
        return from_bytes(data)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{name}: is not a safetensors file that the suite can read: {error}") from error
