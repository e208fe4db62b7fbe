"""The names of things in the database, and the indexes, each with the query that needs it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pymongo import IndexModel

__all__ = [
    "ALARMS", "ALARM_LOG", "ALIAS", "AUDIT", "BOOKMARKS", "COLLECTIONS", "COMPRESSED", "DATABASE", "DEAD_LETTERS",
    "ENCRYPTION", "ERASURES", "EVENTS", "HEALTH", "HOLDS", "INDEXES", "KEYS", "PLURAL", "POLLING", "RING", "ROLLUPS",
    "ROLLUP_HOURS", "SUPPRESSION", "SUPPRESSION_ACTS", "TOKENS", "UNFINISHED", "WATCHES", "Index", "index_models",
]  # fmt: skip

ALIAS: Final = "cache"
"""The mongoengine connection, named as in the Mongoose application."""
DATABASE: Final = "cache"
"""The database, where the URI names none."""
EVENTS: Final = "ses_event"
SUPPRESSION: Final = "ses_suppression"
SUPPRESSION_ACTS: Final = "ses_suppression_act"
DEAD_LETTERS: Final = "ses_dead_letter"
AUDIT: Final = "ses_audit"
WATCHES: Final = "ses_watch"
"""How far each named watch is."""
BOOKMARKS: Final = "ses_bookmark"
HEALTH: Final = "ses_health"
"""One tiny document, written to see whether writing works."""
ALARMS: Final = "ses_alarm"
"""The state of each alarm."""
ALARM_LOG: Final = "ses_alarm_log"
"""What became of alarms: kept, and whom it was told."""
ROLLUPS: Final = "ses_rollup"
"""What was counted, by hour and day."""
ROLLUP_HOURS: Final = "ses_rollup_hour"
"""…and how each of them stands."""
HOLDS: Final = "ses_hold"
"""What must be kept, whatever retention says."""
ERASURES: Final = "ses_erasure"
"""Who was erased, as keyed hashes, and what that did."""
TOKENS: Final = "ses_token"
"""Who may use the HTTP API: hashes of tokens, and the key that seals its cursors."""
KEYS: Final = "ses_key"
"""MongoDB's key vault: data keys, each wrapped."""
ENCRYPTION: Final = "ses_encryption"
"""The secret that wraps them, wrapped itself, and the ids of keys that were destroyed."""
RING: Final = "ring"
"""The `_id` of that secret."""
UNFINISHED: Final = "ses_event_unfinished"
"""Pages of rows whose `derived` is being changed, what follows from it still to be done: beside the events, under their
collection's name."""
PLURAL: Final = "ses_events"
"""What Mongoose makes of a model called `ses_event`, unless it is told not to."""

COLLECTIONS: Final = (
    EVENTS, SUPPRESSION, SUPPRESSION_ACTS, DEAD_LETTERS, AUDIT, BOOKMARKS, PLURAL, WATCHES, HEALTH, ALARMS, ALARM_LOG,
    ROLLUP_HOURS, ROLLUPS, TOKENS, HOLDS, ERASURES, UNFINISHED, KEYS, ENCRYPTION,
)  # fmt: skip
"""All of them, by the names that operations use."""

COMPRESSED: Final = {"storageEngine": {"wiredTiger": {"configString": "block_compressor=zstd"}}}
"""How events are laid on disk: `Message` is text that repeats itself, and zstd takes much off MongoDB's default."""


class Index(NamedTuple):
    """One index, and why it is worth what it costs each insert."""

    name: str
    keys: tuple[str, ...]
    serves: str
    only: dict[str, Any] | None = None
    """Partial: the documents it holds."""
    unique: bool = False
    compressed: bool = False
    """With zstd besides MongoDB's prefixes: worth it where keys resemble each other without beginning alike."""


# Every question is answered by event time, then id: so do the indexes end, or each page would be sorted anew.
_BY_TIME: Final = ("Timestamp", "_id")

