"""The suite's own specs as they were read before, in the user's cache folder: reading 3,000 cases takes a second.

An entry holds the cases of one file and is named after the content of the file, the name that messages give it, and the
code that reads specs; whatever changes, the file is read again. An entry that is damaged, or cannot be written, is as
none. Entries are pickles, of which nothing is made but the classes of a case.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pydantic

from conformance.case.model import Case
from conformance.files import MEBIBYTE, FileError, read_file, replace_file

MOST_BYTES = 64 * MEBIBYTE
"""Most bytes of an entry."""
_MOST_ENTRIES = 4
"""How many entries of one name are left: other versions of the suite, or other checkouts, may be in use as well."""
_OTHERS = {("array", "array"), ("array", "_array_reconstructor")}
"""What a case is made of besides the classes of conformance.case; a path is not, so that a spec which takes tensors
from files, and depends on their content, is read each time."""


def kept(file: Path, shown: str, read: Callable[[Path], list[Case]]) -> list[Case]:
    """The cases of a spec file, from the cache or else by `read`.

    Args:
        shown: the file's name in messages, which is part of every case.

    Raises:
        SpecError: what `read` raises.
    """
    try:
        key = _key(read_file(file, MOST_BYTES), shown)
    except FileError:
        return read(file)  # which says what is the matter
    entry = folder() / f"{file.stem}-{key}.pickle"
    try:
        return _cases(read_file(entry, MOST_BYTES))
    except Exception:  # a pickle that is damaged raises anything
        cases = read(file)
    for case in cases:
        case.digest()  # which is kept with it, and so is
        case.described()
    with contextlib.suppress(FileError, OSError):
        replace_file(entry, pickle.dumps(cases, pickle.HIGHEST_PROTOCOL))
        _tidy(file.stem)
    return cases


def folder() -> Path:
    """Where the entries are."""
    return Path(platformdirs.user_cache_dir("lstm-conformance", appauthor=False)) / "specs"


def _key(content: bytes, shown: str) -> str:
    parts = (_code(), hashlib.sha256(content).hexdigest(), shown)
    return hashlib.sha256("\n".join(parts).encode(errors="backslashreplace")).hexdigest()[:20]


@functools.cache
def _code() -> str:
    """A digest of what reads specs."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    texts = [path.read_bytes() for path in files]
    return hashlib.sha256(b"".join(texts) + f"{sys.version} {pydantic.VERSION}".encode()).hexdigest()


def _cases(data: bytes) -> list[Case]:
    with _without_collector():
        found = _Unpickler(io.BytesIO(data)).load()
    if not (isinstance(found, list) and all(isinstance(each, Case) for each in found)):
        raise pickle.UnpicklingError("not a list of cases")
    return found


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _OTHERS:
            return super().find_class(module, name)
        # A dotted name could lead through a module to what that has imported.
        found = super().find_class(module, name) if module.startswith("conformance.case.") and "." not in name else None
        if not (isinstance(found, type) and found.__module__ == module):
            raise pickle.UnpicklingError(f"{module}.{name} is not part of a case")
        return found


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Half of the time would go to looking for garbage among what is just being made."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _tidy(stem: str) -> None:
    """Remove the oldest entries of a file's name."""
    length = len(f"{stem}-") + 20 + len(".pickle")
    entries = [path for path in folder().glob(f"{stem}-*.pickle") if len(path.name) == length]
    for path in sorted(entries, key=lambda each: each.stat().st_mtime, reverse=True)[_MOST_ENTRIES:]:
        path.unlink(missing_ok=True)
