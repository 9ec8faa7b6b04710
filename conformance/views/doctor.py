"""Every installed adapter with its versions and device, or why it cannot load; each tried in a process of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conformance.case.errors import AdapterUnavailable
from conformance.run.parallel import side_by_side
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


def examine(
    adapters: Sequence[str],
    places: Mapping[str, Place],
    *,
    jobs: int,
    load_timeout: float,
    came: Callable[[Diagnosis], None],
) -> None:
    """Make a diagnosis of each adapter.

    Args:
        jobs: at most so many adapters load at a time: one that hangs holds up no other.
        load_timeout: seconds each may take.
        came: told of each diagnosis as it comes.
    """
    stopped = threading.Event()
    workers: list[Worker] = []

    def stop() -> None:
        stopped.set()
        for worker in workers:
            worker.close()

    def diagnosis(adapter: str) -> Diagnosis:
        try:
            worker = Worker(adapter, places, load_timeout=load_timeout, ready=False)
            workers.append(worker)
            with contextlib.closing(worker):
                if stopped.is_set():
                    raise AdapterUnavailable("interrupted")
                worker.wait_until_ready()
                info = worker.info
                return Diagnosis(adapter, info.versions, info.device, info.settings, None)
        except AdapterUnavailable as error:
            return Diagnosis(adapter, {}, "", {}, str(error))

    side_by_side(diagnosis, adapters, jobs, came=came, stop=stop)
