"""Finds adapters: every one, built-in or a vendor's, is an entry point of the group `lstm_conformance.adapters`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from conformance.case.errors import AdapterUnavailable
from conformance.case.text import shortened

if TYPE_CHECKING:
    from conformance.adapters.base import Adapter

GROUP = "lstm_conformance.adapters"

_LABEL = re.compile(r"(?:(?P<place>[\w.-]+):)?(?P<name>[\w.-]+)(?:@(?P<device>[!-~]+))?", re.ASCII)


@dataclass(frozen=True)
class Label:
    """What `[PLACE:]NAME[@DEVICE]` says; place is empty for this interpreter."""

    place: str
    name: str
    device: str

    @property
    def there(self) -> str:
        """The label as the place itself knows it: `NAME@DEVICE`."""
        return f"{self.name}@{self.device}"


def parse(label: str) -> Label:
    """`torch` -> here, torch, cpu; `board:mine@npu:1` -> board, mine, npu:1.

    Raises:
        AdapterUnavailable: not of that form.
    """
    found = _LABEL.fullmatch(label)
    if found is None:
        raise AdapterUnavailable(
            f"'{shortened(label)}' names no adapter; needs [PLACE:]NAME[@DEVICE], like torch, torch@cuda or board:torch"
        )
    return Label(found["place"] or "", found["name"], found["device"] or "cpu")


def names() -> list[str]:
    """The names of all installed adapters. Imports nothing."""
    return sorted(_found())


def check(name: str, known: Sequence[str] | None = None) -> None:
    """Raises AdapterUnavailable, naming what there is, if no adapter of this name is installed. Imports nothing.

    Args:
        name: without place and device.
        known: the names there are; those of this interpreter if None.
    """
    known = names() if known is None else known
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AdapterUnavailable(f"no adapter '{shortened(name)}'{hint} installed: {', '.join(known)}")


def make(spec: str) -> Adapter:
    """The adapter `name` or `name@device` of this interpreter, its framework imported.

    Raises:
        AdapterUnavailable: unknown name, framework not installed or not importable, no such device.
    """
    label = parse(spec)
    if label.place:
        raise AdapterUnavailable(f"{spec}: {label.place} is another place; only a worker can go there")
    adapter: Adapter = _loaded(label.name, lambda entry: entry.load()(label.device))
    return adapter


def load(name: str) -> Any:
    """What the entry point of this name leads to: the adapter's class, if it is right.

    Raises:
        AdapterUnavailable: unknown name, or its module cannot be imported.
    """
    return _loaded(name, lambda entry: entry.load())


def _loaded(name: str, how: Callable[[EntryPoint], Any]) -> Any:
    check(name)
    try:
        return how(_found()[name])
    except AdapterUnavailable:
        raise
    except ImportError as error:
        raise AdapterUnavailable(f"{name} cannot load: {error}") from error
    except Exception as error:  # a framework may raise anything while it is imported; it must not take the run along
        raise AdapterUnavailable(f"{name} cannot load: {type(error).__name__}: {error}") from error


def _found() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = found.setdefault(entry.name, entry)
        # The same package may be seen twice, installed and on the path; two adapters of one name are a mistake.
        if other.value != entry.value:
            raise AdapterUnavailable(f"two adapters are called {entry.name!r}: {other.value} and {entry.value}")
    return found
