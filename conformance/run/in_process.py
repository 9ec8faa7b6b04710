"""An adapter in this very process and thread, for debuggers; it answers as a worker does."""

from __future__ import annotations

import bdb
import time
from collections import deque

from conformance.adapters import registry
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.run.messages import Answer, Ask
from conformance.run.worker import answer, describe


class InProcess:
    """Nothing is redirected, nothing limited, and nothing survived: a crash is the run's end.

    Raises:
        AdapterUnavailable: the adapter cannot be made here.
    """

    ended = False

    def __init__(self, label: str) -> None:
        began = time.monotonic()
        self._adapter = registry.make(label)
        self._asked: deque[Ask] = deque()
        self.info = describe(self._adapter)
        self.seconds = time.monotonic() - began

    def refusal(self, case: Case) -> str | None:
        """Nothing is known without asking, and asking costs nothing."""
        return None

    def send(self, case: Case, arrays: Arrays, timeout: float) -> None:
        """Note the case. It may take as long as it does."""
        self._asked.append(Ask.of(case, arrays, timeout))

    def receive(self) -> Answer:
        """Compute the answer to the oldest case noted.

        Raises:
            KeyboardInterrupt: somebody has left the debugger, and means the run.
        """
        try:
            return answer(self._adapter, self._asked.popleft())
        except bdb.BdbQuit as error:
            raise KeyboardInterrupt from error

    def close(self) -> None:
        """Nothing is to be ended."""
