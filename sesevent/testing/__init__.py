"""For the tests of services that use this library, and for its own demo.

- builders (`bounce`, `click`, `complaint`, …) make what SES sends, kind by kind; `samples` tells a small story
- `stream` makes a sender's stream of events from a seed
- `signed_notification` and `Signer` sign SNS messages as SNS does, with a certificate of their own
- `memory_store` and `async_memory_store` are stores without a server

Nothing here reads a clock: equal arguments make equal payloads. Names are loaded when they are
first used, so that the builders load no driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sesevent.testing.payloads import (
    bounce,
    click,
    complaint,
    delivery,
    delivery_delay,
    notification,
    opened,
    received,
    reject,
    rendering_failure,
    samples,
    send,
    subscription,
)
from sesevent.testing.stream import stream

if TYPE_CHECKING:
    from sesevent.testing.memory import MemoryClient as MemoryClient
    from sesevent.testing.memory import async_memory_store as async_memory_store
    from sesevent.testing.memory import memory_store as memory_store
    from sesevent.testing.signing import Signer as Signer
    from sesevent.testing.signing import signed_notification as signed_notification
    from sesevent.testing.signing import signer as signer

__all__ = [
    "MemoryClient",
    "Signer",
    "async_memory_store",
    "bounce",
    "click",
    "complaint",
    "delivery",
    "delivery_delay",
    "memory_store",
    "notification",
    "opened",
    "received",
    "reject",
    "rendering_failure",
    "samples",
    "send",
    "signed_notification",
    "signer",
    "stream",
    "subscription",
]

_HOME_OF: dict[str, str] = {
    "MemoryClient": "memory",
    "Signer": "signing",
    "async_memory_store": "memory",
    "memory_store": "memory",
    "signed_notification": "signing",
    "signer": "signing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
