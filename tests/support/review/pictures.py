"""The pictures of a report's page in docs/pictures.

`python -m tests.support.review.pictures REVIEW.HTML` writes them. docs/review.md describes the changes on
which the report is.
"""

import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.support.review.browser import launch

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"

SCREENS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "review-1440-light": (1440, 900, "light"),
    "review-375-dark": (375, 800, "dark"),
    "review-375-light": (375, 800, "light"),
}
"""Width and height of the window, and the colour theme, of each picture of the first screen."""

PARTS = {"review-components": ".overview svg", "review-drawing": "#canvas"}
"""CSS selector of each picture of a part of the page."""


def _open(browser: Browser, file: Path, width: int, height: int, scheme: Literal["light", "dark"]) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(file.absolute().as_uri())
    return page


def main() -> None:
    """Write all pictures of the page in the file that the command line names."""
    file = Path(sys.argv[1])
    with launch() as browser:
        for name, screen in SCREENS.items():
            _open(browser, file, *screen).screenshot(path=PICTURES / f"{name}.png")
        page = _open(browser, file, *SCREENS["review-1440-light"])
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        for name, selector in PARTS.items():
            page.locator(selector).screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
