"""The browser of this machine, for the report's page."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "google-chrome", "chromium-browser")
REMEDY = "no chromium on this machine; install it: apt-get install chromium (or brew install chromium)"


@contextmanager
def launch() -> Generator[Browser]:
    """Run the browser while the body runs."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program, REMEDY
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()
