"""The matrix of a run: families by adapters; passed, failed, unsupported, known deviations, and the worst noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from conformance.run.record import Record

LEGEND = (
    "each cell: passed / failed / unsupported, worst noise of what passed; +n known: wrong as recorded in deviations/"
)


@dataclass
class Cell:
    """The results of one family with one adapter."""

    counts: Counter[str] = field(default_factory=Counter)
    noise: float = 0.0

    def add(self, record: Record) -> None:
        """Count one result."""
        if record.unexpected:
            self.counts["failed"] += 1
        else:
            self.counts["known" if record.known else record.outcome] += 1
        if record.outcome == "passed":
            self.noise = max(self.noise, record.noise or 0.0)

    def text(self) -> Text:
        """The cell as it is printed."""
        counts = self.counts
        if not counts:
            return Text("")
        style = "bold red" if counts["failed"] else "green" if counts["passed"] else "dim"
        parts = f"{counts['passed']}/{counts['failed']}/{counts['unsupported']}"
        parts += f" {self.noise:.1f}" if counts["passed"] else ""
        parts += f" +{counts['known']} known" if counts["known"] else ""
        return Text(parts, style=style)


def matrix(records: Sequence[Record], adapters: Sequence[str], *, breakable: bool) -> Table:
    """The table: a row a family and one for all, a column an adapter. `breakable`: names may fold at their hyphens."""
    cells: dict[tuple[str, str], Cell] = {}
    families = sorted({record.family for record in records})
    for record in records:
        for row in (record.family, "all"):
            cells.setdefault((row, record.adapter), Cell()).add(record)
    table = Table(pad_edge=False)
    table.add_column("family", no_wrap=True)
    for adapter in adapters:
        name = adapter.replace("-", "-\u200b") if breakable else adapter
        table.add_column(name, justify="right", overflow="fold")
    for family in [*families, "all"]:
        if family == "all":
            table.add_section()
        table.add_row(family, *(cells.get((family, adapter), Cell()).text() for adapter in adapters))
    return table
