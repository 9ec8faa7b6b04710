"""The report of a check in a real Chromium: the list of models, the view of a layer, on a phone, without scripts."""

from pathlib import Path

import pytest
from brought_files import checked_files
from report_pages import DESKTOP, PHONE, rows, until

from conformance.models.checked import Checked
from conformance.report import page as page_of
from conformance.report.content import Content

pytest.importorskip("flint")  # the golden values are made here and now
LAYER = "#model/stack/enc"
HOSTILE = "#model/hostile/script-img-src-x-onerror-alert-1-31m"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """Three files, four answers, two of them wrong; names that a page could take for its own."""
    folder = tmp_path_factory.mktemp("models") / ("a-folder-with-a-long-name" * 4)  # the label of an adapter in it
    folder.mkdir()
    path = folder / "models.html"
    path.write_text(page_of.html(Content.of_check(checked_files(folder))), encoding="utf-8", newline="\n")
    return path


def test_it_opens_on_the_models_and_leads_to_each_layer_and_back(look, models):
    page = look(models)
    assert page.title() == "2 wrong of 4 answers · LSTM conformance"
    box = page.get_by_role("link", name="enc (torch)").locator("visible=true").bounding_box()
    assert box["y"] < DESKTOP["height"] / 3
    assert page.get_by_text("weight_hh is missing").is_visible()
    page.get_by_role("link", name="enc (torch)").locator("visible=true").click()
    until(page, f"location.hash === '{LAYER}'")
    assert page.title().startswith("enc (torch)")
    view = page.locator("article.shown").inner_text()
    for words in ("FAILED", "looks like: gates-figo-read-as-ifgo", "right: noise", "x drawn from -1 to 1"):
        assert words in view
    assert rows(page) == 2  # of this layer alone
    page.locator("article.shown").get_by_role("link", name="FAILED").click()
    page.wait_for_selector("dialog[open]")
    assert page.locator("#panel-title").text_content() == "stack/enc"
    page.get_by_role("button", name="Close").click()
    until(page, f"location.hash === '{LAYER}'")
    page.get_by_role("link", name="All results").locator("visible=true").click()
    until(page, "document.title.startsWith('2 wrong')")


def test_a_check_without_a_layer_shows_no_empty_tables(look, tmp_path):
    result = checked_files(tmp_path)
    path = tmp_path / "none.html"
    path.write_text(page_of.html(Content.of_check(Checked(result.files[2:]))), encoding="utf-8", newline="\n")
    page = look(path)
    assert page.locator("h1:visible").inner_text() == "Nothing could be checked"
    assert page.get_by_text("no LSTM is found").is_visible()
    assert page.locator("table:visible").count() == 0


def test_names_in_a_file_are_shown_and_not_obeyed(look, models):
    page = look(models, fragment=HOSTILE)
    assert page.locator("article.shown h1").text_content().startswith("</script><img src=x onerror=alert(1)> & ")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_models_fit_and_axe_finds_no_violation(look, models, viewport):
    from axe_playwright_python.sync_playwright import Axe

    for fragment in ("", LAYER, HOSTILE):
        page = look(models, viewport=viewport, fragment=fragment, bypass_csp=True)
        for summary in page.locator("summary").all():
            summary.evaluate("(node) => { node.parentElement.open = true; }")
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
        found = Axe().run(page)
        assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found.response["violations"]] == []


def test_without_scripts_a_phone_has_every_layer_by_its_address(look, models):
    page = look(models, viewport=PHONE, java_script_enabled=False)
    page.get_by_role("link", name="enc (torch)").first.click()
    assert page.url.endswith(LAYER)
    view = page.locator(f"[id='{LAYER[1:]}']")
    assert 0 <= view.bounding_box()["y"] < PHONE["height"]
    for words in ("looks like: gates-figo-read-as-ifgo", "right: noise", "Chosen or assumed"):
        assert view.get_by_text(words).is_visible()
