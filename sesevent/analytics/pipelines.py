"""What the log is asked: one aggregation that groups equal events, as plain data.

Rows are grouped by everything that is counted apart, and by the mail where different mails are counted: so the answer
grows with what there is to tell, and not with the events. Next: :mod:`sesevent.analytics.cells`, which reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sesevent.analytics.cells import DAY, HOUR, MINUTE, Key
from sesevent.analytics.measures import Window
from sesevent.analytics.spans import PER_DOUBLING
from sesevent.moments import format_moment

__all__ = [
    "DIMENSIONS",
    "HAPPENED",
    "LOG",
    "TAG",
    "WITHOUT_TEXT",
    "Where",
    "by_text",
    "cohorts",
    "each_once",
    "funnelled",
    "grouped",
    "in_window",
    "links",
]

LOG: Final = "ses_event"
"""The collection of events, in stages that name it: a store has its own name for it."""

TAG: Final = "tag:"
"""Before the name of a tag whose values are told apart."""


DIMENSIONS: Final = frozenset(Key._fields) - {"tag"}
"""What can be told apart, besides a tag's values."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which mails: all that is given must hold."""

    campaign: str | None = None
    configuration_set: str | None = None
    source: str | None = None
    """In normal form."""
    ip_pool: str | None = None
    template: str | None = None
    recipient_domain: str | None = None
    provider: str | None = None
    tag: tuple[str, str | None] | None = None

    def holds(self, key: Key) -> bool:
        """Whether it holds for a key that tells what is `given`, but for tags.

        Where neither domain nor provider is asked for, the simulator's mail is left out.
        """
        return self.test()(key)

    def test(self) -> Callable[[Key], bool]:
        """`holds`, to be asked of many keys."""
        told = [(place, getattr(self, name)) for place, name in enumerate(Key._fields) if name in DIMENSIONS]
        wanted = [(place, value) for place, value in told if value is not None]
        simulated_too = self.recipient_domain is not None or self.provider is not None

        def holds(key: Key) -> bool:
            return (simulated_too or not key.simulated) and all(key[place] == value for place, value in wanted)

        return holds

    def filter(self) -> dict[str, Any]:
        """The part that rows can be asked for: of several recipients each counts for his own domain."""
        told: dict[str, Any] = {
            path: value for name, path in _PATHS.items() if (value := getattr(self, name)) is not None
        }
        if self.tag is not None:
            name, value = self.tag
            told["derived.tags"] = {"$elemMatch": {"name": name} if value is None else {"name": name, "values": value}}
        return told

    def given(self) -> frozenset[str]:
        """The names of what is given."""
        return frozenset(field.name for field in fields(self) if getattr(self, field.name) is not None)


_PATHS: Final = {
    "campaign": "derived.campaign",
    "configuration_set": "derived.configurationSet",
    "source": "derived.source",
    "ip_pool": "derived.ipPool",
    "template": "derived.template",
}


def grouped(
    window: Window, where: Where, slot: int = HOUR, dimensions: frozenset[str] = DIMENSIONS
) -> list[Mapping[str, Any]]:
    """The groups of equal events in a window, `{_id: …, n: times}`.

    *slot* says how finely times are told apart; *dimensions*, which mails are: fields of a `Key`, and at most one tag,
    as `TAG` with its name. A recipient's domain always is.
    """
    told: dict[str, Any] = {short: f"${_PATHS[name]}" for name, short in _SHORT.items() if name in dimensions}
    tags = [_tag(name.removeprefix(TAG)) for name in dimensions if name.startswith(TAG)]
    told |= {"h": {"$substrBytes": ["$Timestamp", 0, slot]}, "tg": tags[0] if tags else "$$REMOVE"}
    group = {"$group": {"_id": told | _KEY, "n": {"$sum": 1}}}
    own, older = each_once(in_window(window) | where.filter())
    # Grouped on either side, so that few groups are joined and not many rows.
    return [*own, group, {"$unionWith": {"coll": LOG, "pipeline": [*older, group]}}]


