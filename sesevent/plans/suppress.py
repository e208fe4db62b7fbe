"""Standings follow the facts: derive again what a batch touched, and answer for addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sesevent import addresses
from sesevent.arguments import given, named
from sesevent.errors import ConfigurationError, StoreConflict, StoreError
from sesevent.ops import Plan, ask
from sesevent.plans.gather import gather, let_go, todays
from sesevent.storage import reads, writes
from sesevent.storage.codec import MARK
from sesevent.storage.operations import AskPseudonyms, Document
from sesevent.storage.standings import EVIDENCE, FACT, act_in, fact_in, facts_in, standings_in
from sesevent.suppression.decision import Decision, decide, decide_no_address, decide_without_store
from sesevent.suppression.facts import Act, Fact
from sesevent.suppression.policy import Policy
from sesevent.suppression.rules import rule_of, strength
from sesevent.suppression.standing import Standing, derive_all

if TYPE_CHECKING:
    from sesevent.privacy.pseudonyms import Pseudonyms

__all__ = [
    "CHECKED_AT_ONCE", "Known", "allowed", "check", "check_or_fail", "everything_about", "follow",
    "known_by_any_name", "note_facts",
    "of_tenant", "rederive", "touch",
]  # fmt: skip

CHECKED_AT_ONCE = 1000  # addresses in one question
_TRIES = 20  # each lost race means that another writer got through

Known = dict[str, tuple[list[Fact], list[Act]]]
"""By address, in normal form: the facts and the acts about it."""


def check_or_fail(
    policy: Policy, asked: Sequence[str], stream: str, tenant: str, now: datetime
) -> Plan[Iterator[Decision]]:
    """As `check`; where the database cannot be asked the policy decides, and each decision says so."""
    try:
        return (yield from check(policy, asked, stream, tenant, now))
    except StoreError:
        return iter([decide_without_store(policy, address, stream) for address in asked])


def allowed(policy: Policy, asked: Sequence[str], stream: str, tenant: str, now: datetime) -> Plan[list[str]]:
    """Those that may be mailed, as they are spelled."""
    decisions = yield from check_or_fail(policy, asked, stream, tenant, now)
    return [address for address, decision in zip(asked, decisions, strict=True) if decision.allowed]


def check(policy: Policy, asked: Sequence[str], stream: str, tenant: str, now: datetime) -> Plan[Iterator[Decision]]:
    """One decision for each address, in order; made when asked for, so that a thousand never pile up."""
    named(stream, "stream")
    given(tenant, "tenant")
    try:
        normals = addresses.normals_of(asked)
    except TypeError:
        raise ConfigurationError("Addresses must be texts, and one is none.") from None
    known = dict.fromkeys([normal for normal in normals if normal is not None])  # the server likes them in order
    mailboxes = {normal: mailbox for normal in known if (mailbox := policy.mailbox(normal))} if policy.plus_tags else {}
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    names = {form: normal for normal in known for form in pseudonyms.forms(normal)} if pseudonyms else {}
    documents = (yield from ask(reads.standings_of(names or known, set(mailboxes.values())))) if known else []
    told = [(document["_id"], decide(policy, of_tenant(document, tenant), stream, now)) for document in documents]
    kept = _by_name(told, names) if names else dict(told)
    if mailboxes:
        _share(policy, kept, mailboxes)
    return _told(policy, asked, normals, kept, stream, tenant, now)


def _told(
    policy: Policy,
    asked: Sequence[str],
    normals: Sequence[str | None],
    kept: Mapping[str, Decision],
    stream: str,
    tenant: str,
    now: datetime,
) -> Iterator[Decision]:
    # Of most nothing is known, and the same answer does for all of them.
    unknown = decide(policy, Standing("", policy.version, tenant=tenant), stream, now).same_for
    of = kept.get
    return (
        decide_no_address(policy, address, stream) if normal is None
        else unknown(normal) if (found := of(normal)) is None
        else found
        for address, normal in zip(asked, normals, strict=True)
    )  # fmt: skip


def _by_name(told: Sequence[tuple[str, Decision]], names: Mapping[str, str]) -> dict[str, Decision]:
    """What was decided for everything that somebody is stored as, by the address; the strongest refusal goes first."""
    kept: dict[str, Decision] = {}
    for form, decision in sorted(told, key=lambda one: (one[1].allowed, strength(one[1].rule))):
        kept.setdefault(names.get(form, form), decision.same_for(names.get(form, form)))
    return kept


def _share(policy: Policy, kept: dict[str, Decision], mailboxes: Mapping[str, str]) -> None:
    """Let what forbids mail to one spelling of a mailbox forbid it to the others that are asked for.

    Of several refusals the strongest is told, except to a spelling that has one of its own.
    """
    refused: dict[str, Decision] = {}
    for normal in sorted(kept, key=lambda normal: (strength(kept[normal].rule), normal)):
        if not kept[normal].allowed:
            refused.setdefault(policy.mailbox(normal) or normal, kept[normal])
    for normal, mailbox in mailboxes.items():
        if mailbox in refused and (normal not in kept or kept[normal].allowed):
            kept[normal] = refused[mailbox].same_for(normal)


def of_tenant(document: Document, tenant: str) -> Standing:
    """The tenant's own standing; where nothing of its own is known, the one for all."""
    found = {standing.tenant: standing for standing in standings_in(document)}
    return found.get(tenant) or found[""]


