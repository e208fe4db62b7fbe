"""Questions, as filters and as values that can be asked page by page.

Every answer is ordered by event time, then id, and continued behind the last row seen (keyset
paging): cost does not grow with the depth, and rows that arrive meanwhile shift nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from bson import ObjectId
from bson.errors import InvalidId

from sesevent import addresses, arguments
from sesevent.analytics.providers import OTHER, providers
from sesevent.bounces import CLASSIFIED
from sesevent.bounces.priority import REASON_ORDER
from sesevent.errors import ConfigurationError
from sesevent.events.parse import word_of
from sesevent.moments import format_moment
from sesevent.storage.codec import StoredEvent
from sesevent.storage.layout import AUDIT, BOOKMARKS, DEAD_LETTERS, EVENTS, SUPPRESSION, SUPPRESSION_ACTS
from sesevent.storage.operations import Find
from sesevent.storage.standings import EVIDENCE

__all__ = [
    "MOVED",
    "WITHOUT_DERIVED",
    "Cursor",
    "EventQuery",
    "acts_about",
    "all_evidence",
    "at_provider",
    "audit_entries",
    "audit_page",
    "audited_once",
    "bookmarks_named",
    "classified_by_others",
    "dead_letters_with",
    "deliveries_since",
    "event_query",
    "filters",
    "from_source",
    "in_configuration_set",
    "in_domain",
    "in_time",
    "last_of_type",
    "latest_dead_letters",
    "mentioning",
    "names_moved",
    "next_acts",
    "next_dead_letters",
    "next_standings",
    "of_message",
    "of_reasons",
    "of_recipient",
    "of_types",
    "stale_reasons",
    "standings_of",
    "told_by_identity",
    "which_are_there",
    "with_id",
    "with_tag",
]

Filter = dict[str, Any]

WITHOUT_DERIVED: Final[Filter] = {"derived": None, "Type": {"$gte": ""}}
"""Rows of older shapes that were not adopted yet. They have an index of their own, which is used where `Type`, with
which it begins, is asked for."""
Cursor = tuple[Any, Any]


def of_message(message_id: str) -> Filter:
    """Events of one mail.

    Rows that hold an SNS envelope have SNS's id in the column: theirs is found in `derived`, or,
    before they have one, in the text. The index `legacy` keeps that search to such rows.
    """
    arguments.given(message_id, "message_id")
    return {"$or": [{"MessageId": message_id}, {"derived.messageId": message_id}, *mentioning([message_id])]}


def mentioning(message_ids: Iterable[str]) -> list[Filter]:
    """Rows that hold an SNS envelope, and were not adopted yet, whose text holds one of these ids."""
    # SES's ids have some sixty characters; MongoDB takes no pattern with a NUL, nor one of more than 32,000.
    patterns = [re.escape(one) for one in message_ids if len(one) <= _LONGEST_ID and "\0" not in one]
    return [{"derived": None, "Type": "Notification", "Message": {"$regex": "|".join(patterns)}}] if patterns else []


_LONGEST_ID: Final = 150


def of_types(types: Iterable[str]) -> Filter:
    """Events of these types, however spelled; rows that hold an SNS envelope as in `of_message`, and those of an
    application that spells types otherwise, until they have `derived`.
    """
    words = [word_of(one) for one in types]
    pattern = rf'(eventType|notificationType)\\*"\s*:\s*\\*"({"|".join(map(re.escape, words))})\\*"'
    inside = {"derived": None, "Type": "Notification", "Message": {"$regex": pattern}}
    spelled = {"derived": None, "Type": {"$in": sorted({other for word in words for other in _spellings(word)})}}
    return {"$or": [{"Type": {"$in": words}}, {"derived.type": {"$in": words}}, inside, spelled]}


def _spellings(word: str) -> set[str]:
    parts = _PARTS.findall(word)
    return {
        other for sign in ("", " ", "_", "-") for one in [sign.join(parts)] for other in (one, one.lower(), one.upper())
    }


_PARTS: Final = re.compile("[A-Z][a-z]*|[^A-Z ]+")


def in_time(since: datetime | None, until: datetime | None) -> Filter:
    """Events at or after *since* and before *until*; naive datetimes are UTC.

    Raises ConfigurationError for what is no point in time, and where the span ends before it begins.
    """
    bounds = {"$gte": arguments.moment(since, "since"), "$lt": arguments.moment(until, "until")}
    texts = {name: format_moment(bound) for name, bound in bounds.items() if bound is not None}
    if len(texts) == len(bounds) and texts["$lt"] < texts["$gte"]:
        raise ConfigurationError("A span of time ends before it begins: until lies before since.")
    return {"Timestamp": texts} if texts else {}


def of_recipient(address: str | Sequence[str]) -> Filter:
    """Events that concern this person, whatever form the address has. Rows of older shapes once they have `derived`."""
    if isinstance(address, str):
        return {"derived.recipients": addresses.normal(address)}
    return {"derived.recipients": address[0] if len(address) == 1 else {"$in": list(address)}}


def of_reasons(reasons: Iterable[str]) -> Filter:
    """Bounces for these reasons, in the words of `sesevent.bounces`. Raises ConfigurationError for any other word."""
    words = list(reasons)
    if any(word not in REASON_ORDER for word in words):
        raise ConfigurationError(f"Not all of these are reasons; there are {', '.join(sorted(REASON_ORDER))}.")
    return {"derived.bounce.reason": {"$in": words}}


def with_tag(name: str, value: str | None = None) -> Filter:
    """Events of mails with this message tag."""
    wanted = {"name": name} if value is None else {"name": name, "values": value}
    return {"derived.tags": {"$elemMatch": wanted}}


def in_configuration_set(name: str) -> Filter:
    """Events of mails sent with this configuration set."""
    return {"derived.configurationSet": name}


def in_domain(domain: str) -> Filter:
    """Events that concern somebody of this domain. No index helps: to be asked within a span of time."""
    return {"derived.recipients": {"$regex": f"@{re.escape(domain.lower())}$"}}


def at_provider(name: str) -> Filter:
    """Events that concern somebody with a mailbox at this provider, as `provider_of` tells it; likewise.

    Raises ConfigurationError where there is no such provider.
    """
    known = providers()
    if name not in known and name != OTHER:
        raise ConfigurationError(f"There is no provider {name!r}; there are {', '.join([*known, OTHER])}.")
    if name == OTHER:
        named = "|".join(_pattern(domain) for domains in known.values() for domain in domains)
        return {"derived.recipients": {"$regex": f"@(?!(?:{named})$)[^@]*$"}}
    return {"derived.recipients": {"$regex": f"@(?:{'|'.join(map(_pattern, known[name]))})$"}}


def _pattern(domain: str) -> str:
    first, star, _ = domain.partition(".*")
    return re.escape(domain) if not star else rf"{re.escape(first)}\.(?:(?:co|com|net|org)\.)?[^.@]+"


def from_source(address: str) -> Filter:
    """Events of mails this address sent."""
    return {"derived.source": addresses.normal(address)}


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A question about events, its order, and where to continue."""

    filter: Mapping[str, Any]
    newest_first: bool = False
    limit: int | None = None
    after: Cursor | None = None

    def page(self, size: int) -> Find:
        """The next *size* rows."""
        direction = -1 if self.newest_first else 1
        behind = () if self.after is None else (self._behind(self.after),)
        return Find(EVENTS, _by_index(self.filter, behind), (("Timestamp", direction), ("_id", direction)), size)

    def behind(self, last: StoredEvent, taken: int) -> EventQuery:
        """The same question, continued behind *last*, after *taken* rows."""
        left = None if self.limit is None else self.limit - taken
        return replace(self, after=last.cursor, limit=left)

    def _behind(self, after: Cursor) -> Filter:
        timestamp, identifier = after
        beyond = "$lt" if self.newest_first else "$gt"
        same = {"Timestamp": timestamp, "_id": {beyond: identifier}}
        if timestamp is None:  # rows of others may lack it; MongoDB sorts them before all texts
            return same if self.newest_first else {"$or": [same, {"Timestamp": {"$ne": None}}]}
        # The outer bound repeats what the alternatives say, so that one index scan serves all of them.
        if not self.newest_first:
            return {"Timestamp": {"$gte": timestamp}, "$or": [same, {"Timestamp": {"$gt": timestamp}}]}
        at_most = {"$not": {"$gt": timestamp}}  # none at all, too
        return {"Timestamp": at_most, "$or": [same, {"Timestamp": {"$lt": timestamp}}, {"Timestamp": None}]}


