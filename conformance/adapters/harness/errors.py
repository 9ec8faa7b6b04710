"""What can be wrong with a harness while it is running."""

from __future__ import annotations

import signal

from conformance.case.errors import ConformanceError


class HarnessFault(ConformanceError):
    """What a harness sent is no answer by the protocol; nothing that follows it can be trusted."""


class HarnessDied(ConformanceError):
    """The process of a harness has ended.

    code: as `subprocess` has it: of a signal, the negative number. doing: what it was about to do then.
    """

    def __init__(self, code: int, doing: str) -> None:
        super().__init__(f"the harness ended {doing}: {ending(code)}")
        self.code = code
        self.doing = doing


def ending(code: int) -> str:
    """How a process ended, in words. code: as `subprocess` has it."""
    return f"exit code {code}" if code >= 0 else signal.strsignal(-code) or f"signal {-code}"


class EngineError(Exception):
    """A harness answered `error`: what its engine raised."""
