"""What can come of running one case with one adapter. Each outcome is a class and carries what explains it.

An outcome is added here: a class says what results files call it, what a gate and the known deviations make of it, how
JUnit files it, and what its message has. Nobody else keeps a list. What leads to an outcome is decided by
conformance.run.assess; the documents name them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from conformance.case.text import shortened
from conformance.case.where import Where


@dataclass(frozen=True)
class Difference:
    """One output tensor that is not right. `problem` is a full sentence part, ready to print after the name.

    within_tolerance: whether every element is, and what is wrong is their mean error or the sign of a zero.
    """

    tensor: str
    problem: str
    noise: float = float("inf")
    within_tolerance: bool = False


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


OUTCOMES: dict[str, type[Outcome]] = {}
"""Every outcome by its name, the best first."""


class Outcome:
    """What came of a case; its subclasses are frozen dataclasses.

    Attributes:
        name: in results files and tables.
        wrong: whether it is the framework's or its adapter's fault. A known deviation can say so beforehand.
        gone: whether the worker process did not outlive the case.
        junit: the element of JUnit XML that tells of it where it was not expected.
    """

    name: ClassVar[str]
    wrong: ClassVar[bool]
    gone: ClassVar[bool]
    junit: ClassVar[Literal["failure", "error"]]

    def __init_subclass__(
        cls, *, name: str, junit: Literal["failure", "error"], wrong: bool = False, gone: bool = False
    ) -> None:
        cls.name, cls.junit, cls.wrong, cls.gone = name, junit, wrong, gone
        OUTCOMES[name] = cls

    def story(self, allowed: float | None) -> list[str]:
        """What a message has of it below its head, line by line.

        Args:
            allowed: the noise that the case allows; None where its tolerance is another.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Passed(Outcome, name="passed", junit="failure"):  # where it is written down that it fails
    """Every element within tolerance.

    noise: the worst element's, in noise units. bias: the most biased tensor's mean error beyond what chance explains,
    in kappa (conformance.verdict.bias).
    """

    noise: float
    bias: float = 0.0

    def story(self, allowed: float | None) -> list[str]:
        """The noise."""
        return [f"noise {self.noise:.3g}, allowed {allowed or 'see its tolerance'}"]


@dataclass(frozen=True)
class Failed(Outcome, name="failed", junit="failure", wrong=True):
    """At least one tensor is wrong. `noise` is infinite where no number can be given (shape, dtype, NaN).

    bias: of the tensors that are not wrong otherwise, see `Passed`.
    where: which part of the computation is wrong first; None where there were no numbers to look at.
    suspects: best first; empty where no mistake fits, None where no mistake can be told by the numbers (there are none,
    as with a wrong shape that no mistake explains, or each is within the tolerance).
    profile: the error along the time steps (conformance.verdict.profile), where there are numbers.
    """

    noise: float
    differences: tuple[Difference, ...]
    first_wrong: str | None = None
    bias: float = field(default=0.0, kw_only=True)
    where: Where | None = None
    suspects: tuple[Suspect, ...] | None = None
    profile: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    def story(self, allowed: float | None) -> list[str]:
        """Each tensor that is wrong, where that began, what is wrong by itself, and what it looks like."""
        lines = [f"{difference.tensor}: {difference.problem}" for difference in self.differences]
        lines += [f"first wrong: {self.first_wrong}"] if self.first_wrong else []
        lines += [f"where: {self.where.words()}"] if self.where else []
        return lines + _looks_like(self.suspects or ())


@dataclass(frozen=True)
class Unsupported(Outcome, name="unsupported", junit="error"):
    """The framework's interface does not accept an option of the case."""

    reason: str

    def story(self, allowed: float | None) -> list[str]:
        """The reason."""
        return _lines(self.reason)


@dataclass(frozen=True)
class Errored(Outcome, name="errored", junit="error", wrong=True):
    """The adapter or its framework raised; or the vector could not be read (`error` says which)."""

    error: str
    traceback: str = field(default="", repr=False)

    def story(self, allowed: float | None) -> list[str]:
        """The error, without its traceback."""
        return _lines(self.error)


@dataclass(frozen=True)
class Crashed(Outcome, name="crashed", junit="error", wrong=True, gone=True):
    """The worker process ended in the middle of the case. `detail`: how; then, line by line, what it last printed."""

    detail: str

    def story(self, allowed: float | None) -> list[str]:
        """How the process ended, and its last words."""
        how, *printed = _lines(self.detail)
        return [f"the worker process ended: {how}" + ("; it last printed:" if printed else ""), *_quoted(printed)]


@dataclass(frozen=True)
class TimedOut(Outcome, name="timed out", junit="error", wrong=True, gone=True):
    """The case did not end within its time. detail: what it last printed, and where it was then; may be empty."""

    seconds: float
    detail: str = ""

    def story(self, allowed: float | None) -> list[str]:
        """The time it had, and where it was."""
        told = f"no answer within {self.seconds:g} s; the worker was killed{killed_at(self.detail)}"
        return [told, *_quoted(_lines(self.detail))]


def killed_at(text: str) -> str:
    """What introduces the end of a killed worker's output: where it was, if a stack is there, else what it printed."""
    if not text:
        return ""
    return " here:" if "(most recent call first):" in text else "; it last printed:"


_LONGEST = 1000
"""Most characters shown of a line that a framework printed or raised."""
_SHOWN = 5
"""Most suspects shown in detail; further ones are only named."""


def _lines(text: str) -> list[str]:
    """The lines of a text from outside the suite, each shortened."""
    return [shortened(line, _LONGEST) for line in text.splitlines()]


def _quoted(lines: Sequence[str]) -> list[str]:
    return [f"| {line}" for line in lines]


def _looks_like(suspects: tuple[Suspect, ...]) -> list[str]:
    """The suspects, one line each; beyond `_SHOWN`, in one line together."""
    lines: list[str] = []
    first = "looks like" if len(suspects) == 1 else "cannot be told apart here"
    for suspect in suspects[:_SHOWN]:
        start = "or".rjust(len(first)) if lines else first
        lines.append(f"{start}: {together(suspect.mistakes)} ({_how(suspect)})")
    if rest := suspects[_SHOWN:]:
        lines.append(f"{'or'.rjust(len(first))}: " + ", ".join(together(suspect.mistakes) for suspect in rest))
    if suspects:
        named = dict.fromkeys(mistake for suspect in suspects[:_SHOWN] for mistake in suspect.mistakes)
        lines.append(f"see: conformance mistakes {' '.join(named)}")
    return lines


def _how(suspect: Suspect) -> str:
    match suspect.how:
        case "reproduces":
            verb = "reproduces it" if len(suspect.mistakes) == 1 else "together they reproduce it"
            return f"{verb}, noise {suspect.noise:.2g}"
        case "precision":
            return f"noise {suspect.noise:.2g} in the unit of {suspect.precision}"
        case "resembles":
            return "an error of its size, with other digits"


def together(mistakes: tuple[str, ...]) -> str:
    """Mistakes that were made at once, in words."""
    return " with ".join(mistakes)
