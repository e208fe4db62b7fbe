"""Rows that another application wrote, looked at one by one: their shapes, and what is odd about them.

Tables with a sentence in each row, and an `Inspection` that adds up in bounded memory. It holds names, numbers and ids,
and never what a row says. It changes nothing. Next: :mod:`sesevent.plans.migrate`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from bson import ObjectId

from sesevent.events.event import Event
from sesevent.events.identity import event_key
from sesevent.events.parse import EVENT_CLASSES, word_of
from sesevent.moments import read_moment
from sesevent.sns.unwrap import unwrap
from sesevent.storage.codec import event_inside, stored_event

__all__ = ["FIVE", "ODDITIES", "SHAPES", "TIMES", "Inspection", "Keys", "Named", "Seen", "look_at"]

FIVE: Final = ("Type", "MessageId", "Subject", "Message", "Timestamp")
"""The fields of the Mongoose schema."""
_KNOWN: Final = frozenset({*FIVE, "_id", "__v", "derived", "received", "thin", "duplicateOf"})
_MOST_NAMES: Final = 20
_EXAMPLES: Final = 3  # ids that are told of an oddity
_MOST_KEYS: Final = 200_000  # some 20 MB

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SES_ID = re.compile(r"[0-9A-Za-z]{10,20}-([0-9a-f]{4,8}-){1,2}.*-\d{6}", re.IGNORECASE)
_SES_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Seen(NamedTuple):
    """A row, and the event that was found in its text."""

    row: Mapping[str, Any]
    inside: Event | None
    key: str
    """The key of its event."""

    @property
    def is_ours(self) -> bool:
        """Whether this library wrote it: then it stands under its key."""
        return self.key == str(self.row["_id"])

    @property
    def type(self) -> object:
        """What the column says."""
        return self.row.get("Type")


class Named(NamedTuple):
    """A row of a table: what a row may be, and what that means."""

    name: str
    means: str
    holds: Callable[[Seen], bool]


def _is_of_ses(told: object) -> bool:
    """Whether a column names one of SES's types, however it is spelled."""
    return isinstance(told, str) and word_of(told) in EVENT_CLASSES


def _is_handshake(seen: Seen) -> bool:
    return seen.type in ("SubscriptionConfirmation", "UnsubscribeConfirmation")


SHAPES: Final = (
    Named("ours", "written by this library", lambda seen: seen.is_ours),
    Named("envelope", "an SNS notification as it came; `MessageId` and `Timestamp` are SNS's",
          lambda seen: seen.type == "Notification" and seen.inside is not None),
    Named("normalised", "taken apart: `Type` is SES's word, and the SES event is in `Message`",
          lambda seen: seen.inside is not None),
    Named("columns", "`Message` holds no SES event: the columns tell what happened, and SES's part of it to whom",
          lambda seen: _is_of_ses(seen.type)),
    Named("handshake", "a subscription's handshake: tells nothing of a mail", _is_handshake),
    Named("foreign", "neither an SES event nor one of its types: kept, and counts as nothing", lambda _: True),
)  # fmt: skip
"""What shape is it? The first that holds."""


def _text_in_message(seen: Seen) -> bool:
    return isinstance(seen.row.get("Message"), str)


def _mixed(seen: Seen) -> bool:
    """Its `MessageId` is the one of the other shape."""
    told = seen.row.get("MessageId")
    if not isinstance(told, str):
        return False
    if seen.type == "Notification":
        return bool(_SES_ID.fullmatch(told)) and not _UUID.fullmatch(told)
    return _is_of_ses(seen.type) and bool(_UUID.fullmatch(told))


def _other_type(seen: Seen) -> bool:
    told = word_of(seen.type) if isinstance(seen.type, str) else seen.type
    return seen.inside is not None and told not in ("Notification", seen.inside.type)


def _several(seen: Seen) -> bool:
    message = seen.row.get("Message")
    return seen.inside is not None and sum(one.kind == "event" for one in unwrap(message)) > 1  # type: ignore[arg-type]


