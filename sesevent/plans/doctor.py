"""Is this database fit for its purpose, and if not, what is to be done? Asked by ``sesevent doctor``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from sesevent.audit import AuditEntry
from sesevent.bounces import rules_version
from sesevent.errors import ConfigurationError, StoreError
from sesevent.ops import Plan, ask
from sesevent.plans import audit, dead_letters
from sesevent.storage import reads, rollups
from sesevent.storage.codec import DERIVED_VERSION
from sesevent.storage.connection import Settings
from sesevent.storage.layout import (
    COMPRESSED,
    ENCRYPTION,
    EVENTS,
    HOLDS,
    INDEXES,
    PLURAL,
    POLLING,
    RING,
    SUPPRESSION,
    UNFINISHED,
    WATCHES,
    index_models,
)
from sesevent.storage.operations import Command, Count, CreateCollection, CreateIndexes, Document, Find, ListIndexes
from sesevent.suppression.policy import DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from sesevent.privacy.protection import Protection

__all__ = ["Finding", "ensure_indexes", "examine", "greet", "keys_missing", "kind", "missing_indexes"]

_PSEUDONYMS: Final = "pseudonym keys"
_WRITES: Final = "writes by"
"""In a note of keys: the id of the one that new rows are written by. No id has a space."""
_AUDITED = 200  # entries
_COUNTED = 100_000  # rows; beyond it the exact number changes no advice
_MANY = 10_000  # of what is well


Level = Literal["ok", "warning", "error"]


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: Level
    subject: str
    finding: str
    remedy: str = ""


def greet(
    policy: Policy,
    now: datetime,
    privacy: Protection | None = None,
    *,
    encrypts: bool = False,
    without_keys: bool = False,
) -> Plan[Document]:
    """Make sure that a server answers, and that we may talk to it; the audit hears which policies we follow.

    Raises ConfigurationError where people are kept in a form that only keys can tell, and there are none, unless
    somebody said so (*without_keys*): nobody would be found, and who is suppressed would be mailed.
    """
    hello: Document = yield from ask(Command("hello"))
    yield from ask(Count(EVENTS, {"_id": None}, 1))  # what a user without rights is refused
    missing = yield from keys_missing(privacy, encrypts=encrypts)
    if missing and not without_keys:
        raise ConfigurationError(f"{missing[0].finding.capitalize()}.", hint=missing[0].remedy)
    yield from audit.note_followed("suppression policy", policy.version, DEFAULT_POLICY.version, now)
    yield from audit.note_followed("privacy policy", "" if privacy is None else privacy.policy.version, "", now)
    if privacy is not None and not missing:  # else whoever forgets the keys tomorrow would not be told
        yield from _note_keys(privacy, now)
    return hello


def keys_missing(privacy: Protection | None, *, encrypts: bool) -> Plan[list[Finding]]:
    """What is kept here in a form that only keys can tell which are not given.

    Of pseudonyms that is the key by which others write: who was met last is found by it alone.
    """
    found: list[Finding] = []
    if not encrypts and (yield from _if_allowed(ask(Count(ENCRYPTION, {"_id": RING}, 1)))):
        found.append(_ENCRYPTED)
    used = (yield from _if_allowed(audit.latest(1, _PSEUDONYMS))) or []
    known = set() if privacy is None else set(privacy.keys.values())
    if used and known.isdisjoint(_needed(used[0].detail)):
        found.append(_PSEUDONYMOUS)
    return found


def _if_allowed(plan: Plan[Any]) -> Plan[Any]:
    """What a plan answers; None for whoever may not ask, who is not kept from the rest."""
    try:
        return (yield from plan)
    except (StoreError, ConfigurationError) as error:
        if error.retryable:
            raise
        return None


def _needed(noted: Mapping[str, Any]) -> set[Any]:
    """Fingerprints of which one must be known: of the key that writes, where the note says so, else of any."""
    return {noted[noted[_WRITES]]} if noted.get(_WRITES) in noted else set(noted.values())


def _note_keys(privacy: Protection, now: datetime) -> Plan[None]:
    """Write down by which keys we work, unless others write by a later one that we know: theirs is the one to have."""
    keys = dict(privacy.keys)
    if keys:
        first = next(iter(keys))
        used = (yield from _if_allowed(audit.latest(1, _PSEUDONYMS))) or []
        if not (used and str(used[0].detail.get(_WRITES, "")) > first):
            yield from audit.note_keys(_PSEUDONYMS, keys | {_WRITES: first}, now)


def ensure_indexes(polling: bool = False) -> Plan[list[str]]:
    """Create the collection of events, and missing indexes; with *polling* also those of watches that poll."""
    # A collection that is there stays as it is; where the engine knows no zstd the first index makes it.
    with suppress(StoreError, ConfigurationError):
        yield from ask(CreateCollection(EVENTS, COMPRESSED))
    names: list[str] = []
    for collection in INDEXES:
        names += yield from _ensure_indexes(collection, polling)
    return names


def _ensure_indexes(collection: str, polling: bool) -> Plan[list[str]]:
    """Create what is missing of one collection. An index that is there stays, compressed or not."""
    present = yield from ask(ListIndexes(collection))
    ways = [index_models(collection, polling=polling, compressed=compressed) for compressed in (True, False)]
    compressed, plain = [[model for model in models if model.document["name"] not in present] for models in ways]
    try:
        if compressed:
            yield from ask(CreateIndexes(collection, compressed))
    except (StoreError, ConfigurationError) as error:
        if error.retryable or [model.document for model in compressed] == [model.document for model in plain]:
            raise
        yield from ask(CreateIndexes(collection, plain))
    return [model.document["name"] for model in ways[0]]


def examine(
    settings: Settings | None, privacy: Protection | None = None, *, encrypts: bool = False
) -> Plan[list[Finding]]:
    """Look at the connection, the server, the collections, and whether there are keys for what they hold."""
    hello = yield from ask(Command("hello"))
    build = yield from ask(Command("buildInfo"))
    findings = [Finding("ok", "server", f"MongoDB {build['version']}"), kind(hello)]
    if settings is not None:
        findings += _connection(settings, local=_is_local(hello))
    findings += yield from keys_missing(privacy, encrypts=encrypts)
    present = yield from ask(ListIndexes(EVENTS))
    findings.append(_indexes((yield from missing_indexes())))
    polled = yield from ask(Count(WATCHES, {"polling": True}, 1))
    if polled and POLLING[0].name not in present:
        findings.append(_POLLED_WITHOUT_INDEX)
    findings += yield from _expiry()
    legacy = yield from ask(Count(EVENTS, reads.WITHOUT_DERIVED, _COUNTED))
    findings.append(_legacy(legacy))
    stale = yield from ask(Count(EVENTS, reads.stale_reasons(rules_version()), _COUNTED))
    findings.append(_stale(stale))
    findings += yield from _editions()
    plural = yield from ask(Count(PLURAL, {}, 1))
    if plural:
        findings.append(_PLURAL_HOLDS_ROWS)
    standings = yield from ask(Count(SUPPRESSION, {}, _MANY))
    findings.append(Finding("ok", "suppression", f"{_about(standings, _MANY)} standings"))
    findings.append(_dead_letters((yield from dead_letters.count())))
    findings += _subscriptions((yield from audit.latest(_AUDITED)))
    return findings


def _expiry() -> Plan[list[Finding]]:
    """Whether MongoDB deletes events by itself, and whether it may."""
    from sesevent.plans import expiry  # here, since connecting must not wait for it

    after = yield from expiry.expires_after()
    if after is None:
        return []
    found = f"MongoDB deletes events by itself {after.days} days after they happened (TTL)"
    holds = yield from ask(Count(HOLDS, {}, 1))
    walk = rollups.read_walk((yield from ask(rollups.walk_and())))
    if holds or walk is not None:
        wrong = "although events are held" if holds else "although rollups are kept, and hours are not sealed first"
        return [Finding("error", "expiry", f"{found}, {wrong}", "Run: sesevent retention stop-expiring")]
    return [Finding("ok", "expiry", found)]


def kind(hello: Document) -> Finding:
    """What sort of server it is."""
    if hello.get("msg") == "isdbgrid":
        return Finding("ok", "kind", "sharded cluster")
    if hello.get("setName"):
        return Finding("ok", "kind", f"replica set of {len(hello.get('hosts', ()))}")
    remedy = "Start mongod with --replSet and initiate it; one member is enough for a laptop."
    return Finding("warning", "kind", "stand-alone: no change streams, transactions or retryable writes", remedy)


def _connection(settings: Settings, *, local: bool) -> list[Finding]:
    connections = "any number of" if settings.connections == inf else f"up to {settings.connections}"
    wait = "no bound" if settings.timeout_seconds is None else f"{settings.timeout_seconds:g} s"
    findings = [Finding("ok", "connection", f"time-out: {wait}; {connections} connections to a server")]
    findings += [finding for wrong, finding in _CARELESS if wrong(settings)]
    if not local:
        findings += [finding for wrong, finding in _EXPOSED if wrong(settings)]
    return findings


def _is_local(hello: Document) -> bool:
    """True where all members are on this machine, as far as they tell."""
    members = hello.get("hosts") or [hello.get("me", "localhost")]
    return all(member.startswith(("127.", "localhost", "[::1]")) for member in members)


def missing_indexes() -> Plan[list[str]]:
    """The names of indexes that are not there; outside the events with their collection."""
    missing: list[str] = []
    for collection, indexes in INDEXES.items():
        present = yield from ask(ListIndexes(collection))
        before = "" if collection == EVENTS else f"{collection}."
        missing += [before + index.name for index in indexes if index.name not in present]
    return missing


def _indexes(missing: list[str]) -> Finding:
    if not missing:
        return Finding("ok", "indexes", "all present")
    return Finding("error", "indexes", f"missing: {', '.join(missing)}", "Run: sesevent doctor --fix")


def _legacy(count: int) -> Finding:
    if not count:
        return Finding("ok", "older rows", "none without `derived`")
    found = f"{_about(count)} rows without `derived`: not found by recipient, and no ground for suppression"
    return Finding("warning", "older rows", found, "Run: sesevent migrate")


def _stale(count: int) -> Finding:
    if not count:
        return Finding("ok", "reasons", f"all failures are classified by the rules of today ({rules_version()})")
    return Finding("warning", "reasons", f"{_about(count)} were classified by other rules", "Run: sesevent reclassify")


def _editions() -> Plan[list[Finding]]:
    """Whether older versions made `derived`, as far as the first and the last row tell; and what nobody finished."""
    # No index tells all of them: `reindex` finds them.
    ends = yield from ask(Find(EVENTS, _HAS_EDITION, (("_id", 1),), 1, {"derived.v": 1}))
    ends = ends + (yield from ask(Find(EVENTS, _HAS_EDITION, (("_id", -1),), 1, {"derived.v": 1})))
    oldest = min((row["derived"]["v"] for row in ends), default=DERIVED_VERSION)
    found = [Finding("ok", "editions", f"`derived` is of edition {DERIVED_VERSION}")]
    if oldest < DERIVED_VERSION:
        found = [Finding("warning", "editions", f"rows have `derived` of edition {oldest}", "Run: sesevent reindex")]
    pages = yield from ask(Count(UNFINISHED, {}, _COUNTED))
    if pages:
        told = f"{_about(pages)} pages of rows are being changed, or whoever was at it died"
        found.append(Finding("warning", "unfinished", told, "Run: sesevent reindex"))
    return found


_HAS_EDITION: Final = {"derived.v": {"$exists": True}}


def _dead_letters(count: int) -> Finding:
    if not count:
        return Finding("ok", "dead letters", "none")
    return Finding(
        "warning", "dead letters", f"{_about(count)} could not be understood", "See: sesevent dead-letters list"
    )


def _subscriptions(entries: list[AuditEntry]) -> list[Finding]:
    """What became last of each topic's subscription."""
    last: dict[str, AuditEntry] = {}
    for entry in entries:  # the latest first
        if entry.act in _SUBSCRIPTION_ACTS:
            last.setdefault(entry.subject, entry)
    return [
        Finding(*_SUBSCRIPTION_ACTS[entry.act], f"{entry.act} at {entry.at:%Y-%m-%d %H:%M} UTC: {topic}")
        for topic, entry in sorted(last.items())
    ]


