"""The webhook as a Django view (extra ``django``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sesevent.errors import MissingExtra
from sesevent.webhook import Settings, Store, Webhook

try:
    from django.http import HttpRequest, HttpResponse
    from django.views.decorators.csrf import csrf_exempt
except ImportError:
    raise MissingExtra("The Django view", "django") from None

__all__ = ["webhook"]

View = Callable[[HttpRequest], Any]


def webhook(store: Store, **settings: Any) -> View:
    """A view that receives SNS messages into *store*.

    Put it into your URLs: ``path("ses/", webhook(store, topics=...))``. *settings* are those of
    `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    hook = Webhook(store, Settings(**settings))

    def view(request: HttpRequest) -> HttpResponse:
        headers: Any = request.headers  # a mapping, whatever its case
        answer = hook.settings.refuse(request.method or "", headers)
        answer = answer or hook.answer(request.read(hook.settings.largest + 1), headers)
        return HttpResponse(answer.text.encode(), "text/plain", answer.status, headers=dict(answer.headers))

    exempt: View = csrf_exempt(view)  # SNS proves itself by its signature
    return exempt
