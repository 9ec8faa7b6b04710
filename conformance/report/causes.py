"""Groups what is wrong, over all adapters, by its cause: one bug, its cases, and every route on which it shows.

The cause of a known deviation is the bug that its entry describes. Two entries describe one bug if the same script
shows them and they share a mistake, so a bug of an engine is one cause for all adapters that compute with it. The cause
of an unexpected failure is the mistake that it looks like; where none is named, the error that was raised; otherwise
the conditions that failures of its adapter have in common; otherwise what happened, adapter by adapter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from conformance.case.outcomes import Errored, together
from conformance.case.text import counted, shortened
from conformance.report.columns import Column, Status, first_line, slug, status_of, story_of
from conformance.results.record import Record, RecordedDeviation, Shared
from conformance.results.shared.conditions import CaseConditions

_NAMED = 3
"""Mistakes that fit as well, of which a cause names so many."""
_LONGEST = 200
_AGAIN = re.compile(r"^ *again: (.+)$", re.MULTILINE)

Key = tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """The results of one adapter that have a cause."""

    column: Column
    records: tuple[Record, ...]

    @property
    def noise(self) -> float | None:
        """The worst noise of those that have one."""
        return max((record.noise for record in self.records if record.noise is not None), default=None)

    @property
    def numberless(self) -> int:
        """How many failed without a noise: by a wrong shape, a NaN, an infinity."""
        return sum(record.outcome == "failed" and record.noise is None for record in self.records)

    @property
    def again(self) -> str | None:
        """The command that runs the first of the cases again, if a message has it."""
        found = (_AGAIN.search(record.message or "") for record in self.records)
        return next((match[1] for match in found if match), None)


@dataclass(frozen=True)
class Cause:
    """What is wrong with some results, all of one status.

    title: in a line. parts: adapter by adapter, in the order of the report's columns. mistakes: what it looks like, or
    is written down to be. likely: other mistakes that fit as well in some of the cases, with their number.
    """

    status: Status
    slug: str
    title: str
    parts: tuple[Part, ...]
    mistakes: tuple[str, ...] = ()
    likely: tuple[tuple[str, int], ...] = ()

    @property
    def address(self) -> str:
        """Where the page tells of it: the part of its address after the `#`."""
        return f"cause/{self.slug}"

    @property
    def records(self) -> Iterator[Record]:
        """The results, adapter by adapter."""
        return (record for part in self.parts for record in part.records)

    @property
    def count(self) -> int:
        """How many results there are."""
        return sum(len(part.records) for part in self.parts)

    @cached_property
    def entries(self) -> tuple[tuple[RecordedDeviation, int], ...]:
        """The entries of deviations files that describe it, each with the number of its results, the most first."""
        found = Counter(_Hashed(r.deviation) for r in self.records if self.status != "unexpected" and r.deviation)
        return tuple((entry.deviation, count) for entry, count in found.most_common())

    @property
    def links(self) -> tuple[str, ...]:
        """Where it was reported."""
        return tuple(dict.fromkeys(entry.link for entry, _ in self.entries if entry.link))

    @property
    def scripts(self) -> tuple[str, ...]:
        """The scripts that show it without the suite."""
        return tuple(dict.fromkeys(entry.repro for entry, _ in self.entries if entry.repro))

    @property
    def doubt(self) -> str:
        """Which other mistakes fit as well, in words; empty if none does."""
        named = [f"{name} in {counted(count, 'case')}" for name, count in self.likely[:_NAMED]]
        more = len(self.likely) - _NAMED
        return "; ".join([*named, *([f"{counted(more, 'other')}"] if more > 0 else [])])


def causes_of(
    columns: Sequence[Column], shared: Mapping[str, Sequence[Shared]], conditions: CaseConditions
) -> tuple[Cause, ...]:
    """Every cause, those of unexpected results first, then the largest first.

    Each unexpected result and each known deviation has one cause.

    Args:
        columns: all of the report.
        shared: what the unexpected failures of each column have in common, by its name.
        conditions: of all cases.
    """
    bugs = _bugs(record.deviation for column in columns for record in column.records if record.deviation)
    found: dict[tuple[Status, Key], dict[str, list[Record]]] = {}
    for column in columns:
        unexpected = [record for record in column.records if status_of(record) == "unexpected"]
        failures = _causes_of_failures(column, unexpected, shared[column.name], conditions)
        for record in column.records:
            status = status_of(record)
            if status == "unexpected":
                key = failures[record.case]
            elif status in ("known", "xpass") and record.deviation:
                key = bugs[_identity(record.deviation)]
            else:
                continue
            found.setdefault((status, key), {}).setdefault(column.name, []).append(record)
    taken: set[str] = set()
    causes = []
    for (status, key), by_column in found.items():
        parts = tuple(Part(c, tuple(by_column[c.name])) for c in columns if c.name in by_column)
        causes.append(_cause(status, key, parts, taken))
    order: dict[str, int] = {"unexpected": 0, "xpass": 1, "known": 2}
    return tuple(sorted(causes, key=lambda cause: (order[cause.status], -cause.count)))


def _cause(status: Status, key: Key, parts: tuple[Part, ...], taken: set[str]) -> Cause:
    records = [record for part in parts for record in part.records]
    if status == "unexpected":
        mistakes = key[1:] if key[0] == "mistake" else ()
        likely = Counter(
            name for record in records for name in map(together, _named(record)) if name != together(mistakes)
        )
        others = tuple(likely.most_common()) if mistakes else ()
        name = slug(f"{status}/{'-'.join(key[1:])}", taken)
        return Cause(status, name, _title(key, records[0]), parts, mistakes, others)
    # The words of the entry that describes this bug and no other besides, if there is one.
    entries = Counter(_Hashed(record.deviation) for record in records if record.deviation)
    best, _ = min(entries.items(), key=lambda item: (len(item[0].deviation.mistake) or _LONGEST, -item[1]))
    return Cause(status, slug(f"{status}/{'/'.join(key)}", taken), best.deviation.reason, parts, best.deviation.mistake)


def _title(key: Key, record: Record) -> str:
    match key[0]:
        case "mistake":
            return f"looks like {together(key[1:])}"
        case "conditions":
            return f"{key[1]}; the cases have {', '.join(key[2:])}"
        case "error":
            return f"{record.outcome}: {shortened(first_line(record), _LONGEST)}"
        case _:
            return story_of(record)


def _causes_of_failures(
    column: Column, failures: Sequence[Record], shared: Iterable[Shared], conditions: CaseConditions
) -> dict[str, Key]:
    """The cause of each unexpected failure of a column, by its case.

    Where several mistakes fit, it is the one that most failures of the column look like: two failures of one bug may
    have different second candidates.
    """
    keys: dict[str, Key] = {}
    left = [record for record in failures if _named(record)]
    while left:
        counts = Counter(names for record in left for names in dict.fromkeys(_named(record)))
        most = counts.most_common(1)[0][0]  # of several, the first of the first record
        keys |= {record.case: ("mistake", *most) for record in left if most in _named(record)}
        left = [record for record in left if record.case not in keys]
    left = [record for record in failures if record.case not in keys]
    for record in left:
        if record.outcome == Errored.name and first_line(record):
            keys[record.case] = ("error", record.outcome, _without_numbers(first_line(record)))
    for each in shared:
        for common in each.conditions:
            open_ = [r for r in left if r.case not in keys and r.outcome in each.outcomes]
            holds = conditions.having([record.case for record in open_], common.texts)
            for record, is_one in zip(open_, holds, strict=True):
                if is_one:
                    keys[record.case] = ("conditions", record.outcome, *common.texts)
    return {r.case: keys.get(r.case) or ("story", column.label, _without_numbers(story_of(r))) for r in failures}


def _named(record: Record) -> list[tuple[str, ...]]:
    return [suspect.mistakes for suspect in record.suspects or ()]


def _without_numbers(text: str) -> str:
    """Two errors that differ in sizes and addresses alone are one."""
    return re.sub(r"\b(0x[0-9a-f]+|\d+)\b", "N", shortened(text, _LONGEST), flags=re.IGNORECASE)


Identity = tuple[str, tuple[str, ...]]


def _identity(deviation: RecordedDeviation) -> Identity:
    """Where a bug is shown or described, and the mistakes of the entry."""
    return deviation.repro or deviation.link or deviation.reason, deviation.mistake


def _bugs(deviations: Iterable[RecordedDeviation]) -> dict[Identity, Key]:
    """The bug of each entry: the script's name and the bug's first mistake, where the script shows several."""
    mistakes: dict[str, dict[tuple[str, ...], None]] = {}
    for deviation in deviations:
        place, named = _identity(deviation)
        mistakes.setdefault(place, {})[named] = None
    found: dict[Identity, Key] = {}
    for place, entries in mistakes.items():
        bugs: list[list[tuple[str, ...]]] = []
        for entry in sorted(filter(None, entries), key=len):
            joined = [bug for bug in bugs if any(set(entry) & set(other) for other in bug)]
            bugs = [bug for bug in bugs if bug not in joined] + [[each for bug in joined for each in bug] + [entry]]
        name = place.rpartition("/")[2].removesuffix(".py") if place.endswith(".py") else place
        for bug in bugs:
            found |= {(place, entry): (name, bug[0][0]) for entry in bug}
        found[place, ()] = (name, bugs[0][0][0]) if len(bugs) == 1 else (name,)
    return found


class _Hashed:
    """An entry that a Counter can count; its reason, script and line tell it from others."""

    def __init__(self, deviation: RecordedDeviation) -> None:
        self.deviation = deviation
        self._key = deviation.model_dump_json()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)