def with_id(identifier: str | bytes | ObjectId) -> Find | None:
    """One event by its key; None where that cannot be one."""
    try:
        return Find(EVENTS, {"_id": ObjectId(identifier)}, limit=1)
    except (InvalidId, TypeError):
        return None


def which_are_there(identifiers: Iterable[ObjectId]) -> Find:
    """Which of these keys are taken, durably: answered by the index alone."""
    return Find(EVENTS, {"_id": {"$in": list(identifiers)}}, projection={"_id": 1}, durable=True)


def told_by_identity(identifiers: Iterable[ObjectId]) -> Find:
    """Which of these events are kept as an identity notification told them."""
    return Find(EVENTS, {"_id": {"$in": list(identifiers)}, "derived.identity": True}, projection={"_id": 1})


def last_of_type(word: str) -> Find:
    """The time of the newest row of this type, in SES's word: the end of an index."""
    return Find(EVENTS, {"Type": word}, (("Timestamp", -1), ("_id", -1)), 1, {"Timestamp": 1})


def classified_by_others(edition: str) -> EventQuery:
    """Failures whose reason other rules than those of *edition* told, or none."""
    kinds = {"$in": list(CLASSIFIED)}
    # Of a row that retention thinned nothing can be told anew.
    stale = {"derived": {"$ne": None}, "derived.rules": {"$ne": edition}, "thin": None}
    return EventQuery({"$or": [{"Type": kinds} | stale, {"derived.type": kinds} | stale]})


