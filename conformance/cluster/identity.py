"""What decides about results wherever they are computed: the suite's code, its vectors, its packages."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from pathlib import Path

import conformance
from conformance.data import default_folders
from conformance.engines.requirements import own
from conformance.golden.store import VectorStore

HERE = "__import__('conformance.cluster.identity', fromlist=['identity']).identity(vectors)"
"""`identity` as an expression: to a Python without the suite, or with another one, nothing else may be sent."""


def identity(vectors: str) -> dict[str, str]:
    """What another machine must have in common with this one, in words for a message.

    Args:
        vectors: the folder; empty for the suite's own, wherever that is here.

    Raises:
        VectorError: the manifest cannot be read.
    """
    return {
        "lstm-conformance": conformance.__version__,
        "the digest of its code": code(),
        f"the digest of the vectors{f' in {vectors}' if vectors else ''}": digest_of(vectors),
        "Python": platform.python_version(),
        **_versions(),
    }


def digest_of(vectors: str) -> str:
    """Of the manifest of the vectors."""
    found = VectorStore(Path(vectors) if vectors else default_folders().vectors).digest()
    return found[:12] or "none (there is no manifest)"


def portable(vectors: Path) -> str:
    """How the folder is named to another machine, see `identity`."""
    return "" if vectors.resolve() == default_folders().vectors else str(vectors.resolve())


@functools.cache
def code() -> str:
    """A digest of the suite's modules as they were when this was first called: a process keeps what it has imported."""
    package = Path(conformance.__file__).parent
    found = hashlib.sha256()
    for path in sorted(set(package.rglob("*.py")) - set((package / "_data").rglob("*.py"))):  # of a wheel: not code
        found.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def _versions() -> dict[str, str]:
    """The versions of the packages that the suite itself computes with."""
    found = {}
    for needed in own():
        try:
            found[needed.name] = importlib.metadata.version(needed.name)
        except importlib.metadata.PackageNotFoundError:
            found[needed.name] = "none"
    return found
