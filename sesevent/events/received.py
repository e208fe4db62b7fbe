"""A mail that SES received for us, by a receipt rule.

https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["Action", "Receipt", "Received", "Verdict"]


class Verdict(Part):
    """What SES thinks of the mail in one respect."""

    status: str | None = None
    """``PASS``, ``FAIL``, ``GRAY``, ``PROCESSING_FAILED``, ``DISABLED``; AWS may add words."""


class Action(Part):
    """What the receipt rule did with the mail."""

    type: str | None = None
    topic_arn: str | None = None
    bucket_name: str | None = None
    object_key: str | None = None
    object_key_prefix: str | None = None
    encoding: str | None = None
    function_arn: str | None = None
    invocation_type: str | None = None
    organization_arn: str | None = None
    smtp_reply_code: str | None = None
    status_code: str | None = None
    message: str | None = None
    sender: str | None = None


class Receipt(Part):
    """The ``receipt`` object of a payload."""

    timestamp: Moment | None = None
    processing_time_millis: int | None = None
    recipients: list[str] | None = None
    """Whom the rule matched; may differ from the mail's own To and Cc."""
    spam_verdict: Verdict | None = None
    virus_verdict: Verdict | None = None
    spf_verdict: Verdict | None = None
    dkim_verdict: Verdict | None = None
    dmarc_verdict: Verdict | None = None
    dmarc_policy: str | None = None
    """Only where DMARC failed: ``none``, ``quarantine``, ``reject``, in any case."""
    action: Action | None = None


class Received(Event):
    """An inbound mail. Its message id is SES's inbound one, which is also the key of a stored object in S3."""

    body: ClassVar[str | None] = "receipt"

    @cached_property
    def receipt(self) -> Receipt:
        """The ``receipt`` object, typed."""
        return read_part(Receipt, self.raw.get("receipt"))

    @property
    def content(self) -> str | None:
        """The mail itself, as text or base64; only the SNS action sends it."""
        content = self.raw.get("content")
        return content if isinstance(content, str) else None
