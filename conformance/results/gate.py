"""Two runs compared, case by case: what an upgrade made worse, what it mended, what only moved.

Adapters are matched by label without its place: `before:torch@cuda` with `after:torch@cuda`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.adapters import registry
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.outcomes import Passed, Unsupported
from conformance.case.text import counted
from conformance.results.reading import Results, demand_whole
from conformance.results.record import Record, RecordedSuspect

DRIFT = 4.0
"""Noise of one and the same arithmetic moves by less when a kernel adds in another order."""

LEAST_NOISE = 0.5
"""Below it noise says nothing: a few roundings that happened to cancel."""

Kind = Literal[
    "newly failing",
    "newly crashing",
    "newly unsupported",
    "drift",
    "fails differently",
    "newly passing",
    "newly supported",
]
WORSE: tuple[Kind, ...] = ("newly failing", "newly crashing", "newly unsupported", "drift")


@dataclass(frozen=True)
class Change:
    """A case that is not what it was; before is None where the case is new.

    accepted: it got worse, but a known deviation says so and the gate was told to let that pass.
    """

    kind: Kind
    before: Record | None
    after: Record
    accepted: bool = False

    @property
    def adapter(self) -> str:
        """The label without its place."""
        return _adapter(self.after.adapter)

    @property
    def worse(self) -> bool:
        """Whether the gate closes for it."""
        return self.kind in WORSE and not self.accepted

    @property
    def factor(self) -> float | None:
        """How much the error grew, where both passed."""
        return None if self.kind != "drift" or self.before is None else _growth(self.before, self.after)


@dataclass(frozen=True)
class Gate:
    """compared: pairs of results. new: cases that only the later run has. changes: worst kind first."""

    compared: int
    new: int
    changes: tuple[Change, ...]

    @property
    def closed(self) -> bool:
        """Whether something got worse."""
        return any(change.worse for change in self.changes)


def gate(before: Results, after: Results, *, drift: float = DRIFT, accept_known: bool = False) -> Gate:
    """Compare two runs.

    Args:
        before, after: of the same golden vectors.
        drift: the factor by which noise may grow while a case still passes.
        accept_known: whether what a known deviation explains does not count as worse.

    Raises:
        ConformanceError: they cannot be compared: an interrupted run, a single shard, other vectors; or adapters or
            cases of `before` have vanished from `after`.
    """
    _demand_comparable(before, after)
    earlier, later = _by_adapter_and_case(before), _by_adapter_and_case(after)
    _demand_all(before, after, earlier.keys() - later.keys())
    changes = []
    for key, record in later.items():
        was = earlier.get(key)
        kind = _kind(was, record, drift)
        if kind is not None:
            changes.append(Change(kind, was, record, accepted=accept_known and kind in WORSE and record.known))
    order: Sequence[Kind] = Kind.__args__  # type: ignore[attr-defined]
    changes.sort(key=lambda change: order.index(change.kind))
    return Gate(len(earlier), len(later) - len(earlier), tuple(changes))


def essence(records: Iterable[Record]) -> list[Record]:
    """Of each result what a gate needs, sorted: a baseline to be kept in a repository."""
    kept = [
        Record(
            case=record.case,
            adapter=record.adapter,
            dtype=record.dtype,
            outcome=record.outcome,
            unexpected=record.unexpected,
            noise=None if record.noise is None else float(f"{record.noise:.2g}"),
            precision=None if record.precision == record.dtype else record.precision,
            suspects=record.suspects
            and tuple(RecordedSuspect(mistakes=s.mistakes, how=s.how) for s in record.suspects),
        )
        for record in records
    ]
    return sorted(kept, key=lambda record: (record.adapter, record.case))


def _kind(before: Record | None, after: Record, drift: float) -> Kind | None:
    was = before.outcome_class if before is not None else Passed
    now = after.outcome_class
    if now.gone and not was.gone:
        return "newly crashing"
    if now.wrong:
        if not was.wrong:
            return "newly failing"
        assert before is not None
        return "fails differently" if was is not now or _by_another_mistake(before, after) else None
    if now is Unsupported:
        return None if was is Unsupported or before is None else "newly unsupported"
    if before is None:
        return None
    if was.wrong or was is Unsupported:
        return "newly passing" if was.wrong else "newly supported"
    return "drift" if _growth(before, after) > drift else None


def _growth(before: Record, after: Record) -> float:
    """The factor between two errors. Noise alone would not do: its unit is the precision that was declared for it."""
    was, now = (UNIT_ROUNDOFF[record.precision or record.dtype] for record in (before, after))
    return (after.noise or 0.0) * now / (max(before.noise or 0.0, LEAST_NOISE) * was)


def _by_another_mistake(before: Record, after: Record) -> bool:
    # Of several that fit the same numbers, the diagnosis may list others where a known deviation names the one to find.
    one, other = ({suspect.mistakes for suspect in record.suspects or ()} for record in (before, after))
    return bool(one or other) and one.isdisjoint(other)


def _adapter(label: str) -> str:
    return registry.parse(label).identity


def _by_adapter_and_case(results: Results) -> dict[tuple[str, str], Record]:
    try:
        found = {(_adapter(record.adapter), record.case): record for record in results.records}
    except AdapterUnavailable as error:
        raise ConformanceError(f"{results.path}: {error}") from error
    if len(found) != len(results.records):
        raise ConformanceError(
            f"{results.path}: has an adapter at several places ({', '.join(results.header.adapters)}); "
            "a gate compares two runs of it in two files"
        )
    return found


def _demand_comparable(before: Results, after: Results) -> None:
    for results in (before, after):
        demand_whole(results)
    one, other = before.header.vectors, after.header.vectors
    if one != other:
        raise ConformanceError(
            f"{before.path} was held to other golden vectors than {after.path} ({one[:12]}, {other[:12]}): "
            "run both with the same suite"
        )


def _demand_all(before: Results, after: Results, vanished: Iterable[tuple[str, str]]) -> None:
    missing = sorted(vanished)
    if not missing:
        return
    gone = {_adapter(label) for label in before.header.adapters} - {_adapter(label) for label in after.header.adapters}
    if gone:
        raise ConformanceError(f"{after.path}: the adapter {', '.join(sorted(gone))} of {before.path} has vanished")
    shown = ", ".join(f"{case} with {adapter}" for adapter, case in missing[:5])
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    raise ConformanceError(
        f"{after.path}: {counted(len(missing), 'result')} of {before.path} missing: {shown}{more}; "
        "run the same cases before and after"
    )
