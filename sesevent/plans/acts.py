"""What people, imports and Amazon's own list say about addresses: written down, followed, listed, tried out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from sesevent import addresses
from sesevent.arguments import given, named
from sesevent.audit import AuditEntry
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.plans import audit, erased
from sesevent.plans.gather import names_of
from sesevent.plans.suppress import check, everything_about, follow, known_by_any_name, of_tenant, rederive
from sesevent.storage import reads, writes
from sesevent.storage.codec import stored_event
from sesevent.storage.operations import AskPseudonyms
from sesevent.storage.reads import EventQuery
from sesevent.storage.records import act_entry
from sesevent.storage.standings import with_id
from sesevent.suppression.decision import Decision, concerns, decide
from sesevent.suppression.facts import ACTS, Act, Fact
from sesevent.suppression.policy import Policy
from sesevent.suppression.rules import RULES, rule_named
from sesevent.suppression.standing import Holding, Standing, derive_all

if TYPE_CHECKING:
    from sesevent.privacy.pseudonyms import Pseudonyms

__all__ = [
    "PAGE",
    "Change",
    "History",
    "Rebuilt",
    "first_page",
    "history",
    "listed",
    "note_exported",
    "note_recorded",
    "reactivate",
    "rebuild_acts",
    "rebuild_events",
    "rebuild_standings",
    "record",
    "say",
    "say_of_one",
    "simulate_page",
    "that_tell",
    "unsubscribe",
]  # fmt: skip

PAGE = 500  # addresses, acts or events
_OPTED_OUT = "unsubscribed"


def say(policy: Policy, said: Sequence[tuple[str, Act]]) -> Plan[list[Standing]]:
    """Write acts down and let the standings follow; returns the changed ones. Saying twice is saying once."""
    normals = [addresses.normal(address) for address, _ in said]
    stored, names = yield from names_of(normals)
    stored |= yield from erased.hashes_of(normals)
    acts = [
        (stored[normal], with_id(stored[normal], erased.without_name(act, normal, stored[normal])))
        for normal, (_, act) in zip(normals, said, strict=True)
    ]
    if not acts:
        return []
    acts += yield from _under_other_names(names, acts)
    yield from ask(writes.record_acts(acts))
    changed = yield from rederive(policy, [name for name, _ in acts], names=names)
    yield from erased.settle(policy, normals)
    return changed


def _under_other_names(names: Mapping[str, str], acts: Sequence[tuple[str, Act]]) -> Plan[list[tuple[str, Act]]]:
    """The same acts about people of whom something stands under a newer key: others write by it already."""
    pseudonyms: Pseudonyms | None = (yield from ask(AskPseudonyms())) if names else None
    if pseudonyms is None:
        return []
    newer = {form: name for name, normal in names.items() for form in pseudonyms.newer(normal)}
    kept = (yield from ask(reads.standings_of(newer))) if newer else []
    there = {(newer[document["_id"]], document["_id"]) for document in kept}
    return [(form, with_id(form, act)) for name, act in acts for same, form in there if same == name]


def record(policy: Policy, said: Sequence[tuple[str, Act]]) -> Plan[list[Standing]]:
    """As `say`, what a caller made. Raises ConfigurationError for what is no act, or is not of one address."""
    for address, act in said:
        _require_one(address)
        _require_meant(act)
    return (yield from say(policy, said))


def say_of_one(policy: Policy, address: str, act: Act) -> Plan[Decision]:
    """Write one act down, and answer whether the address may be mailed now.

    Raises ConfigurationError where it is not one address: it would be said of nobody; and where an operator's act does
    not say whose it is, or an address is let be mailed again without a reason.
    """
    _require_one(address)
    _require_meant(act)
    _require_signed(act)
    normal = addresses.normal(address)
    stored, _ = yield from names_of([normal])
    stored |= yield from erased.hashes_of([normal])
    known = with_id(stored[normal], erased.without_name(act, normal, stored[normal]))
    # First into the audit, so that nothing is done unseen; the id leads to the person while the act is kept.
    yield from audit.note(act_entry(known), once=known.id)
    yield from say(policy, [(address, act)])
    return next((yield from check(policy, [address], act.stream, act.tenant, act.at)))


def unsubscribe(policy: Policy, address: str, act: Act, once: bool) -> Plan[Decision]:
    """Record that a person unsubscribed; with *once* only where that does not hold on this stream already."""
    _require_one(address)
    _require_meant(act)
    documents = (yield from ask(reads.standings_of([addresses.normal(address)]))) if once else []
    for document in documents:
        if any(_is_said(holding, act) for holding in of_tenant(document, act.tenant).holdings):
            return next((yield from check(policy, [address], act.stream, act.tenant, act.at)))
    return (yield from say_of_one(policy, address, act))


def _is_said(holding: Holding, act: Act) -> bool:
    """Whether a holding is the person's own word about the stream of an act, still, and nobody has answered it."""
    lasts = holding.until is None or act.at < holding.until
    return lasts and (holding.rule, holding.stream) == (_OPTED_OUT, act.stream) and act.stream not in holding.lifted


