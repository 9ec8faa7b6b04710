"""The report's page in a real Chromium: offline, by keyboard, on a phone, in the dark, with 10,000 results."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from reports import acme_records, cases, labelled, many, right_records, written

from conformance.report import page as page_of
from conformance.report.content import Content
from conformance.results.reading import read_results

DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 360, "height": 740}
SHEET = {"width": 1047, "height": 718}
INTERACTIVE_MS = float(os.environ.get("LSTM_INTERACTIVE_MS", "2000"))
"""Until the page of 10,000 results answers: under 0.5 s where it was written, and some machines are slower."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pages")


def made(folder: Path, name: str, *files: Path) -> Path:
    """The page of some results files."""
    path = folder / f"{name}.html"
    path.write_text(
        page_of.html(Content([read_results(file) for file in files], cases())), encoding="utf-8", newline="\n"
    )
    return path


@pytest.fixture(scope="module")
def report(folder) -> Path:
    """26 results: of an adapter that is wrong in every way, and of one that is right."""
    return made(
        folder,
        "report",
        written(folder / "acme.jsonl", acme_records()),
        written(folder / "right.jsonl", right_records()),
    )


@pytest.fixture(scope="module")
def large(folder) -> Path:
    return made(folder, "large", written(folder / "many.jsonl", many(10_000)))


@pytest.fixture(scope="module")
def alike(folder) -> Path:
    """The results of an adapter with two bugs, each with conditions of its own."""
    records = labelled("acme", lambda c: "failed" if c.calls else "crashed" if c.peephole and c.B > 3 else "passed")
    return made(folder, "alike", written(folder / "alike.jsonl", records))


class Watched:
    """Opens pages without a network and notes what they ask for and complain about."""

    def __init__(self, browser) -> None:
        self._browser = browser
        self._contexts: list = []
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def __call__(self, path: Path, viewport=DESKTOP, fragment="", **options):
        context = self._browser.new_context(viewport=viewport, offline=True, **options)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))
        page.goto(path.as_uri() + fragment)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def look(browser) -> Iterator[Watched]:
    watched = Watched(browser)
    yield watched
    watched.close()
    assert all(url.startswith("file://") for url in watched.asked)
    assert watched.complaints == []


def opening(adapter: str, case: str) -> str:
    return "#" + urlencode({"open": f"{adapter} {case}"})


def rows(page) -> int:
    return page.locator("#list tbody tr").count()


def listed(page, column: int) -> set[str]:
    return set(page.locator(f"#list tbody td:nth-child({column})").all_text_contents())


def until(page, condition: str) -> None:
    """Wait for a condition. Playwright's own way of waiting is an eval, and the page's policy forbids it that."""
    end = time.monotonic() + 5
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never: {condition}"
        time.sleep(0.02)


def focused(page) -> str:
    return page.evaluate("document.activeElement.textContent.trim()")


def test_it_opens_without_a_network_and_asks_for_nothing(look, report):
    page = look(report)
    assert page.title() == "9 unexpected of 26 results · LSTM conformance"
    assert rows(page) == 26
    assert look.asked == [report.as_uri()]


def test_what_a_framework_prints_is_shown_and_not_obeyed(look, report):
    page = look(report, fragment=opening("acme", "cell-clip/plain-f64"))
    assert (
        "</script><script>document.title = 'taken'</script><img src=x"
        in page.locator("#panel pre").first.text_content()
    )
    assert page.locator("img").count() == 0
    assert page.title().startswith("9 unexpected")


def test_the_policy_stops_what_would_reach_the_network(browser, report):
    watched = Watched(browser)
    page = watched(report)
    blocked = page.evaluate(
        "new Promise((done) => { addEventListener('securitypolicyviolation', (e) => done(e.violatedDirective));"
        " new Image().src = 'https://example.org/x.png'; })"
    )
    watched.close()
    assert blocked == "img-src"


def test_filters_narrow_the_list_and_stand_in_the_address(look, report):
    page = look(report)
    page.locator("[name=adapter]").select_option("acme")
    until(page, "document.querySelectorAll('#list tbody tr').length === 13")
    assert listed(page, 3) == {"acme"}
    page.locator("[name=outcome]").select_option("known")
    until(page, "document.querySelectorAll('#list tbody tr').length === 3")
    page.locator("[name=q]").fill("REVERSE-F32")
    until(page, "document.querySelectorAll('#list tbody tr').length === 1")
    assert page.locator("#count").text_content() == "1 of 26 results"
    again = look(report, fragment="#" + page.url.partition("#")[2])
    assert rows(again) == 1
    assert again.locator("[name=q]").input_value() == "REVERSE-F32"
    again.get_by_role("button", name="Clear").click()
    until(again, "document.querySelectorAll('#list tbody tr').length === 26")
    again.locator("[name=dtype]").select_option("float64")
    until(again, "document.querySelectorAll('#list tbody tr').length < 26")
    assert listed(again, 4) == {"float64"}
    again.locator("[name=outcome]").select_option("crashed")
    until(again, "document.querySelectorAll('#list tbody tr').length === 0")


