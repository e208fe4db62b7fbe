"""What of a SES payload is needed at once: everything but the mail's headers.

Most of a payload's objects are headers, which storing, deciding and counting never ask for. With
msgspec (extra ``fast``) they are skipped while the text is scanned; without it they are decoded
and ignored. Whoever asks for an event's ``raw`` gets everything, decoded then.
Next: :mod:`sesevent.sns`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from sesevent import jsontext

__all__ = ["REFUSED", "scan"]


class _CommonHeaders(TypedDict, total=False):
    subject: Any


class _Mail(TypedDict, total=False):
    timestamp: Any
    messageId: Any
    source: Any
    destination: Any
    tags: Any
    commonHeaders: _CommonHeaders


class _Payload(TypedDict, total=False):
    eventType: Any
    notificationType: Any
    mail: _Mail
    bounce: Any
    complaint: Any
    delivery: Any
    send: Any
    reject: Any
    open: Any
    click: Any
    failure: Any
    deliveryDelay: Any
    subscription: Any
    receipt: Any


scan: Callable[[str], Any]
"""Decodes a SES payload, perhaps without the mail's headers. Raises one of `REFUSED` for whatever it does not
take: `sesevent.jsontext.decode` takes more, and its word counts. Text that is no payload may come back as an
empty object."""
REFUSED: tuple[type[Exception], ...] = (ValueError, RecursionError)
"""What `scan` raises."""
try:
    from msgspec import MsgspecError
    from msgspec.json import Decoder
except ImportError:
    scan = jsontext.fast_loads
else:
    scan = Decoder(_Payload).decode
    REFUSED = (*REFUSED, MsgspecError)  # a ValueError in newer versions only
