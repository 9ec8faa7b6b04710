"""How cases are run: what the command line and the pytest plugin fill from their options, and runner and worker take.

Imports next to nothing: a worker is started before NumPy, pydantic or execnet are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from conformance.case.errors import ConformanceError
from conformance.data import default_folders

if TYPE_CHECKING:
    from conformance.run.places import Place

MOST_SECONDS: Final = 1_000_000
MOST_GIB: Final = 1_000_000
"""More than anyone needs, and less than any system fails on."""
CASE_SECONDS: Final = 300.0
LOAD_SECONDS: Final = 300.0

_OWN = default_folders()


@dataclass(frozen=True)
class RunSettings:
    """How cases are run; each field but the last is an option of the same name.

    Attributes:
        specs, vectors, deviations: the folders, by default the suite's own.
        timeout: seconds a case may take.
        load_timeout: seconds from the start of a worker to its adapter's being ready.
        memory: GiB a worker may allocate; None for no limit.
        places: those that a label may name.
        trace: the file of the conversations with harnesses; None for none.
        in_process: run adapters in this process and thread, without timeout; for debuggers.
        prefix: what an option begins with where the user wrote it; messages name it so.

    Raises:
        ConformanceError: a value that is not allowed, or two that do not go together.
    """

    specs: Path = _OWN.specs
    vectors: Path = _OWN.vectors
    deviations: Path = _OWN.deviations
    timeout: float = CASE_SECONDS
    load_timeout: float = LOAD_SECONDS
    memory: float | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    trace: Path | None = None
    in_process: bool = False
    prefix: str = "--"

    def __post_init__(self) -> None:
        self._demand_within("timeout", MOST_SECONDS, "seconds")
        self._demand_within("load_timeout", MOST_SECONDS, "seconds")
        self._demand_within("memory", MOST_GIB, "GiB")
        for name in _FOLDERS:
            folder: Path = getattr(self, name)
            try:
                there = folder.is_dir()
            except PermissionError as error:  # of a folder above
                raise ConformanceError(f"{self.option(name)} {folder} cannot be read: {error.strerror}") from error
            if not there:
                raise ConformanceError(f"{self.option(name)} must be a folder; there is none called {folder}")
        if self.in_process and (self.places or self.memory is not None):
            others = f"{self.option('worker')} and {self.option('memory')}"
            raise ConformanceError(f"{self.option('in_process')} starts no worker: {others} do not go with it")

    def __getstate__(self) -> dict[str, Any]:
        """Another machine has the suite's own folders in another place, and need not have every other one."""
        return {
            name: None if name in _FOLDERS and value == getattr(_OWN, name) else value
            for name, value in vars(self).items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(
            {
                name: getattr(_OWN, name) if value is None and name in _FOLDERS else value
                for name, value in state.items()
            }
        )

    def _demand_within(self, name: str, most: int, unit: str) -> None:
        value = getattr(self, name)
        if value is not None and not 0 < value <= most:  # so written, NaN is refused
            raise ConformanceError(
                f"{self.option(name)} must be greater than 0 and at most {most:,} {unit}, not {value:g}"
            )

    def option(self, name: str) -> str:
        """The option of a field as the user writes it: `--load-timeout`, or `--lstm-load-timeout`."""
        return self.prefix + name.replace("_", "-")

    def place_of(self, label: str) -> Place:
        """The place that an adapter's label names.

        Raises:
            AdapterUnavailable: there is none of that name.
        """
        from conformance.adapters import registry
        from conformance.run.places import place_of

        return place_of(registry.parse(label), self.places, self.option("worker"))

    def trace_at(self, place: Place) -> str | None:
        """The file of the conversations, for a process at a place.

        Raises:
            ConformanceError: the place has other files.
        """
        if self.trace is None:
            return None
        if place.ssh:
            raise ConformanceError(f"{self.option('trace')} writes a file on this machine; {place.name} is another one")
        return str(self.trace.absolute())

    def again(self, label: str) -> tuple[str, ...]:
        """What `conformance run` or `smoke` has to be given, beside the adapter's label, to run its cases so again."""
        from conformance.adapters import registry
        from conformance.adapters.harness import configuration

        folders = ((name, getattr(self, name)) for name in _FOLDERS)
        given = [(name, path) for name, path in folders if path.resolve() != getattr(_OWN, name)]
        named = configuration.option_for(registry.parse(label).name)
        limit = () if self.memory is None else ("--memory", f"{self.memory:g}")
        return (
            *(word for name, path in given for word in (f"--{name}", str(path))),
            *self.place_of(label).option,
            *named,
            *limit,
        )


_FOLDERS = tuple(each.name for each in fields(_OWN))
