"""A recipient, or their provider, called the mail unwanted (RFC 5965), or took that back.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-complaint-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from sesevent.events.essentials import NamedIn
from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["ComplainedRecipient", "Complaint", "ComplaintObject"]


class ComplainedRecipient(Part):
    """Someone who may have complained."""

    email_address: str | None = None


class ComplaintObject(Part):
    """The ``complaint`` object of a payload."""

    complained_recipients: list[ComplainedRecipient] | None = None
    timestamp: Moment | None = None
    feedback_id: str | None = None
    """SES's id of the complaint: the same in both payload families."""
    complaint_sub_type: str | None = None
    """``OnAccountSuppressionList``: SES accepted the mail and did not send it; nobody complained about it."""
    user_agent: str | None = None
    complaint_feedback_type: str | None = None
    """IANA's MARF registry: ``abuse``, ``not-spam`` (the opposite of a complaint), …"""
    arrival_date: Moment | None = None


class Complaint(Event):
    """A complaint. Most providers redact who complained: SES then names everyone at that provider."""

    body: ClassVar[str | None] = "complaint"
    named_in: ClassVar[NamedIn] = NamedIn("complaint", "complainedRecipients", "emailAddress")
    one_of: ClassVar[bool] = True

    @cached_property
    def complaint(self) -> ComplaintObject:
        """The ``complaint`` object, typed."""
        return read_part(ComplaintObject, self.raw.get("complaint"))
