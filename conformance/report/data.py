"""What the page's script needs, as compact JSON: results in columns, and what repeats only once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from conformance.case.outcomes import OUTCOMES, Unsupported
from conformance.lstm.mistakes import BY_ID
from conformance.report.columns import STATUSES, body_of, status_of, story_of
from conformance.report.content import Content
from conformance.report.in_words import case_in_words
from conformance.results.record import Record

_T = TypeVar("_T")


class _Once(Generic[_T]):
    """A list without duplicates, and the index of each item."""

    def __init__(self) -> None:
        self.items: list[_T] = []
        self._places: dict[str, int] = {}

    def place(self, item: _T) -> int:
        """The index of an item; it is added if it is new."""
        place = self._places.setdefault(json.dumps(item), len(self.items))
        if place == len(self.items):
            self.items.append(item)
        return place


def page_data(content: Content, mistakes: str | None = None) -> dict[str, Any]:
    """Everything for the script. mistakes: the address of docs/mistakes.md.

    results: one list per field, all of the same length, unexpected results first. case, adapter, outcome, status,
    precision, more and cause are indices into the lists beside it; more is -1 if there is nothing more to say, cause if
    there is none. noise: None if there is no number.
    """
    order = {column.name: n for n, column in enumerate(content.columns)}
    rows = sorted(content, key=lambda row: STATUSES.index(status_of(row[1])))  # stable: otherwise in order of the run
    asked: _Once[tuple[str, str, float | None]] = _Once()
    more: _Once[dict[str, Any]] = _Once()
    deviations: _Once[dict[str, Any]] = _Once()
    precisions: _Once[str] = _Once()
    outcomes = list(OUTCOMES)
    causes = {(p.column.name, r.case): n for n, c in enumerate(content.causes) for p in c.parts for r in p.records}
    fields: list[tuple[Any, ...]] = []
    for column, record in rows:
        extra = _more(record, deviations)
        fields.append(
            (
                asked.place((record.case, record.dtype, record.allowed)),
                order[column.name],
                outcomes.index(record.outcome),
                STATUSES.index(status_of(record)),
                record.noise,
                float(f"{record.seconds * 1000:.3g}"),
                precisions.place(record.precision or ""),
                more.place(extra) if extra else -1,
                causes.get((column.name, record.case), -1),
            )
        )
    names = ("case", "adapter", "outcome", "status", "noise", "ms", "precision", "more", "cause")
    columns = zip(*fields, strict=True) if fields else [[] for _ in names]
    return {
        "statuses": STATUSES,
        "outcomes": outcomes,
        "precisions": precisions.items,
        "adapters": [
            {"name": c.name, "slug": c.slug, "address": c.address, **c.info.model_dump(mode="json")}
            for c in content.columns
        ],
        "causes": [{"address": cause.address, "title": cause.title} for cause in content.causes],
        "cases": asked.items,
        "results": {name: list(values) for name, values in zip(names, columns, strict=True)},
        "more": more.items,
        "deviations": deviations.items,
        "mistakes": _mistakes((record for _, record in rows), mistakes),
        "specs": {name: case_in_words(content.cases[name]) for name, *_ in asked.items if name in content.cases},
    }


def _more(record: Record, deviations: _Once[dict[str, Any]]) -> dict[str, Any]:
    """The details that a plain pass does not have."""
    found: dict[str, Any] = {}
    if record.outcome_class is Unsupported:
        found["reason"] = body_of(record).strip()
    elif record.message:
        found |= {"story": story_of(record), "message": record.message}
    if record.suspects is not None:
        found["suspects"] = [suspect.model_dump(mode="json") for suspect in record.suspects]
    if record.deviation is not None:
        found["deviation"] = deviations.place(record.deviation.model_dump(mode="json", exclude={"outcome"}))
    if record.traceback:
        found["traceback"] = record.traceback
    if record.profile:
        found["profile"] = record.profile
    return found


def _mistakes(records: Iterable[Record], page: str | None) -> dict[str, dict[str, str | None]]:
    """What the catalogue says about every mistake that a result or deviation names."""
    named: set[str] = set()
    for record in records:
        named |= {mistake for suspect in record.suspects or () for mistake in suspect.mistakes}
        named |= set(record.deviation.mistake if record.deviation else ())
    there = (BY_ID[mistake] for mistake in sorted(named) if mistake in BY_ID)  # another suite may have others
    return {m.id: {"what": m.what, "link": m.link, "page": f"{page}#{m.id}" if page else None} for m in there}


NOISE_STEPS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""The upper ends of the levels in which noise is shown; noise above the last one has a level of its own."""


def noise_level(noise: float | None) -> int | None:
    """The index of a noise's level, 0 for the smallest."""
    if noise is None or math.isnan(noise):
        return None
    return next((n for n, end in enumerate(NOISE_STEPS) if noise <= end), len(NOISE_STEPS))
