"""The summary in Markdown, for the page of a CI run; GitHub accepts up to 1 MiB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from conformance.case.text import counted, in_markdown, shortened, visible
from conformance.report.causes import Cause, Part
from conformance.report.columns import SURPRISES
from conformance.report.content import Content, Tally
from conformance.results.record import Record, Shared
from conformance.results.shared.wording import statements

LIMIT = 1024 * 1024
"""Bytes of a GitHub step summary."""
_RESERVE = 200
_CAUSES_SHOWN = 30
_LONGEST = 300
_MARKS = {"passed": "✓", "unexpected": "✗", "xpass": "!", "known": "≈", "unsupported": "\N{EN DASH}"}


def markdown(content: Content, limit: int = LIMIT) -> str:
    """Totals, causes, messages of unexpected results, the matrix: at most `limit` bytes, and how much was left out."""
    head = [f"## LSTM conformance: {content.headline}", "", content.total.words.capitalize() + ".", ""]
    if content.notes:
        head += ["> **Not the whole picture.**", *(f"> - {in_markdown(note)}" for note in content.notes), ""]
    shared = [line for column in content.shared.values() for each in column for line in _shared(each)]
    head += [*shared, ""] if shared else []
    surprises = [cause for cause in content.causes if cause.status in SURPRISES]
    known = [cause for cause in content.causes if cause.status == "known"]
    head += ["By cause:", "", *_listed(surprises), ""] if surprises else []
    if known:
        summary = f"Known deviations: {counted(len(known), 'cause')}"
        head += [f"<details><summary>{summary}</summary>", "", *_listed(known), "", "</details>", ""]
    table = "\n".join(_matrix(content))
    room = limit - _size("\n".join(head)) - _size(table) - _RESERVE
    shown, left_out = _fitting([(cause, part) for cause in surprises for part in cause.parts], room)
    parts = ["\n".join(head), *shown]
    if left_out:
        parts.append(f"{left_out:,} more unexpected results are left out: a summary holds {limit:,} bytes.\n")
    return "\n".join([*parts, table])


def _shared(shared: Shared) -> Iterator[str]:
    """What failures of an adapter have in common, as items of a list."""
    for statement in statements(shared):
        yield f"- {in_markdown(f'{shared.adapter}: {statement.text}')}"
        yield from (f"  - {in_markdown(detail)}" for detail in statement.details)


def _listed(causes: Sequence[Cause]) -> Iterator[str]:
    """Each cause in an item of a list: how many results, what, with which adapters, where it was reported."""
    for cause in causes[:_CAUSES_SHOWN]:
        adapters = ", ".join(
            f"{p.column.name} {p.column.version}".strip() + f" ({len(p.records)})" for p in cause.parts
        )
        links = "".join(f" {link}" for link in cause.links if link.startswith(("https://", "http://")))
        yield f"- **{cause.count}** {in_markdown(_title(cause))}: {in_markdown(adapters)}{in_markdown(links)}"
    if len(causes) > _CAUSES_SHOWN:
        yield f"- and {counted(len(causes) - _CAUSES_SHOWN, 'more cause')}"


def _title(cause: Cause) -> str:
    title = shortened(cause.title, _LONGEST)
    return f"passed, but a known deviation is written down: {title}" if cause.status == "xpass" else title


def _fitting(groups: list[tuple[Cause, Part]], room: int) -> tuple[list[str], int]:
    """The messages of each cause and adapter, as many as there is room for, and how many results are left out."""
    shown: list[str] = []
    left_out = 0
    for cause, group in groups:
        head = f"{len(group.records)} of {group.column.name} {group.column.version}: {_title(cause)}"
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
