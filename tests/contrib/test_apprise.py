"""Alarms to a service that Apprise knows: here one that takes JSON, on this machine."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

pytest.importorskip("apprise")

from alarm_entry import ENTRY
from both import encrypted
from sesevent import ConfigurationError
from sesevent.contrib.apprise import AppriseNotifier, NotTold

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what Apprise's plugins import


class Service(HTTPServer):
    """Takes what it is sent, unless it is told not to."""

    status = 200

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/SECRET"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()
        if self.server.status == 200:  # type: ignore[attr-defined]
            self.server.taken.append(json.loads(content))  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        """Not in the tests' output."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("state", "kind"), [("critical", "failure"), ("warn", "warning"), ("ok", "success")])
def test_a_service_is_told_how_bad_it_is_and_all_of_the_text(service: Service, state: Any, kind: str) -> None:
    """In the words of the notice."""
    AppriseNotifier(service.url)(replace(ENTRY, state=state))

    (taken,) = service.taken
    assert taken["type"] == kind
    assert "bounce-rate: 4.5%" in taken["title"]
    assert "(90 of 2,000)" in taken["message"]
    assert "What to do: look" in taken["message"]


def test_a_service_that_does_not_take_it_has_failed(service: Service) -> None:
    """So that it is asked again."""
    service.status = 500
    with pytest.raises(NotTold) as caught:
        AppriseNotifier(service.url)(ENTRY)

    assert caught.value.retryable
    assert "SECRET" not in str(caught.value)


def test_a_notifier_is_named_alike_in_every_process_and_tells_no_token(service: Service) -> None:
    """By the name it is known who was told."""
    one, same, other = [AppriseNotifier(url) for url in (service.url, service.url, service.url + "2")]

    assert one.name == same.name != other.name
    assert one.name.startswith("json:")
    assert "SECRET" not in one.name + repr(one)


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host", ""])
def test_what_is_no_url_of_a_service_is_said_at_once(url: str) -> None:
    """And not by the first alarm."""
    with pytest.raises(ConfigurationError, match="no URL of a service"):
        AppriseNotifier(url)


def test_an_asyncio_store_tells_it_too(service: Service, mongodb_uri: str, database: str) -> None:
    """It blocks, in a thread of its own."""
    from payloads import all_genuine
    from sesevent import AsyncEventStore, testing

    now = datetime(2024, 5, 8, 12, tzinfo=timezone.utc)
    sent = {"sent": now - timedelta(minutes=5)}
    events = [
        make(to="ann@example.com", message_id=f"m-{n}", **sent)
        for n in range(60)
        for make in (testing.send, testing.bounce)
    ]

    async def main() -> None:
        async with await AsyncEventStore.connect(
            mongodb_uri, database=database, clock=lambda: now, **encrypted()
        ) as store:
            await store.receive_many(all_genuine(events))
            await store.monitor.evaluate(notify=[AppriseNotifier(service.url)])

    asyncio.run(main())
    assert "[CRITICAL] bounce-rate: 100.0%" in [taken["title"] for taken in service.taken]
    assert "ann" not in json.dumps(service.taken)
