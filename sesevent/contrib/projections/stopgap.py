"""What one event says of a mail's status: a table, strongest first.

Nothing else in this package knows a status by name, so that it can be had from `sesevent.analytics` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sesevent.bounces import classify_event
from sesevent.events.event import Event

__all__ = ["PRECEDENCE", "Evidence", "evidence_of"]


class Evidence(NamedTuple):
    """What speaks for a state, and why it stands where it does."""

    name: str
    state: str
    why: str


PRECEDENCE: Final = (
    Evidence("complaint", "complained", "the person's own word; who complains has it, whatever a server said"),
    Evidence("bounce-hard", "bounced", "a server may take a mail and return it later: it did not arrive in the end"),
    Evidence("bounce-block", "bounced", "as bounce-hard: this mail was refused"),
    Evidence("bounce-soft", "bounced", "as bounce-hard: even a Transient bounce is final for its mail"),
    Evidence("complaint-possible", "possibly_complained", "whose mail came back is not the one who complained of it"),
    Evidence("delivery", "delivered", "SES went on trying after a delay; and it arrived, so it was sent"),
    Evidence("click", "delivered", "who follows a link has the mail, also where the Delivery is missing"),
    Evidence("open", "delivered", "as click: also a provider's proxy fetches images of mail that its server took"),
    Evidence("auto-reply", "delivered", "it was delivered, and something answered"),
    Evidence("subscription", "delivered", "the link that was used stands in it"),
    Evidence("not-spam", "delivered", "the opposite of a complaint: somebody took it out of the junk folder"),
    Evidence("bounce-undetermined", "bounced", "an answer nobody can read is as likely an automatic reply"),
    Evidence("suppressed", "suppressed", "no server said anything: SES did not send it, though it published a Send"),
    Evidence("reject", "rejected", "accepted first, then not sent"),
    Evidence("rendering-failure", "rendering_failed", "accepted first, then not sent"),
    Evidence("delay", "delayed", "weaker than what it ends in, whichever was stored first"),
    Evidence("send", "sent", "the weakest: all else follows it, even where it arrives first"),
    Evidence("candidate", "sent", "one of several did that, and nobody knows who: it was sent to each"),
)
"""Strongest first; of equal evidence the earliest."""

_PLACES: Final = {row.name: place for place, row in enumerate(PRECEDENCE)}


def evidence_of(event: Event, address: str = "") -> tuple[int, str, str | None] | None:
    """Place, state and reason that an event speaks for, about one person, or about whomever it says most of.

    None where it says nothing of the mail.
    """
    if event.type == "Bounce":
        return min(_bounces(event, address), default=None)
    name = _NAMES[event.type](event) if event.type in _NAMES else None
    return None if name is None else (_PLACES[name], PRECEDENCE[_PLACES[name]].state, None)


def _bounces(event: Event, address: str) -> list[tuple[int, str, str]]:
    told = classify_event(event)
    people = [recipient.normal for recipient in event.recipients]
    if len(told) == len(people) and address in people:
        told = [one for one, person in zip(told, people, strict=True) if person == address]
    names = [(_OF_CLASS.get(one.bounce_class, "bounce-undetermined"), one.reason) for one in told]
    return [(_PLACES[name], PRECEDENCE[_PLACES[name]].state, reason) for name, reason in names]


def _complaint(event: Event) -> str | None:
    body: dict[str, Any] = event.essence.get("complaint") or {}
    kind, sub_type = (str(body.get(name) or "").lower() for name in ("complaintFeedbackType", "complaintSubType"))
    if "suppress" in sub_type:
        return "suppressed"
    if kind == "auth-failure":  # a report on signatures (RFC 6591), nobody's word
        return None
    if kind == "not-spam":
        return "candidate" if event.guessed else "not-spam"
    return "complaint-possible" if event.guessed else "complaint"


def _always(name: str) -> Callable[[Event], str]:
    return lambda _: name


def _unless_guessed(name: str) -> Callable[[Event], str]:
    return lambda event: "candidate" if event.guessed else name


_NAMES: Final[dict[str, Callable[[Event], str | None]]] = {
    "Send": _always("send"),
    "Delivery": _always("delivery"),
    "DeliveryDelay": _always("delay"),
    "Complaint": _complaint,
    "Reject": _always("reject"),
    "Rendering Failure": _always("rendering-failure"),
    "Open": _unless_guessed("open"),
    "Click": _unless_guessed("click"),
    "Subscription": _unless_guessed("subscription"),
}
_OF_CLASS: Final = {
    "hard": "bounce-hard", "block": "bounce-block", "soft": "bounce-soft", "auto_reply": "auto-reply",
    "suppressed": "suppressed",
}  # fmt: skip
