"""Counting as anybody would who had all events in a list: what answers are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sesevent import parse
from sesevent.bounces import classify_event
from sesevent.events.machines import machine_of
from sesevent.sns.unwrap import unwrap

BOUNCES = {
    "hard": "hard_bounces", "soft": "soft_bounces", "block": "block_bounces", "suppressed": "suppressed_bounces",
    "auto_reply": "auto_replies", "undetermined": "undetermined_bounces",
}  # fmt: skip
PLAIN = {"Send": "sends", "Delivery": "deliveries", "Reject": "rejects", "DeliveryDelay": "delays",
         "Rendering Failure": "rendering_failures"}  # fmt: skip


@dataclass
class Thing:
    """One thing that counts: what, when, of which mail, for which domain (None: a mail's to several)."""

    counter: str
    at: datetime
    sent: datetime
    mail: str
    domain: str | None
    campaign: str | None
    tags: dict[str, list[str]]
    link: str | None = None
    reason: str | None = None


def events_of(raws: Iterable[Any]) -> list[Any]:
    """Each event once, however often it came."""
    once = {message.text: parse(message.text)[0] for raw in raws for message in unwrap(raw)}
    return list(once.values())


def things(raws: Iterable[Any]) -> list[Thing]:
    """All that counts of a stream, but the simulator's."""
    return [thing for event in events_of(raws) for thing in _of(event) if thing.domain != "simulator.amazonses.com"]


def counts(some: Iterable[Thing]) -> dict[str, int]:
    """How many of each, and in how many mails."""
    some = list(some)
    told = Counter(thing.counter for thing in some)
    for name in ("opens", "machine_opens", "clicks", "machine_clicks"):
        told[f"unique_{name}"] = len({thing.mail for thing in some if thing.counter == name})
    return {name: times for name, times in told.items() if times}


def _of(event: Any) -> Iterator[Thing]:
    mail = event.raw["mail"]
    people = list(dict.fromkeys(person.normal for person in event.recipients))
    domains = [person.rsplit("@", 1)[-1] for person in people]
    tags = dict(mail.get("tags") or {})
    campaign = (tags.get("campaign") or [None])[0]

    def thing(counter: str, domain: str | None, **more: Any) -> Thing:
        sent = event.mail.timestamp
        return Thing(counter, event.timestamp, sent, event.message_id, domain, campaign, tags, **more)

    one = domains[0] if len(set(domains)) == 1 else None
    if event.type in ("Open", "Click"):
        body = event.raw[event.type.lower()]
        took = round((event.timestamp - event.mail.timestamp).total_seconds() * 1000)
        machine = "machine_" if machine_of(event.type, body.get("userAgent"), took) else ""
        yield thing(f"{machine}{event.type.lower()}s", one, link=body.get("link"))
    elif event.type == "Bounce":
        told = {person.normal: found for person, found in zip(event.recipients, classify_event(event), strict=False)}
        for person, domain in zip(people, domains, strict=True):
            yield thing(BOUNCES[told[person].bounce_class], domain, reason=told[person].reason)
        if not people:
            found = classify_event(event)[0]
            yield thing(BOUNCES[found.bounce_class], None, reason=found.reason)
    elif event.type == "Complaint":
        body = event.raw["complaint"]
        if not str(body.get("complaintSubType") or "").startswith("On"):
            yield thing("complaints_not_spam" if body.get("complaintFeedbackType") == "not-spam" else "complaints", one)
    elif event.type == "Subscription":
        yield thing("unsubscribes", one)
    else:
        for domain in domains:
            yield thing(PLAIN[event.type], domain)
