"""A worker that is asked ahead, and begun again after it has ended.

A bundle that ends the worker is asked again question by question, so that the crash costs one case.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from conformance.adapters.capabilities import Capabilities
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.outcomes import Crashed, Errored, Outcome, TimedOut
from conformance.case.tensors import Arrays
from conformance.fuzz.questions import Bundle, single
from conformance.results.record import AdapterInfo
from conformance.run.messages import Answer, Ending, is_last
from conformance.run.process import Worker
from conformance.run.settings import RunSettings

_AHEAD = 6
"""Bundles that wait at the worker while an earlier one is judged."""
_MOST_ENDS = 200
"""After so many ends in one piece, all that follows would only end it again."""


class TooManyEnds(AdapterUnavailable):
    """The worker ended so often that nothing else can be learnt."""


class Asker:
    """Asks one adapter, in a process of its own.

    Raises:
        AdapterUnavailable: it cannot be made.
    """

    def __init__(self, label: str, settings: RunSettings) -> None:
        self._label, self._settings = label, settings
        self._worker = Worker(label, settings)
        self._ends = 0

    def __enter__(self) -> Asker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._worker.close()

    @property
    def info(self) -> AdapterInfo:
        """Who answers."""
        return self._worker.info

    @property
    def capabilities(self) -> Capabilities | None:
        """What the adapter's interface accepts; None if it may decide in another way."""
        return self._worker.capabilities

    @property
    def refusal(self) -> Callable[[Case], str | None]:
        """Why the adapter refuses a case, as far as that is known without asking it."""
        return self._worker.refusal

    def ending(self, outcome: str, said: str) -> Outcome | None:
        """The outcome of this name, of what came without numbers; None if it has them."""
        ways: dict[str, Outcome] = {
            Crashed.name: Crashed(said),
            Errored.name: Errored(said),
            TimedOut.name: TimedOut(self._settings.timeout, said),
        }
        return ways.get(outcome)

    def ask(self, case: Case, arrays: Arrays) -> Answer | Ending:
        """The answer to one case."""
        answer = self._worker.ask(case, arrays, self._settings.timeout)
        if is_last(answer):
            self.begin_again()
        return answer

    def answers(self, bundles: Iterable[Bundle]) -> Iterator[tuple[Bundle, Answer | Ending]]:
        """The answer to each bundle, in their order; to single questions where a bundle ended the worker."""
        coming, waiting = iter(bundles), deque[Bundle]()
        while True:
            while len(waiting) < _AHEAD and (following := next(coming, None)) is not None:
                self._send(following)
                waiting.append(following)
            if not waiting:
                return
            answer = self._worker.receive()
            first = waiting.popleft()
            if not is_last(answer):
                yield first, answer
                continue
            self.begin_again()
            if len(first.questions) > 1:
                waiting.extendleft(single(each) for each in reversed(first.questions))
            else:
                yield first, answer
            for each in waiting:
                self._send(each)

    def _send(self, bundle: Bundle) -> None:
        self._worker.send(bundle.case, bundle.arrays, self._settings.timeout)

    def begin_again(self) -> None:
        """Ask a new process from now on, whatever the one before is doing."""
        self._worker.close()
        self._ends += 1
        if self._ends > _MOST_ENDS:
            raise TooManyEnds(f"{self._label}: its process ended {self._ends} times; report what ends it")
        self._worker = Worker(self._label, self._settings)