def in_window(window: Window) -> dict[str, Any]:
    """Rows of a window. One without `derived` has an older shape, and is counted once it was adopted."""
    times = {"$gte": format_moment(window.since), "$lt": format_moment(window.until)}
    return {"Timestamp": times, "derived": {"$type": "object"}}


def each_once(match: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """What finds rows that match: those of our own shape, and those of older shapes that hold an event no other does.

    An older row may hold the event of a row of ours, or of another older row: of these the one with the least id
    counts, whatever window it is in. So the answers of windows add up.
    """
    own: list[Mapping[str, Any]] = [{"$match": {**match, "derived.key": {"$exists": False}}}]
    # Neither sorted nor compared by `_id` in the look-up: or the server may walk along that index.
    least = {"$group": {"_id": None, "least": {"$min": "$_id"}}}
    older: list[Mapping[str, Any]] = [
        {"$match": {**match, "derived.key": {"$exists": True}}},
        _look_up("_own", {"$eq": ["$_id", {"$toObjectId": "$$key"}]}, {}, {"$project": {"_id": 1}}),
        _look_up("_same", {"$eq": ["$derived.key", "$$key"]}, {"derived.key": {"$exists": True}}, least),
        {"$match": {"_own": [], "$expr": {"$eq": ["$_id", {"$first": "$_same.least"}]}}},
    ]
    return own, older


def _look_up(name: str, equal: dict[str, Any], match: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    pipeline = [{"$match": {**match, "$expr": equal}}, then]
    return {"$lookup": {"from": LOG, "let": {"key": "$derived.key"}, "pipeline": pipeline, "as": name}}


_FURTHER: Final = 500
"""Links beyond those asked for: of one that is there encrypted and in the clear the rows are put together later."""


def links(window: Window, where: Where, limit: int, *, queries: bool) -> list[Mapping[str, Any]]:
    """The links that were followed in most mails, each with its mails and clicks; without *queries* up to its `?`."""
    match = in_window(window) | where.filter() | _of_types("Click")
    own, older = each_once(match | {"derived.click.link": {"$exists": True}})
    whole = "$derived.click.link"
    # Of an encrypted link only the part up to the query can be told from others.
    link = {"$ifNull": ["$derived.click.page", whole if queries else _before("#", _before("?", _PLAIN_LINK))]}
    by_machine = {"$cond": [_MACHINE, 1, 0]}
    return [
        *own,
        {"$unionWith": {"coll": LOG, "pipeline": older}},
        {"$match": _NOT_SIMULATED},
        {"$group": {
            "_id": {"link": link, "mail": _MAIL},
            "clicks": {"$sum": {"$subtract": [1, by_machine]}}, "machine_clicks": {"$sum": by_machine},
        }},
        {"$group": {
            "_id": "$_id.link",
            "clicks": {"$sum": "$clicks"}, "mails": {"$sum": _any("$clicks")},
            "machine_clicks": {"$sum": "$machine_clicks"}, "machine_mails": {"$sum": _any("$machine_clicks")},
        }},
        {"$sort": {"mails": -1, "clicks": -1, "machine_mails": -1, "machine_clicks": -1, "_id": 1}},
        {"$limit": limit + _FURTHER},
    ]  # fmt: skip


def funnelled(match: Mapping[str, Any], sent: Window | None) -> list[Mapping[str, Any]]:
    """What happened to mails, `{_id: {accepted: true, …}, n: mails}`; where a window is given, to those sent in it."""
    happened = {name: {"$ne": [f"${name}", None]} for name in HAPPENED}
    return [*_by_mail(match, sent), {"$group": {"_id": happened, "n": {"$sum": 1}}}]


def cohorts(match: Mapping[str, Any], sent: Window, slot: int, horizons: Sequence[int]) -> list[Mapping[str, Any]]:
    """When mails were sent, and how soon each thing first happened to them, `{_id: {h: when, opened: 2, …}, n: mails}`.

    How soon is the place of the first of *horizons* (milliseconds) that it was within; after the last if it was later
    or never.
    """
    when = {"$dateToString": {"date": "$sent", "format": _FORMATS[slot]}}
    soon = {name: _place(f"${name}", horizons) for name in HAPPENED if name != "accepted"}
    return [*_by_mail(match, sent), {"$group": {"_id": {"h": when} | soon, "n": {"$sum": 1}}}]


_FORMATS: Final = {DAY: "%Y-%m-%d", HOUR: "%Y-%m-%dT%H", MINUTE: "%Y-%m-%dT%H:%M"}


def _place(took: str, horizons: Sequence[int]) -> dict[str, Any]:
    branches = [{"case": {"$lte": [took, most]}, "then": place} for place, most in enumerate(horizons)]
    never = {"case": {"$eq": [took, None]}, "then": len(horizons)}
    return {"$switch": {"branches": [never, *branches], "default": len(horizons)}}


def _by_mail(match: Mapping[str, Any], sent: Window | None) -> list[Mapping[str, Any]]:
    """Mails that were sent in a window: when, and how many milliseconds later each thing first happened to them.

    A row that happens to be there twice changes nothing. Every row of a mail tells when it was sent.
    """
    at = {"$ifNull": ["$derived.at", {"$convert": {"input": "$Timestamp", "to": "date", "onError": None}}]}
    took = {"$ifNull": ["$derived.took", 0]}
    steps = {name: {"$min": {"$cond": [holds, {"$max": [0, took]}, None]}} for name, holds in HAPPENED.items()}
    within = [{"$match": {"sent": {"$gte": sent.since, "$lt": sent.until}}}] if sent else []
    return [
        {"$match": match},
        {"$group": {"_id": _MAIL, "sent": {"$min": {"$subtract": [at, took]}}, "real": {"$max": _REAL}} | steps},
        {"$match": {"real": True, "accepted": {"$ne": None}}},
        *within,
    ]


def _before(mark: str, text: Any) -> dict[str, Any]:
    return {"$arrayElemAt": [{"$split": [text, mark]}, 0]}


def _any(number: str) -> dict[str, Any]:
    return {"$cond": [{"$gt": [number, 0]}, 1, 0]}


def _of_types(*types: str) -> dict[str, Any]:
    return {"$or": [{"Type": {"$in": types}, "derived.type": {"$exists": False}}, {"derived.type": {"$in": types}}]}


def by_text(window: Window, where: Where) -> list[Mapping[str, Any]]:
    """The groups of events that have theirs written, `{_id: text, n: times}`; all others, and older rows, as None."""
    own, older = each_once(in_window(window) | where.filter())
    others = {"$group": {"_id": None, "n": {"$sum": 1}}}
    group = {"$group": {"_id": "$derived.group", "n": {"$sum": 1}}}
    return [*own, group, {"$unionWith": {"coll": LOG, "pipeline": [*older, others]}}]


WITHOUT_TEXT: Final[Mapping[str, Any]] = {"$match": {"derived.group": None}}
"""Before a pipeline of `grouped`: only rows that have no text; and all older rows, which are asked for behind it."""


def _tag(name: str) -> dict[str, Any]:
    """The first value of a tag; absent where a mail has none."""
    named = {
        "$filter": {"input": {"$ifNull": ["$derived.tags", []]}, "cond": {"$eq": ["$$this.name", {"$literal": name}]}}
    }
    first = {"$first": {"$ifNull": [{"$first": {"$map": {"input": named, "in": "$$this.values"}}}, []]}}
    return {"$ifNull": [first, "$$REMOVE"]}


_SHORT: Final = {"campaign": "c", "configuration_set": "cs", "source": "so", "ip_pool": "ip", "template": "te"}
_TYPE: Final = {"$ifNull": ["$derived.type", "$Type"]}
_IS: Final = {kind: {"$eq": [_TYPE, kind]} for kind in ("Delivery", "Open", "Click")}
_PEOPLE: Final = {"$ifNull": ["$derived.domains", {"$ifNull": ["$derived.recipients", []]}]}
"""Whom a row names; of those who are encrypted, the domains with their `@`."""
_DOMAIN: Final = {"$arrayElemAt": [{"$split": ["$$this", "@"]}, -1]}
_BUCKET: Final = {"$round": {"$multiply": [PER_DOUBLING, {"$log": [{"$add": [{"$max": [0, "$derived.took"]}, 1]}, 2]}]}}
_MAIL: Final = {"$ifNull": ["$derived.messageId", "$MessageId"]}
_TOOK: Final = {"$gt": ["$derived.took", None]}

_KEY: Final[dict[str, Any]] = {
    "t": _TYPE,
    "d": {"$map": {"input": _PEOPLE, "in": _DOMAIN}},
    "b": "$derived.bounce",
    "y": "$derived.complaint",
    "m": "$derived.machine",
    "u": "$derived.subscription.out",
    # The mail, where different mails are counted; a row in an older shape has SNS's id in the column.
    "i": {"$cond": [{"$or": [_IS["Open"], _IS["Click"]]}, _MAIL, "$$REMOVE"]},
    # How long it took, where that is measured.
    "s": {"$cond": [{"$and": [{"$or": [_IS["Delivery"], _IS["Open"]]}, _TOOK]}, _BUCKET, "$$REMOVE"]},
}  # fmt: skip

_PLAIN_LINK: Final = {"$cond": [{"$eq": [{"$type": "$derived.click.link"}, "string"]}, "$derived.click.link", ""]}
_MACHINE: Final = {"$gt": ["$derived.machine", None]}
_PERSON: Final = {"$not": [_MACHINE]}
_AT_SIMULATOR: Final = r"@simulator\.amazonses\.com$"
_NOT_SIMULATED: Final = {
    "$or": [
        {"derived.recipients": {"$exists": False}},
        {"derived.domains": None, "derived.recipients": {"$elemMatch": {"$not": {"$regex": _AT_SIMULATOR}}}},
        {"derived.domains": {"$elemMatch": {"$not": {"$regex": _AT_SIMULATOR}}}},
    ]
}
_REAL: Final = {
    "$not": [
        {"$and": [
            {"$gt": [{"$size": _PEOPLE}, 0]},
            {"$allElementsTrue": [
                {"$map": {"input": _PEOPLE, "in": {"$regexMatch": {"input": "$$this", "regex": _AT_SIMULATOR}}}}
            ]},
        ]}
    ]
}  # fmt: skip
"""Not all whom a row names are Amazon's simulator's."""


def _is(*kinds: str, **more: Any) -> dict[str, Any]:
    return {"$and": [{"$in": [_TYPE, list(kinds)]}, *more.values()]}


_LISTED: Final = {"$eq": [{"$substrBytes": [{"$ifNull": ["$derived.complaint.subType", ""]}, 0, 2]}, "On"]}
HAPPENED: Final = {
    "accepted": {"$not": [{"$in": [_TYPE, ["Reject", "Rendering Failure"]]}]},
    "delivered": _is("Delivery"),
    "bounced": _is("Bounce"),
    "opened": _is("Open", by=_PERSON),
    "machine_opened": _is("Open", by=_MACHINE),
    "clicked": _is("Click", by=_PERSON),
    "machine_clicked": _is("Click", by=_MACHINE),
    "complained": _is(
        "Complaint", by={"$not": [_LISTED]}, kind={"$ne": [{"$ifNull": ["$derived.complaint.type", ""]}, "not-spam"]}
    ),
    "unsubscribed": _is("Subscription", out={"$gt": [{"$size": {"$ifNull": ["$derived.subscription.out", []]}}, 0]}),
}
"""What may happen to a mail, and which rows tell it."""
