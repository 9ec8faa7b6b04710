"""`Content`: what a report is about, from one or more results files; the same for every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from conformance.case.model import Case
from conformance.case.outcomes import Passed, Unsupported, together
from conformance.case.text import counted, shortened, visible
from conformance.results.reading import Results
from conformance.results.record import AdapterInfo, Record, Shared, selection_digest
from conformance.results.shared.conditions import CaseConditions
from conformance.results.shared.find import shared_by, shared_by_unexpected

Status = Literal["unexpected", "xpass", "known", "passed", "unsupported"]
STATUSES: tuple[Status, ...] = ("unexpected", "xpass", "known", "passed", "unsupported")
"""unexpected: wrong, and not recorded as a known deviation; xpass: passed, although recorded as wrong."""
SURPRISES: tuple[Status, ...] = ("unexpected", "xpass")
WORDS = {
    "unexpected": "failed unexpectedly",
    "xpass": "passed unexpectedly",
    "known": "known deviations",
    "passed": "passed",
    "unsupported": "unsupported",
}


_LONGEST = 200
"""Characters of an error's first line that a story shows; the rest is cut off."""
_NAMED = 3
"""Mistakes that cannot be told apart which a story names; the others are counted."""


def status_of(record: Record) -> Status:
    """What a result counts as: an expected outcome, or one that no known deviation records."""
    if record.unexpected:
        return "xpass" if record.unexpected_pass else "unexpected"
    if record.known:
        return "known"
    return "unsupported" if record.outcome_class is Unsupported else "passed"


@dataclass(frozen=True)
class Column:
    """The results of one adapter in one file, or in several that are shards of a run.

    name: its label, with the file's name if several columns have that label. asked: how many cases it had to answer.
    """

    name: str
    label: str
    info: AdapterInfo
    records: tuple[Record, ...]
    asked: int

    @property
    def version(self) -> str:
        """The version of the deciding package; empty if there is none."""
        return next(iter(self.info.versions.values()), "")


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


@dataclass(frozen=True)
class Group:
    """Results of one adapter that have the same story, see `story_of`."""

    column: Column
    story: str
    records: tuple[Record, ...]


class Content:
    """Everything in the files, arranged in columns.

    cases: those of the specs, by id. notes: what a reader must know about the files: interrupted runs, missing cases,
    files that do not match.
    """

    def __init__(self, files: Sequence[Results], cases: Mapping[str, Case] | None = None) -> None:
        self.files = tuple(files)
        self.cases = cases or {}
        self._conditions = CaseConditions(self.cases.values())
        self.columns = _columns(files)
        self.families = sorted({record.family for _, record in self})
        self.total = Tally()
        self.cells: dict[tuple[str, str], Tally] = {}
        self.totals: dict[str, Tally] = {column.name: Tally() for column in self.columns}
        for column, record in self:
            self.total.add(record)
            self.totals[column.name].add(record)
            self.cells.setdefault((record.family, column.name), Tally()).add(record)
        self.notes = tuple(_notes(files, self.columns))

    def __iter__(self) -> Iterator[tuple[Column, Record]]:
        return ((column, record) for column in self.columns for record in column.records)

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
        unexpected = self.total.surprises
        of = counted(self.count, "result")
        return f"{unexpected:,} unexpected of {of}" if unexpected else f"Nothing unexpected in {of}"

    def groups(self, status: Status) -> list[Group]:
        """The results of a status, those with the same story together, the largest group of an adapter first."""
        groups: list[Group] = []
        for column in self.columns:
            found: dict[str, list[Record]] = {}
            for record in column.records:
                if status_of(record) == status:
                    story = record.deviation.reason if status == "known" and record.deviation else story_of(record)
                    found.setdefault(story, []).append(record)
            ordered = sorted(found.items(), key=lambda item: -len(item[1]))
            groups += [Group(column, story, tuple(records)) for story, records in ordered]
        return groups

    @cached_property
    def shared(self) -> dict[str, tuple[Shared, ...]]:
        """What the unexpected failures of each column have in common, by its name; nothing without the cases."""
        return {c.name: shared_by_unexpected(c.name, c.records, self._conditions) for c in self.columns}

    def shared_in(self, group: Group) -> tuple[Shared, ...]:
        """What the failures of a group have in common, where it is not said of its column already."""
        name = group.column.name
        failing = [record for record in group.records if record.outcome_class.wrong]
        found = shared_by(name, failing, group.column.records, self._conditions)
        said = {each.texts for shared in self.shared[name] for each in shared.conditions}
        return tuple(shared for shared in found if not said.issuperset(each.texts for each in shared.conditions))


