"""What type checkers tell those who use the library: read by mypy and pyright in `nox -s types`, and never run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from typing_extensions import assert_type

import sesevent
from sesevent import (
    AsyncCachedChecks,
    AsyncEventStore,
    AsyncGuard,
    AsyncRecipientHistory,
    AsyncWatch,
    Bounce,
    CachedChecks,
    Classification,
    Click,
    Decision,
    Delivery,
    Event,
    EventStore,
    Guard,
    Health,
    MessageStatus,
    Outcome,
    Policy,
    Problem,
    Receipt,
    Recipient,
    RecipientHistory,
    RecipientStatus,
    SesEventError,
    Standing,
    StoredEvent,
    Summary,
    UnverifiedMessage,
    VerifiedMessage,
    Verifier,
    Watch,
    classify,
    classify_event,
    parse,
    trusted,
    trusted_each,
    unwrap,
    verify,
)
from sesevent.aio import Connecting
from sesevent.analytics.journeys import Funnel, Links
from sesevent.analytics.results import Breakdown, Overview, Reasons, Series
from sesevent.faces.migration import AsyncMigration, Migration
from sesevent.plans.dead_letters import Retried
from sesevent.plans.migrate import Migrated
from sesevent.plans.reclassify import Reclassified
from sesevent.plans.renewing import Reindexed
from sesevent.storage.older import Inspection
from sesevent.storage.records import DeadLetter
from sesevent.sync import Results
from sesevent.vitals import Check


def reading(raw: bytes, event: Event) -> None:
    for one in parse(raw):
        assert_type(one, Event)
    assert_type(unwrap(raw), list[UnverifiedMessage])
    assert_type(trusted(raw, because="a test's own"), VerifiedMessage)
    assert_type(trusted_each([raw], because="a test's own"), Iterator[VerifiedMessage])
    assert_type(verify(raw, topics=None, accounts="123456789012"), VerifiedMessage)
    assert_type(event.type, str)
    assert_type(event.message_id, str)
    assert_type(event.timestamp, datetime | None)
    assert_type(event.recipients, tuple[Recipient, ...])
    assert_type(event.raw, dict[str, Any])
    assert_type(sesevent.__version__, str)
    if isinstance(event, Bounce):
        assert_type(event.bounce.bounce_type, str | None)
    if isinstance(event, Click):
        assert_type(event.click.link, str | None)
    if isinstance(event, Delivery):
        assert_type(event.delivery.processing_time_millis, int | None)


def telling_why(event: Event) -> None:
    told = classify(diagnostic="smtp; 550 5.1.1 user unknown")
    assert_type(told, Classification)
    assert_type(told.reason, str)
    assert_type(told.retry_after, int | None)
    assert_type(classify_event(event), list[Classification])


def of_what_is_not_proven(store: EventStore, unverified: UnverifiedMessage) -> None:
    # An ignored error that is none is an error to mypy: so each line says that this does not type-check.
    store.receive(b"{}")  # type: ignore[arg-type]
    store.receive({"eventType": "Send"})  # type: ignore[arg-type]
    store.receive(unverified)  # type: ignore[arg-type]
    store.receive_many([b"{}"])  # type: ignore[list-item]


def of_a_store(store: EventStore, message: VerifiedMessage) -> None:
    assert_type(EventStore.connect("mongodb://localhost"), EventStore)
    receipt = store.receive(message)
    assert_type(receipt, Receipt)
    assert_type(receipt.fresh, bool)
    assert_type(receipt.event, Event | None)
    assert_type(receipt.standings, tuple[Standing, ...])
    assert_type(store.receive_many([message]), Summary)
    assert_type(store.receive_each([message]), Iterator[Outcome])
    assert_type(store.events.get("66320b9a5517f329bac4780f"), StoredEvent | None)
    assert_type(store.events.by_type("Bounce"), Results)
    for stored in store.events.for_recipient("ann@example.com"):
        assert_type(stored, StoredEvent)
        assert_type(stored.event, Event)
    assert_type(store.events.timeline("m"), list[StoredEvent])
    assert_type(store.status("m"), MessageStatus)
    assert_type(store.status("m").recipients, tuple[RecipientStatus, ...])
    assert_type(store.status_many(["m"]), Iterator[MessageStatus])
    assert_type(store.recipient("ann@example.com"), RecipientHistory)
    assert_type(store.watch("name"), Watch)
    assert_type(store.adopt(), int)
    assert_type(store.reclassify(), Reclassified)
    assert_type(store.reindex(), Reindexed)
    assert_type(store.ensure_indexes(), list[str])
    assert_type(store.health(), Health)
    assert_type(store.migration, Migration)
    assert_type(store.migration.inspect(), Inspection)
    assert_type(store.migration.run(duplicates="mark"), Migrated)
    assert_type(store.dead_letters.list(), list[DeadLetter])
    assert_type(store.dead_letters.retry(), Retried)
    with store as entered:
        assert_type(entered, EventStore)


def of_people(store: EventStore, guard: Guard, policy: Policy) -> None:
    decision = store.suppression.check("ann@example.com", stream="marketing")
    assert_type(decision, Decision)
    assert_type(decision.allowed, bool)
    assert_type(decision.reason, str | None)
    assert_type(decision.since, datetime | None)
    assert_type(decision.sentence, str)
    assert_type(store.suppression.check_many(["ann@example.com"]), Iterator[Decision])
    assert_type(store.suppression.filter(["ann@example.com"]), Iterator[str])
    assert_type(store.suppression.suppress("ann@example.com", by="lea"), Decision)
    assert_type(guard.require("ann@example.com"), Decision)
    assert_type(Policy.load("policy.toml"), Policy)
    assert_type(policy.version, str)
    assert_type(CachedChecks(store).check("ann@example.com"), Decision)


def of_many_events(store: EventStore) -> None:
    figures = store.analytics.summary("2024-05-01", "2024-05-09", campaign="spring")
    assert_type(figures, Overview)
    assert_type(store.analytics.timeseries("2024-05-01", by="hour"), Series)
    assert_type(store.analytics.by("campaign", "2024-05-01"), Breakdown)
    assert_type(store.analytics.by("bounce_reason", "2024-05-01"), Reasons)
    assert_type(store.analytics.top_links("2024-05-01"), Links)
    assert_type(store.analytics.funnel(since="2024-05-01"), Funnel)


async def of_the_other_colour(store: AsyncEventStore, message: VerifiedMessage, verifier: Verifier, raw: bytes) -> None:
    assert_type(AsyncEventStore.connect("mongodb://localhost"), Connecting)
    assert_type(await AsyncEventStore.connect("mongodb://localhost"), AsyncEventStore)
    async with AsyncEventStore.connect("mongodb://localhost") as entered:
        assert_type(entered, AsyncEventStore)
    assert_type(await verifier.verify_async(raw), VerifiedMessage)
    assert_type(verifier.health(), Check)
    assert_type(await store.receive(message), Receipt)
    async for outcome in store.receive_each([message]):
        assert_type(outcome, Outcome)
    async for stored in store.events.by_reason("mailbox_full"):
        assert_type(stored, StoredEvent)
    assert_type(await store.suppression.check("ann@example.com"), Decision)
    assert_type(await store.status("m"), MessageStatus)
    assert_type(store.recipient("ann@example.com"), AsyncRecipientHistory)
    assert_type(store.watch("name"), AsyncWatch)
    assert_type(await store.reindex(), Reindexed)
    assert_type(store.migration, AsyncMigration)
    assert_type(await store.migration.run(), Migrated)
    assert_type(await AsyncCachedChecks(store).check("ann@example.com"), Decision)
    assert_type(await AsyncGuard(store).require("ann@example.com"), Decision)


def of_errors(error: SesEventError) -> None:
    assert_type(error.retryable, bool)
    assert_type(error.hint, str | None)
    if isinstance(error, sesevent.PayloadError):
        assert_type(error.problems, tuple[Problem, ...])