def test_a_cell_of_the_matrix_lists_its_results(look, report):
    page = look(report)
    page.get_by_role("button", name="lengths, acme:").click()
    until(page, "document.querySelectorAll('#list tbody tr').length === 4")
    assert listed(page, 3) == {"acme"}
    assert focused(page) == "Results"
    page.get_by_role("button", name="8 failed unexpectedly", exact=True).click()
    until(page, "document.querySelectorAll('#list tbody tr').length === 8")


def test_the_list_is_sorted_by_what_is_clicked(look, report):
    page = look(report)
    head = page.locator("#list [data-sort=noise]")
    head.get_by_role("button").click()
    until(page, "document.querySelector('#list [data-sort=noise]').getAttribute('aria-sort') === 'descending'")
    noises = page.evaluate("listed(state()).map((result) => result.noise ?? -1)")
    assert noises == sorted(noises, reverse=True)
    head.get_by_role("button").click()
    until(page, "document.querySelector('#list [data-sort=noise]').getAttribute('aria-sort') === 'ascending'")


def test_everything_is_reached_by_keyboard_and_escape_leads_back(look, report):
    page = look(report)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the results"
    for _ in range(60):  # on to the matrix, which is one stop
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('#matrix')"):
            break
    assert focused(page).startswith("cell, acme")
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("cell-clip, acme")
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("cell-clip, right")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('#list tbody tr').length === 4")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('#list tbody')"):
            break
    opener = focused(page)
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert page.locator("#panel-title").text_content() == opener
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Tab")
    assert focused(page) == "Next"
    page.keyboard.press("Enter")
    until(page, f"document.getElementById('panel-title').textContent !== '{opener}'")
    assert focused(page) == "Next"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    assert focused(page) == opener
    until(page, "!location.hash.includes('open=')")


def test_back_closes_a_case_and_keeps_the_filters(look, report):
    page = look(report, fragment="#adapter=acme")
    page.locator("#list tbody a").first.click()
    page.wait_for_selector("dialog[open]")
    page.go_back()
    page.wait_for_selector("dialog[open]", state="detached")
    assert rows(page) == 13


def test_a_case_shows_message_diagnosis_curves_and_where_it_ran(look, report):
    page = look(report, fragment=opening("acme", "stack/plain-layers2-bidirectional-f32"))
    panel = page.locator("#panel").text_content()
    for words in (
        "unexpected: failed", "again: conformance run --adapter acme", "gates-ifgo-read-as-iofg: it reads weights",
        "T 5, B 4, I 7, H 6, layers 2", "y (5, 4, 12)", "The same case elsewhere",
        "acme 1.0, numpy 2.0", "tf32 off", "3.11.2",
    ):  # fmt: skip
        assert words in panel
    assert page.locator("#panel figure h3").all_text_contents() == [
        "Noise of y", "Gates and states, layer 0, forward", "Gates and states, layer 0, reverse"
    ]  # fmt: skip
    page.locator("#panel details summary").first.click()
    table = page.locator("#panel details table").first
    assert table.locator("thead th").all_text_contents() == ["step", "y forward", "y reverse"]
    assert table.locator("tbody tr").count() == 5
    page.get_by_role("link", name="right", exact=True).click()
    until(page, "document.querySelector('#panel .verdict').textContent.includes('passed')")
    known = look(report, fragment=opening("acme", "lengths/unsorted-reverse-f32")).locator("#panel")
    assert known.get_by_role("link", name="https://example.org/acme/issues/1").count() == 1
    assert "deviations/repro/acme.py" in known.text_content()
    gradients = look(report, fragment=opening("acme", "gradients/whole-forward-f32")).locator("#panel")
    assert "Noise of the gradients, by gate" in gradients.text_content()
    error = look(report, fragment=opening("acme", "cell-clip/plain-f64")).locator("#panel")
    assert "Traceback" in error.text_content()


def test_what_failures_share_stands_above_their_list(look, alike):
    for viewport in (DESKTOP, PHONE):
        page = look(alike, viewport=viewport)
        told = page.get_by_label("What failing cases have in common")
        assert told.locator("dt").all_text_contents() == ["acme 1.0"]
        failed, crashed = told.locator("dd > span").all()
        assert "cases that failed have calls; none of the" in failed.text_content()
        assert "cases that crashed have peephole and B of at least " in crashed.text_content()
        assert "of those that passed, " in crashed.locator(".quiet").first.text_content()
        first_group = page.locator(".groups").first.bounding_box()
        assert told.bounding_box()["y"] + told.bounding_box()["height"] <= first_group["y"]
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_curves_are_drawn_in_the_colours_and_dashes_of_their_key(look, report):
    """Of the canvas: each series' colour is there, and a long solid line has more of it than a dotted one."""
    for scheme in ("light", "dark"):
        page = look(report, fragment=opening("acme", "stack/plain-layers2-forward-f64"), color_scheme=scheme)
        drawn = page.evaluate(
            """() => [...document.querySelectorAll('#panel figure')].map((figure) => {
                const canvas = figure.querySelector('canvas');
                const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                return [...figure.querySelectorAll('.keys svg')].map((key) => {
                    const colour = getComputedStyle(key).color.match(/\\d+/g).map(Number);
                    let count = 0;
                    for (let n = 0; n < data.length; n += 4)
                        count += data[n + 3] > 200 && colour.every((v, k) => Math.abs(v - data[n + k]) < 12);
                    return count;
                });
            })"""
        )
        assert [len(figure) for figure in drawn] == [2, 6]  # y and what is allowed; i, f, g, o, c, h
        assert all(count > 50 for figure in drawn for count in figure)
        dashes = page.locator("#panel figure").nth(1).locator(".keys line")
        patterns = [dashes.nth(n).get_attribute("stroke-dasharray") for n in range(6)]
        assert len(set(patterns)) == 6


