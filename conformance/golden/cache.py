"""Vectors too large to ship: made when a run first needs them, then kept in the user's cache folder."""

from __future__ import annotations

import functools
import hashlib
import threading
from pathlib import Path

import platformdirs

import conformance
from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.golden.store import verified, write_atomically
from conformance.golden.vector import Vector

_ONE_AT_A_TIME = threading.Lock()


def cached(case: Case) -> Vector:
    """The vector of an on_demand case, from the cache or made now (which may take a minute).

    Raises:
        GenerationError: it is not in the cache and cannot be made here.
    """
    with _ONE_AT_A_TIME:  # adapters run side by side; the second one waits for the vector instead of making it again
        return _cached(case)


def _cached(case: Case) -> Vector:
    path = folder() / f"{case.digest()}-{_makers()}.safetensors"
    digest_path = path.with_suffix(".sha256")
    try:
        return verified(path.read_bytes(), digest_path.read_text(), path, "")
    except (OSError, UnicodeDecodeError, VectorError):
        pass  # absent or damaged: it is only a cache, so it is made again
    from conformance.golden.build import build  # no run needs the makers of vectors once this is done

    data = build(case).vector.to_bytes()
    write_atomically(path, data)
    write_atomically(digest_path, hashlib.sha256(data).hexdigest().encode())
    return Vector.from_bytes(data)


@functools.cache
def _makers() -> str:
    """A digest of the code that makes vectors: what another state of it made is not what this one would make."""
    package = Path(conformance.__file__).parent
    files = sorted(path for part in ("golden", "lstm") for path in (package / part).glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def folder() -> Path:
    """Where on_demand vectors are kept."""
    return Path(platformdirs.user_cache_dir("lstm-conformance", appauthor=False))