def note_exported(form: str, rule: str | None, stream: str, tenant: str, by: str, now: datetime) -> Plan[None]:
    """Write into the audit that the list leaves in a file."""
    told = {"format": form, "rule": rule or "", "stream": stream, "tenant": tenant}
    detail = {name: value for name, value in told.items() if value}
    yield from audit.note(AuditEntry(now, "exported", "suppression", by, detail=detail))


def note_recorded(done: int, changed: int, now: datetime) -> Plan[None]:
    """Write into the audit that many acts were written down."""
    if done:
        detail = {"acts": done, "changed": changed}
        yield from audit.note(AuditEntry(now, "acts recorded", "suppression", detail=detail))


def _require_one(address: str) -> None:
    if not addresses.is_one(given(address, "address")):
        raise ConfigurationError("What was given is not one e-mail address.", hint="Nothing was written down of it.")


def _require_meant(act: Act) -> None:
    if act.act not in ACTS:
        raise ConfigurationError(f"There is no such act; there are {', '.join(ACTS)}.")
    named(act.stream, "stream")
    given(act.tenant, "tenant")


def _require_signed(act: Act) -> None:
    wanted = _SIGNED.get(act.act, ())
    if not all(getattr(act, name).strip() for name in wanted):
        raise ConfigurationError("Say who does this" + (", and why." if len(wanted) > 1 else "."))


_SIGNED: Final[dict[str, tuple[str, ...]]] = {"suppress": ("by",), "reactivate": ("by", "note")}
"""What must be said of an operator's acts: the audit trail is kept for it."""


def reactivate(policy: Policy, address: str, act: Act) -> Plan[Decision]:
    """Record that an address may be mailed again, and answer whether it may now.

    Raises ConfigurationError where it is the person's own word that speaks against it and the act does
    not say that it overrides that.
    """
    _require_one(address)
    if (yield from erased.hashes_of([addresses.normal(address)])):
        raise ConfigurationError(
            "This person's data was erased, with the wish not to be mailed.",
            hint="Take the person off the list of the erased first, and say why: store.privacy.readmit.",
        )
    documents = yield from ask(reads.standings_of((yield from _all_names(address))))
    for document in documents if not act.override else ():
        for holding in of_tenant(document, act.tenant).holdings:
            rule = rule_named(holding.rule)
            if rule is not None and rule.override and concerns(policy, holding, act.stream, act.at):
                raise ConfigurationError(
                    f"{rule.sentence[:1].upper()}{rule.sentence[1:]}.",
                    hint="To mail this address again all the same, say override=True, and why.",
                )
    return (yield from say_of_one(policy, address, act))


def _all_names(address: str) -> Plan[tuple[str, ...]]:
    """Everything a person may be stored as."""
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    return (addresses.normal(address),) if pseudonyms is None else pseudonyms.forms(address)


