"""Tensors from the files that a spec names (conformance.case.files)."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from safetensors import SafetensorError

from conformance.case.errors import GenerationError
from conformance.case.files import LARGEST, located
from conformance.case.source import Source
from conformance.case.tensors import Array, from_bytes
from conformance.files import read_file


def tensor_from(source: Source, tensor: str) -> Array:
    """A tensor of the file of a source, as it is stored.

    Raises:
        GenerationError: the file is not there any more, has other content or has no such tensor.
    """
    assert source.file is not None
    if source.folder is None:
        raise GenerationError(f"{source.file}: a case that takes tensors from a file needs the spec's folder")
    try:
        tensors = _tensors(source.file, source.folder, source.sha256)
    except ValueError as error:
        raise GenerationError(str(error)) from error
    if tensor not in tensors:
        listed = ", ".join(list(tensors)[:12]) + (", ..." if len(tensors) > 12 else "")
        raise GenerationError(f"{source.file}: has no tensor {tensor}; it has {listed}")
    return tensors[tensor]


@functools.lru_cache(maxsize=4)
def _tensors(name: str, folder: Path, sha256: str | None) -> dict[str, Array]:
    data = read_file(located(name, folder), LARGEST)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{name}: its content has changed since the spec was read")
    try:
        return from_bytes(data)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{name}: is not a safetensors file that the suite can read: {error}") from error
