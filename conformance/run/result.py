"""`Result`: the outcome of one case with one adapter, what was expected of it, and its message."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isinf
from typing import Any

from conformance.case.model import Case
from conformance.case.outcomes import (
    Crashed,
    Errored,
    Failed,
    Outcome,
    Passed,
    TimedOut,
    Unsupported,
    name_of,
)
from conformance.run.deviations import Deviation


@dataclass(frozen=True)
class Result:
    """adapter: as asked for (`torch@cuda`). versions: of the packages that computed. seconds: the framework's own.

    deviation: the known deviation that applies to this case, whether it showed or not.
    """

    case: Case
    adapter: str
    outcome: Outcome
    versions: dict[str, str] = field(default_factory=dict)
    precision: str | None = None
    seconds: float = 0.0
    deviation: Deviation | None = None

    @property
    def deviates_as_known(self) -> bool:
        """The outcome is wrong, and written down as a known deviation."""
        return self.deviation is not None and self.deviation.explains(self.outcome)

    @property
    def unexpected(self) -> bool:
        """What makes a run fail: a wrong outcome nobody wrote down, or a known deviation that did not show."""
        if isinstance(self.outcome, Unsupported):
            return False
        if self.deviation is not None:
            return not self.deviation.explains(self.outcome)
        return not isinstance(self.outcome, Passed)

    @property
    def noise(self) -> float | None:
        """The worst noise, where the outcome has one."""
        return self.outcome.noise if isinstance(self.outcome, (Passed, Failed)) else None

    def message(self) -> str:
        """The whole story in design order: what, where, how far, where first, and how to see it again."""
        package, version = next(iter(self.versions.items()), ("?", "?"))
        head = f"{name_of(self.outcome).upper()} {self.case.id} [{self.adapter}; {package} {version}]"
        lines = [f"{head}   {self.case.origin}" if self.case.origin else head]
        lines += [f"  {line}" for line in self._body()]
        if self.deviation is not None:
            shown = "known deviation" if self.deviates_as_known else "does not show the known deviation"
            lines.append(f"  {shown}: {self.deviation.reason} ({self.deviation.where})")
            if isinstance(self.outcome, Passed):
                lines.append(
                    "  if it is mended, bound the entry's versions; it holds for " + str(self.deviation.versions)
                )
        if not isinstance(self.outcome, Unsupported):
            lines.append(f"  again: conformance run --adapter {self.adapter} --case {self.case.id}")
        return "\n".join(lines)

    def _body(self) -> list[str]:
        match self.outcome:
            case Passed(noise=noise):
                return [f"noise {noise:.3g}, allowed {self.case.tolerance.noise or 'see its tolerance'}"]
            case Failed(differences=differences, first_wrong=first_wrong):
                lines = [f"{d.tensor}: {d.problem}" for d in differences]
                return lines + ([f"first wrong: {first_wrong}"] if first_wrong else [])
            case Unsupported(reason=reason):
                return [reason]
            case Errored(error=error):
                return error.splitlines()
            case Crashed(detail=detail):
                how, *printed = detail.splitlines()
                ended = f"the worker process ended: {how}" + ("; it last printed:" if printed else "")
                return [ended, *(f"| {line}" for line in printed)]
            case TimedOut(seconds=seconds):
                return [f"no answer within {seconds:g} s; the worker was killed"]

    def to_json(self) -> dict[str, Any]:
        """The result as one line of a results file."""
        line: dict[str, Any] = {
            "case": self.case.id,
            "adapter": self.adapter,
            "outcome": name_of(self.outcome),
            "unexpected": self.unexpected,
            # JSON has no infinity; a failure without a number (a wrong shape, a NaN) has null.
            "noise": None if self.noise is None or isinf(self.noise) else float(f"{self.noise:.4g}"),
            "seconds": round(self.seconds, 6),
            "precision": self.precision,
        }
        if not isinstance(self.outcome, Passed) or self.unexpected:
            line["message"] = self.message()
        if isinstance(self.outcome, Errored) and self.outcome.traceback:
            line["traceback"] = self.outcome.traceback
        if self.deviation is not None:
            line["deviation"] = self.deviation.model_dump(exclude_none=True)
        return line
