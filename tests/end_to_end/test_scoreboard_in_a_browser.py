"""The scoreboard in a real Chromium: on a desk and on a phone, and from a cell to what is wrong there."""

import pytest
from command_line import conformance
from report_pages import DESKTOP, PHONE
from reports import acme_records, ignoring_lengths, written


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scoreboard")
    files = [written(folder / "acme.jsonl", acme_records()), written(folder / "right.jsonl", ignoring_lengths())]
    done = conformance("scoreboard", *files, "-o", folder / "site")
    assert done.exit_code == 0, done.output
    return folder / "site"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_cell_leads_to_what_is_wrong(browser, site, size):
    page = browser.new_page(viewport=size)
    problems = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto((site / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    with page.expect_navigation():
        page.get_by_role("row").filter(has_text="lengths").get_by_role("link").first.click()
    assert page.title() == "right on the LSTM scoreboard"
    row = page.locator("tr:target")
    assert "ignored in 3 of 4 answers" in row.inner_text()
    assert row.is_visible()
    assert page.locator("img").evaluate("picture => picture.naturalWidth") > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    with page.expect_navigation():
        page.get_by_role("link", name="All engines").click()
    assert page.title() == "LSTM scoreboard"
    assert problems == []
    page.close()
