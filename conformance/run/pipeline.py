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
_AHEAD_BYTES = 64 << 20


@dataclass
class PendingCase:
    """A case in the pipeline: its vector, or the result it got without being sent, and the endpoint it was sent to."""

    case: Case
    vector: Vector | None
    result: Result | None = None
    sent_to: Endpoint | None = None

    @cached_property
    def size(self) -> int:
        """Approximate bytes."""
        return sum(array.nbytes for array in self.vector.arrays.flat.values()) if self.vector else 0


class Pipeline:
    """The pending cases, in order; those that get a result without a worker do not count towards its limit."""

    def __init__(self, upcoming: Iterator[PendingCase]) -> None:
        self.waiting: deque[PendingCase] = deque()
        self._upcoming = upcoming
        self._asked = 0
        self._bytes = 0

    def refill(self) -> Iterator[PendingCase]:
        """Adds the next cases while there is room, and yields each."""
        while self._asked <= _AHEAD and self._bytes <= _AHEAD_BYTES:
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
