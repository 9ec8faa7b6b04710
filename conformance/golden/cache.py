"""Vectors too large to ship: generated when a run first needs them, then kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import platformdirs

import conformance
from conformance.case.errors import VectorError
from conformance.case.model import Case
from conformance.files import MEBIBYTE, Claim, FileError, demand_writable, read_file, read_text, replace_file
from conformance.golden.metadata import file_of
from conformance.golden.store import demand_described, verified
from conformance.golden.vector import Vector, most_bytes, tensors_of
from conformance.golden.work import cost, end_with_parent

_ONE_AT_A_TIME = threading.Lock()


def cached(case: Case) -> Vector:
    """The vector of an on_demand case, from the cache or generated now (which may take a minute).

    Raises:
        GenerationError: it is not in the cache and cannot be generated here.
        VectorError: it cannot be written into the cache.
    """
    with _ONE_AT_A_TIME:  # adapters run in parallel; the second waits for the vector instead of generating it again
        return _cached(case)


def _cached(case: Case) -> Vector:
    path, digest_path = _paths(case)
    if (found := _kept(case, path, digest_path)) is not None:
        return found
    _demand_writable()
    try:
        with Claim(path.with_suffix(".claim"), wait=True):  # one run at a time makes it, the others wait for it
            found = _kept(case, path, digest_path)
            return _kept_now(case, path, digest_path) if found is None else found
    except FileError as error:
        said = f"{error}; it is in the cache of vectors made on demand: if it is in the way, remove it"
        raise VectorError(said) from error


def _kept(case: Case, path: Path, digest_path: Path) -> Vector | None:
    """The vector in the cache; None if it is absent or damaged, and so has to be generated again."""
    try:
        digest, wanted = read_text(digest_path, MEBIBYTE), tensors_of(case)
        data = read_file(path, most_bytes(wanted))
        demand_described(case, data, path, path.parent)
        return verified(case, wanted, data, digest, path, "")
    except (FileError, VectorError):
        return None


def _kept_now(case: Case, path: Path, digest_path: Path) -> Vector:
    """Generate the vector and put it into the cache."""
    from conformance.golden.build import build  # imported only here, because most runs generate no vector

    data = file_of(case, build(case).vector, whole=True)
    replace_file(path, data)
    replace_file(digest_path, hashlib.sha256(data).hexdigest())
    return Vector.from_bytes(data)


def missing(cases: Iterable[Case]) -> list[Case]:
    """Those of the cases whose vectors are made on demand and have not been."""
    return [case for case in cases if case.on_demand and not all(path.exists() for path in _paths(case))]


def make(cases: Sequence[Case], jobs: int | None = None) -> Iterator[Case]:
    """Make vectors in several processes; gives each case as soon as its vector is there.

    A vector that cannot be made is left out: `cached` tries again and says why. If this is interrupted, the processes
    end at once, and what they have finished stays.
    """
    ordered = sorted(cases, key=cost, reverse=True)
    workers = min(jobs or os.cpu_count() or 1, len(ordered))
    # Not forked: the caller may have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
        try:
            making = {pool.submit(_made, case): case for case in ordered}
            for future in as_completed(making):
                with contextlib.suppress(Exception):
                    future.result()
                    yield making[future]
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _made(case: Case) -> None:
    cached(case)


def demand_usable(cases: Iterable[Case]) -> None:
    """Check that the vectors of these cases are in the cache, or that the cache can be written.

    Raises:
        VectorError: a vector is missing and the cache cannot be written.
    """
    if missing(cases):
        _demand_writable()


def _demand_writable() -> None:
    try:
        demand_writable(folder())
    except FileError as error:
        raise VectorError(
            f"{error}; vectors made on demand are kept there (on Linux, set XDG_CACHE_HOME for another folder)"
        ) from error


def _paths(case: Case) -> tuple[Path, Path]:
    """The vector and its digest."""
    path = folder() / f"{case.digest()}-{_generator_digest()}.safetensors"
    return path, path.with_suffix(".sha256")


@functools.cache
def _generator_digest() -> str:
    """A digest of the code that generates vectors, so that vectors generated by other code are not reused."""
    package = Path(conformance.__file__).parent
    files = sorted(path for part in ("golden", "lstm") for path in (package / part).rglob("*.py"))
    files = [path for path in files if path.parent.name not in ("mistakes", "design")]  # they do not affect vectors
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def folder() -> Path:
    """Where on_demand vectors are kept."""
    return Path(platformdirs.user_cache_dir("lstm-conformance", appauthor=False))