ODDITIES: Final = (
    Named("message is no text", "`Message` is an object or something else: read all the same, and left as it is",
          lambda seen: "Message" in seen.row and not _text_in_message(seen)),
    Named("no message", "there is none: only the columns tell anything", lambda seen: "Message" not in seen.row),
    Named("several events", "`Message` holds several events: the first one is told", _several),
    Named("type differs", "`Type` is another word than SES's for the event: `derived.type` holds SES's", _other_type),
    Named("message id differs", "`MessageId` is SNS's where SES's is expected, or the other way round: "
          "`derived.messageId` holds SES's where the event tells it", _mixed),
    Named("id of another kind", "`_id` is no ObjectId: a watch that polls does not see it",
          lambda seen: not isinstance(seen.row.get("_id"), ObjectId)),
    Named("unknown type", "an SES event of a type this version does not know: kept whole",
          lambda seen: seen.inside is not None and seen.inside.type not in EVENT_CLASSES),
    Named("nobody is named", "the event names no recipient: found by message, and by nobody's address",
          lambda seen: seen.inside is not None and not seen.inside.recipients),
)  # fmt: skip
"""What may be odd about it, and what follows."""


def _read(value: object) -> datetime | None:
    with suppress(ValueError):
        return read_moment(value)
    return None


TIMES: Final = (
    Named("SES's", "sorts as a time", lambda seen: bool(_SES_TIME.fullmatch(_time(seen)))),
    Named("other text", "a time in another spelling: `derived.at` holds it, but questions about a span of time miss it",
          lambda seen: bool(_time(seen)) and _read(_time(seen)) is not None),
    Named("date", "a date of MongoDB's: as other text", lambda seen: isinstance(seen.row.get("Timestamp"), datetime)),
    Named("number", "seconds or milliseconds: as other text",
          lambda seen: isinstance(seen.row.get("Timestamp"), (int, float))),
    Named("absent", "no time in the column: as other text, if the event tells it",
          lambda seen: seen.row.get("Timestamp") is None),
    Named("unreadable", "no time at all", lambda _: True),
)  # fmt: skip
"""How is the time in the column written? The first that holds."""


def _time(seen: Seen) -> str:
    text = seen.row.get("Timestamp")
    return text if isinstance(text, str) else ""


def look_at(row: Mapping[str, Any]) -> Seen:
    """A row, and what is in it; of one of ours, which is known, no more than its key."""
    own = str(row["_id"])
    if row.get("received"):
        return Seen(row, None, own)
    inside = event_inside(row)
    return Seen(row, inside, event_key(inside or stored_event(row).event).hex())


@dataclass
class Keys:
    """How many different keys there are: exact while they are few, beyond that reckoned from an even share of them."""

    most: int = _MOST_KEYS
    share: int = 0
    """Of so many halvings: only keys whose last bits are 0 are counted."""
    counts: dict[int, int] = field(default_factory=dict)

    def see(self, key: str) -> None:
        """Count a key."""
        mark = int(key[8:], 16)  # what of it is a hash
        if mark & ((1 << self.share) - 1):
            return
        self.counts[mark] = self.counts.get(mark, 0) + 1
        while len(self.counts) > self.most:
            self.share += 1
            bits = (1 << self.share) - 1
            self.counts = {one: times for one, times in self.counts.items() if not one & bits}

    @property
    def exact(self) -> bool:
        """Whether every key was counted."""
        return not self.share

    @property
    def repeated(self) -> int:
        """How often a key came that had come before."""
        return (sum(self.counts.values()) - len(self.counts)) << self.share


