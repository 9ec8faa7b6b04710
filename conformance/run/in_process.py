"""An adapter in this process and thread, for debuggers; it answers like a worker."""

from __future__ import annotations

import bdb
import time
from collections import deque

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.engines import state
from conformance.run.messages import Answer, Ask
from conformance.run.worker import answer, describe


class InProcess:
    """Nothing is redirected or limited, and a crash ends the run.

    Raises:
        AdapterUnavailable: the adapter cannot be made here.
    """

    ended = False

    def __init__(self, label: str) -> None:
        began = time.monotonic()
        if (own := state.elsewhere(registry.parse(label).name)) is not None:
            raise AdapterUnavailable(f"{label} runs in {state.interpreter(own)}; --in-process cannot go there")
        self._adapter = registry.make(label)
        self._asked: deque[Ask] = deque()
        self.info = describe(self._adapter, label)
        self.seconds = time.monotonic() - began

    def refusal(self, case: Case) -> str | None:
        """Always None: asking the adapter itself costs nothing."""
        return None

    def send(self, case: Case, arrays: Arrays, timeout: float) -> None:
        """Queue the case. The timeout does not apply."""
        self._asked.append(Ask.of(case, arrays, timeout))

    def receive(self) -> Answer:
        """Compute the answer to the oldest queued case.

        Raises:
            KeyboardInterrupt: the user has left the debugger, which ends the run.
        """
        try:
            return answer(self._adapter, self._asked.popleft())
        except bdb.BdbQuit as error:
            raise KeyboardInterrupt from error

    def close(self) -> None:
        """There is nothing to end."""
