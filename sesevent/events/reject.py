"""SES accepted the mail, found a virus in it, and did not deliver it.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-reject-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from sesevent.events.event import Event
from sesevent.events.part import Part, read_part

__all__ = ["Reject", "RejectObject"]


class RejectObject(Part):
    """The ``reject`` object of a payload."""

    reason: str | None = None
    """Documented: ``Bad content``."""


class Reject(Event):
    """A reject. Its time is the mail's: SES gives it none."""

    body: ClassVar[str | None] = "reject"

    @cached_property
    def reject(self) -> RejectObject:
        """The ``reject`` object, typed."""
        return read_part(RejectObject, self.raw.get("reject"))
