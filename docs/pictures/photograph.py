"""Photographs a report, for docs/report.md and the site's first page: report.png beside this file.

    conformance report numpy.jsonl onnxruntime.jsonl ... -o report.html
    python docs/pictures/photograph.py report.html

Needs Chromium and the extra `browser`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PHOTOGRAPH = Path(__file__).with_name("report.png")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def main(report: Path) -> None:
    """Write report.png: the page as it opens, in a window of 1010 by 791."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1010, "height": 791}, color_scheme="light", offline=True)
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("#list tbody tr")
        page.screenshot(path=PHOTOGRAPH)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
