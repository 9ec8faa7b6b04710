"""The pictures of the documents are as they are drawn, from numbers that agree with each other."""

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from documents import DOCUMENTS, ROOT

from conformance.case.dtypes import NOISE_ALLOWED

PICTURES = ROOT / "docs" / "pictures"
IMAGE = re.compile(r"!\[([^]]*)\]\(([^)\s]+)\)")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def draw(monkeypatch):
    monkeypatch.syspath_prepend(PICTURES)
    import draw

    return draw


def test_each_is_as_drawn(draw, capsys):
    assert draw.main(["--check"]) == 0, capsys.readouterr().err


def test_an_edited_one_is_named_and_drawn_again(draw, capsys, tmp_path, monkeypatch):
    folder = shutil.copytree(PICTURES, tmp_path / "docs" / "pictures")
    index = Path(shutil.copy(draw.INDEX, tmp_path / "docs"))
    monkeypatch.setattr(draw, "FOLDER", folder)
    monkeypatch.setattr(draw, "INDEX", index)
    (folder / "noise.svg").write_text("edited")
    index.write_text(index.read_text().replace("| cell |", "| cells |"))
    assert draw.main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"docs/{name} is not as drawn: run docs/pictures/draw.py" for name in ("pictures/noise.svg", "index.md")
    ]
    assert draw.main([]) == draw.main(["--check"]) == 0


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.name)
def test_each_svg_says_what_it_shows_and_reaches_for_nothing(path):
    root = ElementTree.fromstring(path.read_text())
    said = {name: root.find(f"{SVG}{name}") for name in ("title", "desc")}
    assert [said[name].get("id") for name in ("title", "desc")] == root.get("aria-labelledby").split()
    assert all(len(element.text) > 30 for element in said.values())
    assert not re.search(r"href|url\(|@import|<script", path.read_text())


def test_each_image_of_a_document_has_words_for_it():
    images = [(path.name, *image) for path in DOCUMENTS for image in IMAGE.findall(path.read_text())]
    assert {name for name, _, _ in images} >= {"README.md", "index.md", "noise-units.md", "equations.md"}
    assert all(len(words) > 60 for _, words, _ in images)


def test_right_answers_lie_below_what_is_allowed_and_each_mistake_above_eight_times_that():
    measured = json.loads((PICTURES / "measured.json").read_text())
    assert all(adapter["worst"]["noise"] < NOISE_ALLOWED["float32"] for adapter in measured["adapters"].values())
    assert measured["mistakes"]["least"]["noise"] >= 8 * NOISE_ALLOWED["float32"]
    least = min(int(bin_) for bin_ in measured["mistakes"]["best"] if bin_ != "infinite")
    assert 10 ** ((least + 1) / 10) > measured["mistakes"]["least"]["noise"] >= 10 ** (least / 10)


def test_the_photograph_is_small():
    assert (PICTURES / "report.png").stat().st_size < 200_000