def stale_reasons(edition: str) -> Filter:
    """The same, found by an index: to be counted. Those without any edition are left out: `reindex` tells of them."""
    others = [{"derived.rules": {"$lt": edition}}, {"derived.rules": {"$gt": edition}}]
    return {"$or": [one | {"thin": None} for one in others]}


def standings_of(normals: Iterable[str], mailboxes: Iterable[str] = ()) -> Find:
    """The kept standings of these addresses, in normal form, and of every spelling of these mailboxes."""
    ids, shared = list(normals), list(mailboxes)
    if not shared:
        return Find(SUPPRESSION, {"_id": {"$in": ids}})
    return Find(SUPPRESSION, {"$or": [{"_id": {"$in": ids + shared}}, {"mailbox": {"$in": shared}}]})


def names_moved(names: Iterable[str]) -> Find:
    """What people are stored as who were stored under these pseudonyms before."""
    return Find(SUPPRESSION, {"_id": {"$in": [f"{MOVED}{name}" for name in names]}})


MOVED: Final = "was "
"""Before a pseudonym of an older key: the document says what the person is stored as now."""


def latest_dead_letters(limit: int) -> Find:
    """Dead letters, the one that arrived last first, without their content."""
    return Find(DEAD_LETTERS, {}, (("lastAt", -1), ("_id", -1)), limit, {"content": 0})


def next_dead_letters(after: ObjectId | None, size: int) -> Find:
    """Dead letters by id, whole."""
    return Find(DEAD_LETTERS, {} if after is None else {"_id": {"$gt": after}}, (("_id", 1),), size)


def dead_letters_with(identifiers: Iterable[str]) -> Find:
    """These dead letters, whole; what cannot be an id names none."""
    return Find(DEAD_LETTERS, {"_id": {"$in": [ObjectId(text) for text in identifiers if ObjectId.is_valid(text)]}})


def audit_entries(limit: int, subject: str | None = None) -> Find:
    """What was done, the last first: to one subject, or to any. Durable, since the next entry is built on it."""
    about = {} if subject is None else {"subject": subject}
    return Find(AUDIT, {"_id": {"$gt": 0}} | about, (("_id", -1),), limit, durable=True)


def audit_page(after: int, size: int) -> Find:
    """What was done behind a number, in order."""
    return Find(AUDIT, {"_id": {"$gt": after}}, (("_id", 1),), size, durable=True)


def audited_once(once: str) -> Find:
    """Whether something is in the audit already."""
    return Find(AUDIT, {"once": once}, limit=1)


def deliveries_since(since: Mapping[str, datetime]) -> Find:
    """Deliveries to these addresses, in normal form, each from its own day on at least.

    The server plans each alternative by itself, so there is one for each day, and not for each address.
    """
    days: dict[date, list[str]] = {}
    for normal, moment in since.items():
        days.setdefault(moment.date(), []).append(normal)
    kinds = {"$in": ["Delivery", "Notification"]}
    each = [
        {
            "derived.recipients": {"$in": normals},
            "Timestamp": {"$gte": format_moment(min(since[normal] for normal in normals))},
            "Type": kinds,
        }
        for normals in days.values()
    ]
    return Find(EVENTS, {"$or": each}, projection={"Type": 1, "derived": 1})


