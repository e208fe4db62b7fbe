"""How one address stands: a pure function of the facts.

Nothing is counted up or down, so neither order nor repetition of facts can matter, and a
standing derived again is equal to the one that was kept.
Next: :mod:`sesevent.suppression.decide`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sesevent import addresses
from sesevent.suppression.facts import Fact
from sesevent.suppression.policy import Policy

__all__ = ["Holding", "Standing", "derive"]

_EVIDENCE_KEPT = 5  # enough to show a person; the events themselves stay in the log


class Holding(NamedTuple):
    """One rule that holds against an address."""

    rule: str
    since: datetime
    """When the earliest fact under this rule happened."""
    evidence: tuple[str, ...]
    """Ids of the earliest events under this rule, at most five."""


@dataclass(frozen=True, slots=True, repr=False)
class Standing:
    """How one address stands under one policy."""

    address: str
    """In normal form (:func:`sesevent.addresses.normal`)."""
    policy_version: str
    holdings: tuple[Holding, ...] = ()
    """Strongest first; empty where nothing speaks against sending."""

    @property
    def suppressed(self) -> bool:
        """True where some rule holds."""
        return bool(self.holdings)

    def __repr__(self) -> str:
        return f"<Standing {addresses.mask(self.address)} {[holding.rule for holding in self.holdings]}>"


def derive(policy: Policy, address: str, facts: Iterable[Fact]) -> Standing:
    """The standing that follows from *facts* about *address*, in any order, with any repetitions."""
    under: dict[str, list[Fact]] = {rule.name: [] for rule in policy.rules}
    for fact in sorted(set(facts)):
        rule = policy.rule_for(fact)
        if rule is not None:
            under[rule.name].append(fact)
    holdings = tuple([_holding(name, taken) for name, taken in under.items() if taken])
    return Standing(address, policy.version, holdings)


def _holding(name: str, facts: list[Fact]) -> Holding:
    return Holding(name, facts[0].at, tuple([fact.event_id for fact in facts[:_EVIDENCE_KEPT]]))
