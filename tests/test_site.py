"""The documentation as people have it: a folder of files, opened in a real browser, without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sphinx", reason="the documentation is built with the extra docs")
sync_api = pytest.importorskip("playwright.sync_api", reason="browsers are driven by Playwright")

CHROMIUM = os.environ.get("SESEVENT_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DOCS = Path(__file__).parents[1] / "docs"
SITE = DOCS / "_build" / "html"
WIDTHS = {"a desktop": 1280, "a phone": 390}
SHOWN = (
    "index", "tutorial/first-steps", "how-to/set-up-aws", "how-to/set-up-aws-sqs", "reference/settings", "reference/routes",
    "reference/events", "reference/cli", "explanation/design", "explanation/threat-model",
)  # fmt: skip

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (DOCS.exists() and DOCS.with_name("sesevent").exists()),
        reason="the documentation, or the source, is not here",
    ),
]


@pytest.fixture(scope="module")
def site() -> Path:
    """What `nox -s docs` built; where it did not, or pages changed since, it is built: about a minute and a half."""
    if not (SITE / "llms.txt").exists() or newest() > (SITE / "llms.txt").stat().st_mtime:
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(SITE)]
        subprocess.run(command, check=True)
    return SITE


def newest() -> float:
    sources = [path for path in DOCS.rglob("*") if path.suffix in (".md", ".py", ".css", ".js", ".svg")]
    mine = (path for path in sources if "_build" not in path.parts and not path.name.startswith(("_table_", "house")))
    return max(path.stat().st_mtime for path in mine)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, site: Path) -> Iterator[Callable[..., Any]]:
    """Open a page of the site; whatever it asks for must be a file, and it must not complain."""
    contexts, asked, said = [], [], []

    def opened(name: str, width: int = 1280) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, offline=True))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("erase a person", "how-to/erase-a-person"),
        ("shard", "how-to/run-on-a-sharded-cluster"),
        ("SESEVENT_TIMEOUT", "reference/settings"),
        ("reactivate", "how-to/manage-the-suppression-list"),
    ],
)
def test_the_search_finds_pages_without_a_network(open_page: Any, query: str, found: str) -> None:
    """From the box on the first page; each page it finds is told by its first sentence."""
    page = open_page("index")
    page.get_by_placeholder("Search").fill(query)
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('ul.search > li > a').length > 0", timeout=60_000)
    page.wait_for_function(
        f"[...document.querySelectorAll('ul.search > li > a')].some(a => a.href.includes('{found}'))"
    )

    assert len(page.locator("ul.search > li > p.context").first.inner_text()) > 20
    page.locator(f"ul.search > li > a[href*='{found}']").first.click()
    page.wait_for_url(f"**/{found}.html*")


@pytest.mark.parametrize("name", SHOWN)
def test_no_page_is_wider_than_what_it_is_shown_on(open_page: Any, name: str) -> None:
    """Tables and pictures scroll within themselves; the page does not."""
    for width in WIDTHS.values():
        page = open_page(name, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").first.is_visible()


def test_pictures_can_be_read_on_a_phone(open_page: Any) -> None:
    """They are as wide as their letters need, and scroll."""
    page = open_page("index", WIDTHS["a phone"])
    picture = page.locator("article img[src$='.svg']").first

    assert picture.evaluate("one => one.getBoundingClientRect().width") > 600
    assert picture.evaluate("one => one.naturalWidth") > 0


class Loaded(HTMLParser):
    """What a page has a browser load by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        kinds = (told.get("rel") or "").split()
        if tag in ("script", "img", "iframe", "video", "audio", "source", "embed") and told.get("src"):
            self.found.append(told["src"] or "")
        if tag == "link" and {"stylesheet", "icon", "preload", "preconnect", "manifest"} & set(kinds):
            self.found.append(told.get("href") or "")


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    """Scripts, styles, pictures, fonts: all of them stand beside it."""
    foreign = []
    for page in site.rglob("*.html"):
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        foreign += [(page.name, url) for url in loaded.found if re.match(r"(?:https?:)?//", url)]
    styles = [
        path.name for path in site.rglob("*.css")
        if re.search(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"]http", path.read_text(encoding="utf-8"))
    ]  # fmt: skip

    assert (foreign, styles) == ([], [])
    assert len(list(site.rglob("*.html"))) > 80


def test_language_models_are_told_of_every_page(site: Path) -> None:
    """Each by its source and a sentence, and each source is there."""
    text = (site / "llms.txt").read_text(encoding="utf-8")
    told = re.findall(r"^- \[(.+?)\]\((.+?)\)(: .{20,})?$", text, re.MULTILINE)

    assert [target for _, target, _ in told if not (site / target).exists()] == []
    assert [target for _, target, said in told if not said] == []
    assert len(told) == len(list(site.glob("*/*.html"))) - len(list(site.glob("_*/*.html")))
