"""An outcome is written down once: results files, gate, deviations, JUnit, report and documents know each there is."""

import re
from pathlib import Path
from typing import Any

import pytest

from conformance.case.errors import SpecError
from conformance.case.outcomes import OUTCOMES, Passed, Unsupported
from conformance.report.columns import status_of
from conformance.report.content import Content
from conformance.report.data import page_data
from conformance.report.junit import junit
from conformance.results.deviations import Deviation, load_deviations
from conformance.results.gate import gate
from conformance.results.reading import Results
from conformance.results.record import AdapterInfo, Header, Record
from conformance.views.matrix import Cell

DOCS = Path(__file__).parents[2] / "docs"
KNOWN: dict[str, Any] = {"reason": "clips late"}


def named(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def row(page: str, start: str) -> str:
    """What a row of a page's table says beside its first cell."""
    (found,) = [line for line in (DOCS / page).read_text().splitlines() if line.startswith(start)]
    return found.removeprefix(start)


def a_record(name: str, **fields: Any) -> Record:
    return Record(case="a/b", adapter="acme", dtype="float32", outcome=name, **fields)


def results(record: Record) -> Results:
    header = Header(suite="1", vectors="v", cases=1, selection="s", adapters={"acme": AdapterInfo()})
    return Results(Path("r.jsonl"), header, (record,), complete=True, size=0)


def kinds(before: str, after: str) -> list[str]:
    return [change.kind for change in gate(results(a_record(before)), results(a_record(after))).changes]


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_gate_closes_for_each_that_is_worse_than_a_pass(name):
    outcome = OUTCOMES[name]
    assert outcome.wrong or not outcome.gone
    expected = {Passed: [], Unsupported: ["newly unsupported"]}
    if outcome.wrong:
        expected[outcome] = ["newly crashing" if outcome.gone else "newly failing"]
    assert kinds("passed", name) == expected[outcome]
    assert kinds(name, name) == []


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_deviation_may_name_each_that_is_wrong_and_no_other(name, tmp_path):
    (tmp_path / "acme.yaml").write_text(f"- {{cases: [a/b], reason: x, versions: {{acme: '>0'}}, outcome: {name}}}\n")
    if OUTCOMES[name].wrong:
        (deviation,) = load_deviations(tmp_path, "acme")
        assert deviation.outcome == name
        assert a_record(name, deviation=KNOWN).known
    else:
        with pytest.raises(SpecError, match="1: outcome: needs one of failed, "):
            load_deviations(tmp_path, "acme")
        assert not a_record(name, deviation=KNOWN).known


@pytest.mark.parametrize("name", OUTCOMES)
def test_reports_file_it_where_it_belongs(name):
    outcome, unexpected = OUTCOMES[name], a_record(name, unexpected=True, message="x\n y")
    assert f"<{outcome.junit} " in junit(Content([results(unexpected)]))
    assert status_of(unexpected) in ("unexpected", "xpass")
    expected = a_record(name, message="x\n y", deviation=KNOWN if outcome.wrong else None)
    assert ("<skipped " in junit(Content([results(expected)]))) == (outcome is not Passed)
    assert status_of(expected) == ("known" if outcome.wrong else name)
    cell = Cell()
    cell.add(expected)
    assert cell.counts == {"known" if outcome.wrong else name: 1}
    data = page_data(Content([results(expected)]))
    assert data["outcomes"][data["results"]["outcome"][0]] == name


def test_the_documents_name_each():
    wrong = [name for name, outcome in OUTCOMES.items() if outcome.wrong]
    assert named(row("running.md", "| `outcome` |")) == list(OUTCOMES)
    assert named(row("adapters.md", "| `outcome` |")) == wrong
    assert wrong[0] == Deviation.model_fields["outcome"].default
    running, reading = ((DOCS / page).read_text() for page in ("running.md", "reading-a-failure.md"))
    for name, outcome in OUTCOMES.items():
        if outcome.gone:
            assert f"| `{name}` |" in running, "what happens to the process, and what the message has of it"
        if outcome is not Passed:
            assert f"| `{name.upper()}` |" in reading or f" *{name}* " in reading
