"""A template could not be filled in, so nothing was sent.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-failure-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from sesevent.events.event import Event
from sesevent.events.part import Part, read_part

__all__ = ["FailureObject", "RenderingFailure"]


class FailureObject(Part):
    """The ``failure`` object of a payload."""

    error_message: str | None = None
    template_name: str | None = None


class RenderingFailure(Event):
    """A rendering failure; SES's word has a space, its object is called ``failure``, its time is the mail's."""

    body: ClassVar[str | None] = "failure"

    @cached_property
    def failure(self) -> FailureObject:
        """The ``failure`` object, typed."""
        return read_part(FailureObject, self.raw.get("failure"))
