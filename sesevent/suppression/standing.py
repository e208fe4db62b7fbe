"""How one address stands: a pure function of the facts.

Nothing is counted up or down, so neither order nor repetition of facts can matter, and a
standing derived again is equal to the one that was kept. No clock either: a standing says from
when until when each rule holds, and `decide` says what that means now.
Next: :mod:`sesevent.suppression.decision`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from sesevent import addresses
from sesevent.suppression.facts import ALL_STREAMS, Act, Fact, Facts, Known
from sesevent.suppression.policy import Policy
from sesevent.suppression.rules import RULES, Rule, rule_named, rule_of

__all__ = ["EVIDENCE_KEPT", "Holding", "Standing", "derive", "derive_all"]

K = TypeVar("K", bound=Known)
SOFT: Final = "soft-bounces"

EVIDENCE_KEPT: Final = 5  # enough to show a person; the events themselves stay in the log


class Holding(NamedTuple):
    """One rule that holds against an address, on one stream or on all."""

    rule: str
    stream: str
    """The stream it holds on; `*` for all."""
    since: datetime
    """When the earliest fact under this rule happened that nothing has answered."""
    until: datetime | None
    """When it ends by itself; None: not before it is answered."""
    evidence: tuple[str, ...]
    """Ids of the earliest events and acts under this rule, at most five."""
    lifted: tuple[str, ...] = ()
    """Streams on which a reactivation answered it."""


@dataclass(frozen=True, slots=True, repr=False)
class Standing:
    """How one address stands under one policy."""

    address: str
    """In normal form (:func:`sesevent.addresses.normal`)."""
    policy_version: str
    holdings: tuple[Holding, ...] = ()
    """Strongest first; empty where nothing speaks against sending. Some may have ended by now."""
    soft_bounces: int = 0
    """Soft bounces since the last delivery, inside the policy's window before the latest of them."""
    tenant: str = ""

    @property
    def awaits_delivery(self) -> bool:
        """True where a mail that arrives would change it."""
        rules = [rule_named(holding.rule) for holding in self.holdings]
        return self.soft_bounces > 0 or any(rule is not None and "delivery" in rule.answered_by for rule in rules)

    def __repr__(self) -> str:
        return f"<Standing {addresses.mask(self.address)} {[holding.rule for holding in self.holdings]}>"


def derive(policy: Policy, facts: Facts, now: datetime | None = None) -> Standing:
    """The standing that follows from *facts*, in any order, with any repetitions.

    With *now*: the standing as it was then, from what had happened by then.
    """
    known = facts if now is None else facts.until(now)
    holdings: list[Holding] = []
    soft = 0
    for rule, found in _by_rule(known).items():
        answers = _answers(policy, rule, known)
        for stream, own in sorted(_by_stream(policy, rule, found).items()):
            left = [one for one in own if not any(one.at < answer.at and answer.covers(stream) for answer in answers)]
            if rule.name == SOFT:
                soft = len(_in_window(policy, left))
            if policy.effect(rule.name).action != "ignore":
                holdings += _holdings(policy, rule, stream, left, answers)
    return Standing(facts.address, policy.version, tuple(holdings), soft, facts.tenant)


def derive_all(policy: Policy, address: str, events: Iterable[Fact], acts: Iterable[Act]) -> list[Standing]:
    """The standings of one address: the one for all, then one for each tenant of which something is known.

    What has no tenant concerns every tenant.
    """
    facts = [(policy.tenant_of(fact), fact) for fact in events]
    said = [(act.tenant, act) for act in acts]
    tenants = sorted({"", *(tenant for tenant, _ in facts), *(tenant for tenant, _ in said)})
    return [derive(policy, Facts(address, _of(tenant, facts), _of(tenant, said), tenant)) for tenant in tenants]


def _of(tenant: str, known: list[tuple[str, K]]) -> frozenset[K]:
    return frozenset([one for of, one in known if of in ("", tenant)])


def _by_rule(facts: Facts) -> dict[Rule, list[Known]]:
    """Facts and acts under each rule, by time; the rules in their order."""
    under: dict[str, list[Known]] = {rule.name: [] for rule in RULES}
    everything: list[Known] = [*facts.events, *facts.acts]
    for one in everything:
        rule = rule_of(one)
        if rule is not None:
            under[rule.name].append(one)
    return {rule: sorted(under[rule.name], key=_by_time) for rule in RULES if under[rule.name]}


def _by_stream(policy: Policy, rule: Rule, found: list[Known]) -> dict[str, list[Known]]:
    under: dict[str, list[Known]] = {}
    for one in found:
        for stream in _streams(policy, rule, one):
            under.setdefault(stream, []).append(one)
    return under


