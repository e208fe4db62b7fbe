"""The tracking image of a mail was fetched: by a person, a proxy, or a scanner.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-open-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["Open", "OpenObject"]


class OpenObject(Part):
    """The ``open`` object of a payload."""

    timestamp: Moment | None = None
    user_agent: str | None = None
    ip_address: str | None = None


class Open(Event):
    """An open. SES does not say who: of several recipients each is only a candidate."""

    body: ClassVar[str | None] = "open"
    one_of: ClassVar[bool] = True

    @cached_property
    def open(self) -> OpenObject:
        """The ``open`` object, typed."""
        return read_part(OpenObject, self.raw.get("open"))
