"""Whom to take off a list, and why: what is told of each kind of address, and what is asked about it.

Standings say who bounced, complained or left. The log says who was mailed for months and never opened or clicked, and
which domains never took a mail and are one slip of the fingers from one that takes many: such domains are found in
the sender's own log, since no list of them is kept well. Role addresses are those of RFC 2142, and a few more. It asks
nobody. Next: :mod:`sesevent.plans.compliance`, which does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sesevent.addresses import PSEUDONYM, mask
from sesevent.moments import format_moment

__all__ = [
    "EXAMPLES", "KINDS", "MERGED", "Finding", "Hygiene", "Kind", "Mailed", "domains_pipeline", "found_of",
    "mailed_pipeline", "people_pipeline", "read_people", "role_pattern", "slips",
]  # fmt: skip

EXAMPLES: Final = 3
MERGED: Final = 100_000
"""So many people at most are held in memory, to see who of them is the same."""
_DOMAINS: Final = 5_000  # that never took a mail
_LARGE: Final = 200  # domains that take the most


class Kind(NamedTuple):
    """One kind of address, and what to do about it."""

    name: str
    words: str
    do: str
    why: str
    rules: tuple[str, ...] = ()
    """Rules of suppression that tell of it; none: the log tells."""


KINDS: Final = (
    Kind("hard_bounced", "the mailbox does not exist, or will not come back", "take them off your lists",
         "AWS reviews accounts above 5 % of bounces; each mail to them counts", ("hard-bounce",)),
    Kind("complained", "reported a mail as unwanted", "take them off your lists, and never add them again",
         "AWS reviews accounts above 0.1 % of complaints", ("complaint", "complaint-possible")),
    Kind("unsubscribed", "asked to be left alone, on one stream or all", "take them off those lists",
         "the law gives ten days (CAN-SPAM), or none (GDPR, article 21)", ("unsubscribed", "unsubscribed-at-ses")),
    Kind("soft_bounced", "bounced again and again for now, or refused you", "ask them to confirm, or let them go",
         "what is full or refused for weeks is mostly left by its owner", ("soft-bounces", "refused-by-recipient")),
    Kind("suppressed", "are on your list, or Amazon SES's, for another reason", "look up why, and take them off",
         "they are not mailed anyway: a list that keeps them counts wrong", ("manual", "imported", "ses-list")),
    Kind("unengaged", "were delivered to, and neither opened nor clicked", "ask once whether they still want it",
         "who never looks learns to complain, and is where spam traps come from"),
    Kind("role", "belong to a function and not to a person", "ask who reads them, and for whose consent",
         "several read them and none consented (RFC 2142 names most of them)"),
    Kind("typo_domain", "are at a domain that never took a mail, one slip away from one that takes many",
         "correct them, or take them off", "domains near large ones are bought to trap such mail"),
)  # fmt: skip
"""In the order in which they are told: the most urgent first."""

_ROLES: Final = (
    "abuse", "noc", "security", "postmaster", "hostmaster", "usenet", "news", "webmaster", "www", "uucp", "ftp",
    "info", "marketing", "sales", "support",  # these are RFC 2142's
    "admin", "administrator", "billing", "contact", "help", "mailer-daemon", "no-reply", "noreply", "office", "root",
)  # fmt: skip


def role_pattern() -> str:
    """The beginning of role addresses, as a regular expression of normal forms."""
    return f"^(?:{'|'.join(_ROLES)})(?:\\+[^@]*)?@"


@dataclass(frozen=True, slots=True)
class Finding:
    """How many addresses are of a kind."""

    name: str
    people: int
    examples: tuple[str, ...]
    """Masked."""
    words: str
    do: str
    why: str


@dataclass(frozen=True, slots=True)
class Hygiene:
    """Whom to take off a list."""

    at: datetime
    since: datetime
    """From when on the log was read."""
    months: int
    people: int
    """Who was mailed since then."""
    engagement_known: bool
    """False where no open and no click was stored since then: then nobody is called unengaged."""
    findings: tuple[Finding, ...]
    """One of each kind, also where nobody is of it. An address may be of several."""
    hidden: int = 0
    """Of the people those who are kept encrypted or under a pseudonym, and whose address is not known: whether theirs
    are role addresses is not seen."""
    counted_once: bool = True
    """False where somebody who is kept in two ways may count twice: keys are missing that tell who is who, or
    pseudonyms are by several keys, or there are more people than can be compared (100,000)."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        told = asdict(self) | {"at": format_moment(self.at), "since": format_moment(self.since)}
        return told | {"findings": [asdict(one) for one in self.findings]}


