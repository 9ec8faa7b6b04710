"""What can be wrong with a harness while it is running."""

from __future__ import annotations

from conformance.case.errors import ConformanceError


class HarnessFault(ConformanceError):
    """What a harness sent is no answer by the protocol; nothing that follows it can be trusted."""


class HarnessDied(ConformanceError):
    """The process of a harness has ended. code: as `subprocess` has it: of a signal, the negative number."""

    def __init__(self, code: int, doing: str) -> None:
        super().__init__(f"the harness ended {doing}: " + (f"signal {-code}" if code < 0 else f"exit code {code}"))
        self.code = code


class EngineError(Exception):
    """A harness answered `error`: what its engine raised."""
