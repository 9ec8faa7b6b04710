"""Shows the mistakes of the catalogue and which cases catch them: as a table, as JSON, and as docs/mistakes.md."""

from __future__ import annotations

import itertools
import math
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from rich.table import Table

from conformance.golden.power import LEAST_OF_SYSTEMATIC, LEAST_SEPARATION, Power
from conformance.lstm.mistakes import Mistake
from conformance.views.explanation import what

Caught = Mapping[str, Sequence[str]]
"""Mistake id -> the tests of another suite that catch it."""


def table(powers: Sequence[Power], other: Caught | None) -> Table:
    """One row per mistake, the least separated first."""
    shown = Table(pad_edge=False)
    shown.add_column("mistake", no_wrap=True)
    shown.add_column("axis")
    shown.add_column("caught by", justify="right", no_wrap=True)
    shown.add_column("noise", justify="right", no_wrap=True)
    shown.add_column("separation", justify="right")
    shown.add_column("best case", no_wrap=True)
    if other is not None:
        shown.add_column("onnx-node-tests")
    for power in sorted(powers, key=lambda power: power.separation):
        row = [
            power.mistake.id,
            power.mistake.axis,
            f"{len(power.caught)} of {len(power.effects)}",
            f"{power.least:.2g} .. {power.greatest:.2g}",
            f"{power.separation:.2g}",
            power.best.case_id if power.best else "",
        ]
        row += [] if other is None else [", ".join(other[power.mistake.id])]
        shown.add_row(*row, style=None if power.separated else "bold red")
    return shown


def totals(powers: Sequence[Power], other: Caught | None) -> str:
    """How many mistakes there are, how many are caught, and how many are separated enough."""
    least = min(powers, key=_reach)
    enough = sum(power.separated for power in powers)
    lines = [
        f"{len(powers)} mistakes; {sum(bool(power.caught) for power in powers)} caught; {enough} separated by "
        f"{LEAST_SEPARATION:g} or more ({LEAST_OF_SYSTEMATIC:g} if systematic); "
        f"least {least.separation:.3g} ({least.mistake.id})"
    ]
    if other is not None:
        lines.append(f"onnx-node-tests catch {sum(bool(tests) for tests in other.values())} of {len(powers)}")
    return "\n".join(lines)


def as_json(powers: Sequence[Power], other: Caught | None) -> list[dict[str, Any]]:
    """The same as data; null stands for an infinite noise or separation (a NaN, a wrong shape)."""
    listed = []
    for power in powers:
        entry: dict[str, Any] = {
            "id": power.mistake.id,
            "axis": power.mistake.axis,
            "what": power.mistake.what,
            "link": power.mistake.link,
            "applies": len(power.effects),
            "caught_by": [effect.case_id for effect in power.caught],
            "least_noise": _number(power.least),
            "greatest_noise": _number(power.greatest),
            "separation": _number(power.separation),
            "best_case": power.best.case_id if power.best else None,
        }
        listed.append(entry if other is None else entry | {"onnx_node_tests": list(other[power.mistake.id])})
    return listed


def _reach(power: Power) -> float:
    """The separation as a multiple of the one needed."""
    return power.separation / power.needed


def _number(value: float) -> float | None:
    return None if math.isinf(value) else float(f"{value:.4g}")


# docs/mistakes.md

_INTRODUCTION = """\
# Mistakes

<!-- Made by: conformance mistakes --markdown > docs/mistakes.md -->

The {count} known ways to compute an LSTM wrongly, each implemented as a computation (`conformance/lstm/mistakes/`).
They serve three purposes: a [failure](reading-a-failure.md) names those that reproduce it; the vectors must tell each
of them from a right answer by {least:g} times the tolerance ({systematic:g} times the
[bias allowed](noise-units.md#systematic-error) if it is systematic), or `conformance generate` fails; and a [known
deviation](adapters.md#known-deviations) names the one that must be found.

`conformance mistakes ID` explains one of them. Without an id it prints which cases catch each of them, and by how much;
its output for the shipped vectors is [below](#which-cases-catch-what). The least separation is {separation}, that of
[{weakest}](#{weakest}).

The last column counts those that the node tests of ONNX's LSTM operator in onnx {version} catch. They are judged in the
same way, which is stricter than their own tolerance of 1e-3 (`conformance mistakes --against onnx-node-tests`).

| | mistakes | caught by this suite | by ONNX's node tests |
|---|---|---|---|
"""

