"""Whatever SES adds next: kept whole, stored and queryable, never refused."""

from __future__ import annotations

from typing import ClassVar

from sesevent.events.event import Event

__all__ = ["UnknownEvent"]


class UnknownEvent(Event):
    """An event of a type this version does not know.

    It is dated by the one object beside the mail, where there is one that holds a time: every
    known kind has such an object. Its recipients are the mail's.
    """

    known: ClassVar[bool] = False
