"""The webhook as an ASGI application, to be mounted anywhere. Needs no framework.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sesevent.webhook import Answer, AsyncStore, AsyncWebhook, Settings

__all__ = ["webhook"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class _Gone(Exception):
    """The client went away before its request was whole."""


def webhook(store: AsyncStore, **settings: Any) -> Application:
    """An ASGI application that receives SNS messages into *store*, at whatever path it is mounted.

    *settings* are those of `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    return _Application(AsyncWebhook(store, Settings(**settings)))


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
                answer = answer or await self._webhook.answer(lambda: self._body(receive), headers)
            except _Gone:
                return
            await _send(answer, send)

    async def _body(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > self._webhook.settings.largest:
                return None
            if not message.get("more_body"):
                return bytes(body)


async def _send(answer: Answer, send: Send) -> None:
    text = answer.text.encode()
    headers = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(text))), *answer.headers]
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": text})


async def _live(receive: Receive, send: Send) -> None:
    """Started and shut down by a server: there is nothing of its own to open or close."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})
