"""What is known of one address, as far as it can matter for sending to it.

A *fact* is one event, reduced; an *act* is what a person, an import or Amazon's own list said. Both
are sets: their order and their repetition mean nothing.
Next: :mod:`sesevent.suppression.rules`, which says what each amounts to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Union

__all__ = ["ACTS", "ALL_STREAMS", "Act", "Fact", "Facts", "Known"]

ALL_STREAMS: Final = "*"

ACTS: Final = {
    "suppress": "a person or an import put the address on the list",
    "complaint": "the person complained, as another system knew",
    "unsubscribe": "the person unsubscribed, by one click or by asking",
    "resubscribe": "the person asked to be mailed again",
    "listed": "the address stands on Amazon SES's own list",
    "unlisted": "it stands there no longer",
    "reactivate": "a person decided that the address may be mailed again",
    "erase": "the person's data was erased, with the wish not to be mailed",
}
"""What an act may be."""


class Fact(NamedTuple):
    """One event that may matter for sending to an address."""

    at: datetime
    """When it happened, aware."""
    event_id: str
    """The stored event's key, 24 hexadecimal digits."""
    kind: str
    """SES's word: ``Bounce``, ``Complaint``, ``Delivery`` or ``Subscription``."""
    type: str = ""
    """``bounceType``, or ``complaintFeedbackType``."""
    sub_type: str = ""
    """``bounceSubType``, or ``complaintSubType``."""
    certain: bool = True
    """False where SES only names this address as a candidate."""
    reason: str = ""
    """Of a bounce: why, as `sesevent.bounces.classify` understood it."""
    bounce_class: str = ""
    """Of a bounce: ``hard``, ``soft``, ``block``, …"""
    configuration_set: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    """The mail's message tags, the first value of each."""
    published: bool = True
    """False where only an identity notification told it, which knows neither tags nor configuration set."""
    topics: tuple[tuple[str, bool], ...] = ()
    """Of a subscription change: topics, and whether the person opted in; `ALL_STREAMS` stands for all of them."""


class Act(NamedTuple):
    """One thing that was said about an address, by a person, an import, or Amazon SES's own list."""

    at: datetime
    id: str
    act: str
    """One of `ACTS`."""
    stream: str = ALL_STREAMS
    origin: str = ""
    """Where it comes from: ``api``, ``cli``, ``import``, ``ses``, ``one-click``, …"""
    by: str = ""
    """Who said so."""
    note: str = ""
    until: datetime | None = None
    """When it ends by itself."""
    tenant: str = ""
    """The tenant it concerns; empty: all."""
    override: bool = False
    """Of a reactivation: true where it also answers complaints and unsubscriptions."""


Known = Union[Fact, Act]
"""One thing that is known of an address."""


@dataclass(frozen=True, slots=True, repr=False)
class Facts:
    """All that is known of one address, in one tenant where there are several."""

    address: str
    """In normal form (:func:`sesevent.addresses.normal`)."""
    events: frozenset[Fact] = frozenset()
    acts: frozenset[Act] = frozenset()
    tenant: str = ""

    def until(self, now: datetime) -> Facts:
        """What was known at *now*."""
        return Facts(
            self.address,
            frozenset(fact for fact in self.events if fact.at <= now),
            frozenset(act for act in self.acts if act.at <= now),
            self.tenant,
        )

    def __repr__(self) -> str:
        return f"<Facts: {len(self.events)} events, {len(self.acts)} acts>"
