"""Addresses, subjects and payloads are shown to whom they may be shown, and that they were shown is written down."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sesevent import testing, trusted
from sesevent.web import create_app
from sesevent.web.routing import Guarded
from sesevent.web.veil import scrub, veiled
from web_fixtures import mail, take

PEOPLE = ("Verena.Unmasked@example.com", "oscar+tag@beispiel.example", '"quoted name"@example.com')
SECRETS = ("verena", "unmasked", "oscar", "quoted name", "secret subject", "geheim")
GUARDED = [route for route in create_app(testing.async_memory_store()).routes if isinstance(route, Guarded)]


def _fill(api: Any) -> dict[str, str]:
    verena, oscar, quoted = PEOPLE
    about: dict[str, Any] = {"subject": "secret subject for Verena", "tags": {"who": [verena], verena: ["x"]}}
    take(
        api.store,
        mail("send", to=[verena, oscar, quoted], message_id="m", source="Geheim <geheim@shop.example.com>", **about),
        mail(to=verena, message_id="m", diagnostic=f"smtp; 550 5.1.1 <{verena}> Verena is unknown", **about),
        mail("click", to=oscar, message_id="m", link=f"https://shop.example.com/u?who={oscar}", **about),
        mail("complaint", to=[verena, oscar], message_id="m", **about),
    )
    api.store.suppression.suppress(quoted, by="geheim@shop.example.com", note="Verena asked")
    api.store.receive_many([trusted(json.dumps({"strange": verena}), because="a test made it")])
    (letter,) = api.store.dead_letters.list()
    event = next(iter(api.store.events.find(types=["Bounce"])))
    return {"/v1/events/{id}": str(event.id), "/v1/dead-letters/{id}": letter.id}


def test_no_route_shows_anybody_without_read_pii(api: Any) -> None:
    """Every route that reads, asked in every way that leads to a person."""
    ids = _fill(api)
    told = 0
    for route in GUARDED:
        if "GET" not in (route.methods or ()) or route.path in ("/v1/stream", "/v1/openapi.json"):
            continue
        path = re.sub(r"\{\w+\}", lambda found, route=route: _value(found[0], route.path, ids), route.path)
        for query in ({}, {"address": PEOPLE[0]}, {"recipient": PEOPLE[1]}, {"format": "ndjson"}):
            answer = api.get(
                path,
                "admin" if route.needs == "admin" else "read",
                params=query | {"since": "2020-01-01"} if "analytics" in path else query,
            )
            text = answer.text.lower()

            assert [secret for secret in SECRETS if secret in text] == [], (path, query)
            told += answer.status_code == 200 and "…" in text
    assert told >= 8
    assert not any(entry.act == "unmasked" for entry in api.store.audit.latest())


def _value(name: str, path: str, ids: dict[str, str]) -> str:
    return ids.get(path, {"{address}": PEOPLE[0], "{message_id}": "m"}.get(name, "x"))


def test_acts_answer_masked_too(api: Any) -> None:
    """Also where the address was just told."""
    body = {"address": PEOPLE[0], "note": "Verena asked"}

    assert api.post("/v1/suppression", body).json()["address"] == "v…@example.com"


def test_to_be_shown_somebody_is_written_down(api: Any) -> None:
    """Who, what, and about whom where he asked about one; to ask for masks writes nothing."""
    _fill(api)
    api.get("/v1/events", "read:pii")
    api.get("/v1/events", "read:pii", params={"recipient": PEOPLE[0], "mask": "true"})
    api.get("/v1/events", "read:pii", params={"recipient": PEOPLE[0]})
    api.get("/v1/session", "read:pii")
    told = [(one.subject, one.by, one.detail["route"]) for one in api.store.audit.latest() if one.act == "unmasked"]
    seen = api.get("/v1/audit", "admin", params={"address": PEOPLE[0].upper()}).json()["entries"]

    assert len(told) == 2
    assert ("/v1/events", "read:pii", "/v1/events") in told
    assert [(one["act"], one["by"], one["detail"]) for one in seen] == [
        ("unmasked", "read:pii", {"route": "/v1/events"})
    ]
    assert "verena" not in repr(told).lower()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ann@example.com", "a…@example.com"),
        ("550 <ann@example.com>: no", "550 <a…@example.com>: no"),
        ('to "ann smith"@example.com now', 'to "…@example.com now'),
        ("ann%40example.com", "a…@example.com"),
        ("ann&#64;example.com", "a…@example.com"),
        ("jörg@bücher.example", "j…@xn--bcher-kva.example"),
        ("nobody here", "nobody here"),
        ("@", "@"),
    ],
)
def test_addresses_are_masked_wherever_they_stand(text: str, shown: str) -> None:
    """In text, in links, in whatever was made of them."""
    assert scrub(text) == shown


def test_the_veil_goes_to_every_depth() -> None:
    """Into lists, objects and their keys; links lose what tells people apart."""
    value = {
        "a": [{"ann@example.com": {"subject": "x", "n": 1}}],
        "link": "https://u:p@example.com/a?who=1#b",
        "raw": {"x": 1},
    }

    assert veiled(value) == {
        "a": [{"a…@example.com": {"subject": None, "n": 1}}], "link": "https://example.com/a", "raw": None,
    }  # fmt: skip
