"""May I send? Slow and obvious: no standings, no runs, no grouping; every rule asks every fact."""

from __future__ import annotations

from datetime import datetime

from sesevent.suppression.facts import Act, Fact, Known
from sesevent.suppression.policy import Policy
from sesevent.suppression.rules import RULES, Rule, rule_of

EVERYTHING = "*"


def refusing_rule(policy: Policy, known: set[Known], stream: str, now: datetime) -> str | None:
    """The name of the rule that forbids it, or None."""
    for rule in RULES:
        effect = policy.effect(rule.name)
        if effect.action == "ignore":
            continue
        for target in {EVERYTHING, stream} - (
            {EVERYTHING} if stream in effect.except_streams - {EVERYTHING} else set()
        ):
            left = [one for one in known if target in concerns(policy, rule, one)]
            left = [one for one in left if not answered(policy, rule, one, target, stream, known)]
            if refuses(policy, rule, left, now):
                return rule.name
    return None


def concerns(policy: Policy, rule: Rule, one: Known) -> set[str]:
    if rule_of(one) is not rule:
        return set()
    if isinstance(one, Act):
        return {one.stream}
    if one.kind == "Subscription":
        return {policy.stream_of_topic(topic) for topic, opted_in in one.topics if not opted_in}
    return {policy.stream_of(one)} if rule.by_stream else {EVERYTHING}


def answered(policy: Policy, rule: Rule, one: Known, target: str, stream: str, known: set[Known]) -> bool:
    return any(other.at > one.at and answers(policy, rule, other, target, stream) for other in known)


def answers(policy: Policy, rule: Rule, other: Known, target: str, stream: str) -> bool:
    if isinstance(other, Act):
        counts = other.act in rule.answered_by or (
            other.act == "reactivate" and not rule.final and (other.override or not rule.override)
        )
        return counts and other.stream in {EVERYTHING, target, stream}
    if other.kind == "Delivery":
        return "delivery" in rule.answered_by
    if other.kind == "Subscription" and "resubscribe" in rule.answered_by:
        return bool({policy.stream_of_topic(topic) for topic, opted_in in other.topics if opted_in} & {target, stream})
    return False


def refuses(policy: Policy, rule: Rule, left: list[Known], now: datetime) -> bool:
    if rule.name != "soft-bounces":
        return any(ends is None or now < ends for ends in (ends_at(policy, rule, one) for one in left))
    if not left:
        return False
    latest = max(one.at for one in left)
    counted = [one for one in left if one.at > latest - policy.soft_window]
    span = latest - min(one.at for one in counted)
    steps = [step for step in policy.soft_steps if step.bounces <= len(counted) and step.over <= span]
    return any(step.lasts is None or now < latest + step.lasts for step in steps)


def ends_at(policy: Policy, rule: Rule, one: Known) -> datetime | None:
    if isinstance(one, Act) and one.until is not None:
        return one.until
    if isinstance(one, Fact) and one.sub_type == "Suppressed":
        return one.at + policy.ses_global_lasts
    lasts = policy.effect(rule.name).lasts
    return one.at + lasts if lasts is not None else None
