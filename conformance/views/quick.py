"""Shows the quick cases of an adapter, and what each is there for."""

from __future__ import annotations

from typing import Any

from conformance.case.text import counted
from conformance.quick.choose import Chosen, Quick

_NAMED = 3
"""Mistakes that are named of a case in text; all of them are in the JSON."""


def in_words(label: str, quick: Quick) -> str:
    """The quick cases of an adapter, in a line."""
    missed = quick.catchable - quick.caught
    return (
        f"{label}: {len(quick.chosen):,} quick of {counted(quick.of, 'case')}, about {quick.seconds:.1f} s; they catch "
        + (f"{quick.caught:,} of {quick.catchable:,} mistakes" if missed else f"all {quick.caught:,} mistakes")
    )


def as_text(label: str, quick: Quick) -> str:
    """A line for each case: its id, what it is thought to cost, and what it is there for."""
    width = max((len(each.case.id) for each in quick.chosen), default=0)
    lines = [f"{each.case.id:{width}}  {each.seconds:7.3f} s  {_reason(each)}" for each in quick.chosen]
    return "\n".join([*lines, in_words(label, quick)])


def as_json(quick: Quick) -> dict[str, Any]:
    """The same as plain data, with the names of all mistakes."""
    cases = [
        {"id": each.case.id, "seconds": round(each.seconds, 4), "mistakes": each.mistakes} for each in quick.chosen
    ]
    return {"cases": cases, "of": quick.of, "caught": quick.caught, "catchable": quick.catchable}


def _reason(each: Chosen) -> str:
    """The mistakes that are shown least often elsewhere, those of the catalogue first."""
    named = sorted(each.mistakes, key=lambda mistake: ":" in mistake)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"for {counted(len(named), 'mistake')}: {', '.join(named[:_NAMED])}{more}"
