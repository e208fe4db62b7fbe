"""``store.analytics.report`` over a real MongoDB, through both faces: what is on the page is what the store says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine
from sesevent import AsyncEventStore, ConfigurationError, EventStore, PayloadError, testing
from sesevent.monitoring import DEFAULT_RULES
from sesevent.suppression.facts import Act

NOW = datetime(2024, 5, 8, 15, tzinfo=timezone.utc)
RULE = next(rule for rule in DEFAULT_RULES if rule.name == "bounce-rate")


@pytest.fixture(params=["sync", "async"])
def faced(request: pytest.FixtureRequest, mongodb_uri: str, database: str) -> Callable[..., Any]:
    import asyncio

    def run(body: Callable[[Face], Any]) -> Any:
        async def main() -> Any:
            if request.param == "sync":
                with EventStore.connect(mongodb_uri, database=database, clock=lambda: NOW) as store:
                    return await body(Face(store, "sync"))
            async with AsyncEventStore.connect(mongodb_uri, database=database, clock=lambda: NOW) as astore:
                return await body(Face(astore, "async"))

        return asyncio.run(main())

    return run


def day(at: datetime, mails: int, bounces: int) -> list[Any]:
    """Mails of one hour, some of which bounce."""
    told: list[Any] = []
    for number in range(mails):
        mail: dict[str, Any] = {
            "message_id": f"{at:%d}-{number}", "to": f"p{at:%d}{number}@example.com", "sent": at + timedelta(seconds=number),
        }  # fmt: skip
        told.append(testing.send(**mail))
        told.append(testing.bounce(**mail) if number < bounces else testing.delivery(**mail))
    return told


@pytest.fixture
def week() -> list[Any]:
    """Seven usual days, and a bad one."""
    usual = [event for days in range(1, 8) for event in day(NOW - timedelta(days=days, hours=1), 100, days % 3)]
    return [*usual, *day(NOW - timedelta(hours=1), 100, 30)]


def test_today_is_told_against_the_days_before(faced: Any, week: list[Any]) -> None:
    """With alarms, campaigns, providers, reasons, and how many are suppressed."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(week)))
        await face.get(lambda store: store.monitor.evaluate([RULE]))
        report = await face.get(lambda store: store.analytics.report())
        summary = await face.get(lambda store: store.analytics.summary(*report.window))

        assert report.window == (NOW.replace(hour=0), NOW)
        assert (report.state, [alarm.rule for alarm in report.alarmed]) == ("critical", ["bounce-rate"])
        bounced = report.figure("hard_bounce")
        assert (bounced.now, bounced.usual, bounced.most) == (summary.rate("hard_bounce").rate, 0.01, 0.02)
        assert (bounced.verdict, bounced.worrying) == ("high", True)
        assert report.figure("sends").verdict == "usual"
        assert (len(report.periods), len(bounced.course)) == (15, 15)
        assert (bounced.course[-1], bounced.course[0]) == (0.3, None)
        assert report.campaigns["orders"].counts["sends"] == 100
        assert report.reasons["user_unknown"].bounces == 30
        assert report.suppressed == 30 + 7
        assert json.loads(json.dumps(report.to_dict()))["figures"][0]["now"] == 100

    faced(body)


def test_who_is_held_against_no_more_is_not_counted(faced: Any, week: list[Any]) -> None:
    """Neither who was reactivated nor whose pause is over; dead letters are counted."""

    async def body(face: Face) -> None:
        get = face.get
        await get(lambda store: store.suppression.suppress("a@example.com", by="x", until=NOW + timedelta(days=1)))
        over = Act(NOW - timedelta(days=9), "", "suppress", until=NOW - timedelta(days=1), by="x")
        said = Act(NOW - timedelta(days=9), "", "suppress", by="x")
        await get(lambda store: store.suppression.record([("b@example.com", over), ("c@example.com", said)]))
        await get(lambda store: store.suppression.reactivate("c@example.com", by="x", why="y"))
        with pytest.raises(PayloadError):
            await get(lambda store: store.receive(genuine(b"no event")))
        report = await get(lambda store: store.analytics.report("7d"))

        assert (report.suppressed, report.dead_letters, len(report.before), report.by) == (1, 1, 4, "day")
        assert (report.state, report.alarms) == ("no_data", ())

    faced(body)


def test_filters_and_zones_are_those_of_all_questions(faced: Any, week: list[Any]) -> None:
    """Today begins where the time zone's day does, and what is counted is of these mails only."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(week)))
        report = await face.get(lambda store: store.analytics.report(tz="Asia/Tokyo", campaign="none", limit=1))

        assert report.window.since == datetime(2024, 5, 8, 15, tzinfo=timezone.utc)  # it is midnight there
        assert report.figure("sends").now == 0
        assert not len(report.campaigns)
        with pytest.raises(ConfigurationError, match="no time zone"):
            await face.get(lambda store: store.analytics.report(tz="Mars/Olympus"))

    faced(body)
