"""The application: the store, who may ask it, how much, and the routes; for `sesevent serve`, or to be mounted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import import_module
from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.routing import Route

from sesevent.contrib import asgi
from sesevent.errors import StoreUnavailable
from sesevent.storage.connection import utc_now
from sesevent.unsubscribe import OneClick
from sesevent.version import __version__
from sesevent.web.access import COOKIE, Access, Authenticate
from sesevent.web.limits import BodyLimit, Limits
from sesevent.web.live import Hub
from sesevent.web.problems import Problem, tell_problems
from sesevent.web.routes import (
    alarms,
    analytics,
    dead_letters,
    events,
    health,
    messages,
    sessions,
    stream,
    suppression,
)
from sesevent.web.routing import SCOPE, Guarded
from sesevent.web.sealing import Sealer

__all__ = ["ROUTES", "Web", "create_app"]

ROUTES: Final = (
    events.routes, messages.routes, suppression.routes, analytics.routes, alarms.routes, stream.routes,
    dead_letters.routes, health.routes, sessions.routes,
)  # fmt: skip
_READY_SECONDS: Final = 2.0


class Web:
    """What the routes share."""

    def __init__(
        self, store: Any, auth: Authenticate | None, limits: Limits, clock: Callable[[], datetime], stream: Any
    ) -> None:
        self.store, self.limits, self.now = store, limits, clock
        self.sealer = Sealer(store.tokens.sealing_key)
        self.access = Access(store.tokens, self.sealer, limits, auth, clock, store.audit)
        self.hub = Hub(store, self.sealer, **stream)
        self.exporting: dict[str, int] = {}
        self._figures: Any = None
        self._registry: Any = None

    def counted(self, store: Any) -> Any:
        """The same store, and what it receives is told by `metrics`; uncounted where Prometheus's client is absent."""
        try:
            registry = self._measured()
        except ImportError:
            return store
        received = import_module("sesevent.contrib.measurements").Received()
        import_module("sesevent.contrib.prometheus").count(received, registry=registry)
        return received.counting(store)

    def _measured(self) -> Any:
        if self._registry is None:
            contrib, client = import_module("sesevent.contrib.prometheus"), import_module("prometheus_client")
            self._figures = import_module("sesevent.contrib.measurements").AsyncStoreFigures(self.store)
            self._registry = client.CollectorRegistry()
            contrib.export(None, self._figures, registry=self._registry)
        return self._registry

    async def reach(self) -> None:
        """Make sure that the store answers. Raises StoreUnavailable where it does not, in time."""
        try:
            await asyncio.wait_for(self.store.events.get("0" * 24), _READY_SECONDS)
        except asyncio.TimeoutError:  # a class of its own before Python 3.11
            raise StoreUnavailable("MongoDB did not answer in time.") from None

    async def metrics(self) -> str:
        """What is measured, as Prometheus reads it. Raises MissingExtra where that is not installed."""
        registry = self._measured()
        await self._figures.refresh()
        told: bytes = import_module("prometheus_client").generate_latest(registry)
        return told.decode()

    async def close(self) -> None:
        """End the live streams. A server does it before it waits for its requests to end."""
        await self.hub.close()


def create_app(
    store: Any,
    *,
    auth: Authenticate | None = None,
    webhook: Mapping[str, Any] | None = None,
    webhook_path: str = "/ses",
    unsubscribe: OneClick | None = None,
    unsubscribe_path: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  # it is frozen
    clock: Callable[[], datetime] = utc_now,
    dashboard: bool = False,
    ses_account: Any = None,
    **stream: Any,
) -> FastAPI:
    """The HTTP API over *store*, an `AsyncEventStore`: an application of its own, or to be mounted in another.

    Who may ask is said by the tokens of the store (``store.tokens``), or by *auth*: an async function that is handed a
    request and returns a `Principal`, or None. `NO_AUTH` lets everybody on this machine do everything.
    *webhook* are the settings of `sesevent.webhook.Settings`: with them the SNS webhook is served at *webhook_path*.
    With *unsubscribe*, which knows the keys of its links, the page of one-click unsubscribing is served where they
    lead, or at *unsubscribe_path*, to everybody: a link is all the proof there is.
    With *dashboard* pages for people are served at ``/``; with *ses_account*, an
    `sesevent.contrib.ses_account.AsyncSesAccount`, they also compare the suppression list with that of Amazon SES.
    Of the live *stream* may be said: ``polling``, ``ring`` (how many events a client may lag behind), ``heartbeat`` and
    ``linger`` (seconds).

    ``app.state.web.close()`` ends the live streams: call it before a server waits for its requests to end.
    """
    app = FastAPI(
        title="sesevent",
        version=__version__,
        summary="Amazon SES events: what happened, and whom may you still mail?",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.web = Web(store, auth, limits, clock, stream)
    app.router.route_class = Guarded
    for routes in ROUTES:
        routes.add_to(app)
    if webhook is not None:
        app.router.routes.append(
            Route(webhook_path, asgi.webhook(app.state.web.counted(store), **webhook), methods=["POST"])
        )
    if unsubscribe is not None:
        page = asgi.unsubscribe(store, unsubscribe, clock=clock)
        app.router.routes.append(Route(unsubscribe_path or unsubscribe.path, page, methods=["GET", "HEAD", "POST"]))
    tell_problems(app)
    if dashboard:
        from sesevent.web import dashboard as pages  # where nobody looks no templates are loaded

        pages.add_to(app, ses_account)
    app.add_middleware(BodyLimit, largest=limits.body)
    app.add_middleware(_Heads)
    app.add_middleware(_SafeHeaders)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.web.close()


# ── Headers ──────────────────────────────────────────────────────────────────────────────────

SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""What every response bears: nothing is run that this server did not send as a file of its own, and nobody frames it.

https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""


class _SafeHeaders:
    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        async def safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *[one for one in self._headers if one[0] not in there]]
            await send(message)

        await self._app(scope, receive, safely if scope["type"] == "http" else send)


# ── HEAD ─────────────────────────────────────────────────────────────────────────────────────


class _Heads:
    """Answers HEAD as GET, without what GET would bring (RFC 9110 section 9.3.2): probes and monitors ask so."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].endswith(_ENDLESS):
            await self._app(scope, receive, send)
            return

        async def headed(message: MutableMapping[str, Any]) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, headed)


_ENDLESS: Final = "/v1/stream"
"""What never ends has no head alone."""

# ── OpenAPI ──────────────────────────────────────────────────────────────────────────────────

_MASK: Final = {
    "name": "mask", "in": "query", "required": False, "schema": {"type": "boolean", "default": False},
    "description": "Answer masked also for who may see it in clear; then nothing is written into the audit.",
}  # fmt: skip


def _described(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, with what FastAPI cannot know: problems, scopes, and the two ways to say who asks."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        parts = document.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        told = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
        schemas |= told[1]["$defs"]
        parts["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "`sesevent tokens create` makes one."},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "`POST /v1/session`."},
        }
        for path in document["paths"].values():
            for operation in path.values():
                _complete(operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(operation: dict[str, Any]) -> None:
    needs = operation[SCOPE]
    operation["security"] = [] if needs == "none" else [{"token": []}, {"session": []}]
    if needs != "none":
        operation["description"] += f"\n\nNeeds the scope `{needs.replace('|', '` or `')}`."
        operation.setdefault("parameters", []).append(_MASK)
