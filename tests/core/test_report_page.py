"""The report's page says what the results files say, asks for nothing from anywhere, and obeys no framework's words."""

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from reports import NASTY, acme_records, content, many, written

from conformance.case.errors import ConformanceError
from conformance.lstm.mistakes import BY_ID
from conformance.report import data, page
from conformance.report.content import Content
from conformance.report.markdown import markdown
from conformance.results.reading import read_results

UPLOT = Path(page.__file__).parent / "assets" / "uplot"


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


def test_an_address_that_is_none_of_the_web_is_no_link(tmp_path):
    records = [
        r.model_copy(
            update={"deviation": r.deviation and r.deviation.model_copy(update={"link": "javascript:alert(1)"})}
        )
        for r in acme_records()
    ]
    found = Elements(page.html(content(written(tmp_path / "js.jsonl", records))))
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


def test_each_cause_and_adapter_has_a_view_and_each_link_leads_to_one(elements, acme, right):
    found = content(acme, right)
    ids = [at["id"] for tag, at in elements.found if tag == "article"]
    assert ids == [each.address for each in (*found.causes, *found.columns)]
    links = {at["href"][1:] for tag, at in elements.found if tag == "a" and at["href"].startswith("#")}
    places = {at["id"] for _, at in elements.found if "id" in at}
    assert set(ids) <= links
    assert {link for link in links if not link.startswith(("open=", "all"))} <= places
    rows, listed = data_of(elements)["results"], data_of(elements)["causes"]
    for n, cause in enumerate(found.causes):
        assert listed[n]["address"] == cause.address
        assert rows["cause"].count(n) == cause.count


def test_the_view_of_a_known_deviation_has_its_link_script_and_command(elements):
    article = False
    said = ""
    for tag, at, text in elements.texts:
        if tag == "article" or at.get("id", "").endswith("-title"):
            article = at.get("id", "").startswith("cause/known/")
        said += text if article else ""
    for words in ("lengths-ignored", "https://example.org/acme/issues/1", "deviations/repro/acme.py", "acme >=1"):
        assert words in said
    assert "conformance run --adapter acme --case lengths/unsorted-forward-f32" in said


def test_the_same_files_give_the_same_page(html, acme, right):
    assert page.html(content(acme, right), "https://example.org/mistakes.html") == html


@pytest.mark.slow
def test_ten_thousand_results_are_a_page_of_moderate_weight(tmp_path):
    path = written(tmp_path / "many.jsonl", many(10_000))
    assert len(page.html(content(path)).encode()) < 2.6e6


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


def test_every_class_of_the_script_is_one_of_the_styles():
    """A class that no style knows is a slip of the pen."""
    assets = UPLOT.parent
    styles = "".join(path.read_text() for path in assets.glob("*.css"))
    used = set(re.findall(r'class: "([\w -]+)"', "".join(path.read_text() for path in assets.glob("*.js"))))
    names = {name for classes in used for name in classes.split()}
    assert names - {"spare"} and {name for name in names if f".{name}" not in styles} == set()
