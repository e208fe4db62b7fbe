"""Runs the application under uvicorn: refuses to start open, ends streams before it waits for requests, logs no one.

An application of its own that mounts `create_app` needs none of this.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from ipaddress import ip_address
from typing import Any, Final

from sesevent.errors import ConfigurationError, MissingExtra
from sesevent.storage.connection import utc_now
from sesevent.unsubscribe import OneClick
from sesevent.web.access import NO_AUTH, Authenticate
from sesevent.web.app import create_app
from sesevent.web.limits import Limits

try:
    import uvicorn
except ImportError:
    raise MissingExtra("sesevent serve", "web") from None

__all__ = ["Server", "serve"]

_log = logging.getLogger("sesevent.access")

GRACE_SECONDS: Final = 10
"""How long requests that are under way are waited for at the end."""


class Server(uvicorn.Server):
    """Ends the live streams first, and leaves signals to whoever runs it: set ``should_exit``."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        await self.config.app.api.state.web.close()  # type: ignore[union-attr]  # it is `_Logged`
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(
    store: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    auth: Authenticate | None = None,
    no_auth: bool = False,
    webhook: Mapping[str, Any] | None = None,
    webhook_path: str = "/ses",
    unsubscribe: OneClick | None = None,
    root_path: str = "",
    limits: Limits = Limits(),  # noqa: B008  # it is frozen
    dashboard: bool = True,
    ses_account: Any = None,
    on_start: Callable[[Server, int], object] | None = None,
    **stream: Any,
) -> None:
    """Serve the HTTP API over *store* until the server's ``should_exit`` is set.

    *on_start* is handed the server and the port once it listens. The rest is `create_app`'s.
    Raises ConfigurationError where nobody could ask: there is neither a token nor *auth*; where *no_auth* would let in
    others than this machine; and where nothing can listen there.
    """
    if no_auth and auth is not None:
        raise ConfigurationError("Name an authentication, or none.")
    if no_auth and not _is_this_machine(host):
        raise ConfigurationError(
            "Without authentication only this machine may be served.", hint="Listen at 127.0.0.1, or make a token."
        )
    if not no_auth and auth is None and not any(token.usable(utc_now()) for token in await store.tokens.list()):
        raise ConfigurationError(
            "Nobody could ask: there is no token.",
            hint="Make one: sesevent tokens create NAME --scope read. To try it on this machine: --no-auth.",
        )
    app = create_app(
        store,
        auth=NO_AUTH if no_auth else auth,
        webhook=webhook,
        webhook_path=webhook_path,
        unsubscribe=unsubscribe,
        unsubscribe_path=None if unsubscribe is None else _below(unsubscribe.path, root_path),
        limits=limits,
        dashboard=dashboard,
        ses_account=ses_account,
        **stream,
    )
    config = uvicorn.Config(
        _Logged(app),
        log_level="warning",
        access_log=False,  # it would write down addresses
        server_header=False,
        root_path=root_path,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with _listening(host, port) as listening:
        server = Server(config)
        if on_start is not None:
            on_start(server, listening.getsockname()[1])
        await server.serve([listening])


def _below(path: str, root: str) -> str:
    """Where a path that the world knows is found here, behind a proxy that takes a prefix off."""
    rest = path.removeprefix(root.rstrip("/")) if root else path
    return rest if rest.startswith("/") else path


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        told = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"Nothing can listen at {host}, port {port} ({told}).") from None


class _Logged:
    """Writes a line for each request: the route, and not the path, which may hold an address."""

    def __init__(self, api: Any) -> None:
        self.api = api

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        started, status = time.perf_counter(), 0

        async def noting(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.api(scope, receive, noting)
        finally:
            if scope["type"] == "http":
                route = getattr(scope.get("route"), "path", "?")
                took = (time.perf_counter() - started) * 1000
                _log.info("%s %s %s %.0f ms", scope["method"], route, status, took)
