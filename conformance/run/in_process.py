"""An adapter in this process and thread, for debuggers; it answers like a worker."""

from __future__ import annotations

import bdb
import time
from collections import deque
from pathlib import Path

from conformance.adapters import registry
from conformance.adapters.harness import trace
from conformance.adapters.harness.errors import HarnessDied
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.engines import state
from conformance.run.messages import Answer, Ask, Died, Ending
from conformance.run.worker import answer, describe


class InProcess:
    """Nothing is redirected or limited, and a crash ends the run.

    traced: a file for the conversation, if it is a harness.

    Raises:
        AdapterUnavailable: the adapter cannot be made here.
    """

    ended = False
    alone = True

    def __init__(self, label: str, traced: Path | None = None) -> None:
        began = time.monotonic()
        parsed = registry.parse(label)
        if parsed.installed and (own := state.elsewhere(parsed.name)) is not None:
            raise AdapterUnavailable(f"{label} runs in {state.interpreter(own)}; --in-process cannot go there")
        trace.into(traced)
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

    def receive(self) -> Answer | Ending:
        """Compute the answer to the oldest queued case.

        Raises:
            KeyboardInterrupt: the user has left the debugger, which ends the run.
        """
        try:
            return answer(self._adapter, self._asked.popleft())
        except bdb.BdbQuit as error:
            raise KeyboardInterrupt from error
        except HarnessDied as error:
            return Died(str(error), 0.0)

    def close(self) -> None:
        """Let the adapter end what it has started."""
        self._adapter.close()
