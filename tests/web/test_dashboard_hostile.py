"""Whatever stands in a mail is text on every page: markup, formulas, letters that turn around, and too much of it."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from sesevent.web.dashboard.texts import amount, milliseconds, moment, percent, shortened, visible
from web_fixtures import mail, take, words

HOSTILE = (
    "<x-evil></x-evil><script>window.evil=1</script>",
    "<img src=x onerror='window.evil=1'>",
    '"><x-evil onmouseover="window.evil=1" a=\'',
    "</title></table></pre><x-evil>",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "javascript:window.evil=1",
    '=HYPERLINK("https://evil.example")',
    "\u202eevil\u2066 turned\u200b around\ufeff",
    "bell\x07 and escape \x1b[2J and nothing\x00",
    "é" * 10_240,
    "&lt;x-evil&gt; &#x3c;x-evil&#x3e; %3Cx-evil%3E",
    "]]><!--<x-evil>--><svg onload=window.evil=1>",
    "👨\u200d👩 \U000e0041tags",
)
FORBIDDEN = "\x00\x07\x1b\u202e\u2066\u200b\ufeff\U000e0041"


@pytest.fixture
def hostile(api: Any) -> list[str]:
    """Everything hostile everywhere; the pages on which it is shown."""
    for number, text in enumerate(HOSTILE):
        whose = {
            "subject": text, "campaign": text, "configuration_set": text, "message_id": f"evil-{number}",
            "to": f"person{number}@example.com",
        }  # fmt: skip
        take(api.store, mail("send", **whose), mail("bounce", diagnostic=f"smtp; 550 5.1.1 {text}", **whose))
        take(api.store, mail("click", link=text, user_agent=text, **whose), mail("opened", user_agent=text, **whose))
        take(api.store, {**mail("send", **whose | {"message_id": f"odd-{number}"}), "eventType": text[:200]})
        api.store.suppression.suppress(f"person{number}@example.com", by=text[:200].replace("\x00", ""), note=text)
    paths = ["/", "/explore?since=7d", "/bounces?reason=user_unknown", "/suppression", "/health"]
    for number in range(len(HOSTILE)):
        (event, *_) = api.store.events.find(message_id=f"evil-{number}", types=["Bounce"])
        person = api.http.post(
            "/recipient", data={"address": f"person{number}@example.com"}, headers=api.headers("read:pii")
        )
        paths += [f"/message/evil-{number}", f"/event/{event.id}", person.headers["location"]]
    return paths


def test_nothing_from_a_mail_becomes_markup_or_turns_text_around(api: Any, hostile: list[str]) -> None:
    """On any page, for who sees everything in clear."""
    for path in hostile:
        answer = api.get(path, "read:pii")
        assert answer.status_code == 200, (path, answer.text[:500])
        page = words(answer)
        evil = [
            (tag, told) for tag, told in page.tags if tag in ("x-evil", "img") or "onerror" in told or "onload" in told
        ]
        assert evil == [], path
        assert all(told.get("src", "").startswith("/static/") for tag, told in page.tags if tag == "script"), path
        assert [link for link in page.links if link.startswith(("javascript", "http", "//"))] == [], path
        assert [sign for sign in FORBIDDEN if sign in answer.text] == [], path


def test_it_is_shown_all_the_same(api: Any, hostile: list[str]) -> None:
    """As text that a person can read, hidden signs included."""
    assert HOSTILE[0] in words(api.get("/message/evil-0", "read:pii")).text
    assert "⟨U+202E⟩evil⟨U+2066⟩ turned⟨U+200B⟩ around⟨U+FEFF⟩" in words(api.get("/message/evil-7", "read:pii")).text
    assert "49" not in words(api.get("/message/evil-4", "read:pii")).text.partition("Sent")[0]
    assert "é" * 10_240 in words(api.get("/message/evil-9", "read:pii")).text
    assert "é" * 200 not in words(api.get("/explore?since=7d", "read:pii")).text
    assert hostile


def test_lists_stay_short_however_long_a_subject_is(api: Any, hostile: list[str]) -> None:
    """The page about the mail has all of it."""
    assert len(api.get("/explore?since=7d", "read:pii").content) < 300_000
    assert hostile


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – ünïcode 👩\u200d💻", "plain – ünïcode 👩\u200d💻"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x00\x1b\r", "␀␛␍"),
        ("\x7f\x9b", "⟨U+007F⟩⟨U+009B⟩"),
        ("\u202e\u2067\u200f", "⟨U+202E⟩⟨U+2067⟩⟨U+200F⟩"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_hidden_signs_are_shown(text: str, shown: str) -> None:
    """And others stay as they are."""
    assert visible(text) == shown


def test_values_are_told_as_people_read_them() -> None:
    """What there is none of is a dash."""
    from datetime import datetime

    east = timezone(timedelta(hours=2))
    assert [percent(share) for share in (None, 0.0, 0.00123, 0.0512, 1.0)] == [
        "–",
        "0.0 %",
        "0.123 %",
        "5.1 %",
        "100.0 %",
    ]
    assert [milliseconds(span) for span in (None, 12, 1500, 90_000, 7_200_000)] == [
        "–",
        "12 ms",
        "1.5 s",
        "1.5 min",
        "2.0 h",
    ]
    assert (amount(12345, "count"), amount(0.5, "share"), amount(5, "ms")) == ("12,345", "50.0 %", "5 ms")
    assert moment("2024-05-01T23:30:04.120Z", east) == "2024-05-02 01:30:04"
    assert moment(datetime(2024, 5, 1, tzinfo=timezone.utc), east, seconds=False) == "2024-05-01 02:00"
    assert (moment(None, east), moment("no time", east)) == ("–", "no time")
    assert (shortened("abc", 3), shortened("abcd", 3), shortened(None)) == ("abc", "abc…", "")
