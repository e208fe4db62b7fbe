"""The API under a real uvicorn over a real MongoDB, with a token for each role."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent import AsyncEventStore, testing, trusted

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

NOW = datetime.now(timezone.utc)
ROLES = ("read", "read:pii", "suppress", "admin")


@contextmanager
def serving(uri: str, database: str, **settings: Any) -> Iterator[str]:
    """The address of a server in a thread of its own; ended as a signal would end it."""
    from sesevent.web.server import serve

    started: queue.Queue[Any] = queue.Queue()

    async def main() -> None:
        async with AsyncEventStore.connect(uri, database=database) as store:
            await serve(store, port=0, on_start=lambda server, port: started.put((server, port)), **settings)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001  # told to the test
            started.put(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    told = started.get(timeout=30)
    if isinstance(told, BaseException):
        raise told
    server, port = told
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


class Api:
    """A served store, and who may ask it."""

    def __init__(self, url: str, store: Any, tokens: dict[str, str]) -> None:
        self.url, self.store, self.tokens = url, store, tokens
        self.http = httpx.Client(base_url=url, timeout=30)

    def get(self, path: str, role: str | None = "read", **more: Any) -> Any:
        return self.http.get(path, headers=self.headers(role), **more)

    def post(self, path: str, json: Any, role: str | None = "suppress", **more: Any) -> Any:
        return self.http.post(path, json=json, headers=self.headers(role) | more.pop("headers", {}), **more)

    def headers(self, role: str | None) -> dict[str, str]:
        return {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}


def take(store: Any, *payloads: Any) -> None:
    """Store events."""
    store.receive_many([trusted(json.dumps(one), because="a test made it") for one in payloads])


def mail(kind: str = "bounce", **more: Any) -> dict[str, Any]:
    """A payload of the last hour."""
    return getattr(testing, kind)(**{"sent": NOW - timedelta(hours=1)} | more)


@pytest.fixture
def tokens(store: Any) -> dict[str, str]:
    """One for each role, one that has expired, one that was revoked, and one that nobody made."""
    made = {role: store.tokens.create(role, scopes=[role]).text for role in ROLES}
    revoked = store.tokens.create("revoked", scopes=["read", "admin"])
    store.tokens.revoke(revoked.token.id)
    return made | {"revoked": revoked.text, "wrong": made["read"][:-4] + "AAAA", "expired": expired(store)}


def expired(store: Any) -> str:
    made = store.tokens.create(
        "expired", scopes=["read:pii", "admin"], expires=datetime.now(timezone.utc) + timedelta(1)
    )
    over = {"$set": {"expiresAt": datetime.now(timezone.utc) - timedelta(seconds=1)}}
    store._collections["ses_token"].update_one({"_id": made.token.id}, over)
    return str(made.text)


@pytest.fixture
def serve_api(mongodb_uri: str, database: str, store: Any, tokens: dict[str, str]) -> Iterator[Callable[..., Api]]:
    """Serve the test's store, with settings."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda **settings: Api(stack.enter_context(serving(mongodb_uri, database, **settings)), store, tokens)


@pytest.fixture
def api(serve_api: Callable[..., Api]) -> Api:
    """Served with limits that no test meets by chance."""
    from sesevent.web import Limits

    return serve_api(limits=Limits(per_second=1000, burst=10_000, unknown_per_second=1000, unknown_burst=10_000))
