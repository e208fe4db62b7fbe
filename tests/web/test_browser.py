"""The dashboard in a real Chromium, as a person uses it; skipped where there is no Chromium or no playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sesevent import trusted
from web_fixtures import NOW, mail, take

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.timeout(240),
]
PAGES = ("/", "/explore?since=7d", "/bounces?reason=user_unknown", "/suppression", "/health")
PATIENCE = 30_000  # milliseconds


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=os.environ.get("SESEVENT_CHROMIUM", CHROMIUM), args=list(QUIET)
        )
        yield chromium
        chromium.close()


class Person:
    """Somebody at a browser, whose console is listened to."""

    def __init__(self, browser: Any, api: Any, **context: Any) -> None:
        self.api = api
        self._context = browser.new_context(base_url=api.url, **context)
        self._context.set_default_timeout(PATIENCE)
        self.page = self._context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def log_in(self, role: str = "read:pii", path: str = "/") -> Any:
        """Come in by the door."""
        self.page.goto(path)
        self.page.get_by_label("Token").fill(self.api.tokens[role])
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_load_state()
        return self.page

    def leave(self) -> list[str]:
        """Close the window; what the console said."""
        self._context.close()
        return self.said


@pytest.fixture
def people(browser: Any, api: Any) -> Iterator[Any]:
    """People at browsers; at the end no console may have said anything."""
    some: list[Person] = []

    def come(**context: Any) -> Person:
        some.append(Person(browser, api, **context))
        return some[-1]

    yield come
    assert [one.leave() for one in some] == [[] for _ in some]


@pytest.fixture
def filled(api: Any) -> Any:
    """A day of mails with a bounce and a complaint."""
    for hour in range(1, 24):
        at = {"sent": NOW - timedelta(hours=hour), "message_id": f"mail-{hour}", "to": f"person{hour}@example.com"}
        take(api.store, mail("send", campaign="spring", **at), mail("delivery", campaign="spring", **at))
    bounced = {"to": "ann@example.com", "message_id": "bounced", "campaign": "win-back"}
    take(api.store, mail("send", **bounced), mail("bounce", **bounced))
    api.store.receive_many([trusted("no event", because="a test made it")])
    api.store.monitor.evaluate()
    return api


def asked(page: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_a_person_logs_in_looks_and_leaves(filled: Any, people: Any) -> None:
    """The door leads to the page that was asked for; charts are drawn; afterwards the door is shut."""
    page = people().log_in("read", "/?since=24h")

    assert asked(page) == {"since": "24h"}
    assert page.get_by_role("heading", level=2).all_inner_texts()[0] == "Alarms"
    page.wait_for_function("document.querySelectorAll('.chart canvas').length === 5")
    page.get_by_role("button", name="Log out").click()
    page.goto("/")
    assert page.get_by_label("Token").is_visible()


def test_a_wrong_token_is_told(filled: Any, browser: Any) -> None:
    """On the page, and where a screen reader hears it."""
    person = Person(browser, filled)
    page = person.log_in("wrong")

    assert "opens nothing" in page.get_by_role("alert").inner_text()
    assert all("401" in said for said in person.leave())  # the browser itself tells of the status


def test_dragging_over_a_chart_looks_closer_and_back_again(filled: Any, people: Any) -> None:
    """The span stands in the address bar, so the link shows the same to others."""
    page = people().log_in("read", "/?since=24h")
    chart = page.locator(".chart .u-over").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**/*until=*")
    since, until = [datetime.fromisoformat(asked(page)[name].replace("Z", "+00:00")) for name in ("since", "until")]

    assert timedelta(hours=3) < until - since < timedelta(hours=7)
    page.go_back()
    assert asked(page) == {"since": "24h"}


def test_from_a_point_to_an_event_it_is_two_clicks(filled: Any, people: Any) -> None:
    """On the chart, and in the list."""
    page = people().log_in("read", "/?since=24h")
    chart = page.locator(".chart .u-over").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 50)
    page.wait_for_url("**/explore?*")
    page.locator("#events tbody a").first.click()
    page.wait_for_url("**/event/*")

    assert page.get_by_role("heading", name="As Amazon SES told it").is_visible()


def test_what_is_filtered_stands_in_the_address_bar(filled: Any, people: Any) -> None:
    """Only what was said; and whoever opens the link sees the same."""
    page = people().log_in("read", "/explore?since=7d")
    page.get_by_label("Campaign", exact=True).fill("win-back")
    page.locator("select[name=type]").select_option("Bounce")
    page.get_by_role("group", name="Which mails").get_by_role("button", name="Show").click()
    page.wait_for_url("**/explore?*win-back*")
    shown = page.locator("#events tbody").inner_text()

    assert asked(page) == {"campaign": "win-back", "type": "Bounce", "by": "campaign", "since": "7d", "tz": "UTC"}
    assert page.locator("#events tbody tr").count() == 1
    other = people().log_in("admin", page.url.removeprefix(filled.url))
    assert other.locator("#events tbody").inner_text() == shown


def test_events_appear_as_they_are_stored(filled: Any, people: Any) -> None:
    """Without a reload, until one pauses; also for who sees masked addresses only."""
    clear, masked = people().log_in("read:pii"), people().log_in("read")
    for page in (clear, masked):
        page.get_by_text("Live: events appear").wait_for()
    take(filled.store, mail("opened", to="new@example.com", message_id="new"))
    clear.locator("#live li", has_text="new@example.com").wait_for()
    masked.locator("#live li", has_text="n…@example.com").wait_for()
    clear.get_by_role("button", name="Pause").click()
    take(filled.store, mail("opened", to="late@example.com", message_id="late"))
    masked.locator("#live li", has_text="l…@example.com").wait_for()

    assert "late@example.com" not in clear.locator("#live").inner_text()
    assert "@example.com" not in masked.locator("#live").inner_text().replace("…@example.com", "")
    clear.get_by_text("1 new event").wait_for(state="attached")


def test_support_finds_a_person_and_reactivates_them(filled: Any, people: Any) -> None:
    """By a form, with a reason; the page tells the decision before and after."""
    page = people().log_in("admin", "/suppression")
    page.get_by_label("Address", exact=True).fill("ann@example.com")
    page.get_by_role("button", name="Look up").click()
    assert "No." in page.locator(".sentence").inner_text()
    page.get_by_label("Why").fill("new mailbox")
    page.get_by_role("button", name="Let them be mailed again").click()
    page.get_by_role("status").wait_for()

    assert "Yes." in page.locator(".sentence").inner_text()
    assert filled.store.suppression.check("ann@example.com").allowed
    assert page.locator(".timeline", has_text="reactivate").first.is_visible()


def test_bounces_lead_to_advice_and_examples(filled: Any, people: Any) -> None:
    """And on to the events."""
    page = people().log_in("read:pii", "/bounces")
    page.get_by_role("link", name="user unknown").first.click()
    page.get_by_role("heading", name="What should I do about it?").wait_for()
    assert page.locator(".failure").count() == 1
    page.get_by_role("link", name="All events of this reason").click()

    assert page.locator("#events tbody tr").count() == 1


def test_dead_letters_are_tried_again(filled: Any, people: Any) -> None:
    """With one button."""
    page = people().log_in("admin", "/health")
    page.get_by_role("button", name="Try those again").click()

    assert page.get_by_role("status").inner_text() == "1 tried again, 0 understood now."


def test_an_empty_store_shows_the_first_steps(api: Any, people: Any) -> None:
    """And looks again where one asks it to."""
    page = people().log_in("read")
    assert page.get_by_role("heading", name="No events yet").is_visible()
    take(api.store, mail("send"))
    page.get_by_role("link", name="Look again").click()

    assert page.get_by_role("heading", name="Today against the usual").is_visible()


def test_errors_are_pages_in_the_same_style(filled: Any, browser: Any) -> None:
    """They say what is missing, and lead back."""
    person = Person(browser, filled)
    page = person.log_in("suppress")
    assert "needs the scope read" in page.get_by_role("alert").inner_text()
    page.goto("/explore?since=yesterday")
    page.goto("/nothing")
    assert "There is no such page" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("link", name="To the overview").is_visible()
    assert all("status of 40" in said for said in person.leave())  # the browser itself tells of the status


def test_light_and_dark_are_as_one_says_and_stay_so(filled: Any, people: Any) -> None:
    """First as the system has it; the choice outlives the page."""
    page = people(color_scheme="dark").log_in("read")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    light = page.evaluate(ground)
    page.goto("/health")

    assert (dark, light) == ("rgb(18, 24, 29)", "rgb(255, 255, 255)")
    assert page.evaluate(ground) == light


def test_the_keyboard_is_enough(filled: Any, people: Any) -> None:
    """The first stop skips to the content, every stop can be seen, and the table says what the charts show."""
    page = people().log_in("read", "/?since=24h")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", page.evaluate("document.activeElement.outerHTML")
    page.get_by_text("The figures as a table").focus()
    page.keyboard.press("Enter")
    page.locator("#series tbody a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/explore?*")


def test_it_works_at_a_phone_s_width(filled: Any, people: Any) -> None:
    """Nothing but tables is wider than the screen, and those can be pushed."""
    person = people(viewport={"width": 360, "height": 740}, has_touch=True)
    page = person.log_in("read:pii")
    for path in (*PAGES, "/message/bounced"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


@pytest.mark.parametrize(("scheme", "rules"), [("light", []), ("dark", ["color-contrast"])])
def test_an_accessibility_checker_finds_nothing_serious(
    filled: Any, people: Any, scheme: str, rules: list[str]
) -> None:
    """On any page, with everything unfolded; of the dark ones only the colours are others."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = people(color_scheme=scheme).log_in("admin")
    page.goto("/explore?since=7d&type=Bounce")
    links = [page.locator(f"#events tbody a[href^='/{kind}/']").first.get_attribute("href") for kind in
             ("event", "recipient", "message")]  # fmt: skip
    asked = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = []
    for path in (*PAGES, *links):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        for wrong in axe.run(page, options=asked).response["violations"]:
            if wrong["impact"] in ("serious", "critical"):
                found.append((path, wrong["id"], [node["target"] for node in wrong["nodes"]][:3]))

    assert found == []


