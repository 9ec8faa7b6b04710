"""The views of the report's page in a real Chromium: causes and adapters by their address, columns, differing cases."""

import pytest
from report_pages import DESKTOP, PHONE, focused, listed, opening, rows, until

CAUSE = "#cause/unexpected/gates-ifgo-read-as-iofg"
KNOWN = "#cause/known/acme/lengths-ignored"


def shown(page) -> list[str]:
    """The ids of the views that can be seen; without one, that of the overview."""
    return page.evaluate(
        "[...document.querySelectorAll('.view, #headline')].filter((e) => e.checkVisibility()).map((e) => e.id)"
    )


def columns(page) -> list[str]:
    return page.evaluate(
        "[...document.querySelectorAll('#matrix thead th')].filter((e) => e.checkVisibility()).map((e) => e.innerText)"
    )


def test_a_view_opens_by_its_address_and_after_a_reload(look, report):
    for fragment, title, count, words in (
        (CAUSE, "looks like gates-ifgo-read-as-iofg", 4, "conformance run --adapter acme --case stack/"),
        (KNOWN, "the lengths are ignored", 3, "deviations/repro/acme.py"),
        ("#adapter/right", "right 1.0", 13, "worst noise of what passed"),
        ("#adapter/acme", "acme 1.0", 13, "acme does not take a clip"),
    ):
        page = look(report, fragment=fragment)
        for _ in range(2):
            assert shown(page) == [fragment[1:]]
            assert page.title().startswith(title)
            assert rows(page) == count
            assert words in page.locator("article.shown").inner_text()
            page.reload()


def test_steps_between_views_go_back_and_forward(look, report):
    page = look(report)
    page.get_by_role("link", name="looks like gates-ifgo-read-as-iofg").first.click()
    until(page, f"location.hash === '{CAUSE}'")
    assert shown(page) == [CAUSE[1:]]
    assert focused(page) == "looks like gates-ifgo-read-as-iofg"
    page.locator("article.shown").get_by_role("link", name="acme", exact=True).click()
    until(page, "document.title.startsWith('acme')")
    assert shown(page) == ["adapter/acme"]
    page.go_back()
    until(page, "document.title.startsWith('looks like')")
    page.go_back()
    until(page, "document.title.startsWith('9 unexpected')")
    assert shown(page) == ["headline"]
    assert focused(page) == "looks like gates-ifgo-read-as-iofg"  # the link that led away
    assert rows(page) == 26
    page.go_forward()
    until(page, "document.title.startsWith('looks like')")
    page.get_by_role("link", name="All results").locator("visible=true").click()
    until(page, "document.title.startsWith('9 unexpected')")


def test_back_and_the_link_above_a_view_lead_to_where_the_reader_was(look, report):
    page = look(report, viewport=PHONE)
    for back in (page.go_back, page.get_by_role("link", name="All results").locator("visible=true").click):
        link = page.locator("#environment-title ~ div a").first
        link.scroll_into_view_if_needed()
        was = page.evaluate("scrollY")
        assert was > 1000
        link.click()
        until(page, "scrollY === 0")
        back()
        until(page, f"Math.abs(scrollY - {was}) < 5")


def test_a_case_opens_beside_its_view(look, report):
    page = look(report, fragment=CAUSE)
    page.locator("article.shown .part a[href*=open]").first.click()
    page.wait_for_selector("dialog[open]")
    assert page.url.partition("#")[2].startswith(f"{CAUSE[1:]}?open=acme+stack/")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Close").click()
    page.wait_for_selector("dialog[open]", state="detached")
    until(page, f"location.hash === '{CAUSE}'")
    assert shown(page) == [CAUSE[1:]]
    other = look(report, fragment=opening("acme", "lengths/unsorted-reverse-f32"))
    other.locator("#panel").get_by_role("link", name="the lengths are ignored").click()
    until(other, f"location.hash === '{KNOWN}'")
    assert shown(other) == [KNOWN[1:]]
    assert focused(other).startswith("the lengths are ignored")


def test_filters_narrow_the_list_of_a_view_and_stand_in_its_address(look, report):
    page = look(report, fragment="#adapter/acme?outcome=known")
    assert rows(page) == 3
    assert not page.locator("[name=adapter]").is_visible()
    page.locator("[name=q]").fill("reverse-f32")
    until(page, "document.querySelectorAll('#list tbody tr').length === 1")
    assert page.url.endswith("#adapter/acme?outcome=known&q=reverse-f32")
    page.get_by_role("button", name="Clear").click()
    until(page, "location.hash === '#adapter/acme'")
    assert rows(page) == 13


def test_an_address_that_leads_nowhere_says_so(look, report):
    for fragment in ("#cause/known/mended", "#adapter/%", "#adapter/results"):
        page = look(report, fragment=fragment)
        assert "Nothing here has the address" in page.get_by_role("alert").inner_text()
        assert shown(page) == ["headline"]
    page.evaluate("location.hash = '#adapter/acme'")
    until(page, "document.getElementById('missing').hidden")


