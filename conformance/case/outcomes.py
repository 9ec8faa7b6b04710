"""What can come of running one case with one adapter. Each outcome is a type and carries what explains it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Difference:
    """One output tensor that is not right. `problem` is a full sentence part, ready to print after the name."""

    tensor: str
    problem: str
    noise: float = float("inf")


@dataclass(frozen=True)
class Suspect:
    """What may have gone wrong: a mistake of the catalogue, or several that were made at once.

    how: `reproduces`: its wrong answer is this one, within the tolerance; `precision`: the answer is as good as the
    format that it computes in; `resembles`: the error is of its kind and size, the digits are the framework's own.
    noise: of the answer held against the mistake's, in the unit of `precision`.
    """

    mistakes: tuple[str, ...]
    how: Literal["reproduces", "precision", "resembles"]
    noise: float
    precision: str


@dataclass(frozen=True)
class Passed:
    """Every element within tolerance. `noise` is the worst one's, in noise units."""

    noise: float


@dataclass(frozen=True)
class Failed:
    """At least one tensor is wrong. `noise` is infinite where no number can be given (shape, dtype, NaN).

    suspects: best first; empty where no mistake fits, None where there were no numbers to look at (a wrong shape that
    no mistake explains).
    profile: the error along the time steps (conformance.verdict.profile), where there are numbers.
    """

    noise: float
    differences: tuple[Difference, ...]
    first_wrong: str | None = None
    suspects: tuple[Suspect, ...] | None = None
    profile: dict[str, Any] | None = field(default=None, compare=False, repr=False)


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
    """The case did not end within its time. detail: what it last printed, and where it was then; may be empty."""

    seconds: float
    detail: str = ""


Outcome = Passed | Failed | Unsupported | Errored | Crashed | TimedOut
OutcomeName = Literal["passed", "failed", "unsupported", "errored", "crashed", "timed out"]
NAMES: dict[type, OutcomeName] = {
    Passed: "passed",
    Failed: "failed",
    Unsupported: "unsupported",
    Errored: "errored",
    Crashed: "crashed",
    TimedOut: "timed out",
}


def name_of(outcome: Outcome) -> OutcomeName:
    """The outcome's name as it appears in results files and tables."""
    return NAMES[type(outcome)]
