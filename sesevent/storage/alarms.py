"""Alarms and their history ↔ documents, and what is read and written of them.

The state of an alarm is one document with a revision, by which a write is guarded. What happened stands in it too
(``entry``) until the next write: whoever evaluates next puts it into the history, should the one before have died
in between. Next: :mod:`sesevent.plans.monitor`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import UpdateOne

from sesevent.analytics.measures import Window
from sesevent.monitoring.alarms import Alarm, AlarmEntry, Mute
from sesevent.monitoring.figures import Scope
from sesevent.monitoring.readings import Reading
from sesevent.storage.layout import ALARM_LOG, ALARMS
from sesevent.storage.operations import Document, Find, Insert, Update

__all__ = [
    "alarm_in", "all_alarms", "claim", "entry_in", "insert_entries", "latest_entries", "settle", "these_alarms",
    "unlogged", "untold", "write_alarms",
]  # fmt: skip


def all_alarms() -> Find:
    """Every alarm, by id."""
    return Find(ALARMS, {}, (("_id", 1),))


def these_alarms(identifiers: Iterable[str]) -> Find:
    """These alarms."""
    return Find(ALARMS, {"_id": {"$in": list(identifiers)}})


def write_alarms(changes: Sequence[tuple[Alarm, AlarmEntry | None]]) -> Update:
    """Keep the states of alarms, each guarded by the revision it followed from.

    An upsert that finds another revision in its place runs into the taken ``_id``: the loser is told so.
    """
    return Update(ALARMS, [_write(alarm, entry) for alarm, entry in changes])


def _write(alarm: Alarm, entry: AlarmEntry | None) -> UpdateOne:
    fields = _alarm_fields(alarm) | {"entry": None if entry is None else entry_document(entry)}
    return UpdateOne({"_id": alarm.id, "rev": alarm.revision - 1}, {"$set": fields}, upsert=True)


def insert_entries(documents: Sequence[Document]) -> Insert:
    """Put lines into the history; those that are there already stay as they are."""
    return Insert(ALARM_LOG, documents)


def unlogged(documents: Iterable[Document]) -> list[Document]:
    """What may have to be put into the history yet, of alarms as they were read."""
    return [document["entry"] for document in documents if document.get("entry")]


def untold(since: datetime, now: datetime) -> Find:
    """What people are to be told, and nobody is about to, in order of time; not what is older than *since*."""
    wanted = {"tell": True, "at": {"$gte": since}, "notBefore": {"$lte": now}}
    return Find(ALARM_LOG, wanted, (("at", 1), ("_id", 1)), _UNTOLD_AT_ONCE)


_UNTOLD_AT_ONCE: Final = 100


def claim(document: Document, now: datetime, seconds: float) -> Update:
    """Be the one who tells: nobody else will try for *seconds*. Matches nothing where somebody was faster."""
    free = {"_id": document["_id"], "tell": True, "notBefore": document["notBefore"]}
    change = {"$set": {"notBefore": now + timedelta(seconds=seconds)}, "$inc": {"attempts": 1}}
    return Update(ALARM_LOG, [UpdateOne(free, change)])


def settle(identifier: str, told: Sequence[str], failed: Sequence[str], now: datetime, again: datetime) -> Update:
    """Write down who was told; where somebody could not be, try *again* then."""
    fields: Document = {"told": list(told), "failed": list(failed)}
    fields |= {"notBefore": again} if failed else {"tell": False, "notified": True, "notifiedAt": now}
    return Update(ALARM_LOG, [UpdateOne({"_id": identifier}, {"$set": fields})])


def latest_entries(alarm: str | None, since: datetime | None, limit: int) -> Find:
    """The history, the last first."""
    wanted: Document = {} if alarm is None else {"alarm": alarm}
    if since is not None:
        wanted["at"] = {"$gte": since}
    return Find(ALARM_LOG, wanted, (("at", -1), ("_id", -1)), limit)


def alarm_in(document: Mapping[str, Any]) -> Alarm:
    """The alarm in a document."""
    return Alarm(
        document["_id"],
        document["rule"],
        Scope(**document["scope"]),
        document["state"],
        document["since"],
        document["at"],
        _reading_in(document["reading"]),
        _window_in(document["window"]),
        document["told"],
        document["toldAt"],
        _mute_in(document["acknowledged"]),
        _mute_in(document["silenced"]),
        document["rev"],
    )


def entry_in(document: Mapping[str, Any]) -> AlarmEntry:
    """The line of the history in a document."""
    seconds = document["reviewIn"]
    return AlarmEntry(
        document["_id"],
        document["alarm"],
        document["rule"],
        Scope(**document["scope"]),
        document["at"],
        document["what"],
        document["before"],
        document["state"],
        document["measure"],
        _reading_in(document["reading"]),
        _window_in(document["window"]),
        document["line"],
        document["review"],
        None if seconds is None else timedelta(seconds=seconds),
        document["hint"],
        document["by"],
        document["why"],
        document["tell"],
        document["notified"],
        document["attempts"],
        tuple(document["told"]),
    )


def entry_document(entry: AlarmEntry) -> Document:
    """The document of a line of the history, as it is first written: nobody was told yet, and anybody may."""
    return {
        "_id": entry.id,
        "alarm": entry.alarm,
        "rule": entry.rule,
        "scope": entry.scope.told,
        "at": entry.at,
        "what": entry.what,
        "before": entry.before,
        "state": entry.state,
        "measure": entry.measure,
        "reading": _reading(entry.reading),
        "window": _window(entry.window),
        "line": entry.line,
        "review": entry.review,
        "reviewIn": None if entry.review_in is None else entry.review_in.total_seconds(),
        "hint": entry.hint,
        "by": entry.by,
        "why": entry.why,
        "tell": entry.tell,
        "notified": False,
        "notBefore": entry.at,
        "attempts": 0,
        "told": [],
    }


def _alarm_fields(alarm: Alarm) -> Document:
    return {
        "rule": alarm.rule,
        "scope": alarm.scope.told,
        "state": alarm.state,
        "since": alarm.since,
        "at": alarm.at,
        "reading": _reading(alarm.reading),
        "window": _window(alarm.window),
        "told": alarm.told,
        "toldAt": dict(alarm.told_at),
        "acknowledged": _mute(alarm.acknowledged),
        "silenced": _mute(alarm.silenced),
        "rev": alarm.revision,
    }


def _reading(reading: Reading | None) -> Document | None:
    return None if reading is None else {name: getattr(reading, name) for name in _READING}


def _reading_in(document: Mapping[str, Any] | None) -> Reading | None:
    return None if document is None else Reading(*[document[name] for name in _READING])


_READING: Final = ("value", "low", "count", "volume", "usual", "of")


def _window(window: Window | None) -> Document | None:
    return None if window is None else {"since": window.since, "until": window.until}


def _window_in(document: Mapping[str, Any] | None) -> Window | None:
    return None if document is None else Window(document["since"], document["until"])


def _mute(mute: Mute | None) -> Document | None:
    return None if mute is None else {"by": mute.by, "why": mute.why, "at": mute.at, "until": mute.until}


def _mute_in(document: Mapping[str, Any] | None) -> Mute | None:
    return None if document is None else Mute(document["by"], document["why"], document["at"], document["until"])
