"""What is answered: the store's objects as plain values, in clear, and the models by which OpenAPI tells of them.

Masking comes afterwards (:mod:`sesevent.web.veil`). It asks nobody anything.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from sesevent.audit import AuditEntry
from sesevent.bounces import classify_event
from sesevent.jsonvalues import as_json, fields_as_json
from sesevent.storage.codec import StoredEvent, legacy_derived
from sesevent.storage.records import DeadLetter
from sesevent.suppression.decision import Decision
from sesevent.web.asked import Window

__all__ = [
    "AuditPage", "DeadLetterPage", "DeadLetterWhole", "DecisionModel", "Decisions", "EventDetail", "EventModel",
    "EventPage", "Free", "HistoryModel", "ImportedModel", "Simulated", "SuppressionPage", "Timeline",
    "audit_shape", "dead_letter_shape", "decision_shape", "event_detail", "event_shape", "history_shape",
]  # fmt: skip

_EVENT_EXAMPLE: Final[dict[str, Any]] = {
    "id": "66321cf00a1b2c3d4e5f6071", "type": "Bounce", "message_id": "0100018f0a1b2c3d-1",
    "timestamp": "2024-05-01T09:00:04.000Z", "received_at": "2024-05-01T09:00:05.120Z",
    "recipients": ["a…@example.com"], "recipients_certain": True, "subject": None, "source": "n…@shop.example.com",
    "configuration_set": "transactional", "campaign": "orders", "template": None,
    "tags": {"campaign": ["orders"]}, "took_ms": 4000, "machine": None,
    "details": {"type": "Permanent", "subType": "General", "reason": "user_unknown", "class": "hard"},
}  # fmt: skip


class Free(BaseModel):
    """An object whose fields the reference of the store tells."""

    model_config = ConfigDict(extra="allow")


class EventModel(BaseModel):
    """One stored event."""

    model_config = ConfigDict(json_schema_extra={"example": _EVENT_EXAMPLE})

    id: str = Field(description="Under which it is stored.")
    type: str = Field(description="SES's own word, such as `Bounce`.")
    message_id: str = Field(description="SES's id of the mail.")
    timestamp: str | None = Field(description="When it happened.")
    received_at: str | None = Field(description="When it was received; null for older rows.")
    recipients: list[str] = Field(description="Whom it concerns; masked without `read:pii`.")
    recipients_certain: bool = Field(description="False where SES means one of them and cannot say which.")
    subject: str | None = Field(description="Null without `read:pii`.")
    source: str | None = Field(description="The sender; masked without `read:pii`.")
    configuration_set: str | None
    campaign: str | None
    template: str | None
    tags: dict[str, list[str]] = Field(description="Message tags, SES's own included.")
    took_ms: int | None = Field(description="Milliseconds from sending until it happened.")
    machine: str | None = Field(description="Of an open or click: the rule by which a machine did it.")
    details: dict[str, Any] = Field(
        description="What its kind has of its own, as `derived` holds it: types, reason and class of a bounce, a link."
    )
    unreadable: str | None = Field(
        description="Why what is personal in it cannot be read: `erased`, `key lost` or `damaged`; null where it can."
    )


class Failure(BaseModel):
    """Why a mail failed for one person."""

    recipient: str
    reason: str
    bounce_class: str
    fault: str
    recommendation: str
    advice: str
    diagnostic: str | None = Field(description="What the server said; null without `read:pii`.")


class EventDetail(EventModel):
    """One stored event with everything that is known of it."""

    failures: list[Failure] = Field(description="Of a failure: why, and what to do, for each recipient.")
    raw: dict[str, Any] | None = Field(description="The payload as SES sent it; null without `read:pii`.")


class EventPage(BaseModel):
    """A page of events."""

    events: list[EventModel]
    next: str | None = Field(description="Hand it in as `cursor` for the next page; null at the end.")
    window: Window


class Timeline(BaseModel):
    """Everything that happened to one mail, in order."""

    message_id: str
    events: list[EventModel]


class DecisionModel(BaseModel):
    """Whether an address may be mailed, and why not."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "address": "a…@example.com", "allowed": False, "reason": "hard_bounce", "rule": "hard-bounce",
                "stream": "*", "holds_on": "*", "since": "2024-05-01T09:00:04.000Z", "until": None,
                "evidence": ["66321cf00a1b2c3d4e5f6071"], "policy_version": "1", "tenant": "", "failed": None,
                "sentence": "Do not send: the mailbox does not exist, since 2024-05-01.",
            }
        }
    )  # fmt: skip

    address: str
    allowed: bool
    reason: str | None
    rule: str | None
    stream: str
    holds_on: str
    since: str | None
    until: str | None
    evidence: list[str]
    policy_version: str
    tenant: str
    failed: str | None = Field(description="`open` or `closed` where the database could not be asked.")
    sentence: str = Field(description="The answer in words.")


class Decisions(BaseModel):
    """Decisions, in the order of what was asked."""

    decisions: list[DecisionModel]


class SuppressionPage(Decisions):
    """A page of those who may not be mailed."""

    next: str | None


class ChangeModel(BaseModel):
    """Somebody about whom another policy would decide otherwise."""

    address: str
    stream: str
    tenant: str
    before: DecisionModel
    after: DecisionModel


class Simulated(BaseModel):
    """What another policy would change."""

    policy_version: str
    changes: list[ChangeModel]
    complete: bool = Field(description="False where there may be more than are told: the command line tells all.")


