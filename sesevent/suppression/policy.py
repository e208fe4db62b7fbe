"""What facts lead to: the rules, in one table, strongest first.

A fact falls under the first rule that takes it, or under none. Rules are named; the name stands
in every decision.
Next: :mod:`sesevent.suppression.standing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from sesevent.suppression.facts import Fact

__all__ = ["DEFAULT_POLICY", "Policy", "Rule"]

_SES_LISTS: Final = ("Suppressed", "OnAccountSuppressionList", "OnTenantSuppressionList", "EmailValidationSuppressed")


class Rule(NamedTuple):
    """One rule: which facts fall under it, and what that means."""

    name: str
    reason: str
    """The word for it in a decision: ``complaint``, ``hard_bounce``, ``ses_list``, ``unsubscribed``."""
    takes: Callable[[Fact], bool]
    sentence: str
    """For a person: what happened."""
    why: str
    """For the documentation: why the rule is as it is."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A versioned set of rules."""

    version: str
    rules: tuple[Rule, ...]

    def rule_for(self, fact: Fact) -> Rule | None:
        """The rule this fact falls under; None where it says nothing against sending."""
        return next((rule for rule in self.rules if rule.takes(fact)), None)

    def rule(self, name: str) -> Rule | None:
        """The rule of this name."""
        return next((rule for rule in self.rules if rule.name == name), None)


DEFAULT_POLICY: Final = Policy(
    version="1",
    rules=(
        Rule(
            "ses-list",
            "ses_list",
            lambda fact: fact.sub_type in _SES_LISTS,
            "Amazon SES did not send to this address, because it is on a suppression list there",
            "SES sent nothing, so nobody bounced or complained: its list is mirrored, not counted",
        ),
        Rule(
            "unsubscribed-at-ses",
            "unsubscribed",
            lambda fact: fact.kind == "Bounce" and fact.sub_type == "UnsubscribedRecipient",
            "this person unsubscribed through Amazon SES's subscription management",
            "SES words this opt-out as a permanent bounce, but the address is good",
        ),
        Rule(
            "complaint",
            "complaint",
            lambda fact: fact.kind == "Complaint" and fact.type != "not-spam" and fact.certain,
            "this person reported a mail as unwanted",
            "mailing someone who complained costs the sender's reputation; not-spam is the opposite of a complaint",
        ),
        Rule(
            "complaint-possible",
            "complaint",
            lambda fact: fact.kind == "Complaint" and fact.type != "not-spam",
            "this person, or another recipient of the same mail at the same provider, reported it as unwanted",
            "the provider hid who complained; until the policy is told otherwise every candidate is left alone",
        ),
        Rule(
            "hard-bounce",
            "hard_bounce",
            lambda fact: fact.kind == "Bounce" and fact.type == "Permanent",
            "mail to this address bounced for good",
            "SES's Permanent says that trying again will fail, whatever the sub-type",
        ),
    ),
)
"""What holds unless something else is configured."""
