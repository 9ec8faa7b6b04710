"""The site of docs/ in a real Chromium: on a phone, a tablet and a desktop nothing is cut off, nothing is missing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import DOCUMENTS, ROOT

WIDTHS = (360, 768, 1280)
PAGES = [str(path.relative_to(ROOT).with_suffix(".html")) for path in DOCUMENTS]

CUT_OFF = """() => {
    const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const name = (e) => `${e.tagName.toLowerCase()}.${e.className}: ${e.textContent.trim().slice(0, 60)}`;
    const found = [];
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) found.push(`the page scrolls sideways: ${wide} of ${innerWidth}`);
    for (const e of document.querySelectorAll('article, article *')) {
        if (!shown(e)) continue;
        const style = getComputedStyle(e);
        if (e.scrollWidth > e.clientWidth + 1 && style.display !== 'inline') {
            const scrolls = ['auto', 'scroll'].includes(style.overflowX);
            if (['hidden', 'clip'].includes(style.overflowX)) found.push(`cut off: ${name(e)}`);
            if (scrolls && !style.backgroundImage.includes('gradient')) found.push(`scrolls unseen: ${name(e)}`);
            if (scrolls && e.closest('.formulas')) found.push(`a formula scrolls: ${name(e)}`);
        }
        // What sticks out of the page, unless a box of the article scrolls; furo's own around all of it does, too.
        const box = e.getBoundingClientRect();
        if (box.width && (box.right > innerWidth + 1 || box.left < -1)) {
            let around = e.parentElement;
            while (around && !['auto', 'scroll'].includes(getComputedStyle(around).overflowX))
                around = around.tagName === 'ARTICLE' ? null : around.parentElement;
            if (!around) found.push(`out of the page: ${name(e)}`);
        }
    }
    return found;
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built anew."""
    for name in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(name, reason="the extra docs is not here")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-d", folder / "doctrees"]
    subprocess.run([*command, "-c", ROOT / "docs", ROOT, folder / "html"], check=True, timeout=300)
    return folder / "html"


@pytest.fixture
def look(browser, site) -> Iterator:
    contexts = []

    def opened(page: str, width: int, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options))
        view = contexts[-1].new_page()
        view.goto((site / page).as_uri())
        return view

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off(look, width):
    page = look(PAGES[0], width)
    found = {}
    for name in PAGES:
        page.goto(page.url.replace(page.url.split("/html/")[1], name))
        found[name] = page.evaluate(CUT_OFF)
    assert {name: words for name, words in found.items() if words} == {}


def test_what_cuts_off_would_be_found(look):
    page = look("docs/equations.html", 360)
    for style, words in (
        ("overflow: hidden; width: 90px; white-space: nowrap", "cut off: p.formula"),
        ("overflow: auto; width: 90px; white-space: nowrap", "scrolls unseen: p.formula"),
        ("width: 500px", "out of the page: p.formula"),
    ):
        page.evaluate("style => { document.querySelector('.formula').style.cssText = style; }", style)
        assert any(found.startswith(words) for found in page.evaluate(CUT_OFF)), words


def test_every_equation_of_the_text_is_set_and_can_be_linked_to(look):
    page = look("docs/equations.html", 1280)
    numbers = page.locator(".formula .number").all_text_contents()
    assert numbers == [f"({n})" for n in range(1, 19)]
    assert page.locator("#equation-3").text_content() == "ct = f · ct\N{MINUS SIGN}1 + i · g(3)"
    assert page.locator("#equation-3 sub").all_text_contents() == ["t", "t\N{MINUS SIGN}1"]


def test_pictures_are_there_and_large_enough_to_read(look):
    page = look("docs/index.html", WIDTHS[0])
    for name, pictures in (("index.html", 2), ("noise-units.html", 1), ("equations.html", 1)):
        page.goto(page.url.replace(page.url.split("/")[-1], name))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            sizes = page.locator("article img").evaluate_all("all => all.map(i => [i.naturalWidth, i.width])")
            assert len(sizes) == pictures
            assert all(natural > 0 and wide >= 320 for natural, wide in sizes)


def test_the_site_opens_without_a_network(browser, site):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "docs/index.html", "docs/equations.html"):
        page.goto((site / name).as_uri())
        page.wait_for_load_state("networkidle")
    assert page.title()
    assert [url for url in asked if not url.startswith("file://")] == []
