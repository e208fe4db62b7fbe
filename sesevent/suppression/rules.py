"""What a fact amounts to: the rules, in one table, strongest first.

A fact falls under the first rule that takes it, or under none. What a rule then does is the policy's
to say; which facts fall under it is not. The name stands in every decision.
Next: :mod:`sesevent.suppression.policy`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from sesevent.suppression.facts import Act, Fact, Known

__all__ = ["RULES", "Rule", "rule_named", "rule_of", "strength"]


_NO_COMPLAINT: Final = ("not-spam", "auth-failure")
"""Feedback types (RFC 5965, RFC 6591) by which nobody complains: one is the opposite, one is about signatures."""
_NOT_THE_PERSON: Final = ("network", "system_error", "rate_limited", "greylisted")
"""Soft bounces that say nothing of the address: trouble on the way, at the server, or of our own making."""


class Rule(NamedTuple):
    """One rule: which facts fall under it, and what that means."""

    name: str
    reason: str
    """The word for it in a decision."""
    takes: Callable[[Known], bool]
    sentence: str
    """For a person: what happened."""
    why: str
    """For the documentation: why the rule is as it is."""
    override: bool = False
    """True where only a reactivation that says so explicitly answers it: it is the person's own word."""
    answered_by: tuple[str, ...] = ()
    """What ends it beside a reactivation: ``delivery`` (a mail that arrived later), or acts."""
    by_stream: bool = False
    """True where a bounce under it concerns the stream of its mail only."""
    final: bool = False
    """True where no reactivation answers it."""


def _act(name: str, *, imported: bool | None = None) -> Callable[[Known], bool]:
    def takes(fact: Known) -> bool:
        return isinstance(fact, Act) and fact.act == name and imported in (None, fact.origin == "import")

    return takes


def _bounce(*classes: str, reasons: tuple[str, ...] = (), but: tuple[str, ...] = ()) -> Callable[[Known], bool]:
    def takes(fact: Known) -> bool:
        if not isinstance(fact, Fact) or fact.kind != "Bounce" or fact.bounce_class not in classes:
            return False
        return fact.reason in reasons if reasons else fact.reason not in but

    return takes


def _complaint(*, certain: bool | None = None, listed: bool = False) -> Callable[[Known], bool]:
    def takes(fact: Known) -> bool:
        if not isinstance(fact, Fact) or fact.kind != "Complaint" or fact.type.lower() in _NO_COMPLAINT:
            return False
        return ("suppress" in fact.sub_type.lower()) == listed and certain in (None, fact.certain)

    return takes


def _opted_out(fact: Known) -> bool:
    return isinstance(fact, Fact) and fact.kind == "Subscription" and any(not opted_in for _, opted_in in fact.topics)


def _any(*tests: Callable[[Known], bool]) -> Callable[[Known], bool]:
    return lambda fact: any(test(fact) for test in tests)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "erased",
        "erased",
        _act("erase"),
        "this person's data was erased, with the wish not to be mailed",
        "all that is kept is a keyed hash that says so; who is to be mailed again is taken off the list of the erased",
        override=True,
        final=True,
    ),
    Rule(
        "manual",
        "manual",
        _act("suppress", imported=False),
        "a person put this address on the list",
        "somebody knew better than any event can tell",
    ),
    Rule(
        "complaint",
        "complaint",
        _any(_complaint(certain=True), _act("complaint")),
        "this person reported a mail as unwanted",
        "mailing someone who complained costs the sender's reputation; not-spam is the opposite of a complaint",
        override=True,
    ),
    Rule(
        "unsubscribed",
        "unsubscribed",
        _any(_opted_out, _act("unsubscribe")),
        "this person unsubscribed",
        "an opt-out is the person's word (CAN-SPAM, GDPR, RFC 8058), by stream; a later opt-in takes it back",
        override=True,
        answered_by=("resubscribe",),
    ),
    Rule(
        "unsubscribed-at-ses",
        "unsubscribed",
        _bounce("suppressed", reasons=("unsubscribed",)),
        "this person unsubscribed through Amazon SES's subscription management",
        "SES words this opt-out as a permanent bounce, but the address is good",
        override=True,
        answered_by=("resubscribe",),
        by_stream=True,
    ),
    Rule(
        "complaint-possible",
        "complaint",
        _complaint(certain=False),
        "this person, or another recipient of the same mail at the same provider, reported it as unwanted",
        "the provider hid who complained; until the policy is told otherwise every candidate is left alone",
        override=True,
    ),
    Rule(
        "hard-bounce",
        "hard_bounce",
        _bounce("hard"),
        "mail to this address bounced for good",
        "the receiving server's words say that the address does not exist or will not come back, whatever SES calls it",
    ),
    Rule(
        "imported",
        "imported",
        _act("suppress", imported=True),
        "this address came with an imported list",
        "what another system knew, with its own note and end",
    ),
    Rule(
        "ses-list",
        "ses_list",
        _any(_bounce("suppressed"), _complaint(listed=True), _act("listed")),
        "Amazon SES did not send to this address, because it is on a suppression list there",
        "SES sent nothing, so nobody bounced or complained: its list is mirrored, not counted; a delivery ends it",
        answered_by=("delivery", "unlisted"),
    ),
    Rule(
        "soft-bounces",
        "soft_bounces",
        _bounce("soft", "undetermined", but=_NOT_THE_PERSON),
        "mail to this address bounced again and again",
        "one passing failure means nothing; several since the last delivery mean more and more",
        answered_by=("delivery",),
    ),
    Rule(
        "refused-by-recipient",
        "recipient_refused",
        _bounce("block", reasons=("recipient_filtered",)),
        "this person's mailbox refuses our mail",
        "the address is good and the person, or a filter of theirs, does not want this mail: leave it for a while",
        answered_by=("delivery",),
        by_stream=True,
    ),
)
"""Strongest first: of several that hold, the first gives the reason."""

_BY_NAME: Final = {rule.name: rule for rule in RULES}
_ORDER: Final = {rule.name: place for place, rule in enumerate(RULES)}


@lru_cache(maxsize=4096, typed=True)  # a batch asks for that of each of its bounces again and again
def rule_of(fact: Known) -> Rule | None:
    """The rule a fact falls under; None where it says nothing against sending.

    Blocks, content, size, authentication, the network and auto-replies are nobody's fault whom we
    mail: they fall under none.
    """
    return next((rule for rule in RULES if rule.takes(fact)), None)


def strength(name: str | None) -> int:
    """The place of a rule in their order: the less, the stronger."""
    return _ORDER.get(name or "", len(_ORDER))


def rule_named(name: str) -> Rule | None:
    """The rule of this name."""
    return _BY_NAME.get(name)
