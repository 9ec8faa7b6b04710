"""A real browser, and pages of the report to open in it.

What needs more than pytest is imported where it is used: the tests of a vendor's package run with nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from report_pages import Watched

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def needed(there: object, what: str) -> None:
    """Skip without it; where everything is to be there, fail."""
    if not there:
        (pytest.fail if os.environ.get("LSTM_REQUIRE_ALL") else pytest.skip)(f"{what} is not here")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Chromium, by Playwright's synchronous interface."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    needed(sync_playwright, "playwright (the extra browser)")
    needed(CHROMIUM, "Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """26 results: of an adapter that is wrong in every way, and of one that is right."""
    from report_pages import made
    from reports import acme_records, right_records, written

    folder = tmp_path_factory.mktemp("pages")
    return made(
        folder,
        "report",
        written(folder / "acme.jsonl", acme_records()),
        written(folder / "right.jsonl", right_records()),
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """10,000 results."""
    from report_pages import made
    from reports import many, written

    folder = tmp_path_factory.mktemp("pages")
    return made(folder, "large", written(folder / "many.jsonl", many(10_000)))


@pytest.fixture(scope="module")
def alike(tmp_path_factory) -> Path:
    """The results of an adapter with two bugs, each with conditions of its own."""
    from report_pages import made
    from reports import labelled, written

    folder = tmp_path_factory.mktemp("pages")
    records = labelled("acme", lambda c: "failed" if c.calls else "crashed" if c.peephole and c.B > 3 else "passed")
    return made(folder, "alike", written(folder / "alike.jsonl", records))


@pytest.fixture
def look(browser) -> Iterator[Watched]:
    from report_pages import Watched

    watched = Watched(browser)
    yield watched
    watched.close()
    assert all(url.startswith("file://") for url in watched.asked)
    assert watched.complaints == []