INDEXES: Final[dict[str, tuple[Index, ...]]] = {
    EVENTS: (
        Index("message", ("MessageId", *_BY_TIME), "what happened to this mail?"),
        Index("type", ("Type", *_BY_TIME), "which bounces, complaints, … were there?"),
        Index("recipient", ("derived.recipients", *_BY_TIME), "what happened to this person? Suppression's facts",
              compressed=True),
        Index("time", _BY_TIME, "what happened in this hour?"),
        Index("reason", ("derived.bounce.reason", *_BY_TIME), "which mails bounced for this reason?",
              {"derived.bounce.reason": {"$exists": True}}),
        Index("rules", ("derived.rules", "_id"), "which failures were classified by other rules than today's?",
              {"derived.rules": {"$exists": True}}),
        # These hold rows of older shapes only: they are empty, and cost nothing, where there are none.
        Index("legacy", ("Type", *_BY_TIME), "rows that have no `derived` yet", {"derived": None}),
        Index("legacy_message", ("derived.messageId", *_BY_TIME), "their SES message id, once derived",
              {"derived.messageId": {"$exists": True}}),
        Index("legacy_type", ("derived.type", *_BY_TIME), "their SES type, once derived",
              {"derived.type": {"$exists": True}}),
        Index("legacy_key", ("derived.key", "_id"), "the same event in another row: which of them counts?",
              {"derived.key": {"$exists": True}}),
        Index("legacy_time", _BY_TIME, "which of them are there in this hour?", {"derived.key": {"$exists": True}}),
    ),
    # Asked by address, which is its `_id`, and, to list them, by rule.
    SUPPRESSION: (
        Index("rule", ("standings.holdings.rule", "_id"), "who is suppressed by this rule?"),
        Index("mailbox", ("mailbox",), "its spellings with a `+tag`", {"mailbox": {"$exists": True}}),
    ),
    SUPPRESSION_ACTS: (Index("address", ("address", "at", "_id"), "what was said about this person?"),),
    DEAD_LETTERS: (Index("last", ("lastAt", "_id"), "what could not be read lately?"),),
    # Read by its number, which is its `_id`.
    AUDIT: (
        Index("once", ("once",), "was this said before?", {"once": {"$exists": True}}, unique=True),
        Index("subject", ("subject", "_id"), "what was done to this?"),
    ),
    # An alarm is asked for by its id, and all of them together: there are as many as rules.
    ALARM_LOG: (
        Index("time", ("at", "_id"), "what went wrong lately?"),
        Index("alarm", ("alarm", "at", "_id"), "when was this wrong before?"),
        # Empty but for what is being told.
        Index("untold", ("at", "_id"), "what are people still to be told?", {"tell": True}),
    ),
    # Asked by keyed hash, which is its `_id`.
    ERASURES: (Index("alias", ("aliases",), "was whoever has this pseudonym erased?", {"aliases": {"$exists": True}}),),
    ROLLUP_HOURS: (Index("dirty", ("dirty", "_id"), "what must be counted again?", {"dirty": True}),),
}  # fmt: skip

POLLING: Final[tuple[Index, ...]] = (
    Index("arrival", ("received.at", "_id"), "which events came since the last look? Where a watch must poll"),
    Index("late_arrival", ("received.storedAt", "_id"), "which of them were dead letters until now?",
          {"received.storedAt": {"$exists": True}}),
)  # fmt: skip
"""Indexes of the events that only polling needs. They cost each insert, so they are made where they are asked for."""


def index_models(collection: str, *, polling: bool = False, compressed: bool = True) -> list[IndexModel]:
    """What PyMongo needs to create the indexes of one collection; not *compressed* for engines that know no zstd."""
    more = POLLING if polling and collection == EVENTS else ()
    return [_model(index, compressed) for index in (*INDEXES[collection], *more)]


def _model(index: Index, compressed: bool) -> IndexModel:
    options: dict[str, Any] = {} if index.only is None else {"partialFilterExpression": index.only}
    if index.unique:
        options["unique"] = True
    if compressed and index.compressed:
        options |= COMPRESSED
    return IndexModel([(key, 1) for key in index.keys], name=index.name, **options)
