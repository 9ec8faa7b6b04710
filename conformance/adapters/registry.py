"""Finds adapters: every one, built-in or a vendor's, is an entry point of the group `lstm_conformance.adapters`."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points

from conformance.adapters.base import Adapter
from conformance.case.errors import AdapterUnavailable

GROUP = "lstm_conformance.adapters"


def names() -> list[str]:
    """The names of all installed adapters. Imports nothing."""
    return sorted(_found())


def split(spec: str) -> tuple[str, str]:
    """`torch@cuda` -> (`torch`, `cuda`); the device is `cpu` where none is named."""
    name, _, device = spec.partition("@")
    return name, device or "cpu"


def check(spec: str) -> None:
    """Raises AdapterUnavailable, naming what there is, if no adapter of this name is installed. Imports nothing."""
    name, _ = split(spec)
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AdapterUnavailable(f"no adapter {name!r}{hint} installed: {', '.join(known)}")


def make(spec: str) -> Adapter:
    """The adapter `name` or `name@device`, its framework imported.

    Raises:
        AdapterUnavailable: unknown name, framework not installed or not importable, no such device.
    """
    check(spec)
    name, device = split(spec)
    try:
        adapter: Adapter = _found()[name].load()(device)
    except AdapterUnavailable:
        raise
    except ImportError as error:
        raise AdapterUnavailable(f"{name} cannot load: {error}") from error
    except Exception as error:  # a framework may raise anything while it is imported; it must not take the run along
        raise AdapterUnavailable(f"{name} cannot load: {type(error).__name__}: {error}") from error
    return adapter


def _found() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = found.setdefault(entry.name, entry)
        # The same package may be seen twice, installed and on the path; two adapters of one name are a mistake.
        if other.value != entry.value:
            raise AdapterUnavailable(f"two adapters are called {entry.name!r}: {other.value} and {entry.value}")
    return found