def _streams(policy: Policy, rule: Rule, one: Known) -> tuple[str, ...]:
    """What a fact concerns: an address is dead everywhere, but refused or left by stream."""
    if isinstance(one, Act):
        return (one.stream,)
    if one.kind == "Subscription":
        return tuple(dict.fromkeys(policy.stream_of_topic(topic) for topic, opted_in in one.topics if not opted_in))
    return (policy.stream_of(one),) if rule.by_stream else (ALL_STREAMS,)


class Answer(NamedTuple):
    """Something that speaks for sending again, and ends what happened before it."""

    at: datetime
    stream: str
    whole: bool = True
    """False where `*` does not include each stream: who is back on the list at large may still be off a topic."""

    def covers(self, stream: str) -> bool:
        """True where it speaks for the whole of *stream*."""
        return self.stream == stream or (self.whole and self.stream == ALL_STREAMS)


def _answers(policy: Policy, rule: Rule, facts: Facts) -> list[Answer]:
    answers = [
        Answer(act.at, act.stream)
        for act in facts.acts
        if act.act in rule.answered_by
        or (act.act == "reactivate" and not rule.final and (act.override or not rule.override))
    ]
    for fact in facts.events:
        if fact.kind == "Delivery" and "delivery" in rule.answered_by:
            answers.append(Answer(fact.at, ALL_STREAMS))
        elif fact.kind == "Subscription" and "resubscribe" in rule.answered_by:
            answers += [
                Answer(fact.at, policy.stream_of_topic(topic), whole=False)
                for topic, opted_in in fact.topics
                if opted_in
            ]
    return answers


def _holdings(policy: Policy, rule: Rule, stream: str, left: list[Known], answers: list[Answer]) -> list[Holding]:
    """What holds on a stream; where it holds on all, apart from it what holds on streams that had answers of their own.

    Of equal times the fact wins over its answer: that is the safe side.
    """
    whole = _held(policy, rule, stream, left)
    if whole is None or stream != ALL_STREAMS:
        return [whole] if whole else []
    lifted, apart = [], []
    for other in sorted(
        {answer.stream for answer in answers} - {ALL_STREAMS} - policy.effect(rule.name).except_streams
    ):
        own = [one for one in left if not any(one.at < answer.at and answer.stream == other for answer in answers)]
        if own != left:
            lifted.append(other)
            apart.append(_held(policy, rule, other, own))
    return [whole._replace(lifted=tuple(lifted)), *filter(None, apart)]


def _held(policy: Policy, rule: Rule, stream: str, left: list[Known]) -> Holding | None:
    """What the facts that are left under a rule amount to."""
    run, until = _soft_run(policy, left) if rule.name == SOFT else _last_run(policy, rule, left)
    if not run:
        return None
    return Holding(rule.name, stream, run[0].at, until, tuple([_id(one) for one in run[:EVIDENCE_KEPT]]))


def _soft_run(policy: Policy, left: list[Known]) -> tuple[list[Known], datetime | None]:
    """The soft bounces that count, if they are enough for a step, and when that step ends."""
    counted = _in_window(policy, left)
    steps = [step for step in policy.soft_steps if step.bounces <= len(counted) and step.over <= _span(counted)]
    if not steps:
        return [], None
    lasts = steps[-1].lasts
    return counted, None if lasts is None else counted[-1].at + lasts


def _span(counted: list[Known]) -> timedelta:
    return counted[-1].at - counted[0].at if counted else timedelta(0)


def _in_window(policy: Policy, bounces: list[Known]) -> list[Known]:
    """Those inside the window that ends with the latest."""
    return [bounce for bounce in bounces if bounce.at > bounces[-1].at - policy.soft_window]


def _last_run(policy: Policy, rule: Rule, left: list[Known]) -> tuple[list[Known], datetime | None]:
    """The latest stretch of time that facts cover without a gap: what ended long before it is over."""
    run: list[Known] = []
    until: datetime | None = None
    for one in left:
        ends = _ends(policy, rule, one)
        if run and until is not None and one.at > until:
            run = []
        until = ends if not run else None if until is None or ends is None else max(until, ends)
        run.append(one)
    return run, until


def _ends(policy: Policy, rule: Rule, one: Known) -> datetime | None:
    """When what one fact means ends by itself."""
    if isinstance(one, Act) and one.until is not None:
        return one.until
    if isinstance(one, Fact) and one.sub_type == "Suppressed":  # Amazon's global list forgets
        return one.at + policy.ses_global_lasts
    lasts = policy.effect(rule.name).lasts
    return None if lasts is None else one.at + lasts


def _by_time(one: Known) -> tuple[datetime, str]:
    return one.at, _id(one)


def _id(one: Known) -> str:
    return one.id if isinstance(one, Act) else one.event_id
