"""The same event about somebody else: every way an address can stand in a payload, and what must stay as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from both import CORPUS
from sesevent import PayloadError, parse, testing
from sesevent.privacy.rewriting import rewrite

ANN, BOB, NEW = "ann@example.com", "bob@example.com", "p.k1.0a1b@example.com"


def _of_ann(normal: str) -> str | None:
    return NEW if normal == ANN else None


def _of_all(normal: str) -> str:
    return f"x{len(normal)}@example.invalid"


def _in_field(name: str, value: Any, **others: Any) -> Any:
    """What becomes of a field beside Ann's bounce."""
    event = testing.payloads.bounce(to=ANN) | {name: value} | others
    return json.loads(rewrite(json.dumps(event), _of_ann))[name]


WAYS = {
    "alone": (ANN, NEW),
    "upper case": ("ANN@Example.COM", NEW),
    "with a name": (f"Ann Example <{ANN}>", NEW),
    "with a quoted name": (f'"Example, Ann" <{ANN}>', NEW),
    "with a comment": (f"{ANN} (Ann Example)", NEW),
    "with a name that is an address": (f"{ANN} <{ANN}>", f"{NEW} <{NEW}>"),
    "another with Ann for a name": (f'"{ANN}" <{BOB}>', f'"{NEW}" <{BOB}>'),
    "quoted local part": (f'"ann"@example.com, {BOB}', f"{NEW}, {BOB}"),
    "in a sentence": (f"user {ANN}, or {BOB}: unknown", f"user {NEW}, or {BOB}: unknown"),
    "in angles": (f"550 5.1.1 <{ANN}>: no such user", f"550 5.1.1 <{NEW}>: no such user"),
    "in single quotes": (f"user '{ANN}' unknown", f"user '{NEW}' unknown"),
    "at the end": (f"Unknown: {ANN}.", f"Unknown: {NEW}."),
    "in a query": (f"https://e.example/?a=1&u={ANN}&b=2", f"https://e.example/?a=1&u={NEW}&b=2"),
    "in a path": (f"https://e.example/u/{ANN}/x", f"https://e.example/u/{NEW}/x"),
    "percent": ("https://e.example/?u=ann%40example.com", "https://e.example/?u=p.k1.0a1b%40example.com"),
    "percent twice": ("https://e.example/?u=ann%2540example.com", "https://e.example/?u=p.k1.0a1b%2540example.com"),
    "every sign percent": ("https://e.example/?%61nn%40example.com", "https://e.example/?p.k1.0a1b%40example.com"),
    "behind an encoded angle": ("x%3Cann%40example.com%3E", "x%3Cp.k1.0a1b%40example.com%3E"),
    "mailto": (f"<mailto:off@e.example?body={ANN}>", f"<mailto:off@e.example?body={NEW}>"),
    "return path": ("b+ann=example.com@e.example", "b+p.k1.0a1b=example.com@e.example"),
    "encoded word": ("=?utf-8?q?J=C3=B6rg_ann=40example.com?=", f"Jörg {NEW}"),
    "base64 word": ("=?utf-8?b?YW5uQGV4YW1wbGUuY29t?=", NEW),
    "JSON in a text": (json.dumps({"to": [ANN], "x": 1}), json.dumps({"to": [NEW], "x": 1}, separators=(",", ":"))),
    "list": ([[ANN], {"deep": [f"Ann <{ANN}>"]}], [[NEW], {"deep": [NEW]}]),
    "somebody like her": ("joann@example.com ann@example.com.au", "joann@example.com ann@example.com.au"),
    "no address": ("at 5 @ noon, 100 %", "at 5 @ noon, 100 %"),
    "numbers": ([1, 2.5, None, True], [1, 2.5, None, True]),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_address_is_found_in_any_way_it_may_be_written(way: str) -> None:
    """…in a field nobody has heard of yet."""
    value, expected = WAYS[way]

    assert _in_field("aNewField", value) == expected


def test_an_address_may_be_the_name_of_a_field() -> None:
    """As where a service keys its tags by people."""
    assert _in_field("tags", {ANN: 1}) == {NEW: 1}


@pytest.mark.parametrize("header", ["To", "Cc", "Reply-To", "X-Original-To"])
def test_in_headers_of_people_the_display_name_goes(header: str) -> None:
    """Of her whose address goes, and of nobody else."""
    event = testing.payloads.send(to=[ANN, BOB])
    event["mail"]["headers"].append({"name": header, "value": f'"Example, Ann" <{ANN}>, Bob B <{BOB}>'})

    written = json.loads(rewrite(json.dumps(event), _of_ann))

    assert written["mail"]["headers"][-1]["value"] == f"{NEW}, Bob B <{BOB}>"


@pytest.mark.parametrize("header", ["Message-ID", "References", "In-Reply-To"])
def test_an_id_that_looks_like_an_address_stays(header: str) -> None:
    """Replies are found by it."""
    event = testing.payloads.send(to=ANN)
    event["mail"]["headers"].append({"name": header, "value": "<1234@mail.example.com>"})

    written = json.loads(rewrite(json.dumps(event), _of_all))

    assert written["mail"]["headers"][-1]["value"] == "<1234@mail.example.com>"


def test_a_text_in_which_nothing_changes_is_the_same_text() -> None:
    """White space, escapes and all."""
    text = json.dumps(testing.payloads.send(to=BOB), indent=2) + "\n"

    assert rewrite(text, _of_ann) is text


def test_the_content_of_an_inbound_mail_goes() -> None:
    """An address may be in it in as many ways as there are codes."""
    event = testing.payloads.received(to=ANN) | {"content": "VG86IGFubkBleGFtcGxlLmNvbQ=="}

    assert "content" not in json.loads(rewrite(json.dumps(event), _of_ann))


def test_text_that_is_not_json_is_refused_without_quoting_it() -> None:
    """The caller says what becomes of it."""
    with pytest.raises(ValueError, match="is not JSON") as refusal:
        rewrite(f"to {ANN}", _of_ann)

    assert ANN not in str(refusal.value)


def test_a_long_text_takes_no_time_that_grows_with_its_square() -> None:
    """What strangers write must not keep a receiver busy."""
    event = testing.payloads.bounce(to=ANN, diagnostic="a=" * 100_000 + "@" * 1000 + '"' * 1000 + "%40" * 1000)

    assert NEW in rewrite(json.dumps(event), _of_ann)


def test_every_known_payload_parses_as_the_same_event_about_somebody_else(corpus: dict[str, Any]) -> None:
    """Real payloads of both families: the type, mail and time stay, no address of a recipient does."""
    seen = 0
    for name in corpus:
        try:
            events = parse((CORPUS / name).read_bytes())
        except PayloadError:
            continue
        for event in events:
            people = {recipient.normal for recipient in event.recipients if "@" in recipient.normal}
            after = parse(rewrite(event.text, {person: _of_all(person) for person in people}.get))[0]
            assert (after.type, after.message_id, after.timestamp) == (event.type, event.message_id, event.timestamp)
            assert len(after.recipients) == len(event.recipients)
            assert not any(person in json.dumps(after.raw, ensure_ascii=False).lower() for person in people), name
            seen += len(people)
    assert seen > 100
