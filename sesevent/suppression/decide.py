"""May I send to this address? The standing, put into an answer that a program and a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sesevent import addresses
from sesevent.suppression.policy import Policy
from sesevent.suppression.standing import Standing

__all__ = ["Decision", "decide"]


@dataclass(frozen=True, slots=True, repr=False)
class Decision:
    """The answer for one address. True as a condition where sending is allowed."""

    address: str
    """In normal form."""
    allowed: bool
    reason: str | None = None
    """Why not: ``complaint``, ``hard_bounce``, ``ses_list``, ``unsubscribed``."""
    rule: str | None = None
    """The name of the rule that decided."""
    since: datetime | None = None
    evidence: tuple[str, ...] = ()
    """Ids of the events that prove it."""
    policy_version: str = ""
    sentence: str = ""
    """The answer in words, for a person."""

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        answer = "allowed" if self.allowed else f"refused: {self.rule}"
        return f"<Decision {addresses.mask(self.address)} {answer}>"


def decide(policy: Policy, standing: Standing) -> Decision:
    """Whether one may send to the address of *standing*, and why not. The strongest rule that holds decides."""
    if not standing.suppressed:
        return Decision(
            standing.address, True, policy_version=standing.policy_version, sentence="Nothing is known against sending."
        )
    holding = standing.holdings[0]
    rule = policy.rule(holding.rule)
    happened = rule.sentence if rule else f"the rule {holding.rule} of policy {standing.policy_version} holds"
    return Decision(
        standing.address,
        False,
        rule.reason if rule else holding.rule,
        holding.rule,
        holding.since,
        holding.evidence,
        standing.policy_version,
        f"Do not send: {happened}, since {holding.since:%Y-%m-%d}.",
    )
