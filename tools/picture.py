"""Make the README's picture: the first screen of the example's assessment, in Chromium.

`make assess`, then `python tools/picture.py out/assessment/assessment.html docs/images/assessment.png`
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def picture(page: Path, image: Path) -> None:
    """Write a PNG of the page's first screen."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        tab.goto(page.absolute().as_uri())
        tab.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    picture(Path(sys.argv[1]), Path(sys.argv[2]))
