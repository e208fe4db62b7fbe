"""How much may be asked: the size of a request, its rate, and the span of time a search may go over.

Rates are counted in this process: with several processes each has its own count, so the limit of a service is theirs
together. What must hold across processes belongs into the proxy before them.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.exceptions import HTTPException

from sesevent.web.problems import Refused, answer_to

__all__ = ["BodyLimit", "Buckets", "Limits"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_MOST_KEYS: Final = 10_000
_DIGITS: Final = 18  # of a length


@dataclass(frozen=True)
class Limits:
    """What `create_app` allows."""

    per_second: float = 20.0
    """Requests of one token a second, over time."""
    burst: int = 100
    """…and at once."""
    unknown_per_second: float = 1.0
    """Requests a second from one address of the network that tell no token that opens anything."""
    unknown_burst: int = 20
    body: int = 2**20
    """Bytes of a request."""
    page: int = 500
    """Rows of a page."""
    addresses: int = 1000
    """Addresses, or mails, in one question."""
    days: int = 400
    """The longest span of time one question may go over."""
    exports: int = 2
    """Exports of one token at once."""
    streams: int = 500
    """Clients of the live stream at once, together."""


class Buckets:
    """Token buckets, one for each key; the least used are forgotten first."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = per_second, float(burst), clock
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Let one through. Raises Refused (429) where there is none left for *key*."""
        now = self._clock()
        left, at = self._filled.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        self._filled[key] = (left - 1 if left >= 1 else left, now)
        while len(self._filled) > _MOST_KEYS:
            self._filled.popitem(last=False)
        if left < 1:
            wait = max(1, math.ceil((1 - left) / self._rate))
            raise Refused(429, "Too many requests.", retryable=True, headers={"Retry-After": str(wait)})


class BodyLimit:
    """Refuses bodies that are too large, before and while they are read."""

    def __init__(self, app: Application, largest: int) -> None:
        self._app, self._largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit() and (len(length) > _DIGITS or int(length) > self._largest):
            await answer_to(413, self._told)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        read = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                raise HTTPException(413)  # FastAPI, which reads the body, lets only these pass
            return message

        return counted

    @property
    def _told(self) -> str:
        return f"The request is larger than {self._largest} bytes."
