"""Explains a mistake: what is done wrong, where it was seen, which cases tell it from a right answer."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.case.text import counted, visible
from conformance.golden.power import Power
from conformance.lstm.mistakes import Mistake
from conformance.results.deviations import Deviation

_WIDTH = 98
_CASES_SHOWN = 5

Known = Mapping[str, Sequence[Deviation]]
"""Adapter -> its known deviations."""


def as_text(power: Power, known: Known, on_demand: Sequence[str]) -> str:
    """A few lines of at most 100 characters; only addresses and ids may be longer.

    Args:
        power: what the mistake does to the cases that have a stored vector.
        known: all known deviations.
        on_demand: ids of the cases on which the mistake can be made, but whose vectors are not stored.
    """
    mistake = power.mistake
    lines = [f"{mistake.id}   ({mistake.axis})", *_wrapped(what(mistake))]
    lines += [f"  seen in: {mistake.link}"] if mistake.link else []
    lines += ["", *_told_apart(power, on_demand)]
    for adapter, deviation in _showing(mistake, known):
        lines += ["", *_wrapped(f"known deviation of {adapter}: {deviation.reason}")]
        lines += [f"    {line}" for line in _facts(deviation)]
    return visible("\n".join(lines), lines=True)


def as_json(mistake: Mistake, known: Known) -> list[dict[str, Any]]:
    """The known deviations that show a mistake."""
    return [
        {"adapter": adapter}
        | deviation.model_dump(mode="json", include={"cases", "reason", "link", "versions", "where"})
        for adapter, deviation in _showing(mistake, known)
    ]


def what(mistake: Mistake) -> str:
    """What is done wrong, in sentences."""
    text = f"It {mistake.what}."
    text += f" It is accurate only to {mistake.precision}." if mistake.precision else ""
    return text + (" The exact digits depend on the implementation." if mistake.approximate else "")


def _told_apart(power: Power, on_demand: Sequence[str]) -> Iterator[str]:
    if not power.effects:
        yield "  it cannot be made on any case with a stored vector"
        if on_demand:
            yield f"  it can be made on these, whose vectors are made on demand: {', '.join(on_demand)}"
        return
    possible = counted(len(power.effects), "case")
    yield f"  {len(power.caught)} of {possible} on which it can be made tell it from a right answer"
    ranked = sorted(power.caught, key=lambda effect: (math.isinf(effect.separation), -effect.separation))
    width = max((len(effect.case_id) for effect in ranked[:_CASES_SHOWN]), default=0)
    for effect in ranked[:_CASES_SHOWN]:
        times = f"wrong by {effect.separation:.2g} times what is allowed"
        yield f"    {effect.case_id:{width}}  {'NaN or a wrong shape' if math.isinf(effect.separation) else times}"
    if len(ranked) > _CASES_SHOWN:
        yield f"    and {len(ranked) - _CASES_SHOWN} more: conformance mistakes {power.mistake.id} --json"


def _showing(mistake: Mistake, known: Known) -> Iterator[tuple[str, Deviation]]:
    for adapter, deviations in known.items():
        for deviation in deviations:
            if mistake.id in deviation.mistake:
                yield adapter, deviation


def _facts(deviation: Deviation) -> Iterator[str]:
    versions = ", ".join(f"{package} {text}" for package, text in deviation.versions.items())
    yield f"{deviation.where}, {versions}"
    if deviation.link:
        yield deviation.link


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
