"""Finds adapters. Each, built-in or a vendor's, is an entry point in the group `lstm_conformance.adapters`.

One that is in no package is named by its file and class, `./mine.py:Mine` (conformance.adapters.from_file), or by the
command of a harness in any language, `command:./mine` (conformance.adapters.harness), which may have a name as well.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.adapters import from_file
from conformance.adapters.harness import configuration
from conformance.adapters.harness.command import digests, name_of
from conformance.adapters.harness.errors import HarnessDied
from conformance.case.errors import AdapterUnavailable
from conformance.case.text import shortened, visible

if TYPE_CHECKING:
    from conformance.adapters.base import Adapter

GROUP = "lstm_conformance.adapters"

_LABEL = re.compile(r"(?:(?P<place>[\w.-]+):)?(?P<name>[\w.-]+)(?:@(?P<device>[!-~]+))?", re.ASCII)
_COMMAND = re.compile(
    r"(?:(?P<place>[\w.-]+):)?command:(?P<command>.+?)(?:@(?P<device>[^@/\\\s]+))?", re.ASCII | re.DOTALL
)
_FILE = re.compile(r"(?:(?P<place>[\w.-]+):)?(?P<file>.+\.py):(?P<kind>[^\W\d]\w*)(?:@(?P<device>[!-~]+))?", re.ASCII)


@dataclass(frozen=True)
class Label:
    """The parts of `[PLACE:]NAME[@DEVICE]`, `[PLACE:]FILE.py:CLASS[@DEVICE]` or `[PLACE:]command:COMMAND[@DEVICE]`.

    place: empty for this interpreter. name: of the adapter; the file's without its ending, where it is one. file, kind:
    the file and the class in it. command: of a harness; configured: it was named, see
    conformance.adapters.harness.configuration. All four are empty for an installed adapter.
    """

    place: str
    name: str
    device: str
    file: str = ""
    kind: str = ""
    command: str = ""
    configured: bool = False

    @property
    def installed(self) -> bool:
        """Whether it is the name of an adapter in a package."""
        return not (self.file or self.command)

    @property
    def here(self) -> str:
        """What `load` takes: the name of an installed adapter; the file, from the root, and the class; the command."""
        if self.command:
            return f"command:{self.command}"
        return f"{Path(self.file).absolute()}:{self.kind}" if self.file else self.name

    @property
    def there(self) -> str:
        """The label without its place, as it is known there: `NAME@DEVICE`."""
        return f"{self.here}@{self.device}"

    @property
    def identity(self) -> str:
        """What names the same adapter in two runs: `NAME`, or `FILE:CLASS` wherever the file is; `@DEVICE` if any."""
        name = f"{self.name}:{self.kind}" if self.file else self.name
        if self.command and not self.configured:
            name = f"command:{name}"
        return name if self.device == "cpu" else f"{name}@{self.device}"


def parse(label: str) -> Label:
    """`board:mine@npu:1` -> board, mine, npu:1; `torch` -> here, torch, cpu; `./a.py:B` -> here, a, cpu, ./a.py, B.

    Raises:
        AdapterUnavailable: not of that form.
    """
    if (found := _COMMAND.fullmatch(label)) is not None and label.isprintable():
        command = found["command"]
        return Label(found["place"] or "", name_of(command), found["device"] or "cpu", command=command)
    if (found := _FILE.fullmatch(label)) is not None and label.isprintable():
        return Label(
            found["place"] or "", Path(found["file"]).stem, found["device"] or "cpu", found["file"], found["kind"]
        )
    found = _LABEL.fullmatch(label)
    if label.endswith(".py"):
        raise AdapterUnavailable(f"'{shortened(label)}' is a file; name the class in it, too: {shortened(label)}:CLASS")
    if found is None:
        raise AdapterUnavailable(
            f"'{shortened(label)}' is not an adapter; give [PLACE:]NAME[@DEVICE], like torch, torch@cuda or "
            "board:torch, or [PLACE:]FILE.py:CLASS[@DEVICE], like ./mine.py:Mine, or [PLACE:]command:PATH[@DEVICE], "
            "like command:./mine"
        )
    name, command = found["name"], configuration.commands().get(found["name"], "")
    if command and name in _found():
        raise AdapterUnavailable(f"two adapters are called {name!r}: {_found()[name].value} and the harness {command}")
    return Label(found["place"] or "", name, found["device"] or "cpu", command=command, configured=bool(command))


def names() -> list[str]:
    """The names of all installed adapters. Imports nothing."""
    return sorted(_found())


def available() -> list[str]:
    """The names of all installed adapters and of all configured harnesses. Imports nothing."""
    return sorted({*names(), *configuration.commands()})


def is_built_in(name: str) -> bool:
    """Whether an installed adapter is one of the suite's own. Imports nothing."""
    return _found()[name].module.startswith("conformance.")


