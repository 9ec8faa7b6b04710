"""The matrix of a run, families by adapters: how many cases passed, failed, are unsupported or known; worst noise."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from conformance.case.outcomes import Passed
from conformance.results.record import Record

LEGEND = (
    "each cell: passed / failed / unsupported, worst noise of what passed; +n known: wrong as recorded in deviations/; "
    "+n xpass: passed although recorded as wrong"
)
_FAMILY_SHARE = 0.4
"""The share of the width that the names of the families may take; longer ones are folded."""
_BETWEEN, _EDGES = 3, -1
"""Characters of the frame: those that each column adds, and those that the table adds once."""


@dataclass
class Cell:
    """The results of one family with one adapter."""

    counts: Counter[str] = field(default_factory=Counter)
    noise: float = 0.0

    def add(self, record: Record) -> None:
        """Count one result."""
        if record.unexpected:
            self.counts["xpass" if record.unexpected_pass else "failed"] += 1
        else:
            self.counts["known" if record.known else record.outcome] += 1
        if record.outcome_class is Passed:
            self.noise = max(self.noise, record.noise or 0.0)

    def text(self) -> Text:
        """The cell as it is printed."""
        counts = self.counts
        if not counts:
            return Text("")
        style = "bold red" if counts["failed"] else "bold yellow" if counts["xpass"] else ""
        style = style or ("green" if counts["passed"] else "dim")
        parts = [f"{counts['passed']}/{counts['failed']}/{counts['unsupported']}"]
        parts += [f"{self.noise:.1f}"] if counts["passed"] else []
        parts += [f"+{counts[kind]} {kind}" for kind in ("known", "xpass") if counts[kind]]
        return Text(" ".join(parts), style=style)


def matrix(
    records: Sequence[Record], adapters: Sequence[str], *, width: int | None, breakable: bool = False
) -> Iterator[Table]:
    """The matrix: one row for each family and one for all, one column for each adapter.

    Args:
        records: the results.
        adapters: their labels, in the order of the columns.
        width: characters per line; as many adapters as fit make one table, and the next ones another. None: one
            table, however wide.
        breakable: whether names of adapters may be broken at their hyphens into several lines.
    """
    cells: dict[tuple[str | None, str], Cell] = {}
    rows = [*sorted({record.family for record in records}), None]  # the last row counts all families
    names = [row or "all" for row in rows]
    for record in records:
        for row in (record.family, None):
            cells.setdefault((row, record.adapter), Cell()).add(record)
    most = math.inf if width is None else width
    first = int(min(max(map(cell_len, [*names, "family"])), max(most * _FAMILY_SHARE, len("family"))))
    room = most - first - _BETWEEN - _EDGES
    columns = {adapter: [cells.get((row, adapter), Cell()).text() for row in rows] for adapter in adapters}
    widths = {adapter: _width(adapter, [text.plain for text in texts]) for adapter, texts in columns.items()}
    if sum(widths.values()) + _BETWEEN * len(widths) > room:  # more lines per cell make fewer tables
        for adapter, texts in columns.items():
            lines = [line for text in texts for line in _lines(text)]
            widths[adapter] = max(1, int(min(_width(adapter, lines, breakable=breakable), room - _BETWEEN)))
            for text in texts:
                if len(text) > widths[adapter]:
                    text.plain = "\n".join(_lines(text))
    for block in _blocks({adapter: width + _BETWEEN for adapter, width in widths.items()}, room):
        table = Table(pad_edge=False)
        table.add_column("family", width=first, overflow="fold")
        for adapter in block:
            label = _broken(adapter, widths[adapter]) if breakable else adapter
            table.add_column(Text(label), width=widths[adapter], justify="right", overflow="fold")
        for number, name in enumerate(names):
            if number == len(names) - 1:
                table.add_section()
            table.add_row(Text(name), *(columns[adapter][number] for adapter in block))
        yield table


def _width(adapter: str, lines: list[str], *, breakable: bool = False) -> int:
    return max(map(cell_len, [*(_parts(adapter) if breakable else [adapter]), *lines]))


def _lines(text: Text) -> list[str]:
    """The lines of a cell: the counts and the noise, then each +n."""
    return text.plain.replace(" +", "\n+").splitlines()


def _blocks(widths: dict[str, int], room: float) -> Iterator[list[str]]:
    """The names in their order, as many in each block as fit, and at least one."""
    block: list[str] = []
    for name, width in widths.items():
        if block and sum(widths[other] for other in block) + width > room:
            yield block
            block = []
        block.append(name)
    if block:
        yield block


def _broken(name: str, width: int) -> str:
    """A name broken at hyphens into as few lines as possible."""
    lines = [""]
    for part in _parts(name):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _parts(name: str) -> list[str]:
    return re.findall(r"[^-]+-*|-+", name)
