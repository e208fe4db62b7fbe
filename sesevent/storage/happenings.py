"""Rows ↔ what the fold of a mail's status needs of them, and the questions that fetch no more than that.

`derived` holds it, so `Message` is neither fetched nor parsed, but for rows of older shapes. Next:
:mod:`sesevent.plans.status`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sesevent.analytics.status import Happened
from sesevent.storage.codec import legacy_derived, stored_event
from sesevent.storage.layout import EVENTS
from sesevent.storage.operations import Document, Find
from sesevent.storage.reads import mentioning

__all__ = ["FIELDS", "about_messages", "completed", "happened_in", "is_older", "message_of", "place_of", "whole_rows"]

FIELDS: Final = {"Type": 1, "MessageId": 1, "Subject": 1, "Timestamp": 1, "derived": 1}
"""All but the text of the event, which is most of a row."""

_OF_SENDING: Final = ("Send", "Reject", "Rendering Failure")  # their time is that of the mail
_KINDS_OF: Final = {"Bounce": "bounce", "Complaint": "complaint", "DeliveryDelay": "deliveryDelay",
                    "Reject": "reject", "Rendering Failure": "failure"}  # fmt: skip


def about_messages(message_ids: Sequence[str]) -> Find:
    """Rows of these mails, without their text; as `reads.of_message`, those of older shapes among them."""
    ids = list(message_ids)
    found = [{"MessageId": {"$in": ids}}, {"derived.messageId": {"$in": ids}}, *mentioning(ids)]
    return Find(EVENTS, {"$or": found}, projection=FIELDS)


def whole_rows(rows: Iterable[Document]) -> Find:
    """The same rows, with their text."""
    return Find(EVENTS, {"_id": {"$in": [row["_id"] for row in rows]}})


def is_older(row: Mapping[str, Any]) -> bool:
    """True where only the text tells everything: rows without `derived`, and those that hold an SNS envelope."""
    derived = row.get("derived")
    return not derived or "messageId" in derived


def message_of(row: Mapping[str, Any]) -> str | None:
    """SES's id of the mail; of a row without `derived`, whose column may hold SNS's, only once that is made."""
    derived = row.get("derived") or {}
    found: str | None = derived.get("messageId", row.get("MessageId"))
    return found


def happened_in(row: Mapping[str, Any]) -> Happened:
    """What a row tells; one that `is_older` must be whole."""
    derived: Mapping[str, Any] = row["derived"]
    get = derived.get
    type_ = get("type") or row.get("Type") or ""
    at = get("at")
    sent = at if type_ in _OF_SENDING else None
    if sent is None and at is not None and isinstance(took := get("took"), int):
        sent = at - timedelta(milliseconds=took)
    name = _KINDS_OF.get(type_)
    body = get(name) or {} if name else {}
    told: Mapping[str, Any] = get("subscription") or {}
    return Happened(
        get("key") or str(row["_id"]),
        type_,
        at,
        tuple(get("recipients", ())),
        get("guess", False),
        _column(body.get("reason")) if body else (),
        _column(body.get("class")) if body else (),
        body.get("type", "") if body else "",
        body.get("subType", "") if body else "",
        get("machine") or "",
        (get("click") or {}).get("link") or "",
        tuple(told.get("out", ())) if told else (),
        tuple(told.get("in", ())) if told else (),
        get("identity", False),
        sent,
        row.get("Subject"),
        get("source"),
        get("configurationSet"),
        get("campaign"),
        tuple([(tag["name"], tuple(tag["values"])) for tag in tags]) if (tags := get("tags")) else None,
    )


def completed(row: Document) -> Document:
    """A whole row of an older shape as if it had been adopted, with the mail's own subject in its column.

    Whether it had been stands beside it.
    """
    derived = dict(row.get("derived") or legacy_derived(row))
    if isinstance(at := derived.get("at"), datetime):
        derived["at"] = at.replace(microsecond=at.microsecond // 1000 * 1000)  # as MongoDB keeps it
    subject = stored_event(row).event.subject
    return row | {"derived": derived, "Subject": subject, "adopted": bool(row.get("derived"))}


def place_of(row: Mapping[str, Any]) -> tuple[int, str, str]:
    """Where a row stands among those of one mail: by time, one without before all. The same for every reader."""
    text = row.get("Timestamp")
    return (0, "", str(row["_id"])) if text is None else (1, str(text), str(row["_id"]))


def _column(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else ()
