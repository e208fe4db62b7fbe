"""The dashboard, alive on generated traffic, until Ctrl-C: ``sesevent demo --web``."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from sesevent.cli.output import note, progress
from sesevent.cli.signals import ended_by_signals
from sesevent.monitoring.rules import DEFAULT_RULES
from sesevent.sns.trust import trusted
from sesevent.testing import notification
from sesevent.testing.traffic import Traffic

__all__ = ["BAD", "show"]

_PAST: Final = timedelta(days=29)
"""Four weeks are what today is compared with."""
BAD: Final = timedelta(hours=10)
"""So long that today's rate is bad at every hour, and an alarm's six hours hold mails enough at night."""
_STEP: Final = 2.0  # seconds between two looks at the traffic
_FASTER: Final = 60.0
"""While somebody looks more happens: about a mail each few seconds."""
_EVALUATED: Final = 30.0
_RULES: Final = [rule for rule in DEFAULT_RULES if rule.measure != "lag"]
"""Four weeks that arrive at once are late, and nobody is to blame."""


def show(server: Callable[[str | None], AbstractContextManager[str]], uri: str | None, port: int) -> None:
    """Fill a database, serve it, and go on until told to stop."""
    from sesevent.aio import AsyncEventStore

    database = f"sesevent_demo_{uuid.uuid4().hex[:8]}"

    async def main(where: str) -> None:
        async with AsyncEventStore.connect(where, database=database) as store:
            try:
                await _alive(store, port)
            finally:
                await store.client.drop_database(database)

    with server(uri) as where:
        asyncio.run(main(where))
    note("Nothing is left of this demo.")


async def _alive(store: Any, port: int) -> None:
    await store.ensure_indexes()
    now = datetime.now(timezone.utc)
    traffic = Traffic(now - _PAST, now - BAD)
    note("Four quiet weeks and a bad day …")
    with progress("received") as told:
        await store.receive_many(_notified(traffic.until(now)), on_progress=lambda so_far: told(so_far.items))
    await store.receive_many([trusted("This is no event.", because="it was made here")])  # it becomes a dead letter
    await store.monitor.evaluate(_RULES)
    await _served(store, traffic, port)


async def _served(store: Any, traffic: Traffic, port: int) -> None:
    from sesevent.web.server import Server, serve

    tasks = [asyncio.ensure_future(_goes_on(store, traffic)), asyncio.ensure_future(_watched(store))]
    with ExitStack() as signals:

        def started(server: Server, at: int) -> None:
            note(f"\nThe dashboard: http://127.0.0.1:{at}/    (this machine only, without a login; Ctrl-C ends it)")

            def stop() -> None:
                server.should_exit = True

            signals.enter_context(ended_by_signals(stop))

        try:
            await serve(store, port=port, no_auth=True, on_start=started)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _goes_on(store: Any, traffic: Traffic) -> None:
    while True:
        await asyncio.sleep(_STEP)
        await store.receive_many(_notified(traffic.until(datetime.now(timezone.utc), faster=_FASTER)))


async def _watched(store: Any) -> None:
    while True:
        await asyncio.sleep(_EVALUATED)
        await store.monitor.evaluate(_RULES)


def _notified(payloads: Iterator[Any]) -> Iterator[Any]:
    return (trusted(notification(payload), because="it was made here") for payload in payloads)
