"""The webhook, and the page to unsubscribe, as FastAPI routers (extra ``fastapi``)."""

from __future__ import annotations

from typing import Any

from sesevent.contrib import asgi
from sesevent.errors import MissingExtra
from sesevent.unsubscribe import OneClick, Store
from sesevent.webhook import AsyncStore

try:
    from fastapi import APIRouter
    from starlette.routing import Route
except ImportError:
    raise MissingExtra("The FastAPI router", "fastapi") from None

__all__ = ["unsubscribe", "webhook"]


def webhook(store: AsyncStore, *, path: str = "/", **settings: Any) -> APIRouter:
    """A router that receives SNS messages into *store*: ``app.include_router(webhook(store, path="/ses", …))``.

    *settings* are those of `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    return APIRouter(routes=[Route(path, asgi.webhook(store, **settings), methods=["POST"])])


def unsubscribe(store: Store, one_click: OneClick, *, path: str | None = None, **settings: Any) -> APIRouter:
    """A router that writes down who unsubscribed by one click (RFC 8058): ``app.include_router(unsubscribe(…))``.

    It is found where the links of *one_click* lead, or at *path*. *settings* are those of
    `sesevent.unsubscribe.Settings`, such as ``words``.
    """
    page = asgi.unsubscribe(store, one_click, **settings)
    return APIRouter(routes=[Route(path or one_click.path, page, methods=["GET", "HEAD", "POST"])])
