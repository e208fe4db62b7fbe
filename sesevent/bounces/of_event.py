"""The classification of a whole event: one for each person it concerns.

Kinds that tell of no failure have none. It reads the payload as it came, not the typed parts: a
detail that is not of its documented type counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sesevent.bounces.classification import Classification
from sesevent.bounces.decide import classify, classify_delay, classify_reject, classify_rendering_failure
from sesevent.events.event import Event

__all__ = ["CLASSIFIED", "classify_body", "classify_event"]


def classify_event(event: Event) -> list[Classification]:
    """Why *event* happened, for each of its recipients, in their order.

    A bounce that names nobody, a reject and a rendering failure have one for all. Empty for events
    that tell of no failure.
    """
    return classify_body(event.type, event.essence.get(event.body or ""))


def classify_body(kind: str, body: object) -> list[Classification]:
    """The same, of what an event of this *kind* has of its own."""
    read = CLASSIFIED.get(kind)
    if read is None:
        return []
    return read(body if isinstance(body, dict) else {})


def _bounce(body: dict[str, Any]) -> list[Classification]:
    kind, sub_type, mta = _text(body, "bounceType"), _text(body, "bounceSubType"), _text(body, "reportingMTA")
    return [
        classify(
            status=_text(person, "status"), diagnostic=_text(person, "diagnosticCode"), bounce_type=kind,
            bounce_subtype=sub_type, action=_text(person, "action"), reporting_mta=mta,
        )
        for person in _people(body, "bouncedRecipients") or [{}]
    ]  # fmt: skip


def _delay(body: dict[str, Any]) -> list[Classification]:
    kind = _text(body, "delayType")
    return [
        classify_delay(delay_type=kind, status=_text(person, "status"), diagnostic=_text(person, "diagnosticCode"))
        for person in _people(body, "delayedRecipients") or [{}]
    ]


def _reject(body: dict[str, Any]) -> list[Classification]:
    return [classify_reject(_text(body, "reason"))]


def _rendering_failure(body: dict[str, Any]) -> list[Classification]:
    return [classify_rendering_failure(_text(body, "errorMessage"))]


CLASSIFIED: Final[dict[str, Callable[[dict[str, Any]], list[Classification]]]] = {
    "Bounce": _bounce,
    "DeliveryDelay": _delay,
    "Reject": _reject,
    "Rendering Failure": _rendering_failure,
}
"""SES's word → what classifies such an event."""


def _people(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Those that `Event.recipients` tells of: an entry that is the address itself has no details."""
    entries = [entry if isinstance(entry, dict) else {"emailAddress": entry} for entry in body.get(name) or ()]
    return [entry for entry in entries if isinstance(entry.get("emailAddress"), str)]


def _text(holder: dict[str, Any], name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) else None
