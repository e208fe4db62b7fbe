"""The webhook, and the page to unsubscribe, as ASGI applications to be mounted anywhere. Needs no framework.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sesevent import unsubscribe as unsubscribing
from sesevent.unsubscribe import AsyncUnsubscribe, OneClick
from sesevent.webhook import AsyncStore, AsyncWebhook, Settings

__all__ = ["unsubscribe", "webhook"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PLAIN = ("content-type", "text/plain; charset=utf-8")


class _Gone(Exception):
    """The client went away before its request was whole."""


def webhook(store: AsyncStore, **settings: Any) -> Application:
    """An ASGI application that receives SNS messages into *store*, at whatever path it is mounted.

    *settings* are those of `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    return _Application(AsyncWebhook(store, Settings(**settings)))


def unsubscribe(store: unsubscribing.Store, one_click: OneClick, **settings: Any) -> Application:
    """An ASGI application that writes down who unsubscribed by one click (RFC 8058), at whatever path it is mounted.

    *one_click* knows the keys of the links; *settings* are those of `sesevent.unsubscribe.Settings`, such as ``words``.
    """
    return _Page(AsyncUnsubscribe(store, unsubscribing.Settings(one_click, **settings)))


class _Page:
    def __init__(self, endpoint: AsyncUnsubscribe) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            query, headers = scope["query_string"].decode("latin-1"), scope["headers"]

            async def read() -> bytes:
                body = await _body(receive, unsubscribing.LARGEST)
                return b"" if body is None else body

            try:
                answer = await self._endpoint.answer(scope["method"], query, read, headers)
            except _Gone:
                return
            text = "" if scope["method"] == "HEAD" else answer.text
            await _send(answer.status, text, answer.headers, send)


class _Application:
    def __init__(self, webhook: AsyncWebhook) -> None:
        self._webhook = webhook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            headers = scope["headers"]
            answer = self._webhook.settings.refuse(scope["method"], headers)
            try:
                answer = answer or await self._webhook.answer(
                    lambda: _body(receive, self._webhook.settings.largest), headers
                )
            except _Gone:
                return
            await _send(answer.status, answer.text, (_PLAIN, *answer.headers), send)


async def _body(receive: Receive, largest: int) -> bytes | None:
    """The body of a request; None where it is larger."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > largest:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _send(status: int, text: str, headers: tuple[tuple[str, str], ...], send: Send) -> None:
    body = text.encode()
    encoded = [
        (name.lower().encode(), value.encode()) for name, value in (*headers, ("content-length", str(len(body))))
    ]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    """Started and shut down by a server: there is nothing of its own to open or close."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})
