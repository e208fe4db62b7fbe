"""The webhook as a FastAPI router (extra ``fastapi``)."""

from __future__ import annotations

from typing import Any

from sesevent.contrib import asgi
from sesevent.errors import MissingExtra
from sesevent.webhook import AsyncStore

try:
    from fastapi import APIRouter
    from starlette.routing import Route
except ImportError:
    raise MissingExtra("The FastAPI router", "fastapi") from None

__all__ = ["webhook"]


def webhook(store: AsyncStore, *, path: str = "/", **settings: Any) -> APIRouter:
    """A router that receives SNS messages into *store*: ``app.include_router(webhook(store, path="/ses", …))``.

    *settings* are those of `sesevent.webhook.Settings`: ``topics`` or ``accounts`` above all.
    """
    return APIRouter(routes=[Route(path, asgi.webhook(store, **settings), methods=["POST"])])