def acts_about(normals: Iterable[str]) -> Find:
    """What was said about these addresses, and the facts of events about them."""
    return Find(SUPPRESSION_ACTS, {"address": {"$in": list(normals)}})


def all_evidence() -> EventQuery:
    """Every event that may speak against sending to somebody."""
    return EventQuery(of_types(EVIDENCE))


def next_acts(after: str | None, size: int, since: datetime | None = None) -> Find:
    """Acts and facts, by id; all, or those that happened since a time."""
    conditions: list[Mapping[str, Any]] = [{"_id": {"$gt": after}}] if after is not None else []
    if since is not None:
        conditions.append({"at": {"$gte": since}})
    return Find(SUPPRESSION_ACTS, _all_of(conditions), (("_id", 1),), size)


def next_standings(after: str | None, size: int, rule: str | None = None) -> Find:
    """Kept standings by address, those under one rule or all."""
    conditions: list[Mapping[str, Any]] = [{"now": None}, *([{"_id": {"$gt": after}}] if after is not None else ())]
    if rule is not None:
        conditions.append({"standings.holdings.rule": rule})
    return Find(SUPPRESSION, _all_of(conditions), (("_id", 1),), size)


def filters(
    message_id: str | None,
    types: Iterable[str],
    reasons: Iterable[str],
    recipient: str | Sequence[str] | None,
    tag: tuple[str, str | None] | None,
    configuration_set: str | None,
    campaign: str | None = None,
    recipient_domain: str | None = None,
    provider: str | None = None,
) -> list[Filter]:
    """A filter for each thing that is asked.

    Raises ConfigurationError for a provider there is none of, and for one text where several are asked for.
    """
    words, whys = list(arguments.several(types, "types")), list(arguments.several(reasons, "reasons"))
    return [
        *([of_message(message_id)] if message_id is not None else ()),
        *([of_types(words)] if words else ()),
        *([of_reasons(whys)] if whys else ()),
        *([of_recipient(recipient)] if recipient is not None else ()),
        *([with_tag(*tag)] if tag is not None else ()),
        *([in_configuration_set(configuration_set)] if configuration_set is not None else ()),
        *([{"derived.campaign": campaign}] if campaign is not None else ()),
        *([in_domain(recipient_domain)] if recipient_domain is not None else ()),
        *([at_provider(provider)] if provider is not None else ()),
    ]


def event_query(
    *filters: Filter,
    since: datetime | None = None,
    until: datetime | None = None,
    newest_first: bool = False,
    limit: int | None = None,
    after: Cursor | None = None,
) -> EventQuery:
    """A question that all of *filters* must hold for."""
    if limit is not None and limit < 0:
        raise ConfigurationError("limit must not be negative.")
    return EventQuery(_all_of([*filters, in_time(since, until)]), newest_first, limit, after)


def _by_index(asked: Mapping[str, Any], behind: Sequence[Filter]) -> Mapping[str, Any]:
    """What holds for everything asked and *behind*; where that has alternatives, with all else written into each.

    Each alternative is answered by its own index then, in the order that is asked for. Left beside them, a span of time
    in a large log is read as a whole to find what there is of a type in it.
    """
    conditions = asked.get("$and", [asked])
    alternatives = [one for one in conditions if one.keys() == {"$or"}]
    others = [*(one for one in conditions if one not in alternatives), *behind]
    if len(alternatives) != 1 or not others or any(one.keys() & _SELECTIVE for one in others):
        return _all_of([*conditions, *behind])
    return {"$or": [{"$and": [one, *others]} for one in alternatives[0]["$or"]]}


_SELECTIVE: Final = frozenset({"derived.recipients", "derived.bounce.reason"})
"""Conditions with an index of their own, which finds few rows: there is no better one."""


def _all_of(conditions: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    told = [condition for condition in conditions if condition]
    return told[0] if len(told) == 1 else {"$and": told} if told else {}


def bookmarks_named(names: list[str]) -> Find:
    """The bookmarks of these names."""
    return Find(BOOKMARKS, {"_id": {"$in": names}})
