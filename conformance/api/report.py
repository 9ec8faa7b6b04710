"""`Report`: what came of a check, with the text that the command line prints."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from conformance.api.judging import Verdict
from conformance.case.outcomes import Passed, Unsupported
from conformance.case.text import counted
from conformance.results.result import Result

_WIDTH = 100


@dataclass(frozen=True)
class Report:
    """What came of each case. `str(report)` is what `conformance run` prints; in a condition it stands for `ok`.

    Attributes:
        name: of the function or layer.
        results: one for each case, in their order.
        left_out: why cases were not asked for at all, a sentence each.
    """

    name: str
    results: tuple[Result, ...] = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether at least one case passed and none failed."""
        return bool(self.passed) and not self.failed

    def __bool__(self) -> bool:
        return self.ok

    @cached_property
    def passed(self) -> tuple[Verdict, ...]:
        """The right answers."""
        return tuple(Verdict.of(each) for each in self.results if isinstance(each.outcome, Passed))

    @cached_property
    def failed(self) -> tuple[Verdict, ...]:
        """The wrong answers, and the exceptions that were raised in place of one."""
        return tuple(Verdict.of(each) for each in self.results if each.outcome.wrong)

    @cached_property
    def refused(self) -> Mapping[str, str]:
        """The reason for each case that is not supported, by its id."""
        return {each.case.id: each.outcome.reason for each in self.results if isinstance(each.outcome, Unsupported)}

    @property
    def noise(self) -> float:
        """The worst of the answers that passed, in noise units; 0 if there is none."""
        return max((verdict.noise for verdict in self.passed), default=0.0)

    def __str__(self) -> str:
        from rich.console import Console

        from conformance.results.shared.conditions import CaseConditions
        from conformance.results.shared.find import shared_by_unexpected
        from conformance.results.shared.wording import as_text
        from conformance.views.matrix import LEGEND, matrix

        lines = [f"{verdict.message}\n" for verdict in self.failed]
        records = [each.record() for each in self.results]
        out = io.StringIO()
        console = Console(file=out, width=_WIDTH, markup=False, emoji=False, highlight=False)
        answered = {record.family for record in records if record.outcome != Unsupported.name}
        shown = [record for record in records if record.family in answered]  # of the others, below, by reason
        for block in matrix(shown, [self.name], width=_WIDTH):
            console.print(block, crop=False)
        lines += [out.getvalue().rstrip("\n"), textwrap.fill(LEGEND, _WIDTH, break_on_hyphens=False)]
        conditions = CaseConditions(each.case for each in self.results)
        lines += [as_text(each) for each in shared_by_unexpected(self.name, records, conditions)]
        lines += self.left_out
        return "\n".join([*lines, *self._refusals(), self.total()])

    def total(self) -> str:
        """How many passed, failed and were refused."""
        counts = f"{len(self.passed):,} passed, {len(self.failed):,} failed, {len(self.refused):,} refused"
        return f"{self.name}: {counted(len(self.results), 'case')}: {counts}"

    def _refusals(self, most: int = 8) -> list[str]:
        """How many cases were refused for which reason, the most frequent first."""
        reasons: dict[str, int] = {}
        for reason in self.refused.values():
            reasons[reason] = reasons.get(reason, 0) + 1
        ordered = sorted(reasons.items(), key=lambda each: -each[1])
        lines = [f"refused: {counted(count, 'case')}: {reason}" for reason, count in ordered[:most]]
        rest = sum(count for _, count in ordered[most:])
        return lines + ([f"refused: {counted(rest, 'case')} for other reasons: report.refused"] if rest else [])
