"""The receiving server took the mail. That is not yet the person's mailbox: a bounce may follow.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-delivery-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from pydantic import Field

from sesevent.events.essentials import NamedIn
from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["Delivery", "DeliveryObject"]


class DeliveryObject(Part):
    """The ``delivery`` object of a payload."""

    timestamp: Moment | None = None
    processing_time_millis: int | None = None
    """Milliseconds from the acceptance by SES to the hand-over."""
    recipients: list[str] | None = None
    smtp_response: str | None = None
    reporting_mta: str | None = Field(default=None, alias="reportingMTA")
    """The SES host that delivered."""
    remote_mta_ip: str | None = None


class Delivery(Event):
    """A delivery. Concerns ``delivery.recipients``; the mail's others have events of their own."""

    body: ClassVar[str | None] = "delivery"
    named_in: ClassVar[NamedIn] = NamedIn("delivery", "recipients")

    @cached_property
    def delivery(self) -> DeliveryObject:
        """The ``delivery`` object, typed."""
        return read_part(DeliveryObject, self.raw.get("delivery"))