def test_chosen_columns_stand_in_the_address_and_stay(look, report):
    page = look(report)
    page.locator("#columns summary").click()
    page.get_by_role("button", name="None").click()
    until(page, "location.hash === '#columns=none'")
    assert rows(page) == 0
    page.get_by_role("checkbox", name="right 1.0").check()
    until(page, "location.hash === '#columns=right'")
    assert [head.split("\n")[0] for head in columns(page)] == ["Family", "right"]
    assert page.locator("#columns summary").inner_text() == "Columns: 1 of 2"
    assert listed(page, 3) == {"right"}
    assert not page.locator(".overview .causes li").first.is_visible()  # of what is wrong with the other
    page.get_by_role("button", name="lengths, right:").click()
    until(page, "location.hash === '#columns=right&family=lengths&adapter=right'")
    page.locator("#matrix").get_by_role("link", name="right").click()
    until(page, "location.hash === '#adapter/right?columns=right'")
    page.get_by_role("link", name="All results").locator("visible=true").click()
    until(page, "location.hash === '#columns=right'")
    again = look(report, fragment="#columns=right")
    assert len(columns(again)) == 2
    again.locator("#columns summary").click()
    again.get_by_role("button", name="All", exact=True).click()
    until(again, "location.hash === '#all'")
    assert len(columns(again)) == 3


def test_only_differing_leaves_the_cases_that_the_chosen_columns_answer_differently(look, report):
    page = look(report)
    page.locator("[name=differ]").select_option("outcome")
    until(page, "location.hash === '#differ=outcome'")
    assert "12 cases differ, of 6 families" in page.locator("#choice-said").inner_text()
    assert rows(page) == 24
    cases = page.locator("#list tbody td:nth-child(2)").all_text_contents()
    assert cases == sorted(cases)
    assert all(cases[n] == cases[n + 1] for n in range(0, len(cases), 2))
    page.locator("[name=differ]").select_option("answer")  # less the one that is unsupported
    until(page, "document.querySelectorAll('#list tbody tr').length === 22")
    page.evaluate("location.hash = '#columns=right&differ=outcome'")
    until(page, "document.querySelectorAll('#list tbody tr').length === 0")
    assert "0 cases differ" in page.locator("#choice-said").inner_text()
    assert page.locator("#matrix tbody tr:visible").count() == 0


def test_the_choice_is_made_by_keyboard(look, report):
    page = look(report)
    page.locator("#columns summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # acme
    until(page, "location.hash === '#columns=right'")
    assert page.evaluate("document.activeElement.value") == "acme"
    page.locator("#matrix td button:visible").first.focus()
    page.keyboard.press("ArrowUp")
    assert focused(page).startswith("right")  # not the head of a column that is hidden
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    until(page, "location.hash === '#adapter/right?columns=right'")


def test_on_a_phone_the_reason_of_each_failure_is_there_without_a_step_aside(look, report):
    page = look(report, viewport=PHONE)
    for fragment in ("#outcome=unexpected", "#outcome=known", "#outcome=unsupported", "#adapter/acme?outcome=failed"):
        page.evaluate(f"location.hash = '{fragment}'")
        until(page, f"location.hash === '{fragment}' && document.querySelectorAll('#list tbody tr').length < 13")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        reasons = page.locator("#list tbody .remark div").all()
        assert len(reasons) == rows(page) > 0
        for reason in reasons:
            box = reason.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 360
            assert len(reason.inner_text()) > 15
            assert reason.evaluate("(node) => node.scrollHeight <= node.clientHeight + 1")  # nothing is cut off
    assert page.locator("#list").get_by_role("row").count() == rows(page) + 1  # a row still, to a screen reader
    assert page.locator("#list").get_by_role("columnheader", name="Noise").is_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_views_fit_and_axe_finds_no_violation(look, report, alike, viewport):
    from axe_playwright_python.sync_playwright import Axe

    for path, fragment in (
        (report, CAUSE),
        (report, KNOWN),
        (report, "#adapter/acme"),
        (report, "#columns=right&differ=outcome"),
        (alike, "#adapter/acme"),
    ):
        page = look(path, viewport=viewport, fragment=fragment, bypass_csp=True)
        for summary in page.locator("summary").all():
            summary.evaluate("(node) => { node.parentElement.open = true; }")
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
        found = Axe().run(page)
        assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found.response["violations"]] == []


def test_without_scripts_everything_but_the_list_is_there_by_the_same_addresses(look, report):
    page = look(report, java_script_enabled=False)
    assert all(view.is_visible() for view in page.locator("article.view").all())
    for words in ("Slowest cases", "acme does not take a clip", "conformance run --adapter acme --case stack/"):
        assert page.get_by_text(words).locator("visible=true").count()
    page.get_by_role("link", name="looks like gates-ifgo-read-as-iofg").first.click()
    assert page.url.endswith(CAUSE)
    box = page.locator(f"[id='{CAUSE[1:]}']").bounding_box()
    assert 0 <= box["y"] < DESKTOP["height"]


def test_on_paper_a_view_is_printed_alone(look, report):
    page = look(report, fragment=CAUSE)
    page.emulate_media(media="print")
    assert shown(page) == [CAUSE[1:]]
    other = look(report)
    other.emulate_media(media="print")
    assert shown(other) == ["headline"]