@dataclass
class Inspection:
    """What is in a collection, so far. It holds names, numbers and ids, and nothing of what rows say."""

    collection: str = ""
    rows: int = 0
    """Rows looked at."""
    shapes: Counter[str] = field(default_factory=Counter)
    """By the names of `SHAPES`."""
    types: Counter[str] = field(default_factory=Counter)
    """Events of older rows by SES's word; of no known kind: ``other``."""
    times: Counter[str] = field(default_factory=Counter)
    """How the times of older rows are written: by the names of `TIMES`."""
    oddities: Counter[str] = field(default_factory=Counter)
    """By the names of `ODDITIES`."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """The ids of the first rows of each oddity, and of each spelling of times but SES's."""
    other_fields: Counter[str] = field(default_factory=Counter)
    """Fields of older rows beside the five, the first twenty names."""
    waiting: int = 0
    """Older rows without `derived`."""
    same_as_ours: int = 0
    """Older rows with an event that a row of ours holds too."""
    keys: Keys = field(default_factory=Keys)
    """The events of the other older rows."""
    first: str = ""
    """The earliest time in SES's spelling in an older row."""
    last: str = ""
    not_seen: int = 0
    """Rows whose `_id` is neither ObjectId, text nor number: they are found by no walk."""
    plural: bool = False
    """Whether the collection that Mongoose's plural names holds rows."""

    @property
    def older(self) -> int:
        """Rows of older shapes."""
        return self.rows - self.shapes["ours"]

    @property
    def duplicates(self) -> int:
        """Older rows that count for nothing, since another row holds the same event."""
        return self.same_as_ours + self.keys.repeated

    def see(self, rows: Iterable[Seen], ours: frozenset[str] = frozenset()) -> None:
        """Count rows. *ours* are the keys of their events that rows of this library hold."""
        for seen in rows:
            self.rows += 1
            if seen.is_ours:
                self.shapes["ours"] += 1
                continue
            self._see_older(seen)
            if seen.key in ours:
                self.same_as_ours += 1
            else:
                self.keys.see(seen.key)

    def _see_older(self, seen: Seen) -> None:
        self.shapes[_first(SHAPES, seen)] += 1
        self.waiting += seen.row.get("derived") is None
        if seen.inside is not None:
            self.types[seen.inside.type if seen.inside.type in EVENT_CLASSES else "other"] += 1
        written = _first(TIMES, seen)
        self.times[written] += 1
        self._note([one.name for one in ODDITIES if one.holds(seen)], seen)
        if written != "SES's":
            self._example(f"time: {written}", seen)
        else:
            self.first = min(self.first or _time(seen), _time(seen))
            self.last = max(self.last, _time(seen))
        for name in seen.row.keys() - _KNOWN:
            if name in self.other_fields or len(self.other_fields) < _MOST_NAMES:
                self.other_fields[name] += 1

    def _note(self, names: Iterable[str], seen: Seen) -> None:
        for name in names:
            self.oddities[name] += 1
            self._example(name, seen)

    def _example(self, name: str, seen: Seen) -> None:
        found = self.examples.setdefault(name, [])
        if len(found) < _EXAMPLES:
            found.append(str(seen.row.get("_id")))

    def table(self) -> list[dict[str, Any]]:
        """What was found, for people: one row for each thing, with what it means."""
        found: list[tuple[str, int, str]] = [("rows", self.rows, f"in `{self.collection}`")]
        found += [(f"shape: {one.name}", self.shapes[one.name], one.means) for one in SHAPES]
        found += [(f"event: {name}", count, "") for name, count in self.types.most_common()]
        found += [(f"time: {one.name}", self.times[one.name], one.means) for one in TIMES]
        found += [(f"odd: {one.name}", self.oddities[one.name], one.means) for one in ODDITIES]
        found += [(f"field: {name}", count, "not touched") for name, count in self.other_fields.most_common()]
        found += [
            ("same event as a row of ours", self.same_as_ours, "the row of ours counts"),
            ("same event as another older row", self.keys.repeated, "the one with the least `_id` counts"
             + ("" if self.keys.exact else "; reckoned from a sample")),
            ("ids of other kinds", self.not_seen, "`_id` is neither ObjectId, text nor number: not looked at"),
        ]  # fmt: skip
        return [
            {"what": name, "rows": count, "means": means, "examples": self.examples.get(name.removeprefix("odd: "), [])}
            for name, count, means in found
            if count
        ]

    def steps(self, duplicates: str = "keep") -> list[dict[str, Any]]:
        """What a migration would do now."""
        what = {"mark": "are marked with the row that counts", "delete": "are deleted, but for those that tell more"}
        told = [
            ("give `derived`", self.waiting, "in place; the five strings and the `_id` stay"),
            ("leave", self.rows - self.waiting, "have it already"),
            ("duplicates", self.duplicates, what.get(duplicates, "are kept, and count once")),
        ]
        steps = [{"step": name, "rows": count, "how": how} for name, count, how in told if count]
        if self.plural:
            steps.append({"step": "think", "rows": 0, "how": "`ses_events` holds rows too: are those the events?"})
        return steps


def _first(table: tuple[Named, ...], seen: Seen) -> str:
    return next(one.name for one in table if one.holds(seen))
