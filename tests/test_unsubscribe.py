"""One-click unsubscribing: the headers, the links, and what a click is answered."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest

from sesevent import ConfigurationError, StoreUnavailable, testing
from sesevent.unsubscribe import AsyncUnsubscribe, OneClick, Settings, Unsubscribe, Words, new_key, read_keys

pytest.importorskip("cryptography")

URL = "https://mail.example.com/unsubscribe"
KEY, OLDER = new_key(), new_key()
ONE_CLICK = OneClick(URL, KEY)
PLAIN = Settings(ONE_CLICK)
WORDS = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PERSON = "verena.vogel@example.com"
BOUNDARY = b"""--xx\r
Content-Disposition: form-data; name="List-Unsubscribe"\r
\r
One-Click\r
--xx--\r
"""


def query_of(link: str) -> str:
    return urlsplit(link).query


@pytest.fixture(params=["sync", "async"])
def click(request: pytest.FixtureRequest) -> Any:
    """Ask the endpoint of either colour; ``click.client`` is what is stored, ``click.store`` a store over it."""
    client = testing.MemoryClient()

    def ask(method: str, query: str, body: bytes = b"", headers: Any = FORM, *, settings: Settings = PLAIN) -> Any:
        if request.param == "sync":
            store: Any = ask.wrap(testing.memory_store(client))  # type: ignore[attr-defined]
            return Unsubscribe(store, settings).answer(method, query, lambda: body, headers)

        async def read() -> bytes:
            return body

        astore: Any = ask.wrap(testing.async_memory_store(client))  # type: ignore[attr-defined]
        return asyncio.run(AsyncUnsubscribe(astore, settings).answer(method, query, read, headers))

    ask.store = testing.memory_store(client)  # type: ignore[attr-defined]
    ask.wrap = lambda store: store  # type: ignore[attr-defined]
    return ask


def allowed(click: Any, stream: str, address: str = PERSON) -> bool:
    return bool(click.store.suppression.check(address, stream=stream).allowed)


# ── headers and links ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_headers_are_those_of_the_rfcs() -> None:
    """RFC 8058, section 3.1: one https URI in angle brackets, and the other header's only value."""
    told = ONE_CLICK.headers(PERSON, stream="marketing", about="spring sale")

    assert re.fullmatch(rf"<{re.escape(URL)}\?t=[\w-]+>", told["List-Unsubscribe"])
    assert told["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert set(told) == {"List-Unsubscribe", "List-Unsubscribe-Post"}


def test_a_receiver_that_knows_the_older_rfc_only_finds_an_address() -> None:
    """RFC 2369, section 2: alternatives, the preferred one first."""
    told = OneClick(URL, KEY, mailto="leave@example.com").headers(PERSON, stream="marketing")

    assert told["List-Unsubscribe"].endswith(">, <mailto:leave@example.com?subject=unsubscribe>")


def test_a_link_tells_nobody_who_it_is_of() -> None:
    """Neither in the clear nor encoded, and two links of one person are not seen to be that."""
    import base64

    one, two = (ONE_CLICK.link(PERSON, stream="marketing") for _ in range(2))
    token = one.partition("t=")[2]
    inside = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    assert one != two
    for part in (b"verena", b"vogel", b"example.com", b"marketing"):
        assert part not in one.replace("mail.example.com", "").encode()
        assert part not in inside


def test_a_link_stands_for_what_it_was_made_for() -> None:
    """However the address was spelled; whole or by its token alone; and its repr names nobody."""
    link = ONE_CLICK.link("Verena <Verena.Vogel@EXAMPLE.com>", stream="news", tenant="shop", about="issue 7")
    told = ONE_CLICK.read(link)

    assert told is not None
    assert (told.address, told.stream, told.tenant, told.about) == (PERSON, "news", "shop", "issue 7")
    assert ONE_CLICK.read(link.partition("t=")[2]) == told
    assert "verena" not in repr(told)
    assert KEY not in repr(ONE_CLICK)


def test_nobody_makes_or_changes_a_link_without_the_key() -> None:
    """Each character counts; another's key is worth nothing."""
    token = ONE_CLICK.link(PERSON, stream="marketing").partition("t=")[2]
    for place in range(0, len(token) - 1, 7):  # of the last one not every bit counts in base64
        other = "A" if token[place] != "A" else "B"
        assert ONE_CLICK.read(token[:place] + other + token[place + 1 :]) is None
    assert OneClick(URL, OLDER).read(token) is None
    for none in ("", "x", "é", token[:-4], token * 9, "gAAAAA"):
        assert ONE_CLICK.read(none) is None


def test_keys_overlap() -> None:
    """A new one is put before the old one: links of both work, and new links need the new one."""
    old, both = OneClick(URL, OLDER), OneClick(URL, [KEY, OLDER])

    assert both.read(old.link(PERSON, stream="news")) is not None
    assert OneClick(URL, KEY).read(both.link(PERSON, stream="news")) is not None
    assert old.read(both.link(PERSON, stream="news")) is None
    assert both.fingerprints == (*OneClick(URL, KEY).fingerprints, *old.fingerprints)


def test_a_link_that_ends_works_for_as_long_as_the_law_says() -> None:
    """Sixty days at least; by default for ever."""
    lasting = OneClick(URL, KEY, lasts=timedelta(days=60))
    link = lasting.link(PERSON, stream="news")
    now = datetime.now(timezone.utc)

    assert lasting.read(link, now + timedelta(days=59)) is not None
    assert lasting.read(link, now + timedelta(days=61)) is None
    assert ONE_CLICK.read(link, now + timedelta(days=9999)) is not None
    with pytest.raises(ConfigurationError, match="60 days"):
        OneClick(URL, KEY, lasts=timedelta(days=59))


@pytest.mark.parametrize(
    "make",
    [
        lambda: OneClick("http://mail.example.com/u", KEY),
        lambda: OneClick("/u", KEY),
        lambda: OneClick("https://mail.example.com/u#x", KEY),
        lambda: OneClick("https://mail.example.com/u>,<https://evil.example", KEY),
        lambda: OneClick(URL, []),
        lambda: OneClick(URL, "short"),
        lambda: OneClick(URL, KEY, mailto="a@example.com>, <mailto:b@example.com"),
        lambda: ONE_CLICK.link("a@example.com, b@example.com", stream="news"),
        lambda: ONE_CLICK.link("nobody", stream="news"),
        lambda: ONE_CLICK.link(PERSON, stream=""),
        lambda: ONE_CLICK.headers(PERSON, stream="news", about="x" * 700),
        lambda: read_keys("/no/such/file"),
    ],
)
def test_what_would_be_no_link_is_refused(make: Callable[[], Any]) -> None:
    """Without naming the person."""
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert "a@example.com" not in str(refused.value)


# ── the endpoint ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_click_unsubscribes_from_its_stream_alone(click: Any) -> None:
    """With who did it and on behalf of which mail in the audit, which names no person."""
    link = ONE_CLICK.link(PERSON, stream="marketing", about="spring sale")
    answer = click("POST", query_of(link), WORDS)

    assert answer.status == 200
    assert not allowed(click, "marketing")
    assert allowed(click, "news")
    told = {entry.act: entry for entry in click.store.audit.latest()}
    assert (told["unsubscribe"].by, told["unsubscribe"].why) == ("the recipient", "spring sale")
    assert told["unsubscribe"].detail == {"stream": "marketing", "origin": "one-click"}
    assert told["keys in use"].detail == {"fingerprints": list(ONE_CLICK.fingerprints)}
    assert "verena" not in repr(click.store.audit.latest())


def test_both_forms_of_a_body_are_understood(click: Any) -> None:
    """RFC 8058, section 3.2: multipart/form-data, or application/x-www-form-urlencoded."""
    query = query_of(ONE_CLICK.link(PERSON, stream="marketing"))

    assert click("POST", query, BOUNDARY, {"content-type": 'multipart/form-data; boundary="xx"'}).status == 200
    assert not allowed(click, "marketing")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_a_link_changes_nothing(click: Any, method: str) -> None:
    """Scanners and mailbox providers follow it: it shows a page that asks, with a form that needs no script."""
    answer = click(method, query_of(ONE_CLICK.link(PERSON, stream="marketing")))

    assert answer.status == 200
    assert '<form method="post">' in answer.text
    assert 'name="List-Unsubscribe" value="One-Click"' in answer.text
    assert allowed(click, "marketing")
    assert click.store.audit.latest() == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", FORM),
        (b"List-Unsubscribe=Two-Clicks", FORM),
        (b"List-Unsubscribe=One-Click&List-Unsubscribe=x", FORM),
        (WORDS + b"&x=" + b"x" * 20_000, FORM),
        ("é".encode(), FORM),
        (WORDS, {"content-type": "multipart/form-data; boundary=xx"}),
        (BOUNDARY.replace(b"One-Click", b"No"), {"content-type": "multipart/form-data; boundary=xx"}),
        (BOUNDARY, {"content-type": "multipart/form-data"}),
        (b"&".join([b"a=b"] * 100), FORM),
    ],
)
def test_a_post_without_the_words_of_the_rfc_changes_nothing(click: Any, body: bytes, headers: Any) -> None:
    """It is asked again."""
    answer = click("POST", query_of(ONE_CLICK.link(PERSON, stream="marketing")), body, headers)

    assert answer.status == 400
    assert allowed(click, "marketing")
    assert click.store.audit.latest() == []