def test_a_phone_scrolls_down_only(look, report, large):
    for path in (report, large):
        page = look(path, viewport=PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.locator("#list tbody a").first.click()
        page.wait_for_selector("dialog[open]")
        assert page.evaluate("document.getElementById('panel').scrollWidth") <= 360
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_dark_theme_follows_the_system_and_the_menu(look, report):
    def shade(page) -> str:
        return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    page = look(report, color_scheme="dark")
    assert shade(page) == "rgb(20, 23, 26)"
    page.get_by_label("Theme").select_option("light")
    assert shade(page) == "rgb(255, 255, 255)"
    page.reload()
    assert shade(page) == "rgb(255, 255, 255)"
    assert shade(look(report)) == "rgb(255, 255, 255)"


def test_nothing_moves_for_those_who_want_it_still(look, report):
    page = look(report, reduced_motion="reduce")
    moving = "[...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e);"
    moving += " return s.animationName !== 'none' || parseFloat(s.transitionDuration) > 0"
    moving += " || s.scrollBehavior === 'smooth'; }).length"
    assert page.evaluate(moving) == 0


def test_on_paper_the_matrix_is_whole_and_the_menus_are_gone(look, large):
    page = look(large, viewport=SHEET)
    assert page.evaluate("document.querySelector('.matrix').scrollWidth > innerWidth")
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.matrix')).overflow") == "visible"
    assert page.evaluate("document.querySelector('.matrix').scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heads = page.locator("#matrix thead th[data-name]")
    shown = heads.evaluate_all("all => all.map(head => getComputedStyle(head, '::before').content)")
    assert shown == [f'"{name}"' for name in heads.evaluate_all("all => all.map(head => head.dataset.name)")]
    assert len(shown) > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_violation(look, report, alike, scheme, viewport):
    from axe_playwright_python.sync_playwright import Axe

    for path, fragment in (
        (report, ""),
        (report, opening("acme", "stack/plain-layers2-bidirectional-f32")),
        (report, opening("acme", "lengths/unsorted-reverse-f32")),
        (alike, ""),
    ):
        page = look(path, viewport=viewport, fragment=fragment, color_scheme=scheme, bypass_csp=True)
        for summary in page.locator("summary").all():
            summary.evaluate("(node) => { node.parentElement.open = true; }")
        found = Axe().run(page)
        assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found.response["violations"]] == []


def test_text_is_readable_on_every_step_of_the_scale(look, report):
    """WCAG's contrast of 4.5, of the six levels of noise and of each outcome's colour."""
    ratio = """(node) => {
        const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const light = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => linear(v / 255));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        let ground = node;
        while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
        const under = light(getComputedStyle(ground).backgroundColor);
        const [a, b] = [light(getComputedStyle(node).color), under].sort((x, y) => y - x);
        return [(a + 0.05) / (b + 0.05), under];
    }"""
    for scheme in ("light", "dark"):
        page = look(report, color_scheme=scheme)
        steps = [node.evaluate(ratio) for node in page.locator(".scale span").all()]
        assert len(steps) == 6
        assert min(contrast for contrast, _ in steps) >= 4.5
        lightness = [shade for _, shade in steps]
        assert lightness == sorted(lightness, reverse=scheme == "light")  # in order also for who sees no colour
        assert min(node.evaluate(ratio)[0] for node in page.locator(".outcome").all()) >= 4.5


def test_ten_thousand_results_answer_at_once(look, large):
    page = look(large)
    start = page.evaluate("performance.getEntriesByName('interactive')[0].startTime")
    print(f"\ninteractive after {start:.0f} ms; {large.stat().st_size / 1e6:.2f} MB")
    assert start < INTERACTIVE_MS
    assert rows(page) == 100
    for text in ("lengths-ignored", "does not take", "nothing like it"):
        took = page.evaluate(
            "(text) => { const at = performance.now(); showList(new URLSearchParams({ q: text, sort: '-noise' }));"
            " document.body.offsetHeight; return performance.now() - at; }",
            text,
        )
        print(f"filter {text!r}: {took:.0f} ms")
        assert took < INTERACTIVE_MS / 4
    page.evaluate("showList(state())")
    page.get_by_role("button", name="Next page").click()
    until(page, "document.querySelector('.pages').textContent.includes('page 2 of 100')")
    assert rows(page) == 100