def story_of(record: Record) -> str:
    """What happened, in one line that other cases may share."""
    if record.outcome_class is Passed:
        return f"passed, but a known deviation is written down: {record.deviation.reason if record.deviation else ''}"
    if record.suspects:
        named = [together(suspect.mistakes) for suspect in record.suspects]
        if len(named) == 1:
            return f"{record.outcome}; looks like {named[0]}"
        rest = [counted(len(named) - _NAMED, "other")] if len(named) > _NAMED else []
        return f"{record.outcome}; cannot be told apart: {' or '.join(named[:_NAMED] + rest)}"
    if record.suspects is not None:
        return f"{record.outcome}; no mistake of the catalogue explains it"
    first = body_of(record).partition("\n")[0].strip().removesuffix("; it last printed:")
    return f"{record.outcome}: {shortened(first, _LONGEST)}" if first else record.outcome


def body_of(record: Record) -> str:
    """The message without its first line, which names the case and the adapter."""
    return (record.message or "").partition("\n")[2]


def _columns(files: Sequence[Results]) -> list[Column]:
    """One column per adapter if its files agree about it and no case occurs twice; otherwise one column per file."""
    parts: dict[str, list[tuple[Results, AdapterInfo, list[Record]]]] = {}
    for results in files:
        by_label: dict[str, list[Record]] = {label: [] for label in results.header.adapters}
        for record in results.records:
            by_label.setdefault(record.adapter, []).append(record)
        for label, records in by_label.items():
            info = results.header.adapters.get(label, AdapterInfo())
            parts.setdefault(label, []).append((results, info, records))
    columns: list[Column] = []
    for label, found in parts.items():
        cases = [record.case for _, _, records in found for record in records]
        one = all(info == found[0][1] for _, info, _ in found) and len(set(cases)) == len(cases)
        if one:
            asked = max(results.header.cases for results, _, _ in found)
            together = tuple(record for _, _, records in found for record in records)
            columns.append(Column(label, label, found[0][1], together, asked))
        else:
            names = _names([results for results, _, _ in found])
            columns += [
                Column(f"{label} ({name})", label, info, tuple(records), results.header.cases)
                for (results, info, records), name in zip(found, names, strict=True)
            ]
    return columns


def _names(files: Sequence[Results]) -> list[str]:
    """A name for each file: the last part of its path; the whole path if that is not unique; numbered otherwise."""
    for names in ([visible(file.path.name) for file in files], [visible(str(file.path)) for file in files]):
        if len(set(names)) == len(names):
            return names
    return [f"{name}, {n}" for n, name in enumerate(names, 1)]


def _notes(files: Sequence[Results], columns: Sequence[Column]) -> Iterator[str]:
    for results in files:
        if not results.complete:
            count = counted(len(results.records), "result")
            yield f"{visible(str(results.path))}: the run was interrupted after {count}"
        if results.complete and results.header.shard is None:
            for label in results.header.adapters:
                ids = [record.case for record in results.records if record.adapter == label]
                if len(ids) == results.header.cases and selection_digest(ids) != results.header.selection:
                    yield f"{visible(str(results.path))}: the cases of {label} are not those of the header"
    for column in columns:
        if (there := len(column.records)) < column.asked:
            yield f"{column.name}: {there:,} of {column.asked:,} cases are here"
    for name in ("suite", "vectors"):
        if len({getattr(results.header, name) for results in files}) > 1:
            yield f"the files come from different {'versions of the suite' if name == 'suite' else 'golden vectors'}"
