"""What is known of one address, as far as it can matter for sending to it.

A fact is one event, reduced. Facts are a set: their order and their repetition mean nothing.
Next: :mod:`sesevent.suppression.policy`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

__all__ = ["Fact"]


class Fact(NamedTuple):
    """One event that may speak against sending to an address."""

    at: datetime
    """When it happened, aware."""
    event_id: str
    """The stored event's key, 24 hexadecimal digits."""
    kind: str
    """SES's word: ``Bounce`` or ``Complaint``."""
    type: str = ""
    """``bounceType``, or ``complaintFeedbackType``."""
    sub_type: str = ""
    """``bounceSubType``, or ``complaintSubType``."""
    certain: bool = True
    """False where SES only names this address as a candidate."""
