"""The webhook as a WSGI application (PEP 3333). Needs no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from sesevent.webhook import Answer, Settings, Store, Webhook

__all__ = ["webhook"]

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def webhook(store: Store, **settings: Any) -> Application:
    """A WSGI application that receives SNS messages into *store*, at whatever path it is mounted.

    *settings* are those of `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    hook = Webhook(store, Settings(**settings))

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = _headers(environ)
        answer = hook.settings.refuse(environ["REQUEST_METHOD"], headers)
        return _started(answer or hook.answer(_body(environ, hook.settings.largest), headers), start_response)

    return application


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    found = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    return found | {"Content-Length": environ.get("CONTENT_LENGTH") or ""}


def _body(environ: dict[str, Any], largest: int) -> bytes:
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        return bytes(environ["wsgi.input"].read(int(length)))
    # Without a length only a server that ends the input itself may be read to its end.
    return bytes(environ["wsgi.input"].read(largest + 1)) if environ.get("wsgi.input_terminated") else b""


def _started(answer: Answer, start_response: Callable[..., Any]) -> list[bytes]:
    text = answer.text.encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text))), *answer.headers]
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return [text]
