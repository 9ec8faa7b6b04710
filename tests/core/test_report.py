"""The report: what the page, the summary, JUnit and the badge say, and that they hold."""

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import junitparser
import pytest
from click.testing import CliRunner
from reports import NASTY, acme_records, cases, many, right_records, written

from conformance.case.errors import ConformanceError
from conformance.cli import main
from conformance.lstm.mistakes import BY_ID
from conformance.report import data, page
from conformance.report.badge import badge
from conformance.report.content import Content, story_of
from conformance.report.junit import junit
from conformance.report.markdown import LIMIT, markdown
from conformance.results.reading import read_results

UPLOT = Path(page.__file__).parent / "assets" / "uplot"


# What the formats have in common


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def acme(folder) -> Path:
    return written(folder / "acme.jsonl", acme_records())


@pytest.fixture(scope="module")
def right(folder) -> Path:
    return written(folder / "right.jsonl", right_records())


def content(*paths: Path) -> Content:
    return Content([read_results(path) for path in paths], cases())


def test_results_are_counted_by_what_they_mean(acme, right):
    found = content(acme, right)
    assert found.count == 26
    # Of acme: 5 wrong answers, an error, a crash, a hang, and a deviation that does not show.
    assert dict(found.total.counts) == {"unexpected": 8, "xpass": 1, "known": 3, "passed": 13, "unsupported": 1}
    assert found.total.surprises == 9
    assert found.headline == "9 unexpected of 26 results"
    assert found.complete
    assert content(right).headline == "Nothing unexpected in 13 results"
    assert found.totals["right"].noise == max(record.noise for record in right_records())
    assert found.cells["lengths", "acme"]["known"] == 3


def test_unexpected_results_with_one_story_stand_together(acme):
    groups = content(acme).groups("unexpected")
    assert groups[0].story == "failed; looks like gates-ifgo-read-as-iofg"
    assert len(groups[0].records) == 4
    stories = [group.story for group in groups]
    assert "failed; looks like gradient-gates-igfo-for-ifgo" in stories
    assert any(story.startswith("errored: ValueError") for story in stories)
    (passed,) = content(acme).groups("xpass")
    assert passed.story.startswith("passed, but a known deviation is written down")


def test_a_story_names_mistakes_that_cannot_be_told_apart():
    record = next(record for record in acme_records() if record.suspects)
    first = record.suspects[0]

    def story(*mistakes: tuple[str, ...]) -> str:
        suspects = tuple(first.model_copy(update={"mistakes": each}) for each in mistakes)
        return story_of(record.model_copy(update={"suspects": suspects}))

    assert story(("one", "two")) == "failed; looks like one with two"
    assert story(("one",), ("two",)) == "failed; cannot be told apart: one or two"
    assert story(*[(name,) for name in "abcde"]) == "failed; cannot be told apart: a or b or c or 2 others"


def test_what_is_missing_is_said(folder, acme):
    cut = written(folder / "cut.jsonl", right_records()[:4], complete=False, cases=13)
    found = content(cut, acme)
    assert not found.complete
    assert found.notes == (f"{cut}: the run was interrupted after 4 results", "right: 4 of 13 cases are here")


def test_one_adapter_in_two_versions_has_two_columns_and_in_two_shards_one(folder):
    records = right_records()
    before = written(folder / "before.jsonl", records)
    after = written(folder / "after.jsonl", records, version="2.0")
    found = content(before, after)
    assert [(c.name, c.version) for c in found.columns] == [
        ("right (before.jsonl)", "1.0"),
        ("right (after.jsonl)", "2.0"),
    ]
    shards = [written(folder / f"{n}.jsonl", records[n::2], cases=len(records)) for n in (0, 1)]
    found = content(*shards)
    assert [(c.name, len(c.records)) for c in found.columns] == [("right", len(records))]
    assert found.complete
    assert not content(shards[0]).complete


# The page