def check(name: str, known: Sequence[str] | None = None) -> None:
    """Raises AdapterUnavailable, listing the installed adapters, if none has this name. Imports nothing.

    Args:
        name: without place and device.
        known: the existing names; None for those of this interpreter.
    """
    known = available() if known is None else known
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise AdapterUnavailable(f"no adapter '{shortened(name)}'{hint} installed: {', '.join(known)}")


def demand(label: Label, known: Sequence[str] | None = None) -> None:
    """Raises AdapterUnavailable if there is no adapter of this label: no such name, or no such file. Imports nothing.

    Whether there is a command shows when it is asked to describe itself.

    Args:
        label: its device is not looked at.
        known: the names that exist at its place; None for those of this interpreter.
    """
    if label.file:
        from_file.demand_file(label.file)
    elif label.installed:
        check(label.name, known if known is None else sorted({*known, *configuration.commands()}))


def make(spec: str) -> Adapter:
    """The adapter `name` or `name@device` of this interpreter, its framework imported.

    Raises:
        AdapterUnavailable: unknown name, framework not installed or not importable, no such device, not an adapter.
    """
    from conformance.adapters.base import Adapter
    from conformance.adapters.capabilities import Capabilities
    from conformance.adapters.words import faults_of

    label = parse(spec)
    if label.place:
        raise AdapterUnavailable(f"{spec}: {label.place} is another place; only a worker can go there")
    adapter = _loaded(label, lambda kind: kind(label.device))
    if not isinstance(adapter, Adapter):
        named = "it is" if not label.installed else f"its entry point names {_found()[label.name].value}, which makes"
        raise AdapterUnavailable(
            f"{label.here} cannot load: {named} a "
            f"{type(adapter).__name__}; it must {'name' if label.installed else 'be'} a subclass of "
            "conformance.adapters.base.Adapter"
        )
    if not isinstance(getattr(adapter, "name", None), str):
        raise AdapterUnavailable(f"{label.here} cannot load: {type(adapter).__name__}.name is not a text")
    if not hasattr(adapter, "capabilities"):
        raise AdapterUnavailable(f"{label.here} cannot load: {type(adapter).__name__} has no capabilities")
    if isinstance(adapter.capabilities, Capabilities) and (faults := faults_of(adapter.capabilities)):
        raise AdapterUnavailable("\n".join([f"{label.here} cannot load: its capabilities are wrong:", *faults]))
    return adapter


def load(spec: str) -> Any:
    """What the entry point of this name, or a file and class, refers to: the adapter's class, if it is right.

    Raises:
        AdapterUnavailable: unknown name, or its module cannot be imported.
    """
    return _loaded(parse(spec), lambda kind: kind)


def _loaded(label: Label, how: Callable[[Any], Any]) -> Any:
    demand(label)
    name = label.here
    try:
        return how(_kind(label))
    except (AdapterUnavailable, HarnessDied, KeyboardInterrupt):
        raise
    except ImportError as error:
        raise AdapterUnavailable(f"{name} cannot load: {said(error)}") from error
    except SystemExit as error:
        code = "" if error.code is None else shortened(repr(error.code))
        raise AdapterUnavailable(f"{name} cannot load: it called sys.exit({code}) while it was loaded") from error
    # A framework may raise anything while it is imported, even a Rust panic, which is not an Exception.
    except BaseException as error:
        raise AdapterUnavailable(f"{name} cannot load: {type(error).__name__}: {said(error)}") from error


def _kind(label: Label) -> Any:
    if label.command:
        from conformance.adapters.harness.adapter import of_command

        return of_command(label.command)
    return from_file.load(label.file, label.kind) if label.file else _class(_found()[label.name])


def text_of(label: str) -> dict[str, str]:
    """Which text of a file an adapter was made from, as one of its settings; {} for one that is installed."""
    if label and (command := parse(label).command):
        return digests(command)
    file = parse(label).file if label else ""
    return {f"sha256 of {Path(file).name}": from_file.digest(file)[:16]} if file else {}


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
