"""The proof of a move tells a right one from a wrong one; layouts are listed with their tensors."""

import re

import numpy as np
import pytest
from command_line import conformance
from documents import ROOT
from held_layers import drawn

from conformance.case.tensors import Weights
from conformance.convert import proof
from conformance.convert.proof import Side, proven
from conformance.weights.named import NAMED


def side(role: str, weights: Weights) -> Side:
    return Side(role, NAMED["gates"], {"I": 3, "H": 4, "dtype": "float32"}, weights)


def test_a_move_that_exchanged_two_gates_is_not_right() -> None:
    weights = drawn()
    wrong = weights.mapped(lambda array: array[[0, 2, 1, 3]] if len(array) == 4 else array)
    *_, last = proven([side("source", weights), side("target", wrong)], 0)
    assert last.right is False and "moves the golden values by at most" in last.text
    *_, last = proven([side("source", weights), side("target", weights)], 0)
    assert last.right is True and last.text == "source and target: the same golden values"


def test_numbers_that_no_answer_can_be_judged_by_are_told() -> None:
    broken = drawn().mapped(lambda array: array * np.float32(np.nan))
    (line,) = proven([side("source", broken), side("target", broken)], 0)
    assert line.right is None and line.text.startswith("source and target: not proven: with these weights convert/")


def test_of_large_layers_the_golden_values_are_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_MOST_PROVEN", 100)
    weights = drawn()
    first, *_, last = proven([side("source", weights), side("target", weights.mapped(np.negative))], 0)
    assert "reference's in float64" in first.text and last.right is False


def test_the_layouts_are_listed_with_their_tensors() -> None:
    done = conformance("convert", "--list-layouts")
    assert done.exit_code == 0
    for name, row in NAMED.items():
        assert f"{name}: {row.about}" in done.output
        assert all(f"  {tensor}: {', '.join(parts)}" in done.output for tensor, parts in row.layout.tensors.items())


def test_the_page_lists_the_layouts() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", (ROOT / "docs" / "convert.md").read_text(), re.MULTILINE)
    assert rows == list(NAMED)
