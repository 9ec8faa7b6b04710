"""Shows what a gate found: as a table, Markdown, JSON or JUnit XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rich.table import Table
from rich.text import Text

from conformance.case.text import counted, in_markdown, visible
from conformance.results.gate import WORSE, Change, Gate
from conformance.results.reading import Results
from conformance.results.record import AdapterInfo, Record

_ROWS_PER_FAMILY = 3


@dataclass(frozen=True)
class Row:
    """One line of the table. cases: a case id, or how many more cases of the family there are."""

    kind: str
    adapter: str
    cases: str
    change: str
    why: str


def rows(gate: Gate, *, everything: bool) -> list[Row]:
    """One row per change; without `everything` a few for each kind, adapter and family, and how many more."""
    shown: list[Row] = []
    counted = Counter(_group(change) for change in gate.changes)
    seen: Counter[tuple[str, ...]] = Counter()
    for change in gate.changes:
        group = _group(change)
        seen[group] += 1
        if everything or seen[group] <= _ROWS_PER_FAMILY:
            shown.append(Row(_kind(change), change.adapter, change.after.case, _from_to(change), _why(change)))
        elif seen[group] == counted[group]:
            rest = f"{change.after.family}/... {counted[group] - _ROWS_PER_FAMILY} more"
            shown.append(Row(_kind(change), change.adapter, rest, "", "see --all"))
    return shown


def table(gate: Gate, *, everything: bool) -> Table:
    """The rows as a table for a terminal."""
    found = Table(pad_edge=False)
    for name in ("", "adapter", "case", "before -> after", "why"):
        found.add_column(name, overflow="fold")
    for row in rows(gate, everything=everything):
        style = "bold red" if row.kind in WORSE else "green" if row.kind.startswith("newly") else None
        cells = (row.kind, row.adapter, row.cases, row.change, row.why)
        found.add_row(*(Text(visible(cell)) for cell in cells), style=style)  # as Text, no [part] of it is markup
    return found


def versions(before: Results, after: Results) -> str:
    """Which packages changed, from which version to which; the suite itself is one of them."""
    pairs = _pairs(before.header.adapters.values(), after.header.adapters.values())
    pairs.append(("lstm-conformance", before.header.suite, after.header.suite))
    moved = dict.fromkeys(f"{package} {was} -> {now}" for package, was, now in pairs if was != now)
    return visible(", ".join(moved)) or "the same versions"


def _pairs(before: Iterable[AdapterInfo], after: Iterable[AdapterInfo]) -> list[tuple[str, str, str]]:
    def merged(infos: Iterable[AdapterInfo]) -> dict[str, str]:
        return {package: version for info in infos for package, version in info.versions.items()}

    one, other = merged(before), merged(after)
    return [(package, one.get(package, "none"), other.get(package, "none")) for package in one | other]


def total(gate: Gate) -> str:
    """The last line: how much was compared, the changes, and whether the gate is open."""
    counts = Counter(_kind(change) for change in gate.changes)
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no change"
    new = f" ({gate.new} new)" if gate.new else ""
    return (
        f"{counted(gate.compared, 'result')} compared{new}: {said}. The gate is {'closed' if gate.closed else 'open'}."
    )


def as_json(gate: Gate) -> dict[str, Any]:
    """Everything that the gate found."""
    changes = [
        {
            "kind": change.kind,
            "worse": change.worse,
            "adapter": change.adapter,
            "case": change.after.case,
            "before": _state(change.before),
            "after": _state(change.after),
            "why": _why(change),
        }
        for change in gate.changes
    ]
    return {"closed": gate.closed, "compared": gate.compared, "new": gate.new, "changes": changes}


def as_markdown(gate: Gate, moved: str) -> str:
    """A section for a CI summary."""
    lines = [f"## LSTM gate: {'closed' if gate.closed else 'open'}", "", in_markdown(moved), "", total(gate), ""]
    if gate.changes:
        lines += ["| | adapter | case | before → after | why |", "|---|---|---|---|---|"]
        for row in rows(gate, everything=False):
            kind = f"**{row.kind}**" if row.kind in WORSE else row.kind
            adapter, cases, change, why = map(in_markdown, (row.adapter, row.cases, row.change, row.why))
            change = change.replace("-&gt;", "→")
            lines.append(f"| {kind} | {adapter} | <code>{cases}</code> | {change} | {why} |")
        lines.append("")
    return "\n".join(lines)


def as_junit(gate: Gate) -> str:
    """One failed test case per change for the worse; one that passes if there is none."""
    worse = [change for change in gate.changes if change.worse]
    counts = {"tests": str(max(len(worse), 1)), "failures": str(len(worse))}
    root = Element("testsuites", counts)
    suite = SubElement(root, "testsuite", {"name": "lstm-conformance gate"} | counts)
    for change in worse:
        case = SubElement(suite, "testcase", {"classname": change.adapter, "name": change.after.case})
        failure = SubElement(case, "failure", {"type": change.kind, "message": f"{change.kind}: {_from_to(change)}"})
        failure.text = visible(change.after.message or _why(change), lines=True)
    if not worse:
        SubElement(suite, "testcase", {"classname": "gate", "name": "nothing got worse"})
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _group(change: Change) -> tuple[str, ...]:
    return _kind(change), change.adapter, change.after.family


def _kind(change: Change) -> str:
    return f"{change.kind} (accepted)" if change.accepted else change.kind


def _from_to(change: Change) -> str:
    before, after = _state(change.before) or "new", _state(change.after)
    if change.factor and change.before is not None:
        was, now = (record.precision or record.dtype for record in (change.before, change.after))
        return f"{before} -> {after} (x {change.factor:.1f})" if was == now else f"{before} {was} -> {after} {now}"
    return f"{before} -> {after}"


def _state(record: Record | None) -> str | None:
    if record is None:
        return None
    return record.outcome if record.noise is None else f"{record.outcome} {record.noise:.3g}"


def _why(change: Change) -> str:
    """The first thing to know about it: the mistake, the deviation, or what was raised."""
    after = change.after
    if change.kind in ("newly passing", "newly supported"):
        return ""
    if after.deviation is not None and after.known:
        return f"known: {after.deviation.reason}" + (f" {after.deviation.link}" if after.deviation.link else "")
    if after.suspects:
        before = _mistake(change.before) if change.before is not None else ""
        return f"looks like {_mistake(after)}" + (f", before like {before}" if before else "")
    return next((line.strip() for line in (after.message or "").splitlines()[1:2]), "")


def _mistake(record: Record) -> str:
    return " with ".join(record.suspects[0].mistakes) if record.suspects else ""