def finding(kind: Kind, people: int, examples: Iterable[Any]) -> Finding:
    """A finding; its examples are masked here, and those that nobody can read left out."""
    shown = tuple(mask(one) for one in examples if isinstance(one, str))
    return Finding(kind.name, people, shown, kind.words, kind.do, kind.why)


# ── asked of the log ────────────────────────────────────────────────────────────────────────────────────────────────

_KIND: Final = {"$ifNull": ["$derived.type", "$Type"]}
_THEM: Final = "$derived.recipients"
_OURS: Final = {"$ifNull": ["$derived.domains", []]}
"""Where recipients are encrypted: their domains, in the same order."""
_HIDDEN: Final = {"$or": [{"_id": {"$type": "binData"}}, {"_id": {"$regex": f"^{PSEUDONYM}"}}]}


def _people(since: datetime, until: datetime) -> list[dict[str, Any]]:
    """A row for each person: what arrived there first and last, and when somebody last looked."""
    engaged = {"$and": [{"$in": ["$t", ["Open", "Click"]]}, {"$ne": ["$m", True]}]}
    delivered = {"$eq": ["$t", "Delivery"]}
    return [
        {"$match": {"Timestamp": {"$gte": format_moment(since), "$lt": format_moment(until)}}},
        {"$project": {"t": _KIND, "at": "$Timestamp", "m": {"$toBool": "$derived.machine"}, "p": _THEM, "d": _OURS}},
        {"$match": {"t": {"$in": ["Send", "Delivery", "Bounce", "Open", "Click"]}}},
        {"$unwind": {"path": "$p", "includeArrayIndex": "i"}},
        {"$group": {
            "_id": "$p",
            "at": {"$min": {"$ifNull": [{"$arrayElemAt": ["$d", "$i"]}, "$p"]}},
            "delivered": {"$sum": {"$cond": [delivered, 1, 0]}},
            "first": {"$min": {"$cond": [delivered, "$at", None]}},
            "engaged": {"$max": {"$cond": [engaged, "$at", None]}},
        }},
    ]  # fmt: skip


def people_pipeline(since: datetime, border: datetime, until: datetime) -> list[dict[str, Any]]:
    """How many people there are, whether anybody is known to look, who never did since *border*, and role addresses.

    Unengaged is who was delivered to more than once, first before *border*, and did not look since then.
    """
    old, first = format_moment(border), {"$sort": {"_id": 1}}
    idle = {
        "delivered": {"$gt": 1},
        "first": {"$lt": old, "$ne": None},
        "$or": [{"engaged": None}, {"engaged": {"$lt": old}}],
    }
    some: list[dict[str, Any]] = [first, {"$limit": EXAMPLES}, {"$project": {"_id": 1}}]
    role = {"$match": {"_id": {"$regex": role_pattern()}}}
    return [
        *_people(since, until),
        {"$facet": {
            "people": [{"$count": "n"}],
            "engaged": [{"$match": {"engaged": {"$ne": None}}}, {"$limit": 1}, {"$count": "n"}],
            "unengaged": [{"$match": idle}, {"$count": "n"}],
            "unengaged_some": [{"$match": idle}, *some],
            "role": [role, {"$count": "n"}],
            "role_some": [role, *some],
            "hidden": [{"$match": _HIDDEN}, {"$count": "n"}],
        }},
    ]  # fmt: skip


class People(NamedTuple):
    """What the answer of `people_pipeline` says."""

    people: int
    hidden: int
    engagement_known: bool
    found: dict[str, tuple[int, list[str]]]
    """By kind how many, and some of them."""


def read_people(rows: Sequence[Mapping[str, Any]]) -> People:
    """What the answer of `people_pipeline` says."""
    (told,) = rows

    def count(name: str) -> int:
        return int(told[name][0]["n"]) if told[name] else 0

    known = count("engaged") > 0
    found = {name: (count(name), [row["_id"] for row in told[f"{name}_some"]]) for name in ("unengaged", "role")}
    return People(count("people"), count("hidden"), known, found if known else found | {"unengaged": (0, [])})


