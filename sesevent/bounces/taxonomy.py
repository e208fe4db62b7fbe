"""The reasons there are: what each means, whose fault it is, and what to do about it.

Each is defined once, at the head of its rule file. The order is told by `sesevent.bounces.priority`.
It knows no wording of any server. Next: :mod:`sesevent.bounces.rulebook`, which reads the files.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

__all__ = ["BOUNCE_CLASSES", "FAULTS", "RECOMMENDATIONS", "Reason"]

FAULTS: Final = {
    "recipient": "the recipient's mailbox or address",
    "sender": "our addresses, our DNS, our reputation, our speed",
    "content": "what this mail contains",
    "receiving_system": "the receiving host or its domain's set-up",
    "network": "the way between the two hosts",
    "ses_list": "a suppression list at Amazon SES",
    "nobody": "all is as it should be",
    "unknown": "the words do not say",
}
"""Whose fault a bounce is."""

BOUNCE_CLASSES: Final = {
    "hard": "this address will not work again",
    "soft": "it may work later",
    "block": "the address is good, but this mail or this sender is refused",
    "suppressed": "Amazon SES did not send it",
    "auto_reply": "it was delivered; something answered",
    "undetermined": "not known",
}
"""What a bounce says about the address."""

RECOMMENDATIONS: Final = {
    "suppress": "do not mail this address again",
    "count": "count it, and suppress when it repeats",
    "retry": "try again later",
    "pause": "stop this stream for this person, and do not call the address dead",
    "fix_sender": "change the sending address or domain",
    "fix_dns": "change our DNS records or our signing",
    "fix_reputation": "slow down, and ask to be taken off the list",
    "fix_content": "change the mail",
    "fix_protocol": "report a defect of the sending system",
    "read": "let a person read the reply",
    "mirror": "keep our record equal to Amazon's; count nothing",
    "ignore": "do nothing",
}
"""The words a recommendation may be."""


class Reason(NamedTuple):
    """One reason for which mail does not arrive."""

    name: str
    meaning: str
    references: tuple[str, ...]
    """Enhanced status codes (RFC 3463 and its registry, RFC 5248) and reply codes that servers use for it."""
    fault: str
    """One of `FAULTS`."""
    bounce_class: str
    """One of `BOUNCE_CLASSES`, where the reply is permanent."""
    transient_class: str
    """…and where the reply says 4xx, or SES says Transient."""
    recommendation: str
    """One of `RECOMMENDATIONS`, where the reply is permanent."""
    transient_recommendation: str
    """…and where it is not."""
    advice: str
    """For a person: what to do about it."""
    retry_after: int | None
    """Seconds to wait before the first new attempt; None where none is of use."""
    transient_retry_after: int | None
    """…where the reply is 4xx."""

    @classmethod
    def read(cls, name: str, head: dict[str, Any]) -> Reason:
        """The reason that a rule file's head defines."""
        kind, act, wait = head["class"], head["recommendation"], head.get("retry_after")
        return cls(
            name,
            head["meaning"],
            tuple(head["references"]),
            head["fault"],
            kind,
            head.get("class_4xx", kind),
            act,
            head.get("recommendation_4xx", act),
            head["advice"],
            wait,
            head.get("retry_after_4xx", wait),
        )
