"""Cases on their way to a worker and back: so many are ahead that it computes while its answers are judged."""

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
"""Cases that wait at a worker, at most; and their bytes, about."""
_AHEAD_BYTES = 64 << 20


@dataclass
class PendingCase:
    """A case on its way: its vector, or the result it came to without being asked, and who was asked."""

    case: Case
    vector: Vector | None
    result: Result | None = None
    sent_to: Endpoint | None = None

    @cached_property
    def size(self) -> int:
        """Bytes, about."""
        return sum(array.nbytes for array in self.vector.arrays.flat.values()) if self.vector else 0


class Pipeline:
    """Cases on their way, in their order; what comes to a result without a worker takes no room at one."""

    def __init__(self, upcoming: Iterator[PendingCase]) -> None:
        self.waiting: deque[PendingCase] = deque()
        self._upcoming = upcoming
        self._asked = 0
        self._bytes = 0

    def refill(self) -> Iterator[PendingCase]:
        """The next cases, as each joins, for as long as there is room."""
        while self._asked <= _AHEAD and self._bytes <= _AHEAD_BYTES:
            following = next(self._upcoming, None)
            if following is None:
                return
            self._count(following, 1)
            self.waiting.append(following)
            yield following

    def pop(self) -> PendingCase:
        """The first case, whose turn is over."""
        first = self.waiting.popleft()
        self._count(first, -1)
        return first

    def _count(self, each: PendingCase, by: int) -> None:
        if each.vector is not None:
            self._asked += by
            self._bytes += by * each.size