_MATRIX = """\
## Which cases catch what

Each mistake is computed in float64 with the numbers of every case on which it can be made, and judged like an answer.
*separation*: the error in the best case divided by the error that the case allows; the best of the float32 cases if the
mistake shows there. *caught by*: how many of the cases on which it can be made fail; then the same by family. *ONNX*:
the node tests that catch it.
"""


def as_markdown(powers: Sequence[Power], other: Caught) -> str:
    """docs/mistakes.md."""
    weakest = min(powers, key=_reach)
    introduction = _INTRODUCTION.format(
        least=LEAST_SEPARATION,
        systematic=LEAST_OF_SYSTEMATIC,
        count=len(powers),
        separation=f"{weakest.separation:.3g}",
        weakest=weakest.mistake.id,
        version=version("onnx"),
    )
    rows = [_counts(axis, members, other) for axis, members in _by_axis(powers)]
    parts = [introduction + "\n".join([*rows, _counts("all", powers, other)]) + "\n"]
    for axis, members in _by_axis(powers):
        parts.append(f"## {axis[0].upper()}{axis[1:]}\n")
        parts += [entry(power.mistake) for power in members]
    parts.append(_MATRIX)
    for axis, members in _by_axis(powers):
        parts.append(f"**{axis[0].upper()}{axis[1:]}**\n")
        parts.append("\n".join(_matrix(members, other)) + "\n")
    return "\n".join(parts)


def _counts(axis: str, members: Sequence[Power], other: Caught) -> str:
    ours, theirs = sum(bool(power.caught) for power in members), sum(bool(other[p.mistake.id]) for p in members)
    return f"| {axis} | {len(members)} | {ours} | {theirs} |"


def _by_axis(powers: Iterable[Power]) -> Iterator[tuple[str, list[Power]]]:
    for axis, members in itertools.groupby(powers, key=lambda power: power.mistake.axis):
        yield axis, list(members)


def entry(mistake: Mistake) -> str:
    """The section of docs/mistakes.md about one mistake; links lead to its heading."""
    seen = f" Seen in [{_place(mistake.link)}]({mistake.link})." if mistake.link else ""
    body = textwrap.fill(f"{what(mistake)}{seen}", 118, break_long_words=False, break_on_hyphens=False)
    return f"### {mistake.id}\n\n{body}\n"


def _place(link: str) -> str:
    """What to call a link: owner/name#number on GitHub, otherwise the host."""
    on_github = re.match(r"https://github\.com/([^/]+/[^/]+)/(?:issues|pull)/(\d+)", link)
    if on_github:
        return f"{on_github[1]}#{on_github[2]}"
    repository = re.match(r"https://github\.com/([^/]+/[^/]+)", link)
    return repository[1] if repository else re.sub(r"^https?://(www\.)?", "", link).split("/")[0]


def _column(case_id: str) -> str:
    """The family of a case; those of the design, one for each interface, are one column."""
    return re.sub("^designed-.*", "designed", case_id.split("/", maxsplit=1)[0])


def _matrix(members: Sequence[Power], other: Caught) -> Iterator[str]:
    """Lines of a table: one row per mistake, one column per family that catches any of them."""
    counts = {power.mistake.id: Counter(_column(effect.case_id) for effect in power.caught) for power in members}
    families = sorted(set().union(*counts.values()))
    yield "| mistake | separation | best case | caught by | " + " | ".join(families) + " | ONNX |"
    yield "|---|---|---|---|" + "---|" * len(families) + "---|"
    for power in members:
        own = counts[power.mistake.id]
        best = f"`{power.best.case_id}`" if power.best else ""
        cells = [f"[{power.mistake.id}](#{power.mistake.id})", f"{power.separation:.2g}", best]
        cells.append(f"{len(power.caught)} of {len(power.effects)}")
        cells += [str(own[family]) if own[family] else "" for family in families]
        yield "| " + " | ".join([*cells, ", ".join(other[power.mistake.id])]) + " |"