def test_hostile_mail_runs_nothing_also_where_it_arrives_live(filled: Any, people: Any) -> None:
    """It is text, its hidden signs are shown."""
    page = people().log_in("read:pii")
    page.get_by_text("Live: events appear").wait_for()
    evil = "<img src=x onerror='window.evil=1'><script>window.evil=1</script>\u202eturned"
    take(filled.store, mail("click", to="evil@example.com", message_id="evil", link=evil, subject=evil, campaign=evil))
    page.locator("#live li", has_text="evil@example.com").wait_for()

    assert "<img src=x" in page.locator("#live").inner_text()
    assert "⟨U+202E⟩" in page.locator("#live").inner_text() or "…" in page.locator("#live").inner_text()
    for path in ("/explore", "/message/evil"):
        page.goto(path)
        assert "<img src=x" in page.locator("main").inner_text()
    assert page.evaluate("window.evil === undefined")
    assert page.locator("main img").count() == 0


def test_times_are_told_in_one_s_own_zone_on_request(filled: Any, people: Any) -> None:
    """The page offers it; the table, the charts and the live list keep to it."""
    page = people(timezone_id="Asia/Tokyo").log_in("read", "/?since=24h")
    page.get_by_role("link", name="In Asia/Tokyo").click()
    page.wait_for_url("**/*tz=Asia*")
    told = page.locator("#live a.time").first.inner_text()

    assert "Times are in Asia/Tokyo" in page.locator("footer").inner_text()
    tokyo = timezone(timedelta(hours=9))
    newest = max(one.event.timestamp for one in filled.store.events.between())
    assert told == f"{newest.astimezone(tokyo):%Y-%m-%d %H:%M:%S}"
