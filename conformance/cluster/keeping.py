"""Keeps adapters loaded between the pieces of a run, in a worker of a cluster.

A thread of the worker has one at most, for a framework's memory can be large. They end with their run; if nobody says
that it has ended, because the command was killed or the network is down, they end when nothing has been asked for a
while.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from conformance.case.errors import VectorError
from conformance.cluster.identity import digest_of, portable
from conformance.golden.store import VectorStore
from conformance.results.deviations import Deviation
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings

IDLE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class AdapterOfRun:
    """An adapter and how its cases are run. run: which one. vectors: `digest_of` those that it is judged by."""

    run: str
    label: str
    vectors: str
    deviations: tuple[Deviation, ...]
    settings: RunSettings
    profiles: bool

    def runner(self) -> Runner:
        """One for this process.

        Raises:
            VectorError: it has other vectors by now.
        """
        folder = self.settings.vectors
        if digest_of(portable(folder)) != self.vectors:
            raise VectorError(f"{folder}: the vectors were changed while they were used")
        return Runner(self.label, VectorStore(folder), list(self.deviations), self.settings, profiles=self.profiles)


class _Kept:
    """Runners that nobody uses at the moment, those that are in use, and the runs that have ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Runner, tuple[AdapterOfRun, threading.Timer]] = {}
        self._used: dict[Runner, str] = {}
        self._ended: set[str] = set()
        self._told: WeakKeyDictionary[Runner, float] = WeakKeyDictionary()

    def ended(self, run: str) -> bool:
        return run in self._ended

    @contextlib.contextmanager
    def runner(self, adapter: AdapterOfRun) -> Iterator[Runner]:
        """A runner for this adapter, as long as nobody else has it; those of other adapters make room."""
        with self._lock:
            found = next((runner for runner, (of, _) in self._idle.items() if of == adapter), None)
            others = [runner for runner, (of, _) in self._idle.items() if of != adapter]
            for runner in [*others, *([found] if found else [])]:
                self._idle.pop(runner)[1].cancel()
        for runner in others:
            runner.close()
        used = found or adapter.runner()
        self._used[used] = adapter.run
        try:
            yield used
        except BaseException:
            used.close()
            raise
        finally:
            del self._used[used]
        self._keep(used, adapter)

    def loading(self, runner: Runner) -> float:
        """The seconds in which its workers became ready since this was last asked."""
        before = self._told.get(runner, 0.0)
        self._told[runner] = runner.import_seconds
        return runner.import_seconds - before

    def _keep(self, runner: Runner, adapter: AdapterOfRun) -> None:
        with self._lock:
            if adapter.run not in self._ended:
                timer = threading.Timer(IDLE_SECONDS, self._leave, [runner])
                timer.daemon = True
                self._idle[runner] = adapter, timer
                timer.start()
                return
        runner.close()

    def _leave(self, runner: Runner) -> None:
        with self._lock:
            if self._idle.pop(runner, None) is None:
                return
        runner.close()

    def end(self, run: str) -> None:
        """End all runners of a run, those in use as well."""
        with self._lock:
            self._ended.add(run)
            idle = [runner for runner, (of, _) in self._idle.items() if of.run == run]
            for runner in idle:
                self._idle.pop(runner)[1].cancel()
            used = [runner for runner, of in self._used.items() if of == run]
        for runner in (*idle, *used):
            runner.close()


KEPT: Final = _Kept()


def end(run: str) -> None:
    """End what a run has in this process."""
    KEPT.end(run)
