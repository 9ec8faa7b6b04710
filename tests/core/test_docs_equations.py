"""The equations are numbered, what the code refers to is there, and worked examples have the stored numbers."""

import re
from typing import get_args

import pytest
from documents import ROOT

from conformance.case.load import load_specs
from conformance.case.options import ActivationName
from conformance.golden.store import VectorStore


@pytest.mark.parametrize("name", get_args(ActivationName))
def test_every_activation_has_its_row(name):
    assert f"\n| `{name}` |" in (ROOT / "docs" / "equations.md").read_text()


def test_equations_are_numbered_in_their_order():
    numbers = re.findall(r"^    .* \((\d+)\)$", (ROOT / "docs" / "equations.md").read_text(), re.MULTILINE)
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]


def test_what_the_code_refers_to_is_there():
    equations = (ROOT / "docs" / "equations.md").read_text()
    for source in (ROOT / "conformance").rglob("*.py"):
        text = source.read_text()
        for name in re.findall(r"(?<![\w/])docs/([\w-]+\.md)", text):
            assert (ROOT / "docs" / name).exists(), f"{source.name} refers to docs/{name}"
        for number in re.findall(r"docs/equations\.md, section (\d)", text):
            assert f"\n## {number}. " in equations, f"{source.name} refers to section {number}"
        for first, last in re.findall(r"[Ee]quations? \((\d)\)(?: to \((\d)\))?", text):
            assert f"({first})\n" in equations, f"{source.name} refers to equation {first}"
            assert not last or f"({last})\n" in equations, f"{source.name} refers to equation {last}"


def test_the_worked_example_has_the_stored_numbers():
    text = (ROOT / "docs" / "noise-units.md").read_text()
    case_id = re.search(r"`conformance show ([\w/-]+)`", text)[1]
    (case,) = [case for case in load_specs(ROOT / "specs") if case.id == case_id]
    vector = VectorStore(ROOT / "vectors").load(case)
    rows = re.findall(r"^\| \d+ \| (-?\d\.\d+) \| ([\d.]+) \|$", text, re.MULTILINE)
    for stored, printed in zip((vector.golden, vector.kappa), zip(*rows, strict=True), strict=True):
        assert [float(number) for number in printed] == stored["h_n"].ravel().tolist()
