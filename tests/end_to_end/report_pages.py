"""Shared by the tests of the report in a browser: the page of some results, opened and watched, and what is on it."""

import time
from pathlib import Path
from urllib.parse import urlencode

from reports import cases

from conformance.report import page as page_of
from conformance.report.content import Content
from conformance.results.reading import read_results

DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 360, "height": 740}

# The address changes before the page hears of it. This notes, after the page's own listeners, which one was heard of.
FOLLOWED = """
followed = location.hash;
addEventListener("hashchange", () => setTimeout(() => { followed = location.hash; }));
"""


def made(folder: Path, name: str, *files: Path) -> Path:
    """The page of some results files."""
    path = folder / f"{name}.html"
    path.write_text(
        page_of.html(Content([read_results(file) for file in files], cases())), encoding="utf-8", newline="\n"
    )
    return path


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
        page.add_init_script(FOLLOWED)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))
        page.goto(path.as_uri() + fragment)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def opening(adapter: str, case: str) -> str:
    return "#" + urlencode({"open": f"{adapter} {case}"})


def rows(page) -> int:
    return page.locator("#list tbody tr").count()


def listed(page, column: int) -> set[str]:
    return set(page.locator(f"#list tbody td:nth-child({column})").all_text_contents())


def until(page, condition: str) -> None:
    """Wait for a condition, and until the page shows what its address says.

    Playwright's own way of waiting is an eval, and the page's policy forbids it that.
    """
    end = time.monotonic() + 5
    while not page.evaluate(f"({condition}) && followed === location.hash"):
        assert time.monotonic() < end, f"never: {condition}"
        time.sleep(0.02)


def focused(page) -> str:
    return page.evaluate("document.activeElement.textContent.trim()")
