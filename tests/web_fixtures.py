"""The API under a real uvicorn over a real MongoDB, with a token for each role."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any

import pytest

from both import encrypted
from sesevent import AsyncEventStore, testing, trusted

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

NOW = datetime.now(timezone.utc)
ROLES = ("read", "read:pii", "suppress", "admin")


@contextmanager
def serving(
    uri: str, database: str, *, encryption: Any = None, without_keys: bool = False, **settings: Any
) -> Iterator[str]:
    """The address of a server in a thread of its own; ended as a signal would end it."""
    from sesevent.web.server import serve

    started: queue.Queue[Any] = queue.Queue()

    async def main() -> None:
        told = encrypted() if encryption is None and not without_keys else {"encryption": encryption}
        async with AsyncEventStore.connect(uri, database=database, without_keys=without_keys, **told) as store:
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


class Following:
    """A client of the stream, in a thread of its own."""

    def __init__(self, api: Any, role: str = "read", after: str | None = None, **query: Any) -> None:
        self.messages: dict[str, queue.Queue[Any]] = defaultdict(queue.Queue)
        self.last = after
        self.ended = threading.Event()
        self._arguments = f"{api.url}/v1/stream", query, api.headers(role)
        self._stop = False
        threading.Thread(target=self._read, daemon=True).start()
        self.here = self.next("comment")

    def _read(self) -> None:
        """Read, and come again where it was let go, as browsers do."""
        while self._read_once() == "dropped":
            pass
        self.ended.set()

    def _read_once(self) -> str:
        url, query, headers = self._arguments
        if self.last is not None:
            headers = headers | {"Last-Event-ID": self.last}
        kind, data = "message", None
        with suppress(httpx.HTTPError), httpx.stream("GET", url, params=query, headers=headers, timeout=60) as answer:
            for line in answer.iter_lines():
                if self._stop:
                    return ""
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    data = json.loads(value)
                elif line.startswith(": "):
                    self.messages["comment"].put(line[2:])
                elif not line and data is not None:
                    self.messages[kind].put(data | {"sse": self.last})
                    if kind != "message":
                        return kind
                    data = None
        return ""

    def next(self, kind: str = "message", seconds: float = 30) -> Any:
        """The next message of a kind."""
        return self.messages[kind].get(timeout=seconds)

    def leave(self) -> None:
        self._stop = True


def take(store: Any, *payloads: Any) -> None:
    """Store events."""
    store.receive_many([trusted(json.dumps(one), because="a test made it") for one in payloads])


def mail(kind: str = "bounce", **more: Any) -> dict[str, Any]:
    """A payload of the last hour."""
    return getattr(testing, kind)(**{"sent": NOW - timedelta(hours=1)} | more)


class Words(HTMLParser):
    """The text of a page, and the links and tags on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.text = " ".join("".join(self.parts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "#")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def link(self, beginning: str) -> str:
        return next(link for link in self.links if link.startswith(beginning))


def words(answer: Any) -> Words:
    """What an answer shows, which is a page."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    return Words(answer.text)


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
