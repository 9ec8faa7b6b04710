"""What results tell of an adapter: the options that it answers and refuses, its reasons, and where its time goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.case.outcomes import Unsupported
from conformance.report.columns import Column, first_line
from conformance.results.record import Record
from conformance.results.shared.conditions import CaseConditions

_SLOWEST = 8


@dataclass(frozen=True)
class Option:
    """An option that some of the cases have. answered: with how many the adapter tried; of: how many there are."""

    text: str
    answered: int
    of: int


@dataclass(frozen=True)
class Facts:
    """answered: the options with an answer in at least one case. refused: those without. reasons: the most first.

    slowest: the cases that took the framework longest, up to eight.
    """

    answered: tuple[Option, ...]
    refused: tuple[Option, ...]
    reasons: tuple[tuple[str, int], ...]
    slowest: tuple[Record, ...]


def facts_of(column: Column, conditions: CaseConditions) -> Facts:
    """What the results of a column tell; of options, as far as its cases are known."""
    options = tuple(_options(column, conditions))
    reasons = Counter(first_line(record) for record in column.records if record.outcome_class is Unsupported)
    timed = sorted((r for r in column.records if r.seconds), key=lambda record: -record.seconds)
    return Facts(
        answered=tuple(option for option in options if option.answered),
        refused=tuple(option for option in options if not option.answered),
        reasons=tuple(reasons.most_common()),
        slowest=tuple(timed[:_SLOWEST]),
    )


def _options(column: Column, conditions: CaseConditions) -> Iterator[Option]:
    records = [record for record in column.records if record.case in conditions]
    answered = [record.outcome_class is not Unsupported for record in records]
    for text, holds in conditions.options([record.case for record in records]):
        if not holds.all():  # what they all have tells nothing
            yield Option(text, int((holds & answered).sum()), int(holds.sum()))
