"""The webhook, and the page to unsubscribe, as Django views (extra ``django``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sesevent import unsubscribe as unsubscribing
from sesevent.errors import MissingExtra
from sesevent.unsubscribe import OneClick, Unsubscribe
from sesevent.webhook import Settings, Store, Webhook

try:
    from django.http import HttpRequest, HttpResponse
    from django.views.decorators.csrf import csrf_exempt
except ImportError:
    raise MissingExtra("The Django view", "django") from None

__all__ = ["unsubscribe", "webhook"]

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


def unsubscribe(store: unsubscribing.Store, one_click: OneClick, **settings: Any) -> View:
    """A view that writes down who unsubscribed by one click (RFC 8058).

    Put it into your URLs where the links of *one_click* lead: ``path("unsubscribe", unsubscribe(store, one_click))``.
    *settings* are those of `sesevent.unsubscribe.Settings`, such as ``words``.
    """
    endpoint = Unsubscribe(store, unsubscribing.Settings(one_click, **settings))

    def view(request: HttpRequest) -> HttpResponse:
        query, headers = request.META.get("QUERY_STRING", ""), request.headers
        told: Any = headers  # a mapping, whatever its case
        answer = endpoint.answer(request.method or "", query, lambda: request.read(unsubscribing.LARGEST + 1), told)
        return HttpResponse(answer.text.encode(), status=answer.status, headers=dict(answer.headers))

    exempt: View = csrf_exempt(view)  # a link proves itself, and who follows it from a mail has no cookie
    return exempt
