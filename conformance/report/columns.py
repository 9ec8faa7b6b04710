"""The columns of a report: the results of each adapter, what each result counts as, and what is said of it."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.case.outcomes import Passed, Unsupported, together
from conformance.case.text import counted, shortened, visible
from conformance.results.reading import Results
from conformance.results.record import AdapterInfo, Record

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
_LONGEST_SLUG = 80
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
    slug: a name for addresses, of letters, digits and `-._@+:` alone; no other column of the report has it.
    """

    name: str
    label: str
    info: AdapterInfo
    records: tuple[Record, ...]
    asked: int
    slug: str

    @property
    def address(self) -> str:
        """Where the page tells of it: the part of its address after the `#`."""
        return f"adapter/{self.slug}"

    @property
    def version(self) -> str:
        """The version of the deciding package; empty if there is none."""
        return next(iter(self.info.versions.values()), "")


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
    first = first_line(record)
    return f"{record.outcome}: {shortened(first, _LONGEST)}" if first else record.outcome


def first_line(record: Record) -> str:
    """The first line of the message's body: the reason, the error, or the first tensor that is wrong."""
    return body_of(record).partition("\n")[0].strip().removesuffix("; it last printed:")


def body_of(record: Record) -> str:
    """The message without its first line, which names the case and the adapter."""
    return (record.message or "").partition("\n")[2]


def columns_of(files: Sequence[Results]) -> list[Column]:
    """One column per adapter if its files agree about it and no case occurs twice; otherwise one column per file."""
    parts: dict[str, list[tuple[Results, AdapterInfo, list[Record]]]] = {}
    for results in files:
        by_label: dict[str, list[Record]] = {label: [] for label in results.header.adapters}
        for record in results.records:
            by_label.setdefault(record.adapter, []).append(record)
        for label, records in by_label.items():
            info = results.header.adapters.get(label, AdapterInfo())
            parts.setdefault(label, []).append((results, info, records))
    taken: set[str] = set()
    columns: list[Column] = []
    for label, found in parts.items():
        cases = [record.case for _, _, records in found for record in records]
        one = all(info == found[0][1] for _, info, _ in found) and len(set(cases)) == len(cases)
        if one:
            asked = max(results.header.asked(label).cases for results, _, _ in found)
            together = tuple(record for _, _, records in found for record in records)
            columns.append(Column(label, label, found[0][1], together, asked, slug(label, taken)))
        else:
            names = [f"{label} ({name})" for name in _names([results for results, _, _ in found])]
            columns += [
                Column(name, label, info, tuple(records), results.header.asked(label).cases, slug(name, taken))
                for (results, info, records), name in zip(found, names, strict=True)
            ]
    return columns


def slug(text: str, taken: set[str]) -> str:
    """A name for an address, like `text`, that is not among those taken; it is added to them.

    A name that has to differ from the text, because of its characters or its length, ends in a digest of the text, so
    that it is the same in every report.
    """
    plain = re.sub(r"[^\w.@+:/-]+", "-", text, flags=re.ASCII)[:_LONGEST_SLUG]
    short = plain if plain == text else f"{plain.strip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    numbered = short
    for number in itertools.count(2):
        if numbered not in taken:
            break
        numbered = f"{short}-{number}"
    taken.add(numbered)
    return numbered


def _names(files: Sequence[Results]) -> list[str]:
    """A name for each file: the last part of its path; the whole path if that is not unique; numbered otherwise."""
    for names in ([visible(file.path.name) for file in files], [visible(str(file.path)) for file in files]):
        if len(set(names)) == len(names):
            return names
    return [f"{name}, {n}" for n, name in enumerate(names, 1)]
