"""What can come of running one case with one adapter. Each outcome is a type and carries what explains it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Difference:
    """One output tensor that is not right. `problem` is a full sentence part, ready to print after the name."""

    tensor: str
    problem: str
    noise: float = float("inf")


@dataclass(frozen=True)
class Passed:
    """Every element within tolerance. `noise` is the worst one's, in noise units."""

    noise: float


@dataclass(frozen=True)
class Failed:
    """At least one tensor is wrong. `noise` is infinite where no number can be given (shape, dtype, NaN)."""

    noise: float
    differences: tuple[Difference, ...]
    first_wrong: str | None = None


@dataclass(frozen=True)
class Unsupported:
    """The framework's interface does not accept an option of the case."""

    reason: str


@dataclass(frozen=True)
class Errored:
    """The adapter or its framework raised; or the vector could not be read (`error` says which)."""

    error: str
    traceback: str = field(default="", repr=False)


@dataclass(frozen=True)
class Crashed:
    """The worker process ended in the middle of the case. `detail`: how; then, line by line, what it last printed."""

    detail: str


@dataclass(frozen=True)
class TimedOut:
    """The case did not end within its time."""

    seconds: float


Outcome = Passed | Failed | Unsupported | Errored | Crashed | TimedOut
NAMES: dict[type, str] = {
    Passed: "passed",
    Failed: "failed",
    Unsupported: "unsupported",
    Errored: "errored",
    Crashed: "crashed",
    TimedOut: "timed out",
}


def name_of(outcome: Outcome) -> str:
    """The outcome's name as it appears in results files and tables."""
    return NAMES[type(outcome)]
