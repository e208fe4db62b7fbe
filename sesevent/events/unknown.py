"""Whatever SES adds next: kept whole, stored and queryable, never refused."""

from __future__ import annotations

from typing import Any

from sesevent.events.event import Event, once
from sesevent.moments import read_moment

__all__ = ["UnknownEvent"]


class UnknownEvent(Event):
    """An event of a type this version does not know.

    It is dated by the one object beside the mail, where there is one that holds a time: every
    known kind has such an object. Its recipients are the mail's.
    """

    @once
    def _body(self) -> dict[str, Any]:
        objects = [value for key, value in self.raw.items() if key != "mail" and isinstance(value, dict)]
        return objects[0] if len(objects) == 1 and _is_moment(objects[0].get("timestamp")) else {}


def _is_moment(value: object) -> bool:
    try:
        read_moment(value)
    except ValueError:
        return False
    return True
