"""A mail that came back, or that SES did not send because of a suppression list.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-bounce-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from pydantic import Field

from sesevent.events.essentials import NamedIn
from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["Bounce", "BounceObject", "BouncedRecipient"]


class BouncedRecipient(Part):
    """One recipient of a bounce, with what the delivery status notification (RFC 3464) said of it."""

    email_address: str | None = None
    """From the notification's Final-Recipient: may differ from the address the mail was sent to."""
    action: str | None = None
    """RFC 3464 section 2.3.3: ``failed``, ``delayed``, …"""
    status: str | None = None
    """Enhanced status code, RFC 3463."""
    diagnostic_code: str | None = None
    """The receiving server's words, such as ``smtp; 550 5.1.1 user unknown``."""


class BounceObject(Part):
    """The ``bounce`` object of a payload."""

    bounce_type: str | None = None
    """``Permanent``, ``Transient`` or ``Undetermined``; SES has stopped trying in every case."""
    bounce_sub_type: str | None = None
    bounced_recipients: list[BouncedRecipient] | None = None
    timestamp: Moment | None = None
    feedback_id: str | None = None
    """SES's id of the bounce: the same in both payload families."""
    reporting_mta: str | None = Field(default=None, alias="reportingMTA")
    remote_mta_ip: str | None = None


class Bounce(Event):
    """A bounce. Concerns `bouncedRecipients` only, which may be empty; never the mail's other recipients."""

    body: ClassVar[str | None] = "bounce"
    named_in: ClassVar[NamedIn] = NamedIn("bounce", "bouncedRecipients", "emailAddress")

    @cached_property
    def bounce(self) -> BounceObject:
        """The ``bounce`` object, typed."""
        return read_part(BounceObject, self.raw.get("bounce"))