class ProblemModel(BaseModel):
    """A line that was not understood."""

    path: str
    message: str
    line: int | None


class ImportedModel(BaseModel):
    """What became of a list."""

    read: int = Field(description="Rows that were understood.")
    recorded: int = Field(description="Those of them that said something new.")
    changed: int = Field(description="Standings that changed.")
    failed: int = Field(description="Lines that were not understood.")
    problems: list[ProblemModel] = Field(description="What was wrong with them; the first hundred.")


class HistoryModel(BaseModel):
    """How one address came to stand as it does."""

    address: str
    decision: DecisionModel
    decisions: list[dict[str, Any]] = Field(description="What was decided from when on.")
    facts: list[dict[str, Any]] = Field(description="Events that mattered.")
    acts: list[dict[str, Any]] = Field(description="What people, imports and SES's own list said.")


class DeadLetterModel(BaseModel):
    """Something received that could not be understood."""

    id: str
    first_at: str
    last_at: str
    count: int
    size: int
    via: str
    truncated: bool
    problems: list[str]


class DeadLetterPage(BaseModel):
    """Those that arrived last, the latest first."""

    dead_letters: list[DeadLetterModel]
    total: int


class DeadLetterWhole(DeadLetterModel):
    """One with what arrived."""

    content: str | None = Field(description="Null without `read:pii`.")


class AuditEntryModel(BaseModel):
    """One thing that was done."""

    at: str
    act: str
    about: str = Field(description="To what it was done: a token's id, an act's, a route; a person by a pseudonym.")
    by: str
    why: str | None = Field(description="Null without `read:pii`: people write names into it.")
    detail: dict[str, Any]
    number: int = Field(description="Its place in the chain.")
    previous: str
    hash: str


class AuditPage(BaseModel):
    """What was done last, the latest first."""

    entries: list[AuditEntryModel]


def event_shape(stored: StoredEvent) -> dict[str, Any]:
    """What is told of a stored event."""
    event = stored.event
    derived = stored.document.get("derived") or legacy_derived(stored.document)
    details: Any = next((derived[name] for name in _BODIES if name in derived), {})
    return {
        "id": str(stored.id),
        "type": event.type,
        "message_id": event.message_id,
        "timestamp": as_json(event.timestamp),
        "received_at": as_json(stored.received_at),
        "recipients": [recipient.address for recipient in event.recipients] or derived.get("recipients", []),
        "recipients_certain": all(recipient.certain for recipient in event.recipients) and not derived.get("guess"),
        "subject": event.subject,
        "source": event.source,
        "configuration_set": event.configuration_set,
        "campaign": derived.get("campaign"),
        "template": derived.get("template"),
        "tags": event.tags,
        "took_ms": derived.get("took"),
        "machine": derived.get("machine"),
        "details": as_json(details),
        "unreadable": stored.unreadable,
    }


_BODIES: Final = ("bounce", "complaint", "deliveryDelay", "reject", "failure", "click", "subscription")


def event_detail(stored: StoredEvent) -> dict[str, Any]:
    """Everything that is known of a stored event."""
    return event_shape(stored) | {"failures": _failures(stored), "raw": stored.event.raw}


def _failures(stored: StoredEvent) -> list[dict[str, Any]]:
    event = stored.event
    said = {}
    for one in getattr(getattr(event, "bounce", None), "bounced_recipients", None) or ():
        said[str(one.email_address or "").lower()] = one.diagnostic_code
    people = [recipient.address for recipient in event.recipients]
    told = classify_event(event)
    if len(told) != len(people):
        told, people = told[:1], people[:1]
    return [
        {
            "recipient": person,
            "reason": one.reason,
            "bounce_class": one.bounce_class,
            "fault": one.fault,
            "recommendation": one.recommendation,
            "advice": one.advice,
            "diagnostic": said.get(person.lower()),
        }
        for person, one in zip(people, told, strict=False)
    ]


def decision_shape(decision: Decision) -> dict[str, Any]:
    """What is told of a decision."""
    return fields_as_json(decision) | {"sentence": decision.sentence}


def history_shape(history: Any, decision: Decision) -> dict[str, Any]:
    """How an address came to stand as it does."""
    return {
        "address": history.address,
        "decision": decision_shape(decision),
        "decisions": [
            {"from": as_json(moment), "decision": decision_shape(decided)} for moment, decided in history.decisions
        ],
        "facts": [as_json(fact) for fact in history.facts],
        "acts": [as_json(act) for act in history.acts],
    }


def dead_letter_shape(letter: DeadLetter, *, whole: bool = False) -> dict[str, Any]:
    """What is told of a dead letter."""
    told: dict[str, Any] = {
        "id": letter.id,
        "first_at": as_json(letter.first_at),
        "last_at": as_json(letter.last_at),
        "count": letter.count,
        "size": letter.size,
        "via": letter.received["via"],
        "truncated": letter.truncated,
        "problems": [str(problem) for problem in letter.problems],
    }
    return told | ({"content": (letter.content or b"").decode("utf-8", "backslashreplace")} if whole else {})


def audit_shape(entry: AuditEntry) -> dict[str, Any]:
    """What is told of an entry of the audit."""
    told: dict[str, Any] = as_json(entry)
    return {"about" if name == "subject" else name: value for name, value in told.items()}
