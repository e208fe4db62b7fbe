"""The mail could not be delivered yet; SES goes on trying.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-delivery-delay-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from pydantic import Field

from sesevent.events.essentials import NamedIn
from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["DelayedRecipient", "DeliveryDelay", "DeliveryDelayObject"]


class DelayedRecipient(Part):
    """One recipient of a delay, with the receiving server's words."""

    email_address: str | None = None
    status: str | None = None
    """Enhanced status code, RFC 3463."""
    diagnostic_code: str | None = None


class DeliveryDelayObject(Part):
    """The ``deliveryDelay`` object of a payload."""

    delay_type: str | None = None
    delayed_recipients: list[DelayedRecipient] | None = None
    expiration_time: Moment | None = None
    """When SES will give up."""
    timestamp: Moment | None = None
    reporting_mta: str | None = Field(default=None, alias="reportingMTA")


class DeliveryDelay(Event):
    """A delay. Concerns ``delayedRecipients`` only."""

    body: ClassVar[str | None] = "deliveryDelay"
    named_in: ClassVar[NamedIn] = NamedIn("deliveryDelay", "delayedRecipients", "emailAddress")

    @cached_property
    def delivery_delay(self) -> DeliveryDelayObject:
        """The ``deliveryDelay`` object, typed."""
        return read_part(DeliveryDelayObject, self.raw.get("deliveryDelay"))
