"""The report of a check says of each layer what the check says, and obeys no name in a file."""

import json
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from brought_files import HOSTILE, SWAPPED, H, checked_files, torch_tensors, weights_file
from command_line import conformance

from conformance.models.checked import Checked
from conformance.report import page
from conformance.report.columns import status_of
from conformance.report.content import Content
from conformance.results.record import AdapterInfo
from conformance.views.checked import as_text

pytest.importorskip("flint")  # the golden values are made here and now
HOSTILE_ID = "hostile/script-img-src-x-onerror-alert-1-31m"


class Views(HTMLParser):
    """The articles with their texts, as a reader without scripts has them; `rest`: the text outside of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.articles: dict[str, str] = {}
        self.rest = ""
        self.tags: set[str] = set()
        self.hrefs: set[str] = set()
        self._open: list[str] = []
        self._article = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        self.hrefs.add(attributes.get("href") or "")
        self._open.append(tag)
        if tag == "article":
            self._article = attributes["id"]
            self.articles[self._article] = ""

    def handle_endtag(self, tag):
        self._open = self._open[: len(self._open) - 1 - self._open[::-1].index(tag)]
        if tag == "article":
            self._article = ""

    def handle_data(self, text):
        if self._open and self._open[-1] in ("script", "style"):
            return
        if self._article:
            self.articles[self._article] += f"{text} "
        else:
            self.rest += f"{text} "


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Checked:
    return checked_files(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def html(result) -> str:
    return page.html(Content.of_check(result))


@pytest.fixture(scope="module")
def views(html) -> Views:
    return Views(html)


def test_every_layer_has_a_view_of_what_it_is_and_who_computes_it_rightly(views):
    assert [name for name in views.articles if name.startswith("model/")] == ["model/stack/enc", f"model/{HOSTILE_ID}"]
    said = " ".join(views.articles["model/stack/enc"].split())
    for words in (
        "stack.safetensors",
        "enc (torch)",
        "weights alone: every adapter runs them by its own interface",
        "sizes T 7, B 3, I 3, H 5, layers 2",
        "direction bidirectional",
        "the file leaves sizes open; chosen: T = 7, B = 3",
        "x drawn from -1 to 1 with seed 1",
        "1 wrong, 1 right",
        "FAILED",
        "the same weights, through an adapter",
        "looks like: gates-figo-read-as-ifgo (reproduces it",
        "Known: the gates are swapped",
        "right: noise ",
        "W.0 to .1 (4, 5, 3)",
    ):
        assert words in said
    assert "https://example.org/swapped/1" in views.hrefs
    assert "#model/stack/enc" in views.hrefs
    assert "again:" not in views.articles["model/stack/enc"]  # its files are gone
    assert "Known:" not in views.articles[f"model/{HOSTILE_ID}"]


def test_what_was_not_checked_is_said_with_its_reason(views):
    said = " ".join(views.rest.split())
    assert "2 wrong of 4 answers" in said
    assert "no LSTM is found by the names and shapes of its tensors" in said
    assert "cut.: weight_hh is missing" in said
    assert "Not here: 1 adapter" in said


def test_names_in_a_file_stay_text(html, views):
    assert HOSTILE not in html
    assert "img" not in views.tags
    shown = HOSTILE.replace("\u202e", r"\u202e").replace("\x1b", r"\x1b")
    assert f"{shown} (torch)" in views.articles[f"model/{HOSTILE_ID}"]
    assert html.count("\x1b") == html.count("\u202e") == 0


def test_the_page_and_the_text_have_the_same_verdicts_of_each_layer(result, views):
    text = as_text(result)
    for layer in result.layers:
        for answer in layer.answers:
            assert answer.verdict in text
            assert answer.verdict in views.articles[f"model/{layer.id}"]


def test_the_results_of_the_page_are_the_answers(result):
    content = Content.of_check(result)
    records = {(record.case, record.adapter): record for _, record in content}
    assert len(records) == len(result.answers) == 4
    for answer in result.answers:
        record = records[answer.record.case, answer.adapter]
        assert record.noise == answer.record.noise
        assert status_of(record) == ("passed" if answer.right else "known" if answer.deviation else "unexpected")
        assert "/suite/" not in (record.message or "")
    (known,) = (cause for cause in content.causes if cause.status == "known")
    assert known.title.startswith("the gates are swapped")


def test_an_own_node_has_a_column_beside_that_of_the_adapter(result):
    (file, (layer,)), *_ = result.files
    wrong = next(answer for answer in layer.answers if answer.wrong)
    own = replace(wrong, own_node=True, info=AdapterInfo(versions={"engine": "3"}), deviation=None)
    changed = Checked([(file, [replace(layer, answers=[own, wrong])]), *result.files[1:]])
    content = Content.of_check(changed)
    labels = [column.label for column in content.columns]
    assert labels == [f"{wrong.adapter} (own node)", wrong.adapter, "numpy"]
    assert content.notes == ()  # that not everybody was asked everything is as it has to be
    assert content.columns[0].version == "3"
    assert content.models.files[0].layers[0].status == "unexpected"  # although one of the two is known
    said = " ".join(Views(page.html(content)).articles["model/stack/enc"].split())
    assert "the file's own node" in said
    assert f"The same as {wrong.adapter} (own node)" in said


def test_a_layer_of_which_nothing_could_be_proven_says_so(result):
    (file, (layer,)), *_ = result.files
    broken = replace(layer, case=None, answers=[], problem="stack/enc: too large <b>")
    html = page.html(Content.of_check(Checked([(file, [broken])])))
    views = Views(html)
    assert "Nothing could be checked" in views.rest
    assert 'class="bad"' in html
    assert "not checked" in views.articles["model/stack/enc"]
    assert "stack/enc: too large <b>" in views.articles["model/stack/enc"]


# The command.


@pytest.fixture
def weights(in_an_empty_folder: None) -> Path:
    Path("swapped.py").write_text(SWAPPED)
    return weights_file(Path("mine.safetensors"), torch_tensors())


def test_the_command_writes_the_page_beside_what_it_prints(weights):
    done = conformance(
        "check", weights, "--adapter", "numpy", "--adapter", "swapped.py:Swapped", "--json", "--report", "page.html"
    )
    assert done.exit_code == 1, done.output
    assert json.loads(done.stdout)[0]["layers"][0]["answers"][1]["outcome"] == "failed"
    assert done.stderr == "1 wrong of 2 answers; written to page.html\n"
    text = Path("page.html").read_text(encoding="utf-8")
    assert "model/mine/mine" in Views(text).articles
    assert '"profile":{"every":1,"y":' in text  # where in time it is wrong, which only a page shows


def test_recorded_numbers_have_a_page_as_well(weights):
    np.savez("out.npz", y=np.zeros((7, 3, H), np.float32))
    done = conformance("check", weights, "--recorded", "out.npz", "--report", "page.html")
    assert done.exit_code == 1, done.output
    text = Path("page.html").read_text(encoding="utf-8")
    said = " ".join(Views(text).articles["model/mine/mine"].split())
    assert "recorded elsewhere" in said
    assert "out.npz has no c_n, which is not judged" in said
    assert '"profile":{"every":1,"y":' in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--report", "mine.safetensors"], "--report mine.safetensors: a page's name ends in .html, like mine.html"),
        (["--report", "folder.html"], "'folder.html' is a directory"),
        (["--report", ""], "a file needs a name; this one is empty"),
    ],
)
def test_a_page_that_cannot_be_meant_gets_one_line(arguments, words, weights):
    Path("folder.html").mkdir()
    before = weights.read_bytes()
    done = conformance("check", weights, "--adapter", "numpy", *arguments)
    assert done.exit_code == 2
    assert words in done.output
    assert weights.read_bytes() == before


def test_without_jinja_it_says_so_before_anything_runs(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    done = conformance("check", weights, "--adapter", "numpy", "--report", "page.html")
    assert done.exit_code == 2
    assert "pip install 'lstm-conformance[report]'" in done.output
    assert "right" not in done.output
