"""Further rows for one interface: every pair of its options, and the mistakes that it could make.

An interface is a function that says why it refuses a case. Rows are drawn at random among the levels it has, and those
are taken, one after the other, that gain most for what they cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from conformance.case.model import Case
from conformance.golden.design.arrays import Open, levels
from conformance.golden.design.chances import Missed, Shows, shows
from conformance.golden.design.factors import DEFAULTS, OPTIONS, SIZES, Row
from conformance.golden.design.fitness import unfit
from conformance.golden.design.rows import case_of, completed, row_of
from conformance.golden.design.sizes import affordable, operations, storable, stored_bytes

Refusal = Callable[[Case], str | None]

LEAST_GAIN = 2.5e-5
"""A row is taken if it lowers the share of mistakes that are missed by this much for each unit of what it costs."""
_POOL = 4_000
"""Rows that are drawn for an interface."""
_TRIES = 5
"""Attempts for each of them."""
_PLAIN = (0.35, 0.9)
"""An option has its plain level with a chance between these: rows with nearly all options, and with one or two."""
_OF_A_PAIR = 1.0
"""What a pair of options not yet covered counts: more than any mistake."""


@dataclass
class Candidate:
    """A row that could be taken, with its case, what it shows, and what it costs."""

    row: Row
    case: Case
    shows: Shows
    cost: float


def offered(refusal: Refusal) -> dict[str, list[Any]]:
    """The levels that an interface has: of each option those with which some case is accepted."""
    found = levels()
    random = Random(0)
    for name in OPTIONS:
        found[name] = [level for level in found[name] if _accepted({name: level}, refusal, random)]
    if found["projection"] == [DEFAULTS["projection"]]:
        found["P"] = [0]
    if found["head"] == [DEFAULTS["head"]]:
        found["O"] = [0]
    return found


def _accepted(part: Row, refusal: Refusal, random: Random) -> bool:
    """Whether some small case with this level, and little else that is not plain, is accepted."""
    small: dict[str, list[Any]] = {name: [3, 1, 2, 5] if name in "TBIH" else [0, 2] for name in SIZES}
    for _ in range(400):
        row = completed(part, levels() | small, random, mostly_plain(random, random.uniform(*_PLAIN)), affordable)
        case = case_of(row) if row is not None else None
        if case is not None and refusal(case) is None:
            return True
    return False


def mostly_plain(random: Random, plain: float) -> Callable[..., Sequence[Any]]:
    """Puts the plain level of an option in front, with this chance, and small sizes, but for one of any size."""
    free = random.choice(list(SIZES))

    def ranked(row: Any, name: str, known: Sequence[Any]) -> Sequence[Any]:
        if name in OPTIONS:
            return sorted(known, key=lambda level: level != DEFAULTS[name]) if random.random() < plain else known
        if name == free:
            return known
        return sorted(known, key=lambda size: random.random() * (size + 12.0))

    return ranked


def pool(refusal: Refusal, seed: int) -> list[Candidate]:
    """Rows at random whose cases an interface accepts."""
    random, factors = Random(seed), offered(refusal)
    found: dict[str, Candidate] = {}
    for _ in range(_POOL * _TRIES):
        row = completed({}, factors, random, mostly_plain(random, random.uniform(*_PLAIN)), affordable)
        case = case_of(row) if row is not None else None
        if row is None or case is None or case.description in found or refusal(case) is not None:
            continue
        found[case.description] = Candidate(row, case, shows(case), cost_of(case))
        if len(found) == _POOL:
            break
    return list(found.values())


def cost_of(case: Case) -> float:
    """What a case costs those who run it, about 1 for a small one; on demand, everyone who runs it has to prove it."""
    if storable(case):
        return 0.5 + stored_bytes(case) / 20_000 + operations(case) / 4e6
    return 5.0 + operations(case) / 7e5


def chosen(
    refusal: Refusal,
    cases: Iterable[Case],
    seed: int,
    *,
    least: float = LEAST_GAIN,
    report: Callable[[], None] = lambda: None,
) -> list[Row]:
    """The rows to add to these cases for an interface; `report` is called for each."""
    candidates = pool(refusal, seed)
    missed = Missed()
    factors = {name: sorted({c.row[name] for c in candidates}, key=str) for name in OPTIONS}
    left = Open(factors, triples=False)
    for case in cases:
        if refusal(case) is None:
            missed.take(shows(case))
            row = _row(case)
            if row is not None and all(row[name] in factors[name] for name in OPTIONS):
                left.take(_options(row))
    rows: list[Row] = []
    gains = [_gain(each, missed, left) for each in candidates]
    while candidates:
        best = max(range(len(gains)), key=gains.__getitem__)
        # What a row gains only becomes less, so the first that still has its gain is the best of all.
        gains[best] = _gain(candidates[best], missed, left)
        if gains[best] < max(gains):
            continue
        if gains[best] < least:
            break
        candidate = candidates.pop(best)
        gains.pop(best)
        if unfit(candidate.case) is None:
            missed.take(candidate.shows)
            left.take(_options(candidate.row))
            rows.append(candidate.row)
            report()
    return rows


def _row(case: Case) -> Row | None:
    """The row of a case of the design; None for others, whose options have other values."""
    try:
        return row_of(case.description)
    except ValueError:
        return None


def _gain(candidate: Candidate, missed: Missed, left: Open) -> float:
    pairs = left.new(_options(candidate.row))
    return (missed.gain(candidate.shows) + _OF_A_PAIR * pairs) / candidate.cost


def _options(row: Row) -> Row:
    return {name: row[name] for name in OPTIONS}
