"""What the writers are delivered, from a seed, and what must be there in the end whatever happens to them.

A sender's stream with repeats and disorder; a share of the bounces, complaints and deliveries is told by
an identity notification too. What must be there is worked out without a database.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import bson

from sesevent import parse, testing
from sesevent.moments import UTC
from sesevent.storage.codec import IDENTITY_KINDS, document_fields
from sesevent.storage.standings import facts_in, standing_fields
from sesevent.suppression.facts import Fact
from sesevent.suppression.policy import DEFAULT_POLICY
from sesevent.suppression.standing import Standing, derive_all

Document = dict[str, Any]

_UTC = bson.CodecOptions(tz_aware=True, tzinfo=UTC)
_WINDOW = 300  # deliveries that may overtake each other


def deliveries(events: int, seed: int) -> list[bytes]:
    """*events* deliveries, repeats included, and some more: the identity notifications among them."""
    chance = random.Random(seed)
    found = []
    for notification in testing.stream(events, seed=seed, duplicates=0.05, late=0.2, mails_per_second=5):
        found.append(json.dumps(notification).encode())
        event = json.loads(notification["Message"])
        if event["eventType"] in IDENTITY_KINDS and chance.random() < 0.1:
            found.append(json.dumps(testing.notification(_identity(event))).encode())
    return found


def _identity(event: dict[str, Any]) -> dict[str, Any]:
    """The same event as an identity notification tells it, which is less."""
    kind = event["eventType"]
    mail = {name: value for name, value in event["mail"].items() if name != "tags"}
    return {"notificationType": kind, "mail": mail, kind.lower(): event[kind.lower()]}


def disordered(raws: Iterable[bytes], seed: str) -> list[bytes]:
    """The same in another order: each may be overtaken by the next few hundred."""
    chance = random.Random(seed)
    places = [(position + chance.random() * _WINDOW, raw) for position, raw in enumerate(raws)]
    return [raw for _, raw in sorted(places, key=lambda pair: pair[0])]


def oversized() -> list[bytes]:
    """Events that no document can hold: by their text, and by what is derived from it and kept beside it."""
    people = [f"p{number}@example.com" for number in range(300_000)]
    crowd = testing.send(message_id="crowd")
    crowd["mail"] |= {"destination": people, "headers": [], "commonHeaders": {}}
    told = testing.send(message_id="long-subject")
    told["mail"]["commonHeaders"]["subject"] = "s" * (9 * 2**20)
    return [json.dumps(event).encode() for event in (testing.send(subject="s" * (13 * 2**20)), crowd, told)]


def expected(raws: Iterable[bytes]) -> dict[Any, Document]:
    """The documents that must be there in the end, by key, as the database gives them back."""
    kept: dict[Any, Document] = {}
    for raw in raws:
        for event in parse(raw):
            document = document_fields(event)
            if document["_id"] not in kept or "identity" not in document["derived"]:  # what was published tells more
                kept[document["_id"]] = document
    return {key: bson.decode(bson.encode(document), _UTC) for key, document in kept.items()}


def standings(documents: Iterable[Document]) -> dict[str, Document]:
    """The standings that follow from these events, by address, as they are kept; the policy's default is not."""
    facts: dict[str, list[Fact]] = {}
    for document in documents:
        for address, fact in facts_in(document).items():
            facts.setdefault(address, []).append(fact)
    derived = {address: derive_all(DEFAULT_POLICY, address, told, []) for address, told in facts.items()}
    blank = DEFAULT_POLICY.version
    return {
        address: bson.decode(bson.encode(standing_fields(own)), _UTC)
        for address, own in derived.items()
        if own != [Standing(address, blank)]
    }
