"""The summary in Markdown, for the page of a CI run; GitHub accepts up to 1 MiB."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from conformance.case.text import in_markdown, visible
from conformance.report.content import SURPRISES, Content, Group, Tally
from conformance.results.record import Record, Shared
from conformance.results.shared.wording import statements

LIMIT = 1024 * 1024
"""Bytes of a GitHub step summary."""
_RESERVE = 200
_MARKS = {"passed": "✓", "unexpected": "✗", "xpass": "!", "known": "≈", "unsupported": "\N{EN DASH}"}


def markdown(content: Content, limit: int = LIMIT) -> str:
    """Totals, the messages of unexpected results, the matrix: at most `limit` bytes, and how much was left out."""
    head = [f"## LSTM conformance: {content.headline}", "", content.total.words.capitalize() + ".", ""]
    if content.notes:
        head += ["> **Not the whole picture.**", *(f"> - {in_markdown(note)}" for note in content.notes), ""]
    shared = [line for column in content.shared.values() for each in column for line in _shared(each)]
    head += [*shared, ""] if shared else []
    table = "\n".join(_matrix(content))
    room = limit - _size("\n".join(head)) - _size(table) - _RESERVE
    shown, left_out = _fitting([group for status in SURPRISES for group in content.groups(status)], room)
    parts = ["\n".join(head), *shown]
    if left_out:
        parts.append(f"{left_out:,} more unexpected results are left out: a summary holds {limit:,} bytes.\n")
    return "\n".join([*parts, table])


def _shared(shared: Shared) -> Iterator[str]:
    """What failures of an adapter have in common, as items of a list."""
    for statement in statements(shared):
        yield f"- {in_markdown(f'{shared.adapter}: {statement.text}')}"
        yield from (f"  - {in_markdown(detail)}" for detail in statement.details)


def _fitting(groups: list[Group], room: int) -> tuple[list[str], int]:
    """The groups' messages, as many as there is room for, and how many results are left out."""
    shown: list[str] = []
    left_out = 0
    for group in groups:
        head = f"{len(group.records)} of {group.column.name} {group.column.version}: {group.story}"
        opening, closing = f"<details><summary>{_html(visible(head))}</summary>\n\n", "</details>\n"
        messages: list[str] = []
        used = _size(opening) + _size(closing)
        for record in group.records:
            message = _message(record)
            if used + _size(message) > room:
                break
            messages.append(message)
            used += _size(message)
        left_out += len(group.records) - len(messages)
        if messages:
            shown.append(opening + "".join(messages) + closing)
            room -= used + 1
    return shown, left_out


def _message(record: Record) -> str:
    return f"<pre>{_html(record.message or record.outcome)}</pre>\n\n"


def _matrix(content: Content) -> list[str]:
    """A table of families and adapters; each cell has the counts that are not zero."""
    names = [in_markdown(f"{column.name} {column.version}".strip()) for column in content.columns]
    lines = ["| family | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for family in content.families:
        cells = [_cell(content.cells.get((family, column.name))) for column in content.columns]
        lines.append(f"| {in_markdown(family)} | " + " | ".join(cells) + " |")
    totals = [f"**{_cell(content.totals[column.name])}**" for column in content.columns]
    lines += ["| **all** | " + " | ".join(totals) + " |", ""]
    return [
        *lines,
        "✓ passed, ✗ failed unexpectedly, ! passed unexpectedly, ≈ known deviation, \N{EN DASH} unsupported; then the "
        "worst noise of what passed.",
        "",
    ]


def _cell(tally: Tally | None) -> str:
    if tally is None:
        return ""
    counts = [f"{mark}{tally.counts[status]}" for status, mark in _MARKS.items() if tally.counts[status]]  # type: ignore[index]
    return " ".join(counts + ([f"({tally.noise:.2g})"] if tally.noise is not None else []))


def _size(text: str) -> int:
    return len(text.encode())


def _html(text: str) -> str:
    return escape(visible(text, lines=True), quote=False)
