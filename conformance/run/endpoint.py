"""What answers cases: a worker process, or an adapter in this very process."""

from __future__ import annotations

from typing import Protocol

from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.results.record import AdapterInfo
from conformance.run.messages import Answer, Ending


class Endpoint(Protocol):
    """One adapter, made. It answers requests in their order; more than one may be under way.

    info: who answers. seconds: that it took to be made.
    """

    info: AdapterInfo
    seconds: float

    @property
    def ended(self) -> bool:
        """Whether the process is gone. What it answered before can still be received."""

    def refusal(self, case: Case) -> str | None:
        """Why the adapter refuses a case, as far as that is known without asking it."""

    def send(self, case: Case, arrays: Arrays, timeout: float) -> None:
        """Ask for the answer to a case. Does not wait, not even for the request to be read.

        Args:
            timeout: seconds since it could be begun with: since it was sent, or the one before was answered.
        """

    def receive(self) -> Answer | Ending:
        """The answer to the oldest request that has none yet, or what became of the process instead."""

    def close(self) -> None:
        """End the process, at once if it is at work."""
