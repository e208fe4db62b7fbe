"""SES accepted the mail and will try to deliver it; published for suppressed recipients too.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-send-object
"""

from __future__ import annotations

from typing import ClassVar

from sesevent.events.event import Event

__all__ = ["Send"]


class Send(Event):
    """A send. Its object is always empty; its time is the mail's."""

    body: ClassVar[str | None] = "send"