def first_page(limit: int | None) -> int:
    """Rows to ask for first, for so many addresses: a few of them may be mailed again."""
    return PAGE if limit is None else min(PAGE, limit + 20)


def listed(
    policy: Policy, after: str | None, size: int, rule: str | None, stream: str, tenant: str, now: datetime
) -> Plan[tuple[list[Decision], str | None]]:
    """The next addresses that may not be mailed, by address, and where to continue; None at the end."""
    if rule is not None and rule_named(rule) is None:  # nobody found would look like good news
        raise ConfigurationError(f"There is no such rule; there are {', '.join(one.name for one in RULES)}.")
    named(stream, "stream")
    given(tenant, "tenant")
    documents = yield from ask(reads.next_standings(after, size, rule))
    found = []
    for document in documents:
        standing = of_tenant(document, tenant)
        decision = decide(policy, standing, stream, now)
        if not decision.allowed and rule in (None, decision.rule):
            found.append(decision)
    return found, documents[-1]["_id"] if len(documents) == size else None


@dataclass(frozen=True, repr=False)
class History:
    """How one address came to stand as it does."""

    address: str
    facts: tuple[Fact, ...]
    """By time. Of deliveries only those that could answer a failure."""
    acts: tuple[Act, ...]
    decisions: tuple[tuple[datetime, Decision], ...]
    """What was decided from when on: one entry for each change."""

    def __repr__(self) -> str:
        return f"<History of {addresses.mask(self.address)}: {len(self.facts)} facts, {len(self.acts)} acts>"


def history(policy: Policy, address: str, stream: str, tenant: str, now: datetime) -> Plan[History]:
    """Everything known of an address, and what followed from it over time."""
    normal = addresses.normal(address)
    facts, acts = (yield from known_by_any_name([normal]))[normal]
    telling = that_tell(policy, facts, acts)
    decisions: list[tuple[datetime, Decision]] = []
    for moment in _moments(policy, normal, telling, acts, tenant, now):
        decision = decide(policy, _standing_at(policy, normal, telling, acts, tenant, moment), stream, moment)
        if not decisions or decisions[-1][1] != decision:
            decisions.append((moment, decision))
    by_time = sorted(acts, key=lambda act: (act.at, act.id))
    return History(normal, tuple(sorted(facts)), tuple(by_time), tuple(decisions))


def that_tell(policy: Policy, facts: Iterable[Fact], acts: Iterable[Act]) -> list[Fact]:
    """*facts* without the deliveries that change nothing: behind one that answered all there was to answer.

    The first of a tenant is kept: by it the tenant is known. Who gets mail every day has thousands of them, and each
    moment is decided anew. Of equal times a delivery answers nothing, so the first that counts is later than what it
    answers.
    """
    known = sorted(facts)
    others = sorted([fact.at for fact in known if fact.kind != "Delivery"] + [act.at for act in acts])
    answered: dict[str, int] = {}  # tenant → how many of the others lie before the last delivery that was kept
    kept = []
    for fact in known:
        if fact.kind == "Delivery":
            before, tenant = bisect_left(others, fact.at), policy.tenant_of(fact)
            if before == answered.get(tenant):
                continue
            answered[tenant] = before
        kept.append(fact)
    return kept


def _moments(
    policy: Policy, normal: str, facts: Sequence[Fact], acts: Sequence[Act], tenant: str, now: datetime
) -> list[datetime]:
    """When something may have changed: when it happened, and when something ended by itself."""
    happened = {fact.at for fact in facts} | {act.at for act in acts}
    ends = {
        holding.until
        for moment in happened
        for holding in _standing_at(policy, normal, facts, acts, tenant, moment).holdings
        if holding.until is not None
    }
    return sorted(moment for moment in happened | ends if moment <= now)


