"""An adapter in this very process and thread, for debuggers; it answers as a worker does."""

from __future__ import annotations

from collections import deque

from conformance.adapters import registry
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.run.worker import Message, answer, describe, request_of


class InProcess:
    """Nothing is redirected, nothing limited, and nothing survived: a crash is the run's end.

    Raises:
        AdapterUnavailable: the adapter cannot be made here.
    """

    def __init__(self, label: str) -> None:
        self._adapter = registry.make(label)
        self._asked: deque[Message] = deque()
        self.info = describe(self._adapter)

    def send(self, case: Case, arrays: Arrays) -> None:
        """Note the case."""
        self._asked.append(request_of(case, arrays))

    def receive(self, timeout: float) -> Message:
        """Compute the answer to the oldest case noted, however long it takes."""
        return answer(self._adapter, self._asked.popleft())

    def close(self) -> None:
        """Nothing is to be ended."""