def touch(document: Document, touched: set[str], delivered: set[str]) -> bool:
    """Add the addresses of which an event is evidence, and those it only clears, if they are under a cloud.

    True where it is evidence: it holds facts to be noted.
    """
    derived = document["derived"]
    kind = derived.get("type", document.get("Type"))  # a row may hold an SNS envelope
    people = derived.get("recipients", ())
    if "erased" in derived:  # a mark is nobody
        people = [person for person in people if not MARK.fullmatch(person)]
    if kind in EVIDENCE:
        touched.update(people)
        return True
    if kind == "Delivery":
        delivered.update(people)
    return False


def note_facts(
    evidence: Iterable[Document], *, anew: bool = False, names: Mapping[str, str] = MappingProxyType({})
) -> Plan[None]:
    """Note the facts in events that matter for suppression; *anew* where an event may say something else today.

    *names*: what people are stored as today whom an event names otherwise.
    """
    facts = [
        (names.get(address, address), fact)
        for document in evidence
        for address, fact in facts_in(document).items()
        if rule_of(fact) is not None or fact.topics  # an opt-in falls under no rule, and answers one
    ]
    if facts:
        yield from ask(writes.renew_facts(facts) if anew else writes.insert_facts(facts))


def follow(policy: Policy, documents: Sequence[Document]) -> Plan[list[Standing]]:
    """Let standings follow stored documents whose `derived` has just been made; returns the changed ones."""
    touched, delivered = set[str](), set[str]()
    evidence = [document for document in documents if touch(document, touched, delivered)]
    names = yield from todays(touched | delivered)
    yield from note_facts(evidence, anew=True, names=names)
    return (yield from rederive(policy, _renamed(touched, names), _renamed(delivered, names)))


def _renamed(people: Iterable[str], names: Mapping[str, str]) -> set[str]:
    return {names.get(name, name) for name in people}


def rederive(
    policy: Policy,
    normals: Iterable[str],
    delivered: Iterable[str] = (),
    names: Mapping[str, str] = MappingProxyType({}),
) -> Plan[list[Standing]]:
    """Derive the standings of these people from the facts and keep what changed; returns the changed ones.

    *names*, stored → address, lets what is known under older names come along.
    """
    if not names:
        return (yield from _rederive(policy, normals, delivered))
    touched, cleared = set(normals), set(delivered)
    gathered = yield from gather(touched | cleared, names)
    changed = yield from _rederive(policy, touched | gathered.people, cleared)
    yield from let_go(gathered)
    return changed


def _rederive(policy: Policy, normals: Iterable[str], delivered: Iterable[str]) -> Plan[list[Standing]]:
    """Derive the standings of these addresses from the facts and keep what changed; returns the changed ones.

    Of those *delivered* to only the ones whose standing a delivery would change. The revision is read
    before the facts, so of two who derive at once the later writer loses and derives again. The facts about
    what was kept are looked at once more all the same: somebody may have added one meanwhile, found nothing
    to change, and so left the revision as it was.
    """
    left, cleared = set(normals), set(delivered)
    kept: dict[str, Kept] = {}
    seen: Known = {}
    changed: dict[str, list[Standing]] = {}
    for _ in range(_TRIES):
        if not left and not cleared:
            return [standing for standings in changed.values() for standing in standings]
        kept |= yield from _kept((left | cleared) - kept.keys())
        left |= {normal for normal in cleared & kept.keys() if _awaits_delivery(kept[normal].standings)}
        cleared = set()
        if not left:
            continue
        known = yield from _noted(left)
        forgiving = yield from _add_deliveries(known)
        if forgiving:  # noted too, so that what was forgiven stays so when the events are gone
            yield from ask(writes.insert_facts(forgiving))
        changes = _changes(policy, {normal for normal in left if known[normal] != seen.get(normal)}, kept, known)
        seen = known
        left = set()
        if changes:
            lost = yield from _keep(changes)
            for standings, revision in changes:
                kept[standings[0].address] = Kept(standings, revision + 1)
            for normal in lost:
                del kept[normal], seen[normal]
            changed |= {standings[0].address: standings for standings, _ in changes if standings[0].address not in lost}
            left = {standings[0].address for standings, _ in changes}
    raise StoreConflict("Other writers won every race for a suppression standing.", hint="It is safe to repeat.")


