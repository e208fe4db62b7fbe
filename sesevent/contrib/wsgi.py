"""The webhook, and the page to unsubscribe, as WSGI applications (PEP 3333). Needs no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from sesevent import unsubscribe as unsubscribing
from sesevent.unsubscribe import OneClick, Unsubscribe
from sesevent.webhook import Settings, Store, Webhook

__all__ = ["unsubscribe", "webhook"]

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def webhook(store: Store, **settings: Any) -> Application:
    """A WSGI application that receives SNS messages into *store*, at whatever path it is mounted.

    *settings* are those of `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    hook = Webhook(store, Settings(**settings))

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = _headers(environ)
        answer = hook.settings.refuse(environ["REQUEST_METHOD"], headers)
        answer = answer or hook.answer(_body(environ, hook.settings.largest, whole=True), headers)
        return _started(answer.status, answer.text, (_PLAIN, *answer.headers), start_response)

    return application


def unsubscribe(store: unsubscribing.Store, one_click: OneClick, **settings: Any) -> Application:
    """A WSGI application that writes down who unsubscribed by one click (RFC 8058), at whatever path it is mounted.

    *one_click* knows the keys of the links; *settings* are those of `sesevent.unsubscribe.Settings`, such as ``words``.
    """
    endpoint = Unsubscribe(store, unsubscribing.Settings(one_click, **settings))

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        headers = _headers(environ) | {"Content-Type": environ.get("CONTENT_TYPE") or ""}
        answer = endpoint.answer(method, query, lambda: _body(environ, unsubscribing.LARGEST), headers)
        text = "" if method == "HEAD" else answer.text
        return _started(answer.status, text, answer.headers, start_response)

    return application


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    found = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    return found | {"Content-Length": environ.get("CONTENT_LENGTH") or ""}


def _body(environ: dict[str, Any], largest: int, *, whole: bool = False) -> bytes:
    """The body, no further than just beyond the *largest*; *whole* where its length was looked at."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit():
        return bytes(environ["wsgi.input"].read(int(length) if whole else min(int(length), largest + 1)))
    # Without a length only a server that ends the input itself may be read to its end.
    return bytes(environ["wsgi.input"].read(largest + 1)) if environ.get("wsgi.input_terminated") else b""


_PLAIN = ("Content-Type", "text/plain; charset=utf-8")


def _started(
    status: int, text: str, headers: tuple[tuple[str, str], ...], start_response: Callable[..., Any]
) -> list[bytes]:
    body = text.encode()
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, ("Content-Length", str(len(body)))])
    return [body]
