"""The interface of whatever answers cases: a worker process, or an adapter in this process."""

from __future__ import annotations

from typing import Protocol

from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.results.record import AdapterInfo
from conformance.run.messages import Answer, Ending


class Endpoint(Protocol):
    """An adapter that is ready. It answers requests in order; several may be pending.

    info: describes the adapter. seconds: how long it took to be made. alone: whether there must be no other one of this
    adapter at the same time.
    """

    info: AdapterInfo
    seconds: float
    alone: bool

    @property
    def ended(self) -> bool:
        """Whether the process is gone. Earlier answers can still be received."""

    def refusal(self, case: Case) -> str | None:
        """Why the adapter refuses a case, if that is known without asking it."""

    def send(self, case: Case, arrays: Arrays, timeout: float) -> None:
        """Ask for the answer to a case without waiting, not even until the request is read.

        Args:
            timeout: in seconds, counted from when work on it could begin: when it was sent or the previous one
            answered.
        """

    def receive(self) -> Answer | Ending:
        """The answer to the oldest pending request, or what happened to the process instead."""

    def close(self) -> None:
        """End the process, immediately if it is busy."""
