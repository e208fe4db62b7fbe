"""Pictures of the dashboard for the documentation: ``nox -s screens``. A real Chromium takes them of the demo.

They are made by hand, and not by every build of the documentation: no two are alike, for it is a day of made-up mail.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import sync_playwright

HERE: Final = Path(__file__).parent / "_static"
QUIET: Final = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
DESK, PHONE = (1180, 760), (390, 760)


class Picture(NamedTuple):
    """One picture."""

    name: str
    path: str
    size: tuple[int, int]
    scheme: str
    scroll_to: str = ""


PICTURES: Final = (
    Picture("overview", "/?since=24h", DESK, "light"),
    Picture("overview-dark", "/?since=24h", DESK, "dark"),
    Picture("charts", "/?since=24h", DESK, "light", "#series-title"),
    Picture("phone", "/?since=24h", PHONE, "light"),
    Picture("bounces", "/bounces?reason=user_unknown&since=24h", DESK, "light"),
    Picture("recipient", "person", DESK, "light"),
)


def main() -> None:
    """Take all of them."""
    command = [sys.executable, "-m", "sesevent.cli", "demo", "--web", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stderr is not None
            url = next(line.split()[2] for line in demo.stderr if line.startswith("The dashboard:"))
            _take(url.rstrip("/"))
        finally:
            demo.terminate()


def _take(url: str) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=QUIET)
        for picture in PICTURES:
            width, height = picture.size
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=picture.scheme)
            page.goto(url + (_person(page, url) if picture.path == "person" else picture.path))
            page.wait_for_timeout(1500)
            if picture.scroll_to:
                page.locator(picture.scroll_to).evaluate("place => place.scrollIntoView()")
            page.screenshot(path=HERE / f"dashboard-{picture.name}.png")
            page.close()
        browser.close()


def _person(page: Any, url: str) -> str:
    """Somebody who may not be mailed."""
    page.goto(f"{url}/suppression?rule=hard-bounce")
    link: str = page.locator("tbody a").first.get_attribute("href")
    return link


if __name__ == "__main__":
    main()
