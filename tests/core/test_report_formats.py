"""The summary, JUnit and the badge say what the results are, and the command prints or writes them."""

import json
import re
from typing import Any

import junitparser
import pytest
from click.testing import CliRunner
from reports import acme_records, content, many, right_records, written

from conformance.cli import main
from conformance.report.badge import badge
from conformance.report.junit import junit
from conformance.report.markdown import LIMIT, markdown


def test_the_summary_has_totals_messages_and_the_matrix(acme, right):
    text = markdown(content(acme, right))
    assert text.startswith(
        "## LSTM conformance: 9 unexpected of 26 results\n\n"
        "8 failed unexpectedly, 1 passed unexpectedly, 3 known deviations, 13 passed, 1 unsupported."
    )
    assert text.count("<pre>") == 9
    assert text.count("<details>") == text.count("</details>") == 7
    assert "<summary>4 of acme 1.0: looks like gates-ifgo-read-as-iofg</summary>" in text
    assert "\n- **4** looks like gates-ifgo-read-as-iofg: acme 1.0 (4)\n" in text
    known = text.partition("<summary>Known deviations: 1 cause</summary>")[2]
    assert re.match(
        r"\n\n- \*\*3\*\* the lengths are ignored .*: acme 1.0 \(3\) https://example.org/acme/issues/1\n", known
    )
    assert "| lengths | !1 ≈3 " in text
    assert "<script>" not in text and "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


@pytest.mark.slow
def test_the_summary_keeps_to_the_limit_and_says_what_is_left_out(acme, tmp_path):
    whole = content(written(tmp_path / "messages.jsonl", many(20_000)))
    assert whole.total["unexpected"] > 500
    for limit, shown in ((LIMIT, 100), (60_000, 1)):
        text = markdown(whole, limit)
        assert len(text.encode()) <= limit
        left_out = whole.total["unexpected"] - text.count("<pre>")
        assert text.count("<pre>") >= shown
        if left_out:
            assert f"{left_out:,} more unexpected results are left out" in text
        assert "| **all** |" in text
    assert left_out


def test_junit_is_read_by_others(acme, right, tmp_path):
    text = junit(content(acme, right))
    path = tmp_path / "junit.xml"
    path.write_text(text, encoding="utf-8")
    found = junitparser.JUnitXml.fromfile(str(path))
    assert (found.tests, found.failures, found.errors, found.skipped) == (26, 6, 3, 4)
    suites = {suite.name: suite for suite in found}
    assert set(suites) == {"acme", "right"}
    assert {p.name: p.value for p in suites["acme"].properties()}["version acme"] == "1.0"
    cases_of = {case.name: case for case in suites["acme"]}
    assert len(cases_of) == 13
    failed = cases_of["cell/step-f32-no-states"]
    assert isinstance(failed.result[0], junitparser.Failure)
    assert failed.result[0].message == "failed; looks like gates-ifgo-read-as-iofg"
    assert "again: conformance run --adapter acme" in failed.result[0].text
    assert 'name="cause" value="looks like gates-ifgo-read-as-iofg"' in text
    known = cases_of["lengths/unsorted-forward-f32"].result[0]
    assert isinstance(known, junitparser.Skipped)
    assert (known.type, known.message.startswith("known deviation: the lengths are ignored")) == (
        "known deviation",
        True,
    )
    kinds = {(type(r).__name__, r.type) for case in suites["acme"] for r in case.result}
    assert {("Error", "crashed"), ("Error", "timed out"), ("Error", "errored"), ("Skipped", "unsupported")} <= kinds
    assert ("Failure", "unexpected pass") in kinds
    assert all(not case.result for case in suites["right"])


def test_junit_has_an_error_for_what_is_missing(tmp_path):
    cut = written(tmp_path / "cut.jsonl", right_records()[:4], complete=False, cases=13)
    found = junitparser.JUnitXml.fromstring(junit(content(cut)))
    assert found.errors == 2
    assert "interrupted after 4 results" in [case for suite in found for case in suite][-2].result[0].message


def test_the_badge_says_the_worst(acme, right, tmp_path):
    def told(*paths):
        found = json.loads(badge(content(*paths)))
        assert (found["schemaVersion"], found["label"]) == (1, "LSTM conformance")
        return found["message"], found["color"]

    assert told(acme, right) == ("8 failed unexpectedly, 1 passed unexpectedly", "red")
    mended = [record for record in acme_records() if record.unexpected_pass]
    assert told(written(tmp_path / "mended.jsonl", mended)) == ("1 passed unexpectedly", "orange")
    assert told(right) == ("13 passed", "brightgreen")
    known = written(tmp_path / "known.jsonl", [r for r in acme_records() if r.known] + right_records())
    assert told(known)[1] == "yellow"  # of acme there are not all cases
    whole = written(tmp_path / "whole.jsonl", [r for r in acme_records() if r.known] + right_records()[:3], cases=3)
    assert told(whole) == ("3 passed, 3 known deviations", "green")
    nothing = written(tmp_path / "nothing.jsonl", [r for r in acme_records() if r.outcome == "unsupported"])
    assert told(nothing) == ("nothing passed", "lightgrey")


def conformance(*arguments: Any):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def test_formats_are_printed_or_written(acme, tmp_path):
    for kind, start in (("markdown", "## LSTM"), ("junit", "<?xml"), ("badge", "{")):
        printed = conformance(acme, "--format", kind)
        assert printed.exit_code == 0
        assert printed.output.startswith(start)
        told = conformance(acme, "--format", kind, "-o", tmp_path / "new" / kind)
        assert told.output == f"9 unexpected of 13 results; written to {tmp_path / 'new' / kind}\n"
        assert (tmp_path / "new" / kind).read_text(encoding="utf-8") == printed.output
    assert conformance(acme, "-o", tmp_path / "page.html").exit_code == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_cannot_be_reported_on_is_refused(acme, tmp_path):
    without = conformance(acme)
    assert without.exit_code == 2
    assert "--format html needs a file to write: give one with -o FILE" in without.output
    (tmp_path / "none.jsonl").write_text("{}\n")
    assert conformance(tmp_path / "none.jsonl", "--format", "badge").exit_code == 2
