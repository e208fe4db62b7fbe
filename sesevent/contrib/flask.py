"""The webhook as a Flask blueprint (extra ``flask``)."""

from __future__ import annotations

from typing import Any

from sesevent.errors import MissingExtra
from sesevent.webhook import Settings, Store, Webhook

try:
    from flask import Blueprint, Response, request
except ImportError:
    raise MissingExtra("The Flask blueprint", "flask") from None

__all__ = ["webhook"]


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
