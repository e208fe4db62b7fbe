"""Facts, acts and standings ↔ documents.

A person's standings, one for each tenant, are one document under the address, guarded by a revision.
Acts are append-only. Beside them stand *facts*, one for each event and person that matter for
suppression: small, found by address, and still there when retention has taken the event away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from sesevent import addresses, bounces
from sesevent.moments import UTC, format_moment
from sesevent.storage.codec import MARK
from sesevent.suppression.facts import Act, Fact
from sesevent.suppression.standing import Holding, Standing

__all__ = [
    "EVIDENCE", "FACT", "act_document", "act_in", "fact_document", "fact_in", "facts_in", "imported_with_id",
    "standing_fields", "standings_in", "with_id",
]  # fmt: skip

EVIDENCE: Final = ("Bounce", "Complaint", "Subscription")
"""Kinds of event that may speak against sending."""
FACT: Final = "fact"
"""The word that tells a fact from an act."""
_OUTSIDE: Final = ("at", "event_id", "published")
"""What of a fact stands in its document itself."""
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)  # an event without a time counts from the beginning


def facts_in(document: Mapping[str, Any]) -> dict[str, Fact]:
    """The facts in one stored event, by the address they are about; none if it holds no evidence."""
    derived = document["derived"]
    kind = derived.get("type", document.get("Type"))  # a row may hold an SNS envelope, and any event in it
    if kind not in (*EVIDENCE, "Delivery"):
        return {}
    detail = derived.get(kind[:1].lower() + kind[1:], {})
    people = derived.get("recipients", ())
    fact = Fact(
        derived.get("at", _LONG_AGO),
        derived.get("key", str(document["_id"])),
        kind,
        detail.get("type", ""),
        detail.get("subType", ""),
        not derived.get("guess", False),
        configuration_set=derived.get("configurationSet", ""),
        tags=_tags(derived),
        published=not derived.get("identity", False),
        topics=_topics(detail) if kind == "Subscription" else (),
    )
    if kind != "Bounce":
        found = dict.fromkeys(people, fact)
    else:
        found = {
            person: fact._replace(reason=reason, bounce_class=bounce_class)
            for person, (reason, bounce_class) in zip(people, _reasons(detail, len(people)), strict=True)
        }
    if "erased" in derived:  # a mark is nobody
        return {person: own for person, own in found.items() if not MARK.fullmatch(person)}
    return found


def _tags(derived: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    told = {tag["name"]: tag["values"][0] for tag in derived.get("tags", ()) if tag["values"]}
    return tuple(sorted(told.items()))


def _topics(detail: Mapping[str, Any]) -> tuple[tuple[str, bool], ...]:
    wanted = dict.fromkeys(detail.get("in", ()), True) | dict.fromkeys(detail.get("out", ()), False)
    return tuple(sorted(wanted.items()))


def _reasons(detail: Mapping[str, Any], people: int) -> Iterable[tuple[str, str]]:
    """Reason and class for each recipient: one for all, or a list. Rows of before there were any are told now."""
    if "class" not in detail:
        told = bounces.classify(bounce_type=detail.get("type"), bounce_subtype=detail.get("subType"))
        return [(told.reason, told.bounce_class)] * people
    columns = [value if isinstance(value, list) else [value] * people for value in (detail["reason"], detail["class"])]
    return zip(*columns, strict=True)


def fact_document(address: str, fact: Fact) -> dict[str, Any]:
    """The document of a fact. One event is one fact about a person, whatever it says today."""
    told = {name: value for name, value in fact._asdict().items() if value not in ("", ()) and name not in _OUTSIDE}
    kept = {"address": address, "at": fact.at, "act": FACT, "event": fact.event_id, "published": fact.published}
    return {"_id": _identifier(fact.event_id, address), "told": told} | kept


def fact_in(document: Mapping[str, Any]) -> Fact:
    """The fact in a document."""
    told = dict(document["told"])
    for name in ("tags", "topics"):
        told[name] = tuple([tuple(pair) for pair in told.get(name, ())])
    return Fact(document["at"], document["event"], published=document["published"], **told)


def with_id(address: str, act: Act) -> Act:
    """*act* with the id that follows from what it says, so that saying it twice is saying it once."""
    until = format_moment(act.until) if act.until else ""
    said = (
        format_moment(act.at),
        act.act,
        act.stream,
        act.origin,
        act.by,
        act.note,
        until,
        str(act.override),
        act.tenant,
    )
    return act._replace(id=_identifier(address, *said))


def imported_with_id(address: str, act: Act, *, dated: bool) -> Act:
    """An act of an import with the id that follows from what its row says, whoever imports it.

    Where the row is not *dated* the time does not count either: the list that is imported again tomorrow,
    by whomever, says nothing new.
    """
    at, until = (format_moment(moment) if moment else "" for moment in (act.at if dated else None, act.until))
    return act._replace(id=_identifier(address, "import", at, act.act, act.stream, act.note, until, act.tenant))


def act_document(address: str, act: Act) -> dict[str, Any]:
    """The document of an act."""
    told = {name: value for name, value in act._asdict().items() if value not in ("", None, False) and name != "id"}
    return {"_id": act.id, "address": address} | told


def act_in(document: Mapping[str, Any]) -> Act:
    """The act in a document."""
    return Act(
        id=document["_id"], **{name: value for name, value in document.items() if name not in ("_id", "address")}
    )


def _identifier(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=12, person=b"act").hexdigest()


def standing_fields(standings: Sequence[Standing]) -> dict[str, Any]:
    """What is kept of a person's standings, beside the address and the revision."""
    kept = [
        {"tenant": one.tenant, "soft": one.soft_bounces, "holdings": [holding._asdict() for holding in one.holdings]}
        for one in standings
    ]
    fields: dict[str, Any] = {"policy": standings[0].policy_version, "standings": kept}
    mailbox = addresses.untagged(standings[0].address)
    if mailbox is not None:
        fields["mailbox"] = mailbox
    return fields


def standings_in(document: Mapping[str, Any]) -> list[Standing]:
    """The standings in a document."""
    address, version = document["_id"], document["policy"]
    return [
        Standing(address, version, tuple(map(_holding, one["holdings"])), one["soft"], one["tenant"])
        for one in document["standings"]
    ]


def _holding(kept: Mapping[str, Any]) -> Holding:
    evidence, lifted = tuple(kept["evidence"]), tuple(kept["lifted"])
    return Holding(kept["rule"], kept["stream"], kept["since"], kept["until"], evidence, lifted)