def test_clicking_again_is_clicking_once(click: Any) -> None:
    """Nothing is written anew; but after the person came back, an old link counts again."""
    query = query_of(ONE_CLICK.link(PERSON, stream="marketing"))
    for _ in range(3):
        assert click("POST", query, WORDS).status == 200
    assert [entry.act for entry in click.store.audit.latest()].count("unsubscribe") == 1

    click.store.suppression.resubscribe(PERSON, stream="marketing")
    assert allowed(click, "marketing")
    assert click("POST", query, WORDS).status == 200
    assert not allowed(click, "marketing")


def test_each_stream_is_left_by_itself(click: Any) -> None:
    """Who left one, or was suppressed otherwise, still leaves another: it must hold when the other reason is gone."""
    click.store.suppression.suppress(PERSON, by="ann")
    for stream in ("marketing", "news"):
        assert click("POST", query_of(ONE_CLICK.link(PERSON, stream=stream)), WORDS).status == 200
    said = [entry.detail["stream"] for entry in click.store.audit.latest() if entry.act == "unsubscribe"]

    assert sorted(said) == ["marketing", "news"]


def test_an_answer_tells_nothing_of_a_person(click: Any) -> None:
    """Known or unknown, suppressed or not, unsubscribed before or not: the same page, and it does not say who."""
    click.store.suppression.suppress("known@example.com", by="ann")
    click.store.suppression.unsubscribe("gone@example.com", stream="marketing")
    answers = set()
    for person in ("known@example.com", "gone@example.com", "never-seen@example.com"):
        for method, body in (("GET", b""), ("POST", WORDS)):
            answers.add((method, click(method, query_of(ONE_CLICK.link(person, stream="marketing")), body)))

    assert len(answers) == 2
    assert not any("@" in answer.text for _, answer in answers)


