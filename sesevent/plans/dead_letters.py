"""What could not be understood: looked at, tried again after an upgrade, forgotten."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bson import ObjectId

from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans import audit
from sesevent.plans.receive import Prepared, Redelivery, prepare, store
from sesevent.sns.message import Place, UnverifiedMessage
from sesevent.sns.trust import vouched
from sesevent.sns.unwrap import unwrap
from sesevent.storage import reads, writes
from sesevent.storage.layout import DEAD_LETTERS
from sesevent.storage.operations import Count, Delete, Document, Find
from sesevent.storage.records import DeadLetter, dead_letter
from sesevent.suppression.policy import Policy

if TYPE_CHECKING:
    from sesevent.privacy.protection import Protection

__all__ = ["PAGE", "Retried", "came_since", "count", "get", "latest", "purge", "retry_next", "retry_these"]

PAGE = 50  # dead letters at once: each may have megabytes


@dataclass
class Retried:
    """What became of dead letters that were tried again, so far."""

    tried: int = 0
    settled: int = 0
    """Understood now, and no dead letters any more."""
    events: int = 0
    """Events found in them and stored, repeats included."""
    last: ObjectId | None = None

    def __iadd__(self, page: Retried) -> Retried:
        self.tried += page.tried
        self.settled += page.settled
        self.events += page.events
        self.last = page.last
        return self


def latest(limit: int) -> Plan[list[DeadLetter]]:
    """The dead letters that arrived last, without their content."""
    if limit < 1:
        raise ConfigurationError("limit must be 1 or more.")
    documents = yield from ask(reads.latest_dead_letters(limit))
    return [dead_letter(document) for document in documents]


def count() -> Plan[int]:
    """How many there are."""
    return (yield from ask(Count(DEAD_LETTERS, {})))


def came_since(since: datetime) -> Document:
    """Those that came for the first time since then; the first condition is the index's."""
    return {"lastAt": {"$gte": since}, "received.at": {"$gte": since}}


def get(identifier: str) -> Plan[DeadLetter | None]:
    """One dead letter, whole."""
    documents = yield from ask(reads.dead_letters_with([identifier]))
    return dead_letter(documents[0]) if documents else None


def retry_these(
    policy: Policy, identifiers: Collection[str], now: datetime, privacy: Protection | None = None
) -> Plan[Retried]:
    """Try some again."""
    return (yield from _retry(policy, reads.dead_letters_with(identifiers), now, privacy))


def retry_next(
    policy: Policy, after: ObjectId | None, now: datetime, privacy: Protection | None = None
) -> Plan[Retried]:
    """Try the next page of all of them again; `Retried.last` continues, None at the end."""
    return (yield from _retry(policy, reads.next_dead_letters(after, PAGE), now, privacy))


def purge(
    identifiers: Collection[str], before: datetime | None, everything: bool, by: str, why: str, now: datetime
) -> Plan[int]:
    """Forget these, those that last arrived before a time, or all, and write that down. Returns how many."""
    named = [bool(identifiers), before is not None, everything]
    if sum(named) != 1:
        raise ConfigurationError("Say which dead letters to purge: by id, by *before*, or *everything*.")
    conditions = reads.dead_letters_with(identifiers).filter if identifiers else _older(before)
    if identifiers:
        which = f"{len(identifiers)} dead letters"
    else:
        which = "all dead letters" if before is None else f"dead letters before {before:%Y-%m-%d %H:%M}"
    yield from audit.note(AuditEntry(now, "dead letters purged", which, by, why))
    return (yield from ask(Delete(DEAD_LETTERS, conditions)))


def _older(before: datetime | None) -> Document:
    return {} if before is None else {"lastAt": {"$lt": before}}


def _retry(policy: Policy, find: Find, now: datetime, privacy: Protection | None) -> Plan[Retried]:
    retried = Retried()
    documents = yield from ask(find)
    settled: list[ObjectId] = []
    for document in documents:
        retried.tried += 1
        retried.last = document["_id"]
        letter = dead_letter(document)
        if letter.truncated or letter.content is None:  # or nobody can read it: its key is lost
            continue
        prepared = Prepared(privacy=privacy)
        prepare(vouched(b"", "it was received before", _messages(letter)), letter.first_at, prepared)
        prepared.dead.clear()  # it is one already
        for stored_late in prepared.documents:
            stored_late["received"]["storedAt"] = now  # whoever asks what is new would not find it by its arrival
        stored = yield from store(policy, prepared, Redelivery())
        retried.events += len(stored.fresh)
        if not prepared.problems:
            settled.append(document["_id"])
    if settled:
        retried.settled = yield from ask(writes.drop_dead_letters(settled))
    return retried


def _messages(letter: DeadLetter) -> list[UnverifiedMessage]:
    """What is in it now, having arrived the way it did."""
    received = letter.received
    names = {"TopicArn": "topicArn", "MessageId": "notificationId"}
    envelope = {theirs: received[ours] for theirs, ours in names.items() if ours in received}
    via = () if received["via"] == "direct" else tuple(received["via"].split("/"))
    return [
        message._replace(
            place=Place(message.place.path, (*via, *message.place.via), message.place.line),
            envelope=message.envelope or ({"Type": "Notification"} | envelope if envelope else None),
        )
        for message in unwrap(letter.content or b"")
    ]