def _standing_at(
    policy: Policy, normal: str, facts: Sequence[Fact], acts: Sequence[Act], tenant: str, moment: datetime
) -> Standing:
    known = [fact for fact in facts if fact.at <= moment], [act for act in acts if act.at <= moment]
    return _standing(policy, normal, *known, tenant)


def _standing(policy: Policy, normal: str, facts: Iterable[Fact], acts: Iterable[Act], tenant: str) -> Standing:
    found = {standing.tenant: standing for standing in derive_all(policy, normal, facts, acts)}
    return found.get(tenant) or found[""]


@dataclass
class Rebuilt:
    """How far a rebuilding of the standings has come."""

    looked_at: int = 0
    """Events, acts and standings looked at."""
    changed: int = 0
    """Standings that were not what follows from the facts."""

    def __iadd__(self, page: Rebuilt) -> Rebuilt:
        self.looked_at += page.looked_at
        self.changed += page.changed
        return self


def rebuild_events(policy: Policy, query: EventQuery | None) -> Plan[tuple[Rebuilt, EventQuery | None]]:
    """Derive the standings that the next events are evidence for."""
    query = query or reads.all_evidence()
    documents = yield from ask(query.page(PAGE))
    # Whom an encrypted row was about nobody may know any more; the facts in it are noted apart.
    derived = [document for document in documents if document.get("derived") and "unreadable" not in document]
    changed = yield from follow(policy, derived)
    yield from erased.settle(policy, {one for document in derived for one in document["derived"].get("recipients", ())})
    rest = query.behind(stored_event(documents[-1]), len(documents)) if len(documents) == PAGE else None
    return Rebuilt(len(documents), len(changed)), rest


def rebuild_acts(policy: Policy, after: str | None) -> Plan[tuple[Rebuilt, str | None]]:
    """Derive the standings that the next acts and kept facts speak of."""
    documents = yield from ask(reads.next_acts(after, PAGE))
    changed = yield from rederive(policy, [document["address"] for document in documents])
    yield from erased.settle(policy, {one.address for one in changed})
    return Rebuilt(len(documents), len(changed)), documents[-1]["_id"] if len(documents) == PAGE else None


def rebuild_standings(policy: Policy, after: str | None) -> Plan[tuple[Rebuilt, str | None]]:
    """Derive the next standings again, also those for which nothing speaks any more."""
    documents = yield from ask(reads.next_standings(after, PAGE))
    changed = yield from rederive(policy, [document["_id"] for document in documents])
    yield from erased.settle(policy, {one.address for one in changed})
    return Rebuilt(len(documents), len(changed)), documents[-1]["_id"] if len(documents) == PAGE else None


class Change(NamedTuple):
    """For whom another policy would decide otherwise."""

    address: str
    stream: str
    tenant: str
    """Empty: for all."""
    before: Decision
    after: Decision


def simulate_page(
    policy: Policy, other: Policy, streams: Collection[str], since: datetime | None, after: str | None, now: datetime
) -> Plan[tuple[list[Change], str | None, int]]:
    """What *other* would change for those of whom the next acts and facts speak. It writes nothing.

    Returned with it are where to continue, None at the end, and how many acts and facts were looked at.
    """
    documents = yield from ask(reads.next_acts(after, PAGE, since))
    people = {document["address"] for document in documents}
    known = (yield from everything_about(people)) if people else {}
    changes = []
    for normal in sorted(people):
        ours, theirs = (
            {standing.tenant: standing for standing in derive_all(one, normal, *known[normal])}
            for one in (policy, other)
        )
        for tenant in sorted(ours.keys() | theirs.keys()):
            for stream in streams:
                before = decide(policy, ours.get(tenant) or ours[""], stream, now)
                later = decide(other, theirs.get(tenant) or theirs[""], stream, now)
                if (before.allowed, before.rule) != (later.allowed, later.rule):
                    changes.append(Change(normal, stream, tenant, before, later))
    return changes, documents[-1]["_id"] if len(documents) == PAGE else None, len(documents)
