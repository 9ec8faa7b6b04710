"""Every installed adapter with its versions and device, or why it cannot load; each tried in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conformance.case.errors import AdapterUnavailable
from conformance.run.places import Place
from conformance.run.process import Worker


@dataclass(frozen=True)
class Diagnosis:
    """What became of making one adapter."""

    adapter: str
    versions: dict[str, str]
    device: str
    settings: dict[str, str]
    problem: str | None


def examine(adapters: list[str], places: Mapping[str, Place]) -> Iterator[Diagnosis]:
    """One diagnosis an adapter, as they come."""
    for adapter in adapters:
        try:
            worker = Worker(adapter, places)
        except AdapterUnavailable as error:
            yield Diagnosis(adapter, {}, "", {}, str(error))
        else:
            info = worker.info
            yield Diagnosis(adapter, info.versions, info.device, info.settings, None)
            worker.close()
