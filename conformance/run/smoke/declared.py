"""Reads what an adapter's class declares, in a separate process in which nothing has been imported before.

`describe` runs in that process, at the place where the adapter will run.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from typing import Any

from conformance.adapters import registry
from conformance.adapters.base import Adapter
from conformance.adapters.capabilities import ActivationSupport, Capabilities
from conformance.adapters.harness.adapter import CommandAdapter
from conformance.adapters.words import faults_of, set_faults
from conformance.case.errors import AdapterUnavailable
from conformance.run.confine import confine
from conformance.run.connection import END, CannotStart, Connection
from conformance.run.places import HERE, Place
from conformance.run.settings import LOAD_SECONDS

_PROGRAM = "from conformance.run.smoke.declared import describe\ndescribe(channel)\n"


@dataclasses.dataclass(frozen=True)
class Declared:
    """capabilities: None if `faults` says why. imported: top-level module -> distributions it belongs to.

    harness: whether it speaks with a process by the protocol of docs/harness.md.
    """

    faults: tuple[str, ...]
    capabilities: Capabilities | None = None
    imported: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    harness: bool = False

    def frameworks(self, versions: Iterable[str]) -> list[str]:
        """The packages of `versions` that were imported with the class."""
        return [
            package
            for package in versions
            if any(_plain(package) in map(_plain, (module, *owners)) for module, owners in self.imported.items())
        ]


def declared(adapter: str, place: Place = HERE, seconds: float = LOAD_SECONDS) -> Declared:
    """What an adapter, as it is at a place, declares.

    Args:
        adapter: its label; the place and the device in it are not looked at.
        seconds: how long it may take to load the class.

    Raises:
        AdapterUnavailable: there is no such adapter, or its class cannot be loaded.
    """
    label = registry.parse(adapter)
    name = label.here
    registry.demand(label, place.adapters)
    connection = Connection(place, _PROGRAM)
    connection.send({"name": name})
    try:
        connection.open()
        connection.wait_until_started(seconds)
        told = _told(connection, label, seconds)
    except CannotStart as error:
        raise AdapterUnavailable(f"{name}: {error}") from error
    finally:
        connection.close(at_work=True)  # with what it has started: a command may hang when it is to describe itself
    if "unavailable" in told:
        raise AdapterUnavailable(told["unavailable"])
    fields = told["capabilities"]
    if fields is not None:
        fields = Capabilities(**fields | {"activations": ActivationSupport(**fields["activations"])})
    return Declared(told["faults"], fields, told["imported"], told["harness"])


def _told(connection: Connection, label: registry.Label, seconds: float) -> Any:
    """What `describe` sends."""
    deadline = connection.began + seconds
    for first in (True, False):
        came, told = connection.receive(deadline)
        if came > deadline:
            what = "it did not describe itself" if label.command else "its class did not load"
            printed = "".join(f"\n{line}" for line in connection.kill().splitlines())
            raise AdapterUnavailable(f"{label.here}: {what} within {seconds:g} s (--load-timeout){printed}")
        if told is END or not isinstance(told, dict):
            said = connection.last_words()
            raise AdapterUnavailable(f"{label.here}: the process that loads its class gave no answer: {said}")
        if first:
            connection.known_as(**told)
    return told


def describe(channel: Any) -> None:
    """Load the class and send what is wrong with it, or else what it declares."""
    name = channel.receive()["name"]
    log, mark = confine()
    channel.send({"pid": os.getpid(), "log": log, "mark": mark})
    before = set(sys.modules)
    try:
        kind = registry.load(name)
    except AdapterUnavailable as error:
        channel.send({"unavailable": str(error)})
        return
    found = faults(kind, name)
    own = getattr(kind, "__module__", "").partition(".")[0]
    new = {module.partition(".")[0] for module in set(sys.modules) - before} - {own}
    owners = packages_distributions()
    channel.send(
        {
            "faults": tuple(found),
            "capabilities": None if found else dataclasses.asdict(kind.capabilities),
            "harness": isinstance(kind, type) and issubclass(kind, CommandAdapter),
            "imported": {module: tuple(owners.get(module, ())) for module in new},
        }
    )


def faults(kind: Any, name: str) -> list[str]:
    """What is wrong with an adapter's class attributes, one line each."""
    if not (isinstance(kind, type) and issubclass(kind, Adapter)):
        return [f"the entry point {name} leads to {kind!r}, not a subclass of conformance.adapters.base.Adapter"]
    found = []
    if not registry.parse(name).installed:
        if not isinstance(getattr(kind, "name", None), str):
            found.append("name is not a text; messages call the adapter by it")
    elif getattr(kind, "name", None) != name:
        found.append(f"name is {getattr(kind, 'name', None)!r}; its entry point calls it {name!r}")
    found += set_faults("devices", kind.devices, None)
    capabilities = getattr(kind, "capabilities", None)
    if not isinstance(capabilities, Capabilities):
        return [*found, f"capabilities is {capabilities!r}; it must be a Capabilities(...)"]
    return found + faults_of(capabilities)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
