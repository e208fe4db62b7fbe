"""Stories for those who answer for a list, and for its people: whom to take off it, and what is stored about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sesevent.addresses import is_pseudonym
from sesevent.analytics import hygiene
from sesevent.analytics.hygiene import KINDS, Hygiene, Mailed
from sesevent.analytics.processing import HELD, Kept, ProcessingRecord, Who
from sesevent.errors import ConfigurationError
from sesevent.jsonvalues import as_json
from sesevent.ops import Plan, ask
from sesevent.plans import doctor, keeping, tokens
from sesevent.retention import Retention, Rule, read_age
from sesevent.storage.connection import Settings
from sesevent.storage.layout import COLLECTIONS, EVENTS, PLURAL, SUPPRESSION
from sesevent.storage.operations import Aggregate, AskPseudonyms, Command, Count, Find
from sesevent.storage.sealing import Unreadable
from sesevent.storage.tokens import SCOPES

__all__ = ["hygiene_report", "record"]

_LONGEST = 120  # months


def hygiene_report(months: int, now: datetime) -> Plan[Hygiene]:
    """Whom to take off a list: by standings, and by the log of twice *months*."""
    if not 1 <= months <= _LONGEST:
        raise ConfigurationError(f"months must be 1 to {_LONGEST}.")
    border, since = (read_age(f"{number} months").before(now) for number in (months, 2 * months))
    people, hidden, known, found = hygiene.read_people(
        (yield from ask(Aggregate(EVENTS, hygiene.people_pipeline(since, border, now))))
    )
    once = not hidden
    if hidden and people <= hygiene.MERGED:
        mailed = yield from _mailed(since, now)
        people, hidden, once = len(mailed.people), mailed.hidden, mailed.once
        known, found = hygiene.found_of(mailed.people, border)
    else:
        found["typo_domain"] = hygiene.slips((yield from ask(Aggregate(EVENTS, hygiene.domains_pipeline(since, now)))))
    findings = []
    for kind in KINDS:
        if kind.rules:
            found[kind.name] = yield from _held_by(kind.rules, now)
        findings.append(hygiene.finding(kind, *found[kind.name]))
    return Hygiene(now, since, months, people, known, tuple(findings), hidden, once)


class _Mailed(NamedTuple):
    """Everybody who was mailed, as far as can be told who is the same."""

    people: list[Mailed]
    hidden: int
    once: bool


def _mailed(since: datetime, now: datetime) -> Plan[_Mailed]:
    """Put together what is kept of one person in the clear, encrypted, and under pseudonyms."""
    rows = yield from ask(Aggregate(EVENTS, hygiene.mailed_pipeline(since, now)))
    pseudonyms = yield from ask(AskPseudonyms())
    known: dict[str, Mailed] = {}
    pseudonymous: list[Any] = []
    sealed: list[Mailed] = []
    for row in rows:
        name, domain = row["_id"], str(row["at"]).rpartition("@")[2]
        if not isinstance(name, str) or isinstance(name, Unreadable):
            sealed.append(Mailed("", domain))
            sealed[-1].add(row)
        elif is_pseudonym(name):
            pseudonymous.append(row)
        else:
            known.setdefault(name, Mailed(name, domain)).add(row)
    names = {} if pseudonyms is None else {form: one for one in known for form in pseudonyms.forms(one)}
    others: dict[str, Mailed] = {}
    for row in pseudonymous:
        name = row["_id"]
        found = known[names[name]] if name in names else others.setdefault(name, Mailed(name, name.rpartition("@")[2]))
        found.add(row)
    keys = {name.split(".", 2)[1] for name in others}
    apart = len(sealed) + len(others) + len(known) > 1
    once = not (sealed and apart) and len(keys) <= 1 and (not others or not known or pseudonyms is not None)
    return _Mailed([*known.values(), *others.values(), *sealed], len(others) + len(sealed), once)


def _held_by(rules: Sequence[str], now: datetime) -> Plan[tuple[int, list[str]]]:
    """How many people one of these rules holds against now, and some of them."""
    holding = {"rule": {"$in": list(rules)}, "$or": [{"until": None}, {"until": {"$gt": now}}]}
    held = {"standings.holdings.rule": {"$in": list(rules)}, "standings.holdings": {"$elemMatch": holding}}
    count = yield from ask(Count(SUPPRESSION, held))
    rows = yield from ask(Find(SUPPRESSION, held, (("_id", 1),), hygiene.EXAMPLES, {"_id": 1}))
    return count, [row["_id"] for row in rows]


def record(
    retention: Retention | None,
    privacy: Any,
    controller: str,
    legal_basis: str,
    recipients: Iterable[str],
    settings: Settings | None,
    now: datetime,
    *,
    encrypts: bool,
) -> Plan[ProcessingRecord]:
    """What is stored about whom, where, why and how long, as it is configured."""
    hello = yield from ask(Command("hello"))
    name = (yield from ask(Command("dbStats")))["db"]
    kept = []
    for collection in COLLECTIONS:
        documents = yield from ask(Count(collection, {}, 1_000_000))
        if documents or collection != PLURAL:
            held = HELD[collection]
            how_long = _how_long(retention) if collection in (EVENTS, PLURAL) else (held.until,)
            kept.append(Kept(collection, held.of, held.what, held.why, how_long, documents))
    holds = yield from keeping.holds()
    who = list(_READERS if not encrypts else _READERS_WITH_KEYS)
    for token in (yield from tokens.listed()):
        if token.usable(now):
            who.append(Who(f"token {token.name}", "; ".join(SCOPES[scope] for scope in sorted(token.scopes))))
    capture = [as_json(row) for row in privacy.explain()] if privacy is not None else []
    protected, wrong = _measures(settings)
    protected += [_ENCRYPTED] if encrypts else []
    told = tuple(recipients)
    missing = {
        "who is responsible (article 30(1)(a))": not controller,
        "what it rests on (article 6), such as consent, or the contract that a receipt fulfils": not legal_basis,
        "to whom it is handed on (article 30(1)(d)), Amazon Web Services as processor included": not told,
        "how long events are kept: no retention policy is told (article 5(1)(e))": retention is None,
        "what of an event is needed: no privacy policy is told, so everything is stored (article 5(1)(c))": not capture,
    }
    if holds:
        protected.append(f"{len(holds)} legal holds keep events from being deleted")
    return ProcessingRecord(
        now, controller, legal_basis, f"database {name}, {doctor.kind(hello).finding}", tuple(kept), tuple(capture),
        tuple(who), told, tuple(protected), (*[words for words, open_ in missing.items() if open_], *wrong),
    )  # fmt: skip


_READERS = (Who("whoever may read the database", "everything that is kept, in clear"),)
_READERS_WITH_KEYS = (
    Who("whoever may read the database", "what is not encrypted: types, times, ids and senders of mails, campaigns, "
        "tags, reasons, domains of recipients; and rows from before, until `sesevent encryption apply` is done"),
    Who("whoever may use the master key, too", "everything that is kept"),
)  # fmt: skip
_ENCRYPTED = "addresses, subjects, links and events are encrypted before they leave the process; the key is elsewhere"


def _how_long(policy: Retention | None) -> tuple[str, ...]:
    if policy is None:
        return ("for good",)
    told = [_of_rule(rule) for rule in policy.rules]
    everything = any(not rule.types and not rule.configuration_sets for rule in policy.rules)
    return (*told, *(() if everything else ("all others: for good",)))


def _of_rule(rule: Rule) -> str:
    words = {"delete": "deleted after", "archive": "moved to the archive after", "thin": "without their text after"}
    of = [*rule.types, *(f"configuration set {name}" for name in rule.configuration_sets)]
    steps = ", ".join(f"{words[kind]} {age.text}" for kind, age in reversed(rule.steps)) or "for good"
    return f"{' and '.join(of) or 'all others'}: {steps} ({rule.why})"


def _measures(settings: Settings | None) -> tuple[list[str], list[str]]:
    """What protects it, and what does not."""
    told = [
        "no address, subject, token or payload stands in logs, metrics or error messages",
        "the HTTP API masks addresses and subjects for whoever lacks read:pii; each unmasking is written down",
        "what is done is written into an audit trail in which a change shows",
        "unverified messages are neither stored nor logged",
    ]
    if settings is None:
        return told, []
    checks = (
        (settings.encrypted, "the connection to the database is encrypted (TLS)"),
        (settings.authenticated, "the database asks who connects"),
        (settings.durable, "what is acknowledged is in the journal of a majority of servers"),
    )
    return told + [words for good, words in checks if good], [f"not so: {words}" for good, words in checks if not good]
