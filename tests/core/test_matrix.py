"""The matrix in a terminal: it fits, nothing is lost by that, and an unexpected pass is not a failure."""

import re

import pytest
from rich.console import Console

from conformance.results.record import Record, RecordedDeviation
from conformance.views.matrix import matrix

DEVIATION = RecordedDeviation(reason="a known mishap")
KINDS = {
    "passed": {"outcome": "passed", "noise": 1.5},
    "failed": {"outcome": "failed", "unexpected": True},
    "crashed": {"outcome": "crashed", "unexpected": True},
    "unsupported": {"outcome": "unsupported"},
    "known": {"outcome": "failed", "deviation": DEVIATION},
    "xpass": {"outcome": "passed", "noise": 2.5, "unexpected": True, "deviation": DEVIATION},
    "another": {"outcome": "errored", "unexpected": True, "deviation": DEVIATION},
}
ADAPTERS = [f"{name}-runtime-{n}" for n in range(6) for name in ("a", "torch-torchscript-onnx", "mine")]
FAMILIES = ["activations", "keras-hard-sigmoid-stack", "cell"]


def record(kind: str, adapter: str = "acme", case: str = "cell/step") -> Record:
    return Record(case=case, adapter=adapter, dtype="float32", **KINDS[kind])


def printed(records: list[Record], width: int | None, *, breakable: bool = False) -> list[list[str]]:
    """The lines of each table."""
    console = Console(width=width or 10_000, markup=False, color_system=None)
    tables = []
    adapters = list(dict.fromkeys(record.adapter for record in records))
    for table in matrix(records, adapters, width=width, breakable=breakable):
        with console.capture() as captured:
            console.print(table)
        tables.append(captured.get().splitlines())
    return tables


@pytest.mark.parametrize(
    ("kinds", "cell", "style"),
    [
        (["passed"], "1/0/0 1.5", "green"),
        (["passed", "failed", "crashed", "unsupported"], "1/2/1 1.5", "bold red"),
        (["known"], "0/0/0 +1 known", "dim"),
        (["xpass", "xpass", "passed"], "1/0/0 2.5 +2 xpass", "bold yellow"),
        (["xpass", "another", "known"], "0/1/0 +1 known +1 xpass", "bold red"),
        (["unsupported"], "0/0/1", "dim"),
    ],
)
def test_a_cell_says_what_happened(kinds, cell, style):
    (table,) = matrix([record(kind) for kind in kinds], ["acme"], width=100)
    (text, all_) = table.columns[1].cells
    assert (text.plain, str(text.style)) == (all_.plain, str(all_.style)) == (cell, style)


def many() -> list[Record]:
    kinds = list(KINDS)
    return [
        record(kinds[(n + k) % len(kinds)], adapter, f"{family}/case-{k}")
        for n, adapter in enumerate(ADAPTERS)
        for family in FAMILIES
        for k in range(5)
    ]


@pytest.mark.parametrize("breakable", [False, True])
@pytest.mark.parametrize("width", [60, 61, 79, 80, 100, 160, 400])
def test_every_line_fits_and_every_adapter_has_its_column(width, breakable):
    tables = printed(many(), width, breakable=breakable)
    assert max(len(line) for table in tables for line in table) <= width
    assert len(tables) > 1 or width == 400
    for table in tables:
        assert {line.strip("│").split("│")[0].strip() for line in table if line[0] == "│"} >= {*FAMILIES, "all"}
    names = "".join(column for table in tables for column in headings(table))
    assert names == "".join(ADAPTERS)


def headings(table: list[str]) -> list[str]:
    """The names of the adapters, put together from their lines."""
    rows = [line.strip("┃").split("┃")[1:] for line in table if line[0] == "┃"]
    return ["".join(part.strip() for part in parts) for parts in zip(*rows, strict=True)]


def test_what_fits_is_one_table_with_cells_of_one_line():
    (table,) = printed([record(kind, adapter) for adapter in ("a", "b") for kind in ("known", "xpass")], 100)
    assert [line for line in table if line.startswith("│cell")] == [
        "│cell   │ 0/0/0 +1 known +1 xpass │ 0/0/0 +1 known +1 xpass│"
    ]


def test_without_a_width_all_is_one_table():
    (table,) = printed(many(), None)
    assert headings(table) == ADAPTERS
    assert len(table[0]) > 400


@pytest.mark.parametrize("width", [60, 100])
def test_the_longest_names_fold(width):
    records = [record("passed", "x" * 300, "f" * 5000 + "/case")]
    (table,) = printed(records, width)
    assert max(map(len, table)) <= width
    assert len(re.findall("x", "".join(table))) == 300


def test_nothing_is_taken_for_markup():
    (table,) = printed([record("passed", "torch@[red]", "[bold]/case")], 100)
    assert "torch@[red]┃" in "".join(table)
    assert "│[bold] │" in "".join(table)


def test_a_family_called_all_is_not_the_sum():
    (table,) = printed([record("passed", case="all/one"), record("passed", case="cell/one")], 100)
    assert [line for line in table if line.startswith("│all")] == ["│all    │ 1/0/0 1.5│", "│all    │ 2/0/0 1.5│"]
