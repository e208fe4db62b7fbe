"""What SES's own words mean: bounce sub-types, delay types, the reasons of a reject, rendering errors.

Sources: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.
Words that are not here are no error: SES may add some at any time.
Next: :mod:`sesevent.bounces.decide`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["DELAY_TYPES", "REJECTS", "SETTLED", "SUB_TYPES", "SesWord", "settled"]


class SesWord(NamedTuple):
    """What one of SES's words means."""

    reason: str
    why: str


SETTLED: Final = {
    "Suppressed": SesWord("suppressed", "on SES's global list"),
    "OnAccountSuppressionList": SesWord("suppressed", "on the account's list"),
    "OnTenantSuppressionList": SesWord("suppressed", "on the tenant's list"),
    "EmailValidationSuppressed": SesWord("suppressed", "SES's own validation took the address for a bad one"),
    "UnsubscribedRecipient": SesWord("unsubscribed", "SES words this opt-out as a permanent bounce"),
    "CustomTimeoutExceeded": SesWord("expired", "the configuration set's MaxDeliverySeconds ran out"),
}
"""Bounce sub-types by which SES tells what it did itself: they settle the matter."""

_NAMED_ALIKE: Final = (
    ("suppress", SesWord("suppressed", "a list of SES's")),
    ("unsubscrib", SesWord("unsubscribed", "an opt-out")),
)


def settled(sub_type: str) -> SesWord | None:
    """What SES did itself, by a bounce's sub-type; lists that it adds are known by names alike."""
    return SETTLED.get(sub_type) or next((word for part, word in _NAMED_ALIKE if part in sub_type.lower()), None)


SUB_TYPES: Final = {
    "MailboxFull": SesWord("mailbox_full", "SES read it so"),
    "MessageTooLarge": SesWord("too_large", "SES read it so"),
    "ContentRejected": SesWord("content_rejected", "SES read it so; the words often say which content"),
    "AttachmentRejected": SesWord("content_rejected", "the type of an attachment is refused"),
    "NoEmail": SesWord("user_unknown", "SES could read no address in the report, or the mailbox is missing"),
}
"""Bounce sub-types by which SES tells how it read another server's words."""

DELAY_TYPES: Final = {
    "InternalFailure": SesWord("system_error", "a fault inside SES"),
    "General": SesWord("undetermined", "SES says no more"),
    "MailboxFull": SesWord("mailbox_full", "no room for more mail"),
    "SpamDetected": SesWord("spam_content", "the receiver took much of the account's mail for unwanted"),
    "RecipientServerError": SesWord("system_error", "a fault of the receiving server"),
    "IPFailure": SesWord("blocked", "the receiver blocks or throttles the IP address that sends"),
    "TransientCommunicationFailure": SesWord("network", "the conversation broke off"),
    "BYOIPHostNameLookupUnavailable": SesWord(
        "authentication", "the DNS host name of our own IP address cannot be found"
    ),
    "Undetermined": SesWord("undetermined", "SES cannot tell"),
    "SendingDeferral": SesWord("rate_limited", "SES itself holds the message back"),
}
"""``delayType`` of a DeliveryDelay. SES goes on trying: what counts is the Delivery or Bounce that follows."""

REJECTS: Final = {"Bad content": SesWord("virus", "SES found a virus: the only reason it documents")}
"""``reason`` of a Reject."""
