"""A real browser, for the pages that this project makes."""

import os
import shutil
from collections.abc import Iterator

import pytest

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
