"""`Board`: everything that the scoreboard's pages tell, worked out from results files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from conformance.case.model import Case
from conformance.case.outcomes import Passed, Unsupported
from conformance.report.causes import Cause, Part, causes_of
from conformance.report.columns import Column
from conformance.report.scoreboard.engines import Engine, engines_of
from conformance.report.scoreboard.options import Cell, Group, Kind, cells_of, groups_of, options_by_case
from conformance.results.reading import Results
from conformance.results.record import Record
from conformance.results.shared.conditions import CaseConditions
from conformance.results.shared.find import shared_by_unexpected


@dataclass(frozen=True)
class Counts:
    """The results of one version: how many are right, wrong and refused, and the worst noise of those that are right.

    noise: in noise units; None where nothing is right.
    """

    right: int
    wrong: int
    refused: int
    noise: float | None

    @property
    def answered(self) -> int:
        """How many cases were answered."""
        return self.right + self.wrong


@dataclass(frozen=True)
class Change:
    """A version in the history of its engine.

    came, went: the causes of wrong answers to cases that the version before, or this one, answers right.
    """

    column: Column
    counts: Counts
    came: tuple[Cause, ...]
    went: tuple[Cause, ...]


class Board:
    """The engines and their options, from the results of one or more runs.

    Attributes:
        engines: by name. groups: the rows of the table.
    """

    def __init__(self, files: Sequence[Results], cases: Mapping[str, Case]) -> None:
        self.engines = engines_of(files)
        self._conditions = CaseConditions(cases.values())
        self._options = options_by_case(cases)
        self._columns = [column for engine in self.engines for column in engine.versions]
        asked = {record.case for engine in self.engines for record in engine.newest.records}
        self.groups: list[Group] = groups_of(self._options, asked)
        self._cells = {e.name: cells_of(e.newest.records, self._options, self.groups) for e in self.engines}

    def cell(self, engine: Engine, option: str) -> Cell:
        """What the newest version of an engine does with an option."""
        return self._cells[engine.name].get(option) or Cell("untried", 0, 0, (), 0)

    def kinds(self, engine: Engine) -> dict[Kind, int]:
        """How many options of the table are of each kind, for an engine."""
        found = [self.cell(engine, option).kind for group in self.groups for option in group.options]
        return {kind: found.count(kind) for kind in dict.fromkeys(found)}

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """What is wrong, over all versions of all engines."""
        shared = {c.name: shared_by_unexpected(c.name, c.records, self._conditions) for c in self._columns}
        return causes_of(self._columns, shared, self._conditions)

    @cached_property
    def _wrong(self) -> dict[str, list[tuple[Cause, Part]]]:
        found: dict[str, list[tuple[Cause, Part]]] = {}
        for cause in self.causes:
            for part in cause.parts:
                if cause.status != "xpass":
                    found.setdefault(part.column.name, []).append((cause, part))
        return found

    def wrong(self, column: Column) -> list[tuple[Cause, Part]]:
        """The causes of a version's wrong answers, each with its results: first those that nobody has recorded."""
        found = self._wrong.get(column.name, [])
        return sorted(found, key=lambda item: (item[0].status != "unexpected", -len(item[1].records)))

    def titles(self, column: Column, records: Sequence[Record]) -> list[str]:
        """The causes of some of a version's wrong answers, in words."""
        cases = {record.case for record in records}
        return [c.title for c, part in self.wrong(column) if cases.intersection(r.case for r in part.records)]

    def history(self, engine: Engine) -> list[Change]:
        """The versions of an engine, the oldest first."""
        found: list[Change] = []
        before: Column | None = None
        for column in engine.versions:
            came, went = ((), ()) if before is None else (self._only_in(column, before), self._only_in(before, column))
            found.append(Change(column, counts_of(column), came, went))
            before = column
        return found

    def _only_in(self, column: Column, other: Column) -> tuple[Cause, ...]:
        """The causes of wrong answers of a version to cases that another version was asked and answered right."""
        right = {record.case for record in other.records if record.outcome_class is Passed}
        return tuple(c for c, part in self.wrong(column) if any(record.case in right for record in part.records))


def counts_of(column: Column) -> Counts:
    """How many results of a version are right, wrong and refused."""
    classes = [record.outcome_class for record in column.records]
    right = [record.noise or 0.0 for record in column.records if record.outcome_class is Passed]
    refused = classes.count(Unsupported)
    return Counts(len(right), len(classes) - len(right) - refused, refused, max(right, default=None))