def _about(count: int, most: int = _COUNTED) -> str:
    return f"at least {count:,}" if count >= most else f"{count:,}"


_SUBSCRIPTION_ACTS: Final[dict[str, tuple[Level, str]]] = {
    "subscription confirmed": ("ok", "subscription"),
    "subscription offered": ("warning", "subscription"),  # nobody confirmed it through this library
    "unsubscribed": ("warning", "subscription"),
}

_Rule = tuple[Callable[[Settings], bool], Finding]

_CARELESS: Final[tuple[_Rule, ...]] = (
    (
        lambda told: told.timeout_seconds is None,
        Finding("warning", "connection", "nothing bounds how long an operation takes", "Give timeoutMS."),
    ),
    (
        lambda told: not told.durable,
        Finding(
            "warning",
            "durability",
            "writes are acknowledged before a majority has them in its journal: a fail-over may lose them",
            "Leave out write_concern.",
        ),
    ),
    (
        lambda told: not told.retry_writes,
        Finding("warning", "connection", "a write that meets a fail-over is not repeated", "Leave out retryWrites."),
    ),
)
_EXPOSED: Final[tuple[_Rule, ...]] = (
    (
        lambda told: not told.encrypted,
        Finding("warning", "connection", "addresses and mails cross the network unencrypted", "Add tls=true."),
    ),
    (
        lambda told: not told.authenticated,
        Finding("warning", "connection", "the server asks nobody who they are", "Switch authentication on."),
    ),
)

_NOBODY_FOUND = "nobody would be found by address, and who is suppressed would be mailed"
_ENCRYPTED = Finding(
    "error",
    "keys",
    f"what is kept of people is encrypted here, and no key is told: {_NOBODY_FOUND}",
    "Give encryption=Encryption(…), on the command line --encryption FILE; or, for figures alone, without_keys.",
)
_PSEUDONYMOUS = Finding(
    "error",
    "keys",
    f"people are kept under pseudonyms here, or only as erased, and the key to that is not told: {_NOBODY_FOUND}",
    "Give privacy=Protection(…, keys), on the command line --privacy-keys FILE; or, for figures alone, without_keys.",
)
_POLLED_WITHOUT_INDEX = Finding(
    "warning",
    "watches",
    "a watch polls, and reads the whole collection each time: its index is missing",
    "Run: sesevent doctor --fix --polling",
)
_PLURAL_HOLDS_ROWS = Finding(
    "warning",
    "collection",
    f"`{PLURAL}` holds rows too: Mongoose pluralises the model name `{EVENTS}`",
    f"If those are the events, use --collection {PLURAL}.",
)
