"""Keeps enough cases sent ahead to a worker that it computes while its earlier answers are judged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from conformance.case.model import Case
from conformance.golden.vector import Vector
from conformance.results.result import Result
from conformance.run.endpoint import Endpoint

_AHEAD = 128
"""Most cases that wait at a worker."""
_AHEAD_BYTES = 8 << 20
_AHEAD_SECONDS = 4.0
"""As long as it takes to judge the worst of answers; what waits at one worker is kept from any other."""
_AT_FIRST = 8


@dataclass
class PendingCase:
    """A case in the pipeline: its vector, or the result it got without being sent, and the endpoint it was sent to."""

    case: Case
    vector: Vector | None
    result: Result | None = None
    sent_to: Endpoint | None = None

    @cached_property
    def size(self) -> int:
        """Bytes of its numbers, without the copy that is on its way to the worker."""
        if self.vector is None:
            return 0
        vector = self.vector
        every = (vector.arrays.flat, vector.golden, vector.kappa)
        return sum(array.nbytes for arrays in every for array in arrays.values())


class Pipeline:
    """The pending cases, in order; those that get a result without a worker do not count towards its limit."""

    def __init__(self, upcoming: Iterator[PendingCase]) -> None:
        self.waiting: deque[PendingCase] = deque()
        self._upcoming = upcoming
        self._asked = 0
        self._bytes = 0
        self._answered = 0
        self._seconds = 0.0

    def took(self, seconds: float) -> None:
        """The worker has answered a case, for which it took so long."""
        self._answered += 1
        self._seconds += seconds

    @property
    def _room(self) -> float:
        """How many cases may wait."""
        if not self._answered:
            return _AT_FIRST
        usual = self._seconds / self._answered
        return min(_AHEAD, max(1.0, _AHEAD_SECONDS / usual)) if usual else _AHEAD

    def refill(self) -> Iterator[PendingCase]:
        """Adds the next cases while there is room, and yields each."""
        room = self._room
        while self._asked <= room and self._bytes <= _AHEAD_BYTES:
            following = next(self._upcoming, None)
            if following is None:
                return
            self._count(following, 1)
            self.waiting.append(following)
            yield following

    def pop(self) -> PendingCase:
        """Removes and returns the first case."""
        first = self.waiting.popleft()
        self._count(first, -1)
        return first

    def _count(self, each: PendingCase, by: int) -> None:
        if each.vector is not None:
            self._asked += by
            self._bytes += by * each.size
