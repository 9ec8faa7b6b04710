"""`Result`: the outcome of one case with one adapter, what was expected, and the message for users."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from math import isinf

from conformance.case.model import Case
from conformance.case.outcomes import Errored, Failed, Outcome, Passed, Suspect, Unsupported, together
from conformance.case.text import visible
from conformance.results.deviations import Deviation
from conformance.results.record import Record, RecordedDeviation, RecordedSuspect


@dataclass(frozen=True)
class Result:
    """adapter: as requested (`torch@cuda`). versions: of the packages that computed. seconds: the framework's own.

    deviation: the known deviation that applies to this case, whether it showed or not.
    options: what the command line needs besides adapter and case to reproduce this result.
    again: what reproduces it where no command line does; empty where nothing has to be said.
    """

    case: Case
    adapter: str
    outcome: Outcome
    versions: dict[str, str] = field(default_factory=dict)
    precision: str | None = None
    seconds: float = 0.0
    deviation: Deviation | None = None
    options: tuple[str, ...] = ()
    again: str | None = None

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
        return self.outcome.wrong

    @property
    def noise(self) -> float | None:
        """The worst noise, if the outcome has one."""
        return self.outcome.noise if isinstance(self.outcome, (Passed, Failed)) else None

    @property
    def noise_allowed(self) -> float | None:
        """The noise that the case allows in the precision it was judged in; None if its tolerance has other terms."""
        return self.case.tolerance.terms(self.precision or self.case.dtype).get("noise")

    def message(self) -> str:
        """The complete message: what and where, how far off, where it begins, and how to reproduce it."""
        package, version = next(iter(self.versions.items()), ("?", "?"))
        by = f"{self.adapter}; {package} {version}" if self.versions or self.again is None else self.adapter
        head = f"{self.outcome.name.upper()} {self.case.id} [{by}]"
        lines = [f"{head}   {self.case.origin}" if self.case.origin else head]
        lines += [f"  {line}" for line in self.outcome.story(self.noise_allowed)]
        if self.deviation is not None:
            shown = "known deviation" if self.deviates_as_known else "does not show the known deviation"
            lines.append(f"  {shown}: {self.deviation.reason} ({self.deviation.where})")
            if self.deviation.is_another(self.outcome):
                lines.append(f"  written down is {together(self.deviation.mistake)}; found is {self._found()}")
            if isinstance(self.outcome, Passed):
                lines.append(
                    "  if it is mended, bound the entry's versions; it holds for " + str(self.deviation.versions)
                )
        if self.again:
            lines.append(f"  again: {self.again}")
        elif self.again is None and not isinstance(self.outcome, Unsupported):
            words = ("conformance", "run", "--adapter", self.adapter, "--case", self.case.id, *self.options)
            lines.append(f"  again: {shlex.join(words)}")
        return visible("\n".join(lines), lines=True)

    def _found(self) -> str:
        suspects = (isinstance(self.outcome, Failed) and self.outcome.suspects) or ()
        return " or ".join(together(suspect.mistakes) for suspect in suspects) or "none of the catalogue"

    def record(self) -> Record:
        """The result as a record for a results file."""
        failed = self.outcome if isinstance(self.outcome, Failed) else None
        errored = self.outcome if isinstance(self.outcome, Errored) else None
        return Record(
            case=self.case.id,
            adapter=self.adapter,
            dtype=self.case.dtype,
            outcome=self.outcome.name,
            unexpected=self.unexpected,
            noise=_number(self.noise),
            allowed=self.noise_allowed,
            bias=float(f"{self.outcome.bias:.4g}") if isinstance(self.outcome, (Passed, Failed)) else None,
            seconds=round(self.seconds, 6),
            precision=self.precision,
            message=None if isinstance(self.outcome, Passed) and not self.unexpected else self.message(),
            where=None if failed is None or failed.where is None else failed.where.as_data(),
            suspects=None if failed is None or failed.suspects is None else tuple(map(_recorded, failed.suspects)),
            traceback=(errored.traceback or None) if errored is not None else None,
            profile=failed.profile if failed is not None else None,
            deviation=None if self.deviation is None else RecordedDeviation(**self.deviation.model_dump()),
        )


def _recorded(suspect: Suspect) -> RecordedSuspect:
    return RecordedSuspect(
        mistakes=suspect.mistakes, how=suspect.how, noise=_number(suspect.noise), precision=suspect.precision
    )


def _number(noise: float | None) -> float | None:
    """The noise for JSON, which has no infinity: a failure without a number (a wrong shape, a NaN) has null."""
    return None if noise is None or isinf(noise) else float(f"{noise:.4g}")
