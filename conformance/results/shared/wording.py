"""Says in English what failing cases have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.case.outcomes import Passed
from conformance.results.record import Shared, SharedConditions

_NAMED = 3
"""Most cases or mistakes named in a row."""
_ALTERNATIVES_NAMED = 2
_ALL = {1: "does", 2: "has both", 3: "has all three"}


@dataclass(frozen=True)
class Statement:
    """What some failing cases have in common, in a sentence, and the numbers behind it, a line each."""

    text: str
    details: tuple[str, ...] = ()


def statements(shared: Shared) -> list[Statement]:
    """What is to be said, the most important first."""
    ended = _or([*shared.outcomes])
    if not shared.conditions:
        return [Statement(_undivided(shared, ended), tuple(_likeness(shared, shared.failing)))]
    found = [Statement(_sentence(each, shared, ended), tuple(_details(each, shared))) for each in shared.conditions]
    if left := shared.failing - shared.explained:
        others = "the other one is" if left == 1 else f"the other {left:,} are"
        found.append(Statement(f"{others} left unexplained"))
    return found


def _undivided(shared: Shared, ended: str) -> str:
    if shared.passed:
        failing = f"the {shared.failing:,} cases that {ended}"
        return f"no condition tells {failing} from the {shared.passed:,} that {Passed.name}"
    return f"all {shared.failing:,} cases {ended}; none {Passed.name}, so nothing tells them apart"


def as_text(shared: Shared) -> str:
    """The statements as lines of text, each with the name of the adapter, the numbers indented below."""
    lines = []
    for statement in statements(shared):
        lines += [f"{shared.adapter}: {statement.text}", *(f"  {detail}" for detail in statement.details)]
    return "\n".join(lines)


def _sentence(each: SharedConditions, shared: Shared, ended: str) -> str:
    part = "all" if each.failing == shared.failing else f"{each.failing:,} of the"
    have = _and(each.texts)
    return f"{part} {shared.failing:,} cases that {ended} have {have}; {_passing(each, shared)}"


def _passing(each: SharedConditions, shared: Shared) -> str:
    if not each.passing:
        return f"none of the {shared.passed:,} that {Passed.name} {_ALL[len(each.conditions)]}"
    do = "so does 1" if len(each.passing) == 1 else f"so do {len(each.passing):,}"
    return f"{do} of the {shared.passed:,} that {Passed.name}: {_and(_first(each.passing))}"


def _details(each: SharedConditions, shared: Shared) -> Iterator[str]:
    facts, others = [], ""
    if len(each.conditions) > 1:
        facts.append(_and([f"{condition.passed:,} have {condition.text}" for condition in each.conditions]))
        others = "with the other conditions, "
    borders = [
        f"{condition.key} goes {'up' if condition.bound == 'at least' else 'down'} to {condition.border}"
        for condition in each.conditions
        if condition.border is not None
    ]
    if borders:
        facts.append(f"{others}{_and(borders)}")
    if facts:
        yield f"of those that {Passed.name}, {'; '.join(facts)}"
    yield from _likeness(each, each.failing)
    if each.alternatives:
        fit = [_and([*texts]) for texts in each.alternatives]
        more = f", and {len(fit) - _ALTERNATIVES_NAMED} more" if len(fit) > _ALTERNATIVES_NAMED else ""
        yield f"these fit as well: {'; '.join(fit[:_ALTERNATIVES_NAMED])}{more}"


def _likeness(each: Shared | SharedConditions, failing: int) -> Iterator[str]:
    if each.mistakes:
        count = "all" if each.named == failing else f"{each.named:,}"
        yield f"{count} of these look like {_or(_first(each.mistakes))}"


def _first(names: Sequence[str]) -> list[str]:
    """The first names, and how many more there are."""
    more = len(names) - _NAMED
    return [*names[:_NAMED], f"{more:,} more"] if more > 0 else [*names]


def _and(words: Sequence[str]) -> str:
    return _listed(words, "and")


def _or(words: Sequence[str]) -> str:
    return _listed(words, "or")


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
