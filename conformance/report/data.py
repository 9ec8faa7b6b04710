"""What the page's script needs, as compact JSON: results in columns, and what repeats only once."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from conformance.case.model import Case
from conformance.case.outcomes import OUTCOMES, Unsupported
from conformance.case.text import shortened
from conformance.lstm.mistakes import BY_ID
from conformance.report.columns import STATUSES, body_of, status_of, story_of
from conformance.report.content import Content
from conformance.results.record import Record

_T = TypeVar("_T")
_SIZES = ("T", "B", "I", "H", "P", "layers")
_SAID_ELSEWHERE = {"id", "description", "source", "origin", "dtype", "tolerance", "exempt", *_SIZES}
_LONGEST = 300
"""Characters of an option's value that the page shows; the rest is cut off."""


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
        "specs": {case_id: _spec(content.cases[case_id]) for case_id, *_ in asked.items if case_id in content.cases},
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


def _spec(case: Case) -> dict[str, Any]:
    """A case in words: sizes, options that differ from a plain LSTM's, shapes."""
    fields = case.model_dump(mode="json", exclude_defaults=True)
    sizes = {name: fields[name] for name in _SIZES if name in fields}
    options = {name: _short(value) for name, value in fields.items() if name not in _SAID_ELSEWHERE}
    terms = case.tolerance.terms(case.dtype)
    said = {
        "description": case.description,
        "source": case.source,
        "origin": str(case.origin or ""),
        "sizes": ", ".join(f"{name} {size}" for name, size in sizes.items()),
        "options": options,
        "tolerance": ", ".join(f"{name} {value:g}" for name, value in terms.items()),
        "inputs": _shapes(case.input_shapes),
        "weights": _shapes(case.weight_shapes),
        "outputs": _shapes(case.outputs),
    }
    return {name: value for name, value in said.items() if value}


def _short(value: Any) -> str:
    return shortened(value if isinstance(value, str) else json.dumps(value).replace('"', ""), _LONGEST)


def _shapes(shapes: Mapping[str, Sequence[int]]) -> str:
    """`x (5, 3, 4)`; a tensor that each layer and direction has in the same shape is listed once."""

    def kind(item: tuple[str, Sequence[int]]) -> tuple[str, Sequence[int]]:
        return item[0].partition(".")[0], item[1]

    in_groups = itertools.groupby(sorted(shapes.items(), key=lambda item: _rank(item[0], list(shapes))), key=kind)
    words = []
    for (name, shape), items in in_groups:
        rows = [full.partition(".")[2] for full, _ in items]
        shown = f"{name}.{rows[0]}" if rows[0] else name
        shown += f" to .{rows[-1]}" if len(rows) > 1 else ""
        words.append(f"{shown} ({', '.join(map(str, shape))})")
    return ", ".join(words)


def _rank(name: str, names: list[str]) -> tuple[int, int]:
    """A sort key that keeps all rows of one kind of tensor together, the kinds in their order."""
    first = next(n for n, other in enumerate(names) if other.partition(".")[0] == name.partition(".")[0])
    return first, names.index(name)


NOISE_STEPS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""The upper ends of the levels in which noise is shown; noise above the last one has a level of its own."""


def noise_level(noise: float | None) -> int | None:
    """The index of a noise's level, 0 for the smallest."""
    if noise is None or math.isnan(noise):
        return None
    return next((n for n, end in enumerate(NOISE_STEPS) if noise <= end), len(NOISE_STEPS))