def _keep(changes: Sequence[tuple[list[Standing], int]]) -> Plan[set[str]]:
    """Keep standings; returns the addresses for which somebody else was faster."""
    lost: set[str] = set()
    first = [standings for standings, revision in changes if not revision]
    later = [change for change in changes if change[1]]
    if first:
        inserted = yield from ask(writes.insert_standings(first))
        lost |= {own[0].address for own, fresh in zip(first, inserted, strict=True) if not fresh}
    if later:
        replaced = yield from ask(writes.replace_standings(later))
        lost |= {later[position][0][0].address for position in replaced.refused}
    return lost


class Kept(NamedTuple):
    """The standings of an address as they are kept, and their revision."""

    standings: list[Standing]
    revision: int


def _kept(normals: set[str]) -> Plan[dict[str, Kept]]:
    if not normals:
        return {}
    documents = yield from ask(reads.standings_of(normals))
    return {document["_id"]: Kept(standings_in(document), int(document["rev"])) for document in documents}


def everything_about(normals: Iterable[str]) -> Plan[Known]:
    """All facts and acts about these addresses, with every delivery that may ever have answered something."""
    known = yield from _noted(normals)
    yield from _add_deliveries(known, whole=True)
    return known


def known_by_any_name(normals: Sequence[str]) -> Plan[Known]:
    """The same about people, whatever they are stored as, each thing once."""
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    if pseudonyms is None:
        return (yield from everything_about(normals))
    forms = {normal: pseudonyms.forms(normal) for normal in normals}
    known = yield from everything_about([form for several in forms.values() for form in several])
    return {
        normal: (
            list(dict.fromkeys(fact for form in several for fact in known[form][0])),
            list(dict.fromkeys(act for form in several for act in known[form][1])),
        )
        for normal, several in forms.items()
    }


def _noted(normals: Iterable[str]) -> Plan[Known]:
    """The facts and acts that are noted of these addresses."""
    known: Known = {normal: ([], []) for normal in normals}
    for document in (yield from ask(reads.acts_about(known))):
        facts, acts = known[document["address"]]
        if document["act"] == FACT:
            facts.append(fact_in(document))
        else:
            acts.append(act_in(document))
    return known


def _add_deliveries(known: Known, *, whole: bool = False) -> Plan[list[tuple[str, Fact]]]:
    """Add the deliveries in the log that may answer something; returns the latest of them for each address."""
    waiting = _first_to_answer(known, whole)
    latest: dict[str, Fact] = {}
    for row in (yield from ask(reads.deliveries_since(waiting))) if waiting else ():
        for normal, fact in facts_in(row).items():
            if normal in waiting and fact.at >= waiting[normal]:
                known[normal][0].append(fact)
                latest[normal] = max(latest.get(normal, fact), fact)
    return list(latest.items())


def _first_to_answer(known: Known, whole: bool) -> dict[str, datetime]:
    """For each address with facts or acts that a delivery answers, the earliest that no known delivery does."""
    first: dict[str, datetime] = {}
    for normal, (facts, acts) in known.items():
        delivered = max((fact.at for fact in facts if fact.kind == "Delivery"), default=None)
        moments = [fact.at for fact in facts if _is_answered_by_delivery(fact)]
        moments += [act.at for act in acts if _is_answered_by_delivery(act)]
        left = [at for at in moments if whole or delivered is None or at >= delivered]
        if left:
            first[normal] = min(left)
    return first


def _is_answered_by_delivery(one: Fact | Act) -> bool:
    rule = rule_of(one)
    return rule is not None and "delivery" in rule.answered_by


def _changes(
    policy: Policy, normals: set[str], kept: Mapping[str, Kept], known: Known
) -> list[tuple[list[Standing], int]]:
    changes = []
    for normal in sorted(normals):
        before, revision = kept.get(normal) or Kept([Standing(normal, policy.version)], 0)
        after = derive_all(policy, normal, *known[normal])
        if after != before:
            changes.append((after, revision))
    return changes


def _awaits_delivery(standings: Iterable[Standing]) -> bool:
    return any(standing.awaits_delivery for standing in standings)
