"""Vectors too large to ship: made when a run first needs them, then kept in the user's cache folder."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path

import platformdirs

import conformance
from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.files import MEBIBYTE, FileError, demand_writable, read_file, read_text, replace_file
from conformance.golden.store import verified
from conformance.golden.vector import Vector, most_bytes

_ONE_AT_A_TIME = threading.Lock()


def cached(case: Case) -> Vector:
    """The vector of an on_demand case, from the cache or made now (which may take a minute).

    Raises:
        GenerationError: it is not in the cache and cannot be made here.
    """
    with _ONE_AT_A_TIME:  # adapters run side by side; the second one waits for the vector instead of making it again
        return _cached(case)


def _cached(case: Case) -> Vector:
    path = _path(case)
    digest_path = path.with_suffix(".sha256")
    try:
        digest = read_text(digest_path, MEBIBYTE)
        return verified(case, read_file(path, most_bytes(case)), digest, path, "")
    except (FileError, VectorError):
        pass  # absent or damaged: it is only a cache, so it is made again
    _demand_writable()
    from conformance.golden.build import build  # no run needs the makers of vectors once this is done

    data = build(case).vector.to_bytes()
    replace_file(path, data)
    replace_file(digest_path, hashlib.sha256(data).hexdigest())
    return Vector.from_bytes(data)


def demand_usable(cases: Iterable[Case]) -> None:
    """See that the vectors of these cases are there, or can be kept once they are made.

    Raises:
        VectorError: they cannot.
    """
    if any(case.on_demand and not _path(case).exists() for case in cases):
        _demand_writable()


def _demand_writable() -> None:
    try:
        demand_writable(folder())
    except FileError as error:
        raise VectorError(
            f"{error}; the vectors made on demand are kept there, under XDG_CACHE_HOME on Linux"
        ) from error


def _path(case: Case) -> Path:
    return folder() / f"{case.digest()}-{_makers()}.safetensors"


@functools.cache
def _makers() -> str:
    """A digest of the code that makes vectors: what another state of it made is not what this one would make."""
    package = Path(conformance.__file__).parent
    files = sorted(path for part in ("golden", "lstm") for path in (package / part).rglob("*.py"))
    files = [path for path in files if path.parent.name != "mistakes"]  # which make no vectors
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def folder() -> Path:
    """Where on_demand vectors are kept."""
    return Path(platformdirs.user_cache_dir("lstm-conformance", appauthor=False))
