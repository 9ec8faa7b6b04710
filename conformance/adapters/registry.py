"""Finds adapters. Each, built-in or a vendor's, is an entry point in the group `lstm_conformance.adapters`."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from conformance.case.errors import AdapterUnavailable
from conformance.case.text import shortened, visible

if TYPE_CHECKING:
    from conformance.adapters.base import Adapter

GROUP = "lstm_conformance.adapters"

_LABEL = re.compile(r"(?:(?P<place>[\w.-]+):)?(?P<name>[\w.-]+)(?:@(?P<device>[!-~]+))?", re.ASCII)


@dataclass(frozen=True)
class Label:
    """The parts of `[PLACE:]NAME[@DEVICE]`; place is empty for this interpreter."""

    place: str
    name: str
    device: str

    @property
    def there(self) -> str:
        """The label without its place, as it is known there: `NAME@DEVICE`."""
        return f"{self.name}@{self.device}"


def parse(label: str) -> Label:
    """`torch` -> here, torch, cpu; `board:mine@npu:1` -> board, mine, npu:1.

    Raises:
        AdapterUnavailable: not of that form.
    """
    found = _LABEL.fullmatch(label)
    if found is None:
        raise AdapterUnavailable(
            f"'{shortened(label)}' is not an adapter; give [PLACE:]NAME[@DEVICE], like torch, torch@cuda or board:torch"
        )
    return Label(found["place"] or "", found["name"], found["device"] or "cpu")


def names() -> list[str]:
    """The names of all installed adapters. Imports nothing."""
    return sorted(_found())


def is_built_in(name: str) -> bool:
    """Whether an installed adapter is one of the suite's own. Imports nothing."""
    return _found()[name].module.startswith("conformance.")


def check(name: str, known: Sequence[str] | None = None) -> None:
    """Raises AdapterUnavailable, listing the installed adapters, if none has this name. Imports nothing.

    Args:
        name: without place and device.
        known: the existing names; None for those of this interpreter.
    """
    known = names() if known is None else known
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AdapterUnavailable(f"no adapter '{shortened(name)}'{hint} installed: {', '.join(known)}")


def make(spec: str) -> Adapter:
    """The adapter `name` or `name@device` of this interpreter, its framework imported.

    Raises:
        AdapterUnavailable: unknown name, framework not installed or not importable, no such device, not an adapter.
    """
    from conformance.adapters.base import Adapter

    label = parse(spec)
    if label.place:
        raise AdapterUnavailable(f"{spec}: {label.place} is another place; only a worker can go there")
    adapter = _loaded(label.name, lambda entry: _class(entry)(label.device))
    if not isinstance(adapter, Adapter):
        raise AdapterUnavailable(
            f"{label.name} cannot load: its entry point names {_found()[label.name].value}, which makes a "
            f"{type(adapter).__name__}; it must name a subclass of conformance.adapters.base.Adapter"
        )
    if not isinstance(getattr(adapter, "name", None), str):
        raise AdapterUnavailable(f"{label.name} cannot load: {type(adapter).__name__}.name is not a text")
    if not hasattr(adapter, "capabilities"):
        raise AdapterUnavailable(f"{label.name} cannot load: {type(adapter).__name__} has no capabilities")
    return adapter


def load(name: str) -> Any:
    """The object that the entry point of this name refers to: the adapter's class, if it is right.

    Raises:
        AdapterUnavailable: unknown name, or its module cannot be imported.
    """
    return _loaded(name, _class)


def _loaded(name: str, how: Callable[[EntryPoint], Any]) -> Any:
    check(name)
    try:
        return how(_found()[name])
    except (AdapterUnavailable, KeyboardInterrupt):
        raise
    except ImportError as error:
        raise AdapterUnavailable(f"{name} cannot load: {said(error)}") from error
    except SystemExit as error:
        code = "" if error.code is None else shortened(repr(error.code))
        raise AdapterUnavailable(f"{name} cannot load: it called sys.exit({code}) while it was loaded") from error
    # A framework may raise anything while it is imported, even a Rust panic, which is not an Exception.
    except BaseException as error:
        raise AdapterUnavailable(f"{name} cannot load: {type(error).__name__}: {said(error)}") from error


def said(error: BaseException) -> str:
    """The text of an exception that an adapter raised, safe to show in a message."""
    try:
        text = str(error).strip()
    except Exception as another:  # its __str__ may be the adapter's own
        text = f"(its text cannot be read: {type(another).__name__})"
    return visible(text, lines=True) or "(no message)"


def _class(entry: EntryPoint) -> Any:
    """The object that an entry point refers to.

    Raises:
        AdapterUnavailable: there is no such object, because the entry point is from another state of its package.
    """
    stale = f"{entry.name} cannot load: its entry point names {entry.value}, and "
    again = "if it was renamed, reinstall its package (pip install) to update its entry points"
    try:
        found: Any = importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{entry.module}.".startswith(f"{error.name}."):
            raise  # one that it imports
        raise AdapterUnavailable(f"{stale}there is no module {error.name}; {again}") from error
    for attribute in entry.attr.split(".") if entry.attr else ():
        if not hasattr(found, attribute):
            raise AdapterUnavailable(f"{stale}{found.__name__} has no {attribute}; {again}")
        found = getattr(found, attribute)
    return found


def _found() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = found.setdefault(entry.name, entry)
        # The same package may be found twice, installed and on the path; two adapters with one name are a mistake.
        if other.value != entry.value:
            raise AdapterUnavailable(f"two adapters are called {entry.name!r}: {other.value} and {entry.value}")
    return found
