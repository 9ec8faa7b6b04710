"""Loads an adapter's class from a file of the user's that is in no package: `./mine.py:Mine`.

The file is run as a module of its own name, as `python mine.py` would run it, and may import what lies beside it. The
digest of what was run goes into the results, so that a run is not continued with another text of the file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, read_file

MOST_BYTES: Final = 4 * MEBIBYTE
_loaded: dict[Path, tuple[ModuleType, str]] = {}


def demand_file(file: str) -> Path:
    """The file, from the root.

    Raises:
        AdapterUnavailable: there is no such file, it is not one, or that cannot be found out.
    """
    path = Path(file).absolute()
    try:
        there = path.exists()
    except PermissionError as error:  # of a folder above
        raise AdapterUnavailable(f"{shortened(file)}: cannot be read: {error.strerror}") from error
    if not there:
        raise AdapterUnavailable(f"{shortened(file)}: there is no such file")
    if not path.is_file():
        raise AdapterUnavailable(f"{shortened(file)}: is not a file")
    return path


def load(file: str, kind: str) -> type[Any]:
    """The class of this name in a file, which is run unless it has been.

    Raises:
        AdapterUnavailable: the file cannot be read, or has no such class, or this is not an adapter's.
        BaseException: whatever the file raises.
    """
    from conformance.adapters.base import Adapter

    path = demand_file(file)
    module = _module(path)
    found = getattr(module, kind, None)
    if found is None:
        own = [name for name, each in vars(module).items() if _is_adapter(each) and each is not Adapter]
        there = f"its adapters are: {', '.join(own)}" if own else "it has no subclass of Adapter"
        raise AdapterUnavailable(f"{path} has no class {kind}; {there}")
    if not _is_adapter(found):
        raise AdapterUnavailable(
            f"{path}:{kind} is not an adapter; it must be a subclass of conformance.adapters.base.Adapter"
        )
    kept: type[Any] = found
    return kept


def digest(file: str) -> str:
    """SHA-256 of the text of the file that was run; empty if it was not."""
    return _loaded[path][1] if (path := Path(file).absolute()) in _loaded else ""


def _is_adapter(kind: Any) -> bool:
    from conformance.adapters.base import Adapter

    return isinstance(kind, type) and issubclass(kind, Adapter)


def _module(path: Path) -> ModuleType:
    if path in _loaded:
        return _loaded[path][0]
    try:
        text = read_file(path, MOST_BYTES)
    except ConformanceError as error:
        raise AdapterUnavailable(str(error)) from error
    # Not by the stem alone: torch.py must not stand in for torch.
    name = f"conformance_adapter_in_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last: nothing that lies there may stand in for a package
    sys.modules[name] = module  # dataclasses and pickle look for it there
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    _loaded[path] = (module, hashlib.sha256(text).hexdigest())
    return module
