"""`Result`: the outcome of one case with one adapter, what was expected, and the message for users."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from math import isinf

from conformance.case.model import Case
from conformance.case.outcomes import (
    Crashed,
    Errored,
    Failed,
    Outcome,
    Passed,
    Suspect,
    TimedOut,
    Unsupported,
    name_of,
)
from conformance.case.text import shortened, visible
from conformance.results.deviations import Deviation
from conformance.results.record import Record, RecordedDeviation, RecordedSuspect


@dataclass(frozen=True)
class Result:
    """adapter: as requested (`torch@cuda`). versions: of the packages that computed. seconds: the framework's own.

    deviation: the known deviation that applies to this case, whether it showed or not.
    options: what the command line needs besides adapter and case to reproduce this result.
    """

    case: Case
    adapter: str
    outcome: Outcome
    versions: dict[str, str] = field(default_factory=dict)
    precision: str | None = None
    seconds: float = 0.0
    deviation: Deviation | None = None
    options: tuple[str, ...] = ()

    @property
    def deviates_as_known(self) -> bool:
        """Whether the outcome is wrong in the way that a known deviation describes."""
        return self.deviation is not None and self.deviation.explains(self.outcome)

    @property
    def unexpected(self) -> bool:
        """Whether it makes a run fail: an unrecorded wrong outcome, or a known deviation that did not show."""
        if isinstance(self.outcome, Unsupported):
            return False
        if self.deviation is not None:
            return not self.deviation.explains(self.outcome)
        return not isinstance(self.outcome, Passed)

    @property
    def noise(self) -> float | None:
        """The worst noise, if the outcome has one."""
        return self.outcome.noise if isinstance(self.outcome, (Passed, Failed)) else None

    def message(self) -> str:
        """The complete message: what and where, how far off, where it begins, and how to reproduce it."""
        package, version = next(iter(self.versions.items()), ("?", "?"))
        head = f"{name_of(self.outcome).upper()} {self.case.id} [{self.adapter}; {package} {version}]"
        lines = [f"{head}   {self.case.origin}" if self.case.origin else head]
        lines += [f"  {line}" for line in self._body()]
        if self.deviation is not None:
            shown = "known deviation" if self.deviates_as_known else "does not show the known deviation"
            lines.append(f"  {shown}: {self.deviation.reason} ({self.deviation.where})")
            if self.deviation.is_another(self.outcome):
                lines.append(f"  written down is {_together(self.deviation.mistake)}; found is {self._found()}")
            if isinstance(self.outcome, Passed):
                lines.append(
                    "  if it is mended, bound the entry's versions; it holds for " + str(self.deviation.versions)
                )
        if not isinstance(self.outcome, Unsupported):
            words = ("conformance", "run", "--adapter", self.adapter, "--case", self.case.id, *self.options)
            lines.append(f"  again: {shlex.join(words)}")
        return visible("\n".join(lines), lines=True)

    def _body(self) -> list[str]:
        match self.outcome:
            case Passed(noise=noise):
                return [f"noise {noise:.3g}, allowed {self.case.tolerance.noise or 'see its tolerance'}"]
            case Failed(differences=differences, first_wrong=first_wrong, suspects=suspects):
                lines = [f"{d.tensor}: {d.problem}" for d in differences]
                lines += [f"first wrong: {first_wrong}"] if first_wrong else []
                return lines + _looks_like(suspects or ())
            case Unsupported(reason=reason):
                return _lines(reason)
            case Errored(error=error):
                return _lines(error)
            case Crashed(detail=detail):
                how, *printed = _lines(detail)
                return [
                    f"the worker process ended: {how}" + ("; it last printed:" if printed else ""),
                    *_quoted(printed),
                ]
            case TimedOut(seconds=seconds, detail=detail):
                where = _quoted(_lines(detail))
                return [f"no answer within {seconds:g} s; the worker was killed" + (" here:" if where else ""), *where]

    def _found(self) -> str:
        suspects = (isinstance(self.outcome, Failed) and self.outcome.suspects) or ()
        return " or ".join(_together(suspect.mistakes) for suspect in suspects) or "none of the catalogue"

    def record(self) -> Record:
        """The result as a record for a results file."""
        failed = self.outcome if isinstance(self.outcome, Failed) else None
        errored = self.outcome if isinstance(self.outcome, Errored) else None
        return Record(
            case=self.case.id,
            adapter=self.adapter,
            dtype=self.case.dtype,
            outcome=name_of(self.outcome),
            unexpected=self.unexpected,
            noise=_number(self.noise),
            allowed=self.case.tolerance.noise,
            seconds=round(self.seconds, 6),
            precision=self.precision,
            message=None if isinstance(self.outcome, Passed) and not self.unexpected else self.message(),
            suspects=None if failed is None or failed.suspects is None else tuple(map(_recorded, failed.suspects)),
            traceback=(errored.traceback or None) if errored is not None else None,
            profile=failed.profile if failed is not None else None,
            deviation=None if self.deviation is None else RecordedDeviation(**self.deviation.model_dump()),
        )


def _lines(text: str) -> list[str]:
    """The lines of a text from outside the suite, each shortened."""
    return [shortened(line, _LONGEST) for line in text.splitlines()]


def _quoted(lines: list[str]) -> list[str]:
    return [f"| {line}" for line in lines]


_LONGEST = 1000
"""Most characters shown of a line that a framework printed or raised."""
_SHOWN = 5
"""Most suspects shown in detail; further ones are only named."""


def _looks_like(suspects: tuple[Suspect, ...]) -> list[str]:
    """The suspects, one line each; beyond `_SHOWN`, in one line together."""
    lines: list[str] = []
    for suspect in suspects[:_SHOWN]:
        start = "        or" if lines else "looks like"
        lines.append(f"{start}: {_together(suspect.mistakes)} ({_how(suspect)})")
    if rest := suspects[_SHOWN:]:
        lines.append("        or: " + ", ".join(_together(suspect.mistakes) for suspect in rest))
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


def _together(mistakes: tuple[str, ...]) -> str:
    return " with ".join(mistakes)


def _recorded(suspect: Suspect) -> RecordedSuspect:
    return RecordedSuspect(
        mistakes=suspect.mistakes, how=suspect.how, noise=_number(suspect.noise), precision=suspect.precision
    )


def _number(noise: float | None) -> float | None:
    """The noise for JSON, which has no infinity: a failure without a number (a wrong shape, a NaN) has null."""
    return None if noise is None or isinf(noise) else float(f"{noise:.4g}")
