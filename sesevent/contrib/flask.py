"""The webhook, and the page to unsubscribe, as Flask blueprints (extra ``flask``)."""

from __future__ import annotations

from typing import Any

from sesevent import unsubscribe as unsubscribing
from sesevent.errors import MissingExtra
from sesevent.unsubscribe import OneClick, Unsubscribe
from sesevent.webhook import Settings, Store, Webhook

try:
    from flask import Blueprint, Response, request
except ImportError:
    raise MissingExtra("The Flask blueprint", "flask") from None

__all__ = ["unsubscribe", "webhook"]


def webhook(store: Store, *, path: str = "/", name: str = "sesevent", **settings: Any) -> Blueprint:
    """A blueprint that receives SNS messages into *store*: ``app.register_blueprint(webhook(store, path="/ses", …))``.

    *settings* are those of `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    hook = Webhook(store, Settings(**settings))
    blueprint = Blueprint(name, __name__)

    @blueprint.post(path)
    def view() -> Response:
        headers = request.headers.items()
        answer = hook.settings.refuse(request.method, headers)
        answer = answer or hook.answer(request.stream.read(hook.settings.largest + 1), request.headers.items())
        return Response(answer.text, answer.status, dict(answer.headers), mimetype="text/plain")

    return blueprint


def unsubscribe(
    store: unsubscribing.Store,
    one_click: OneClick,
    *,
    path: str | None = None,
    name: str = "unsubscribe",
    **settings: Any,
) -> Blueprint:
    """A blueprint that writes down who unsubscribed by one click (RFC 8058).

    It is found where the links of *one_click* lead, or at *path*. *settings* are those of
    `sesevent.unsubscribe.Settings`, such as ``words``.
    """
    endpoint = Unsubscribe(store, unsubscribing.Settings(one_click, **settings))
    blueprint = Blueprint(name, __name__)

    @blueprint.route(path or one_click.path, methods=["GET", "POST"])
    def view() -> Response:
        query, headers = request.query_string.decode("latin-1"), request.headers.items()
        answer = endpoint.answer(request.method, query, lambda: request.stream.read(unsubscribing.LARGEST + 1), headers)
        return Response(answer.text, answer.status, dict(answer.headers))

    return blueprint
