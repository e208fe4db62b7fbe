"""A link of a mail was followed: by a person or a scanner.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-click-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["Click", "ClickObject"]


class ClickObject(Part):
    """The ``click`` object of a payload."""

    timestamp: Moment | None = None
    user_agent: str | None = None
    ip_address: str | None = None
    link: str | None = None
    link_tags: dict[str, list[str]] | None = None
    """From the link's ``ses:tags`` attribute."""


class Click(Event):
    """A click. SES does not say who: of several recipients each is only a candidate."""

    body: ClassVar[str | None] = "click"
    one_of: ClassVar[bool] = True

    @cached_property
    def click(self) -> ClickObject:
        """The ``click`` object, typed."""
        return read_part(ClickObject, self.raw.get("click"))