class Elements(HTMLParser):
    """Every element with its attributes, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, text):
        tag, attributes = self.found[-1] if self.found else ("", {})
        self.texts.append((tag, attributes, text))


@pytest.fixture(scope="module")
def html(acme, right) -> str:
    return page.html(content(acme, right), "https://example.org/mistakes.html")


@pytest.fixture(scope="module")
def elements(html) -> Elements:
    return Elements(html)


def data_of(elements: Elements) -> dict[str, Any]:
    return json.loads("".join(text for tag, at, text in elements.texts if tag == "script" and at.get("id") == "data"))


def test_the_page_asks_for_nothing_from_anywhere(elements):
    for tag, attributes in elements.found:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "srcset", "style", "onclick", "onerror", "onload"} & set(attributes)
        if "href" in attributes:
            assert tag == "a"
            assert attributes["href"].startswith(("#", "https://"))
    assert not re.search(r"@import|url\(", "".join(text for tag, _, text in elements.texts if tag == "style"))


def test_the_policy_allows_these_scripts_and_styles_and_nothing_else(elements):
    (policy,) = (at["content"] for tag, at in elements.found if tag == "meta" and "http-equiv" in at)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        directive = next(part for part in policy.split("; ") if part.startswith(f"{tag}-src "))
        texts = [text for name, at, text in elements.texts if name == tag and "type" not in at and text.strip()]
        digests = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts}
        assert digests == set(directive.split()[1:])


def test_what_a_framework_prints_stays_text(html, elements):
    assert NASTY not in html
    assert "<img" not in html
    assert [at for tag, at in elements.found if tag == "script" and "type" in at] == [
        {"type": "application/json", "id": "data"}
    ]
    messages = [more.get("message", "") + more.get("reason", "") for more in data_of(elements)["more"]]
    assert sum(NASTY.partition("\x1b")[0] in message for message in messages) >= 5


def test_an_address_that_is_none_of_the_web_is_no_link(folder):
    records = [
        r.model_copy(
            update={"deviation": r.deviation and r.deviation.model_copy(update={"link": "javascript:alert(1)"})}
        )
        for r in acme_records()
    ]
    found = Elements(page.html(content(written(folder / "js.jsonl", records))))
    assert not [at for _, at in found.found if (at.get("href") or "").startswith("javascript")]


def test_the_page_says_of_each_result_what_the_file_says(elements, acme, right):
    found = data_of(elements)
    rows = found["results"]
    there = {
        (found["adapters"][a]["name"], found["cases"][c][0]): n
        for n, (a, c) in enumerate(zip(rows["adapter"], rows["case"], strict=True))
    }
    for path in (acme, right):
        for record in read_results(path).records:
            n = there.pop((record.adapter, record.case))
            assert found["outcomes"][rows["outcome"][n]] == record.outcome
            assert rows["noise"][n] == record.noise
            more = found["more"][rows["more"][n]] if rows["more"][n] >= 0 else {}
            assert more.get("profile") == record.profile
            if record.outcome != "unsupported":
                assert more.get("message") == record.message
            if record.deviation:
                assert found["deviations"][more["deviation"]]["link"] == record.deviation.link
    assert not there
    assert found["statuses"][rows["status"][0]] == "unexpected"
    known = found["mistakes"]["lengths-ignored"]
    assert known["what"] == BY_ID["lengths-ignored"].what
    assert known["page"] == "https://example.org/mistakes.html#lengths-ignored"
    spec = found["specs"]["stack/plain-layers2-bidirectional-f32"]
    assert spec["sizes"] == "T 5, B 4, I 7, H 6, layers 2"
    assert "W.0 to .1 (4, 6, 7), W.2 to .3 (4, 6, 12)" in spec["weights"]
    assert found["specs"]["gate-clip/small-all-forward-f64"]["options"]["gate_clip"]


def test_a_case_that_the_specs_do_not_have_is_shown_without_them(acme):
    assert data.page_data(Content([read_results(acme)]))["specs"] == {}


def test_the_matrix_has_a_cell_for_each_family_and_adapter(html, acme, right):
    found = content(acme, right)
    text = re.sub(r"<[^>]+>", "", html)
    for (family, name), tally in found.cells.items():
        assert f"{family}, {name}: {tally.words}" in text
    assert "lengths, acme: 1 passed unexpectedly, 3 known deviations" in text


def test_the_same_files_give_the_same_page(html, acme, right):
    assert page.html(content(acme, right), "https://example.org/mistakes.html") == html


@pytest.mark.slow
def test_ten_thousand_results_are_a_page_of_moderate_weight(folder):
    path = written(folder / "many.jsonl", many(10_000))
    assert len(page.html(content(path)).encode()) < 2.5e6


def test_without_jinja_the_page_says_what_to_install(acme, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConformanceError, match=r"pip install 'lstm-conformance\[report\]'"):
        page.html(content(acme))
    assert markdown(content(acme))


def test_the_plotting_library_is_the_one_its_note_names():
    listed = dict(re.findall(r"\| (\S+) \| ([0-9a-f]{64}) \|", (UPLOT / "README.md").read_text()))
    files = {path.name for path in UPLOT.iterdir()} - {"README.md"}
    assert {name: hashlib.sha256((UPLOT / name).read_bytes()).hexdigest() for name in files} == listed
    assert "uPlot (v1.6.32)" in (UPLOT / "uPlot.iife.min.js").read_text()
    assert "MIT" in (UPLOT / "LICENSE").read_text()


# Markdown, JUnit, badge


def test_the_summary_has_totals_messages_and_the_matrix(acme, right):
    text = markdown(content(acme, right))
    assert text.startswith(
        "## LSTM conformance: 9 unexpected of 26 results\n\n"
        "8 failed unexpectedly, 1 passed unexpectedly, 3 known deviations, 13 passed, 1 unsupported."
    )
    assert text.count("<pre>") == 9
    assert text.count("<details>") == text.count("</details>") == 6
    assert "<summary>4 of acme 1.0: failed; looks like gates-ifgo-read-as-iofg</summary>" in text
    assert "| lengths | !1 ≈3 " in text
    assert "<script>" not in text and "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


@pytest.mark.slow
def test_the_summary_keeps_to_the_limit_and_says_what_is_left_out(acme, folder):
    whole = content(written(folder / "messages.jsonl", many(20_000)))
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


def test_junit_is_read_by_others(acme, right, folder):
    text = junit(content(acme, right))
    path = folder / "junit.xml"
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


def test_junit_has_an_error_for_what_is_missing(folder):
    cut = written(folder / "cut.jsonl", right_records()[:4], complete=False, cases=13)
    found = junitparser.JUnitXml.fromstring(junit(content(cut)))
    assert found.errors == 2
    assert "interrupted after 4 results" in [case for suite in found for case in suite][-2].result[0].message


def test_the_badge_says_the_worst(acme, right, folder):
    def told(*paths):
        found = json.loads(badge(content(*paths)))
        assert (found["schemaVersion"], found["label"]) == (1, "LSTM conformance")
        return found["message"], found["color"]

    assert told(acme, right) == ("8 failed unexpectedly, 1 passed unexpectedly", "red")
    mended = [record for record in acme_records() if record.unexpected_pass]
    assert told(written(folder / "mended.jsonl", mended)) == ("1 passed unexpectedly", "orange")
    assert told(right) == ("13 passed", "brightgreen")
    known = written(folder / "known.jsonl", [r for r in acme_records() if r.known] + right_records())
    assert told(known)[1] == "yellow"  # of acme there are not all cases
    whole = written(folder / "whole.jsonl", [r for r in acme_records() if r.known] + right_records()[:3], cases=3)
    assert told(whole) == ("3 passed, 3 known deviations", "green")
    nothing = written(folder / "nothing.jsonl", [r for r in acme_records() if r.outcome == "unsupported"])
    assert told(nothing) == ("nothing passed", "lightgrey")


# The command


def conformance(*arguments: Any):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def test_formats_are_printed_or_written(acme, folder):
    for kind, start in (("markdown", "## LSTM"), ("junit", "<?xml"), ("badge", "{")):
        printed = conformance(acme, "--format", kind)
        assert printed.exit_code == 0
        assert printed.output.startswith(start)
        told = conformance(acme, "--format", kind, "-o", folder / "new" / kind)
        assert told.output == f"9 unexpected of 13 results; written to {folder / 'new' / kind}\n"
        assert (folder / "new" / kind).read_text(encoding="utf-8") == printed.output
    assert conformance(acme, "-o", folder / "page.html").exit_code == 0
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_cannot_be_reported_on_is_refused(acme, folder):
    without = conformance(acme)
    assert without.exit_code == 2
    assert "--format html needs a file to write: give one with -o FILE" in without.output
    (folder / "none.jsonl").write_text("{}\n")
    assert conformance(folder / "none.jsonl", "--format", "badge").exit_code == 2


def test_every_class_of_the_script_is_one_of_the_styles():
    """A class that no style knows is a slip of the pen."""
    assets = UPLOT.parent
    styles = "".join(path.read_text() for path in assets.glob("*.css"))
    used = set(re.findall(r'class: "([\w -]+)"', "".join(path.read_text() for path in assets.glob("*.js"))))
    names = {name for classes in used for name in classes.split()}
    assert names - {"spare"} and {name for name in names if f".{name}" not in styles} == set()
