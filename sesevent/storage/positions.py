"""How far a watch is, as a value and as text that can be kept anywhere.

Next: :mod:`sesevent.plans.watch`, which moves it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from bson import json_util
from bson.errors import BSONError
from pymongo import UpdateOne

from sesevent.errors import ConfigurationError
from sesevent.moments import UTC, read_moment
from sesevent.storage.codec import StoredEvent
from sesevent.storage.layout import WATCHES
from sesevent.storage.operations import Find, Update

__all__ = ["Position", "Step", "keep_position", "kept_position", "read_position", "written_position"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS_WRITTEN: Final = 1000  # 24 characters each; what is beyond may be given again after a restart


class Step(NamedTuple):
    """One step forward: to a row, or past rows that were not asked for."""

    at: datetime | None = None
    """When the row came; None where no row tells the time."""
    event: StoredEvent | None = None
    token: Mapping[str, Any] | None = None
    """Of a change stream: where it stands then."""
    key: str | None = None
    """Of polling: the row that is not to be given again."""


@dataclass(frozen=True, slots=True)
class Position:
    """Behind which rows a watch stands."""

    at: datetime
    """Whatever came before this, but for what is late, has been given."""
    token: Mapping[str, Any] | None = None
    """Where the change stream stands; None where rows are polled."""
    seen: dict[str, datetime] = field(default_factory=dict)
    """Where rows are polled: those given that a look back would find again, and when they came."""

    def behind(self, step: Step, now: datetime) -> Position:
        """Where the watch stands once *step* is done; `seen` grows in place.

        A row of a writer whose clock is ahead moves the time to *now* only: rows of the others would
        lie too far back.
        """
        if step.key is not None:
            self.seen[step.key] = step.at or now
        at = self.at if step.at is None else max(self.at, min(step.at, now))
        return replace(self, at=at, token=self.token if step.token is None else step.token)

    def forget(self, before: datetime) -> None:
        """Forget rows that no look back will find."""
        for key in [key for key, moment in self.seen.items() if moment < before]:
            del self.seen[key]


def written_position(position: Position) -> str:
    """A position as text: opaque, of letters, digits, ``-``, ``_`` and ``=``. It holds no content of any row."""
    told: dict[str, Any] = {"v": 1, "at": (position.at - _EPOCH) // timedelta(milliseconds=1)}
    if position.token is not None:
        told["token"] = position.token
    if position.seen:
        told["seen"] = list(position.seen)[-_KEYS_WRITTEN:]
    return base64.urlsafe_b64encode(json_util.dumps(told, separators=(",", ":")).encode()).decode()


def read_position(text: str) -> Position:
    """A position from its text. Raises ConfigurationError for what is none."""
    try:
        told = json_util.loads(base64.b64decode(text.encode(), b"-_", validate=True))
        at, token, keys = read_moment(told["at"]), told.get("token"), told.get("seen", [])
        if told["v"] != 1 or not (token is None or isinstance(token, dict)):
            raise ValueError("is of another kind")
        return Position(at, token, {str(key): at for key in keys})
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, BSONError):
        raise ConfigurationError(
            "That is no position of a watch.", hint="Hand in what `watch.position` told."
        ) from None


def kept_position(name: str) -> Find:
    """Where the watch of this name stands."""
    return Find(WATCHES, {"_id": name}, limit=1)


def keep_position(name: str, position: Position, now: datetime) -> Update:
    """Keep where the watch of this name stands. The fields beside it are for people."""
    fields = {
        "position": written_position(position),
        "at": position.at,
        "polling": position.token is None,
        "savedAt": now,
    }
    return Update(WATCHES, [UpdateOne({"_id": name}, {"$set": fields}, upsert=True)])
