"""Using the report's page in a real Chromium: offline, with filters, by keyboard, and into each case."""

from report_pages import DESKTOP, PHONE, Watched, focused, listed, opening, rows, until


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
    page.locator("#list [data-sort=case]").get_by_role("button").click()
    until(page, "document.querySelector('#list [data-sort=case]').getAttribute('aria-sort') === 'descending'")
    ids = page.locator("#list tbody td:nth-child(2)").all_text_contents()
    assert ids == sorted(ids, reverse=True)


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
    page.locator("#panel").get_by_role("link", name="right", exact=True).click()
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
        first_group = page.locator(".causes").first.bounding_box()
        assert told.bounding_box()["y"] + told.bounding_box()["height"] <= first_group["y"]
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
