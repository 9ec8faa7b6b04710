"""The pieces of a campaign, one after the other or side by side; what is under way can be ended, and still comes."""

from __future__ import annotations

import functools
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.fuzz.found import Findings
from conformance.fuzz.piece import SIZE, piece
from conformance.golden.work import spread
from conformance.run.settings import RunSettings

if TYPE_CHECKING:
    from conformance.cluster.pool import ClusterPool

_AHEAD = 8
"""Pieces for each process that are begun or wait: while what was found first is reduced, the processes go on."""
_NICENESS = 5
"""Of the processes that judge, so that the one that reduces, which is alone in that, does not wait for them."""


@dataclass(frozen=True)
class Wanted:
    """What a campaign is to do.

    start: the first case. cases: how many; None for as many as the seconds allow. deviations: whether known ones are
    left out.
    """

    label: str
    seed: int
    start: int
    cases: int | None
    seconds: float | None
    settings: RunSettings
    deviations: bool
    jobs: int
    output: Path


class Pieces:
    """The pieces in the order of their numbers, `jobs` at a time, or as many as a cluster computes.

    Pieces begin at multiples of their size, whatever the first case is, so that the same cases are always in one piece.
    Iterating goes on where it was interrupted.

    interrupted: whether Ctrl-C ended them.
    """

    def __init__(self, wanted: Wanted, until: float | None, cluster: ClusterPool | None) -> None:
        self.interrupted = False
        self._until, self._cluster = until, cluster
        self._closing = ExitStack()
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-"))
        self._end = Path(folder) / "end"  # a file, because Ctrl-C ends what processes share in other ways
        self._alone = wanted.jobs == 1 and cluster is None
        end = None if wanted.cases is None else wanted.start + wanted.cases
        # Elsewhere it may be another time, and there are other files.
        if cluster is None:
            self._judged = _Judged(wanted, until, str(self._end), not self._alone)
        else:
            self._judged = _Judged(wanted, None, None, False)
        self._ranges = _ranges(wanted.start, end)
        self._at_a_time = _AHEAD * (wanted.jobs if cluster is None else cluster.slots)
        self._waiting: deque[Future[Findings]] = deque()
        self._stopped = False
        self._pool: Executor | None = None
        if not self._alone:
            self._pool = self._closing.enter_context(spread(wanted.jobs, cluster))

    def __iter__(self) -> Iterator[Findings]:
        return self

    def __next__(self) -> Findings:
        if self._pool is None:
            part = None if self._stopped else next(self._ranges, None)
            if part is None:
                raise StopIteration
            found = self._judged(*part)
            self._stopped = self._stopped or found.stopped
            return found
        while not self._stopped and len(self._waiting) < self._at_a_time:
            if (part := next(self._ranges, None)) is None:
                break
            self._waiting.append(self._pool.submit(self._judged, *part))
        while self._waiting:
            wait([self._waiting[0]], return_when=FIRST_COMPLETED)
            future = self._waiting.popleft()
            if future.cancelled():
                continue
            found = future.result()
            late = self._until is not None and time.time() >= self._until
            self._stopped = self._stopped or found.stopped or late
            return found
        raise StopIteration

    def stop(self) -> None:
        """Begin no more, and end what is under way, with what it has until then."""
        self.interrupted = self._stopped = True
        self._end.touch()
        for future in self._waiting:
            future.cancel()

    def close(self) -> None:
        """End the processes."""
        self._end.touch()
        for future in self._waiting:
            future.cancel()
        self._closing.close()


@dataclass(frozen=True)
class _Judged:
    """Judges a piece of a campaign, wherever it is sent.

    until: when it stops. end: a file; when it is there, it stops as well. own_process: whether it is computed in a
    process that has nothing else to do.
    """

    wanted: Wanted
    until: float | None
    end: str | None
    own_process: bool
    __name__ = "fuzz"

    def __call__(self, start: int, stop: int) -> Findings:
        if self.own_process:  # Ctrl-C goes to all processes of a terminal, and would break the pool
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.nice(max(0, _NICENESS - os.nice(0)))
        wanted = self.wanted
        return piece(
            wanted.label,
            wanted.seed,
            start,
            stop,
            wanted.settings,
            deviations=wanted.deviations,
            until=self.until,
            ended=None if self.end is None else functools.partial(os.path.exists, self.end),
        )


def _ranges(start: int, end: int | None) -> Iterator[tuple[int, int]]:
    while end is None or start < end:
        stop = (start // SIZE + 1) * SIZE
        yield start, stop if end is None else min(stop, end)
        start = stop
