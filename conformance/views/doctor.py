"""Loads each adapter in a process of its own: which versions and device it has, or why it cannot load."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conformance.case.errors import AdapterUnavailable
from conformance.run.parallel import side_by_side
from conformance.run.process import Worker
from conformance.run.settings import RunSettings


@dataclass(frozen=True)
class Diagnosis:
    """What loading one adapter showed; problem: why it cannot load, None if it can."""

    adapter: str
    versions: dict[str, str]
    device: str
    settings: dict[str, str]
    problem: str | None


def examine(
    adapters: Sequence[str],
    settings: RunSettings,
    *,
    jobs: int,
    report: Callable[[Diagnosis], None],
    unusable: Mapping[str, str] | None = None,
) -> None:
    """Load each adapter and report a diagnosis of it.

    Args:
        settings: the places, and the seconds that each may take to load.
        jobs: how many adapters load at a time, so that one that hangs does not hold up the others.
        report: called with each diagnosis as it arrives.
        unusable: adapters that are not to be loaded, and why.
    """
    stopped = threading.Event()
    workers: list[Worker] = []

    def stop() -> None:
        stopped.set()
        for worker in workers:
            worker.close()

    def diagnosis(adapter: str) -> Diagnosis:
        if unusable and adapter in unusable:
            return Diagnosis(adapter, {}, "", {}, unusable[adapter])
        try:
            worker = Worker(adapter, settings, ready=False)
            workers.append(worker)
            with contextlib.closing(worker):
                if stopped.is_set():
                    raise AdapterUnavailable("interrupted")
                worker.wait_until_ready()
                info = worker.info
                return Diagnosis(adapter, info.versions, info.device, info.settings, None)
        except AdapterUnavailable as error:
            return Diagnosis(adapter, {}, "", {}, str(error))

    side_by_side(diagnosis, adapters, jobs, came=report, stop=stop)