# ── where one person may be kept in several ways ────────────────────────────────────────────────────────────────────


def mailed_pipeline(since: datetime, until: datetime) -> list[dict[str, Any]]:
    """A row for each name that somebody is kept under: for no more people than `MERGED`."""
    return [*_people(since, until), {"$limit": MERGED}]


@dataclass(slots=True)
class Mailed:
    """What arrived at one person, over all names."""

    name: str
    """The address, or what stands for it; empty where nobody can read it."""
    domain: str
    delivered: int = 0
    first: str | None = None
    engaged: str | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        """Add what arrived under another name."""
        self.delivered += row["delivered"]
        self.first = min((one for one in (self.first, row["first"]) if one), default=None)
        self.engaged = max((one for one in (self.engaged, row["engaged"]) if one), default=None)

    def is_idle(self, since: str) -> bool:
        """Whether somebody is unengaged, as `people_pipeline` says."""
        first, engaged = self.first, self.engaged
        return self.delivered > 1 and first is not None and first < since and (engaged is None or engaged < since)


def found_of(people: Iterable[Mailed], border: datetime) -> tuple[bool, dict[str, tuple[int, list[str]]]]:
    """What the pipelines tell, of people who were put together: whether anybody looks, and who is of which kind."""
    everybody, old = sorted(people, key=lambda one: one.name), format_moment(border)
    known = any(one.engaged for one in everybody)
    role = re.compile(role_pattern())
    told = {
        "unengaged": [one for one in everybody if known and one.is_idle(old)],
        "role": [one for one in everybody if role.match(one.name)],
    }
    found = {name: (len(some), [one.name for one in some if one.name][:EXAMPLES]) for name, some in told.items()}
    return known, found | {"typo_domain": slips([_by_domain(everybody)])}


def _by_domain(people: Iterable[Mailed]) -> dict[str, list[dict[str, Any]]]:
    """As the answer of `domains_pipeline`."""
    rows: dict[str, dict[str, Any]] = {}
    for one in people:
        row = rows.setdefault(one.domain, {"_id": one.domain, "people": 0, "delivered": 0, "one": one.name})
        row["people"] += 1
        row["delivered"] += one.delivered
    large = sorted((row for row in rows.values() if row["delivered"]), key=lambda row: (-row["delivered"], row["_id"]))
    never = sorted((row for row in rows.values() if not row["delivered"]), key=lambda row: (-row["people"], row["_id"]))
    return {"large": large[:_LARGE], "never": never[:_DOMAINS]}


# ── domains ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def domains_pipeline(since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The domains that take the most mail, and those that never took any, with how many people are there."""
    domain = {"$arrayElemAt": [{"$split": ["$at", "@"]}, -1]}
    return [
        *_people(since, until),
        {"$group": {"_id": domain, "people": {"$sum": 1}, "delivered": {"$sum": "$delivered"},
                    "one": {"$min": "$_id"}}},
        {"$facet": {
            "large": [{"$match": {"delivered": {"$gt": 0}}}, {"$sort": {"delivered": -1, "_id": 1}},
                      {"$limit": _LARGE}],
            "never": [{"$match": {"delivered": 0}}, {"$sort": {"people": -1, "_id": 1}}, {"$limit": _DOMAINS}],
        }},
    ]  # fmt: skip


def slips(rows: Sequence[Mapping[str, Any]], many: int = 20) -> tuple[int, list[str]]:
    """Who is at a domain that is one slip from one that took *many* mails or more: how many, and some of them."""
    (told,) = rows
    large = {one["_id"] for one in told["large"] if one["delivered"] >= many}
    near = [one for one in told["never"] if any(_one_slip(one["_id"], other) for other in large)]
    return sum(one["people"] for one in near), [one["one"] for one in near[:EXAMPLES]]


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter is missing, too much, another, or has changed places with the next."""
    pairs = enumerate(zip(typed, meant, strict=False))
    place = next((at for at, (ours, theirs) in pairs if ours != theirs), min(len(typed), len(meant)))
    ours, theirs = typed[place:], meant[place:]
    swapped = ours[:2] == theirs[1::-1] and ours[2:] == theirs[2:]
    return typed != meant and (swapped or ours[1:] == theirs[1:] or ours[1:] == theirs or ours == theirs[1:])
