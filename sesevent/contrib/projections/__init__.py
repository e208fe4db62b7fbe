"""Your own records, kept up to date from events: a notification's status, a user's deliverability, a template's
figures, an event of your own.

Declare what is to be kept (:mod:`~sesevent.contrib.projections.declared`), and have a `Projector`, or for asyncio an
`AsyncProjector`, do it (:mod:`~sesevent.contrib.projections.projector`). Whatever is written is a *join*: the
strongest, the first or the last of what all events say, the answer of the suppression list, a count made anew, or a
document under the event's own key. So neither order nor repetition of events can matter, and nothing is ever counted
up. It needs nothing beside the core.
"""

from __future__ import annotations

from sesevent.contrib.projections.declared import (
    About,
    Keep,
    MessageStatus,
    Projections,
    Target,
    by_address,
    by_message_id,
    by_tag,
)
from sesevent.contrib.projections.deliverability import Deliverability
from sesevent.contrib.projections.figures import TemplateFigures
from sesevent.contrib.projections.joins import Join, Told, first, last, strongest
from sesevent.contrib.projections.projector import AsyncProjector, Projector
from sesevent.contrib.projections.raised import Raise
from sesevent.contrib.projections.report import Change, Counts, Report

__all__ = [
    "About", "AsyncProjector", "Change", "Counts", "Deliverability", "Join", "Keep", "MessageStatus", "Projections",
    "Projector", "Raise", "Report", "Target", "TemplateFigures", "Told", "by_address", "by_message_id", "by_tag",
    "first", "last", "strongest",
]  # fmt: skip