def test_a_link_that_is_none_is_answered_without_a_look_at_the_database(click: Any) -> None:
    """404, whatever is wrong with it."""
    click.wrap = lambda store: None
    for query in ("", "t=", "t=x", "t=" + "a" * 5000, "x=1", "&".join(["t=a"] * 50), "t=%ff"):
        for method in ("GET", "POST"):
            assert click(method, query, WORDS).status == 404
    assert click("DELETE", query_of(ONE_CLICK.link(PERSON, stream="x"))).headers[-1] == ("Allow", "GET, HEAD, POST")


class Broken:
    """A store whose database is away."""

    def __init__(self, colour: str) -> None:
        self.suppression = self
        self._colour = colour

    def unsubscribe(self, *_: Any, **__: Any) -> Any:
        async def fail() -> None:
            raise StoreUnavailable("away")

        if self._colour == "sync":
            raise StoreUnavailable("away")
        return fail()


def test_what_cannot_be_written_down_is_not_said_to_be(click: Any, caplog: pytest.LogCaptureFixture) -> None:
    """503 and a page that asks to try again; the log names nobody."""
    click.wrap = lambda store: Broken("async" if type(store).__name__.startswith("Async") else "sync")
    with caplog.at_level(logging.ERROR):
        answer = click("POST", query_of(ONE_CLICK.link(PERSON, stream="marketing")), WORDS)

    assert answer.status == 503
    assert ("Retry-After", "60") in answer.headers
    assert "StoreUnavailable" in caplog.text
    assert "verena" not in caplog.text


def test_no_answer_redirects_sets_cookies_or_runs_anything(click: Any) -> None:
    """RFC 8058, section 3.1; and nobody frames, indexes or passes on the page."""
    query = query_of(ONE_CLICK.link(PERSON, stream="marketing"))
    for method, asked, body in (("GET", query, b""), ("POST", query, WORDS), ("POST", query, b""), ("GET", "", b"")):
        answer = click(method, asked, body)
        names = dict(answer.headers)
        assert not {"Location", "Set-Cookie"} & names.keys()
        assert "script" not in answer.text
        assert "default-src 'none'" in names["Content-Security-Policy"]
        assert (names["Referrer-Policy"], names["Cache-Control"]) == ("no-referrer", "no-store")


def test_the_page_speaks_the_readers_language_and_runs_none_of_its_words(click: Any) -> None:
    """Text of the sender's own, escaped; a stream has a name for people, or is not named."""
    words = Words(language="de", ask="Keine Mails mehr <b>?", streams={"marketing": "Angebote & mehr"})
    settings = Settings(ONE_CLICK, words=words)
    text = click("GET", query_of(ONE_CLICK.link(PERSON, stream="marketing")), settings=settings).text

    assert '<html lang="de">' in text
    assert "Keine Mails mehr &lt;b&gt;?" in text
    assert "Angebote &amp; mehr" in text
    assert "offers" not in click("GET", query_of(ONE_CLICK.link(PERSON, stream="offers")), settings=settings).text


def test_other_keys_are_written_into_the_audit(click: Any) -> None:
    """Once for each change, by their fingerprints."""
    query = query_of(ONE_CLICK.link(PERSON, stream="marketing"))
    for keys in (KEY, KEY, [OLDER, KEY], KEY):
        click("POST", query, WORDS, settings=Settings(OneClick(URL, keys)))
    told = [entry.detail["fingerprints"] for entry in click.store.audit.latest() if entry.act == "keys in use"]

    assert [len(fingerprints) for fingerprints in told] == [1, 2, 1]
    assert KEY not in repr(click.store.audit.latest())
