"""`Content`: what a report is about, from one or more results files; the same for every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from conformance.case.model import Case
from conformance.case.outcomes import Passed
from conformance.case.text import counted, visible
from conformance.report.causes import Cause, Part, causes_of
from conformance.report.columns import STATUSES, SURPRISES, WORDS, Column, Status, columns_of, status_of
from conformance.report.facts import Facts, facts_of
from conformance.report.models import Models
from conformance.results.reading import Results
from conformance.results.record import Record, Shared, selection_digest
from conformance.results.shared.conditions import CaseConditions
from conformance.results.shared.find import shared_by, shared_by_unexpected

if TYPE_CHECKING:
    from conformance.models.checked import Checked


@dataclass
class Tally:
    """The results of some cases with some adapters; noise: the worst of those that passed, None if none did."""

    counts: Counter[Status] = field(default_factory=Counter)
    noise: float | None = None

    def add(self, record: Record) -> None:
        """Count one result."""
        self.counts[status_of(record)] += 1
        if record.outcome_class is Passed:
            self.noise = max(self.noise or 0.0, record.noise or 0.0)

    def __getitem__(self, status: Status) -> int:
        return self.counts[status]

    @property
    def surprises(self) -> int:
        """How many results are not as expected, wrong or right."""
        return sum(self[status] for status in SURPRISES)

    @property
    def words(self) -> str:
        """The counts that are not zero, in words."""
        return ", ".join(f"{self.counts[s]} {WORDS[s]}" for s in STATUSES if self.counts[s]) or "no results"


class Content:
    """Everything in the files, arranged in columns.

    cases: those of the specs, by id. models: the model files, if it is of a check. notes: what a reader must know about
    the files: interrupted runs, missing cases, files that do not match.
    """

    def __init__(
        self, files: Sequence[Results], cases: Mapping[str, Case] | None = None, models: Models | None = None
    ) -> None:
        self.files = tuple(files)
        self.models = models
        self.cases = cases or {}
        self._conditions = CaseConditions(self.cases.values())
        self.columns = columns_of(files)
        self.families = sorted({record.family for _, record in self})
        self.total = Tally()
        self.cells: dict[tuple[str, str], Tally] = {}
        self.totals: dict[str, Tally] = {column.name: Tally() for column in self.columns}
        for column, record in self:
            self.total.add(record)
            self.totals[column.name].add(record)
            self.cells.setdefault((record.family, column.name), Tally()).add(record)
        # A check does not ask everybody everything: an engine with its adapter only where the own node went wrong.
        self.notes = () if models else tuple(_notes(files, self.columns))

    @classmethod
    def of_check(cls, checked: Checked) -> Content:
        """What a report of checked model files is about."""
        models = Models(checked)
        return cls([models.results], models.cases, models)

    def __iter__(self) -> Iterator[tuple[Column, Record]]:
        return ((column, record) for column in self.columns for record in column.records)

    def address_of(self, name: str) -> str:
        """Where the page tells of the column of this name."""
        return next(column.address for column in self.columns if column.name == name)

    @property
    def count(self) -> int:
        """How many results there are."""
        return sum(len(column.records) for column in self.columns)

    @property
    def complete(self) -> bool:
        """Whether every run was completed and every case that was asked for has a result."""
        return not self.notes

    @property
    def headline(self) -> str:
        """The answer in one line."""
        if self.models is not None:
            return self.models.headline
        unexpected = self.total.surprises
        of = counted(self.count, "result")
        return f"{unexpected:,} unexpected of {of}" if unexpected else f"Nothing unexpected in {of}"

    @property
    def bad(self) -> bool:
        """Whether something is not as it has to be; of a check, whether an answer is wrong, or none could be judged."""
        return self.models.bad if self.models is not None else bool(self.total.surprises)

    @cached_property
    def shared(self) -> dict[str, tuple[Shared, ...]]:
        """What the unexpected failures of each column have in common, by its name; nothing without the cases."""
        return {c.name: shared_by_unexpected(c.name, c.records, self._conditions) for c in self.columns}

    def shared_in(self, part: Part) -> tuple[Shared, ...]:
        """What an adapter's failures with one cause have in common, where it is not said of its column already."""
        name = part.column.name
        failing = [record for record in part.records if record.outcome_class.wrong]
        found = shared_by(name, failing, part.column.records, self._conditions)
        said = {each.texts for shared in self.shared[name] for each in shared.conditions}
        return tuple(shared for shared in found if not said.issuperset(each.texts for each in shared.conditions))

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """What is wrong, over all adapters; see `conformance.report.causes`."""
        return causes_of(self.columns, self.shared, self._conditions)

    def causes_in(self, column: Column) -> list[tuple[Cause, Part]]:
        """The causes of a column's wrong answers, each with its results, the most first of each status."""
        found = [(cause, part) for cause in self.causes for part in cause.parts if part.column is column]
        return sorted(found, key=lambda item: (STATUSES.index(item[0].status), -len(item[1].records)))

    def known_as(self, cause: Cause) -> list[Cause]:
        """The known deviations that are the same mistake as an unexpected failure."""
        if cause.status != "unexpected" or not cause.mistakes:
            return []
        return [c for c in self.causes if c.status == "known" and set(c.mistakes) == set(cause.mistakes)]

    def facts(self, column: Column) -> Facts:
        """What the results of a column tell of its adapter."""
        return facts_of(column, self._conditions)


def _notes(files: Sequence[Results], columns: Sequence[Column]) -> Iterator[str]:
    for results in files:
        if not results.complete:
            count = counted(len(results.records), "result")
            yield f"{visible(str(results.path))}: the run was interrupted after {count}"
        if results.complete and results.header.shard is None:
            for label in results.header.adapters:
                ids = [record.case for record in results.records if record.adapter == label]
                asked = results.header.asked(label)
                if len(ids) == asked.cases and selection_digest(ids) != asked.selection:
                    yield f"{visible(str(results.path))}: the cases of {label} are not those of the header"
    for column in columns:
        if (there := len(column.records)) < column.asked:
            yield f"{column.name}: {there:,} of {column.asked:,} cases are here"
    for name in ("suite", "vectors"):
        if len({getattr(results.header, name) for results in files}) > 1:
            yield f"the files come from different {'versions of the suite' if name == 'suite' else 'golden vectors'}"
