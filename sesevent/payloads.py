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

__all__ = ["decode_payload"]


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


_scan: Callable[[str], Any] | None
try:
    from msgspec.json import Decoder
except ImportError:
    _scan = None
else:
    _scan = Decoder(_Payload).decode


def decode_payload(text: str) -> Any:
    """Decode a SES payload, or any other JSON text, perhaps without the mail's headers.

    Text that is no payload may come back as an empty object. Raises ValueError as
    :func:`sesevent.jsontext.decode` does.
    """
    if _scan is None:
        return jsontext.decode(text)
    try:
        return _scan(text)
    except (ValueError, RecursionError):
        return jsontext.decode(text)  # which takes more, and whose word counts
