"""The cases of one adapter, which several workers of it may take, and whether one more of them would pay."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from conformance.case.model import Case
from conformance.results.result import Result

_TELLING = 8
"""Results after which what was measured counts for more than what was expected; the first one warms up."""


class Share:
    """Cases that nobody has taken yet. The adapter's first worker takes them in their order, others from the end.

    Args:
        cases: in the order to run them.
        expected: gives the seconds that each of them is thought to take, if anybody wants to know.

    Attributes:
        workers: how many take from it at present.
    """

    def __init__(self, cases: Sequence[Case], expected: Callable[[], Sequence[float]]) -> None:
        self.workers = 0
        self._cases = deque(cases)
        self._all = cases
        self._ask = expected
        self._lock = threading.Lock()
        self._measured: list[tuple[str, float]] = []

    def in_order(self) -> Iterator[Case]:
        """The next case, until there is none."""
        return self._taken(self._cases.popleft)

    def from_the_end(self) -> Iterator[Case]:
        """The last case, until there is none."""
        return self._taken(self._cases.pop)

    def _taken(self, take: Callable[[], Case]) -> Iterator[Case]:
        while True:
            with self._lock:
                if not self._cases:
                    return
                case = take()
            yield case

    def came(self, result: Result) -> None:
        """One of its cases has a result."""
        if result.seconds:  # else the adapter was not asked
            self._measured.append((result.case.id, result.seconds))

    @property
    def waiting(self) -> bool:
        """Whether there are any."""
        return bool(self._cases)

    @property
    def seconds(self) -> float:
        """What a worker is thought to need for the cases that nobody has taken."""
        with self._lock:
            waiting = list(self._cases)
        told = self._measured[1:]
        usual = sum(self._expected[case_id] for case_id, _ in told)
        pace = sum(seconds for _, seconds in told) / usual if len(told) >= _TELLING and usual > 0.0 else 1.0
        return pace * sum(self._expected[case.id] for case in waiting)

    @cached_property
    def _expected(self) -> dict[str, float]:
        return {case.id: seconds for case, seconds in zip(self._all, self._ask(), strict=True)}

    def gain(self, loading: float) -> float:
        """The seconds by which one more worker would shorten the rest. loading: what it needs to be ready."""
        if not self.workers:
            return 0.0
        return (self.seconds - self.workers * loading) / (self.workers * (self.workers + 1))
