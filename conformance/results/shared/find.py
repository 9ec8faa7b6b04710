"""Finds what the failing cases of an adapter have in common and the passing ones lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from conformance.case.outcomes import Passed, together
from conformance.results.record import Record, Shared, SharedCondition, SharedConditions
from conformance.results.shared.conditions import Bools, CaseConditions, Table
from conformance.results.shared.search import LEAST_FAILURES, Conjunction, conjunctions

_MOST_ALTERNATIVES = 5


def shared_by_unexpected(adapter: str, records: Sequence[Record], conditions: CaseConditions) -> tuple[Shared, ...]:
    """What the unexpected failures of an adapter have in common.

    Unsupported cases and known deviations are left out. What passed although it is recorded as wrong has passed.

    Args:
        adapter: the name to give.
        records: the results of the adapter.
        conditions: of all cases, see `shared_by`.
    """
    failing = [record for record in records if record.unexpected and record.outcome_class.wrong]
    return shared_by(adapter, failing, records, conditions)


def shared_by(
    adapter: str, failing: Sequence[Record], records: Sequence[Record], conditions: CaseConditions
) -> tuple[Shared, ...]:
    """What failing cases have in common and passing ones lack.

    If some failed, some crashed and so on, and no conditions hold for them all, each outcome is looked at on its own.

    Args:
        adapter: the name to give.
        failing: results of an adapter that are wrong.
        records: all of its results, of which those that passed are taken.
        conditions: of all cases. Where one of the results is of another case, nothing is found.

    Returns:
        One item for all outcomes, or one for each. None at all where there is too little evidence, and for fewer than
        three failing cases.
    """
    passed = [record for record in records if record.outcome_class is Passed]
    whole = _shared(adapter, failing, passed, conditions)
    groups: dict[str, list[Record]] = {}
    for record in failing:
        groups.setdefault(record.outcome, []).append(record)
    if len(groups) < 2 or (whole is not None and whole.explained == whole.failing and len(whole.conditions) < 2):
        return () if whole is None else (whole,)
    each = (_shared(adapter, group, passed, conditions) for group in groups.values())
    return tuple(found for found in each if found is not None)


def _shared(
    adapter: str, failing: Sequence[Record], passed: Sequence[Record], conditions: CaseConditions
) -> Shared | None:
    """What failing cases have in common, whatever their outcomes."""
    if len(failing) < LEAST_FAILURES:
        return None
    outcomes = tuple(dict.fromkeys(record.outcome for record in failing))
    share = Shared(adapter=adapter, outcomes=outcomes, failing=len(failing), passed=len(passed))
    mistakes, named = _likeness(failing)
    alike = {"mistakes": mistakes, "named": named}
    if not passed:
        return share.model_copy(update={"explained": len(failing)} | alike)
    records = [*failing, *passed]
    known = conditions.table([record.case for record in records])
    if known is None:
        return None
    wrong = np.arange(len(records)) < len(failing)
    penalties, keys = ([getattr(c, name) for c in known.conditions] for name in ("penalty", "key"))
    found = conjunctions(known.holds, wrong, penalties, keys)
    if not found:
        return share.model_copy(update=alike) if mistakes else None
    explained = np.any([each.holds(known.holds) for each in found], axis=0) & wrong
    return share.model_copy(
        update={
            "explained": int(explained.sum()),
            "conditions": tuple(_recorded(each, known, records, wrong) for each in found),
        }
    )


def _recorded(found: Conjunction, known: Table, records: Sequence[Record], wrong: Bools) -> SharedConditions:
    holds = found.holds(known.holds)
    failing = [record for record, is_one in zip(records, holds & wrong, strict=True) if is_one]
    mistakes, named = _likeness(failing)
    return SharedConditions(
        conditions=tuple(_condition(row, found, known, ~wrong) for row in found.rows),
        failing=len(failing),
        passing=tuple(record.case for record, is_one in zip(records, holds & ~wrong, strict=True) if is_one),
        mistakes=mistakes,
        named=named,
        alternatives=tuple(
            tuple(known.conditions[row].text for row in rows) for rows in found.alternatives[:_MOST_ALTERNATIVES]
        ),
        bits=round(found.bits, 1),
    )


def _condition(row: int, found: Conjunction, known: Table, passed: Bools) -> SharedCondition:
    condition = known.conditions[row]
    others = [other for other in found.rows if other != row]
    border = None
    if condition.bound:
        near = known.sizes[condition.key][known.holds[others].all(axis=0) & ~known.holds[row] & passed]
        near = near[~np.isnan(near)]
        if len(near):
            border = int(near.max() if condition.bound == "at least" else near.min())
    return SharedCondition(
        text=condition.text,
        key=condition.key,
        passed=int((known.holds[row] & passed).sum()),
        bound=condition.bound,
        border=border,
    )


def _likeness(failing: Sequence[Record]) -> tuple[tuple[str, ...], int]:
    """The mistakes that most of the failures look like, and how many do; none if these are not even half of them."""
    counts = Counter(
        name
        for record in failing
        for name in {together(suspect.mistakes) for suspect in record.suspects or () if suspect.how != "resembles"}
    )
    most = max(counts.values(), default=0)
    if 2 * most < len(failing):
        return (), 0
    return tuple(sorted(name for name, count in counts.items() if count == most)), most
