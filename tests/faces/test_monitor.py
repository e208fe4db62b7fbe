"""``store.monitor`` over a real MongoDB, through both faces: what is seen, what is kept, and who is told."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine
from sesevent import AsyncEventStore, ConfigurationError, EventStore, PayloadError, testing
from sesevent.faces.monitor import Evaluation, log_alarm
from sesevent.monitoring import DEFAULT_RULES, AlarmEntry, Rule, Scope
from sesevent.plans.monitor import CLAIM_SECONDS

NOW = datetime(2024, 5, 8, 12, tzinfo=timezone.utc)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BOUNCES = next(rule for rule in DEFAULT_RULES if rule.name == "bounce-rate")


class Clock:
    """What time it is, for a store."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sync", "async"])
def faced(request: pytest.FixtureRequest, mongodb_uri: str, database: str, clock: Clock) -> Callable[..., Any]:
    """Runs a test body with a face of either colour, whose clock the test holds."""

    def run(body: Callable[[Face], Any]) -> Any:
        async def main() -> Any:
            if request.param == "sync":
                with EventStore.connect(mongodb_uri, database=database, clock=clock) as store:
                    store.ensure_indexes()
                    return await body(Face(store, "sync"))
            async with await AsyncEventStore.connect(mongodb_uri, database=database, clock=clock) as astore:
                await astore.ensure_indexes()
                return await body(Face(astore, "async"))

        return asyncio.run(main())

    return run


@pytest.fixture
def timed(mongodb_uri: str, database: str, clock: Clock) -> Iterator[EventStore]:
    """A blocking store whose clock the test holds."""
    with EventStore.connect(mongodb_uri, database=database, clock=clock) as store:
        store.ensure_indexes()
        yield store


def mails(
    number: int, bounced: int = 0, *, at: datetime = NOW - 10 * MINUTE, prefix: str = "m", **about: Any
) -> list[Any]:
    """So many mails that went out at a time; some bounce, the others arrive."""
    made = []
    for n in range(number):
        one = {"to": f"p{n}@example.com", "sent": at, "message_id": f"{prefix}-{n}"} | about
        made += [testing.send(**one), (testing.bounce if n < bounced else testing.delivery)(**one)]
    return list(all_genuine(made))


def states(done: Evaluation) -> dict[str, str]:
    return {alarm.rule: alarm.state for alarm in done.alarms}


def test_a_bad_hour_is_seen_kept_told_and_over(faced: Any, clock: Clock, tables: Any) -> None:
    """The whole way, and each thing once."""
    told: list[AlarmEntry] = []

    async def body(face: Face) -> None:
        async def evaluate() -> Evaluation:
            done: Evaluation = await face.get(lambda store: store.monitor.evaluate([BOUNCES], notify=[told.append]))
            return done

        await face.get(lambda store: store.receive_many(mails(100, 10)))
        first, again = await evaluate(), await evaluate()

        assert [entry.state for entry in told] == ["critical"]
        assert (first.worst, len(first.entries), len(first.told), first.failures) == ("critical", 1, 1, [])
        assert (again.worst, again.entries, again.told) == ("critical", [], [])
        (alarm,) = await face.get(lambda store: store.monitor.states())
        assert alarm == again.alarms[0]
        assert (alarm.reading.count, alarm.reading.volume, alarm.revision) == (10, 100, 2)

        await face.get(lambda store: store.receive_many(mails(900, prefix="n")))
        clock.now += MINUTE
        await evaluate()
        assert [entry.state for entry in told] == ["critical", "ok"]
        over, begun = await face.get(lambda store: store.monitor.history("bounce-rate"))
        assert (begun.id, begun.state, begun.notified) == ("bounce-rate@1", "critical", True)
        assert (over.id, over.before, over.notified, over.at) == ("bounce-rate@3", "critical", True, clock.now)
        assert await face.get(lambda store: store.monitor.history(since=clock.now)) == [over]
        assert await face.get(lambda store: store.monitor.history(limit=1)) == [over]

    faced(body)
    assert tables["ses_alarm"].count_documents({}) == 1
    assert tables["ses_alarm_log"].count_documents({"tell": True}) == 0


def test_a_bounce_alarm_tells_when_awss_line_is_reached(faced: Any, clock: Clock) -> None:
    """From the latest mails and the present rate."""
    rule = replace(BOUNCES, window=HOUR)

    async def body(face: Face) -> None:
        good = mails(1000, at=NOW - timedelta(days=2), prefix="good")
        await face.get(lambda store: store.receive_many([*good, *mails(200, 20)]))
        done = await face.get(lambda store: store.monitor.evaluate([rule]))
        (left,) = await face.get(lambda store: store.monitor.budget([rule]))

        # 20 of 1,200 are 1.67 %, and move towards 10 % by 1/1,200 of the difference a mail, 200 mails an hour.
        assert (left.standing.numerator, left.standing.denominator, left.present.rate, left.left) == (20, 1200, 0.1, 39)
        assert left.reached_in == timedelta(hours=2, minutes=24)
        assert done.entries[0].review_in == left.reached_in

    faced(body)


def test_every_default_rule_is_evaluated(timed: EventStore, clock: Clock) -> None:
    """On a store that is well, on one that is empty, and where nothing comes any more."""
    empty = timed.monitor.evaluate()
    assert set(states(empty).values()) <= {"ok", "no_data"}
    assert empty.worst == "ok"  # there are no dead letters

    timed.receive_many(mails(600, 2))
    clock.now += 2 * MINUTE
    assert set(states(timed.monitor.evaluate()).values()) <= {"ok"}

    clock.now = NOW + timedelta(days=7)
    later = states(timed.monitor.evaluate())
    assert later["events-stopped"] == "critical"  # the week before there were 1,200
    assert later["bounce-rate"] == "no_data"


def test_events_that_stop_are_missed_where_usually_some_come(timed: EventStore, clock: Clock) -> None:
    """Compared with the same stretch of time a week before; nights and weekends are no outage."""
    rule = next(rule for rule in DEFAULT_RULES if rule.name == "events-stopped")
    week = timedelta(days=7)
    for minute in range(0, 60, 2):
        timed.receive_many(mails(1, at=NOW - week + minute * MINUTE, prefix=f"old-{minute}"))
    timed.receive_many(mails(1, at=NOW - MINUTE))

    found = []
    for minutes in (5, 20, 55, 60 * 24 * 3, 60 * 24 * 31):
        clock.now = NOW + minutes * MINUTE
        (alarm,) = timed.monitor.evaluate([rule]).alarms
        assert alarm.reading is not None
        found.append((alarm.state, alarm.reading.count))

    # Two events every two minutes; a month later nothing usual is left.
    assert found == [("ok", 0), ("ok", 20), ("warn", 56), ("warn", 60), ("no_data", 0)]


def test_silence_latency_delays_lag_and_dead_letters_are_seen(timed: EventStore, clock: Clock) -> None:
    """Each of what happened, by its rule."""
    at = NOW - 20 * MINUTE
    sent = [testing.send(to=f"s{n}@example.com", sent=at, message_id=f"s-{n}") for n in range(60)]
    slow = [
        testing.delivery(to=f"s{n}@example.com", sent=at - 3 * HOUR, after=3 * HOUR, message_id=f"d-{n}")
        for n in range(50)
    ]
    clock.now = NOW
    timed.receive_many(all_genuine([*sent]))
    for number in range(1, 8):
        with pytest.raises(PayloadError):
            timed.receive(genuine(b'{"eventType": "Bounce", "mail": %d}' % number))
    seen = states(timed.monitor.evaluate())
    assert (seen["silence"], seen["dead-letters"], seen["lag"]) == ("critical", "warn", "warn")

    timed.receive_many(all_genuine(slow))
    clock.now += MINUTE
    assert states(timed.monitor.evaluate(lags={"queue": 7200.0})) | {
        "silence": "ok", "delivery-latency": "critical", "lag": "critical"
    } == states(timed.monitor.evaluate(lags={"queue": 7200.0}))  # fmt: skip


def test_a_rule_looks_at_the_mails_of_its_scope(timed: EventStore) -> None:
    """One campaign bounces, the others do not; a source is found however it is spelled."""
    timed.receive_many(mails(100, 20, campaign="spring", source="Shop@Example.com"))
    timed.receive_many(mails(100, 0, campaign="autumn", prefix="a", source="news@example.com"))
    scopes = [
        Scope(campaign="spring"),
        Scope(campaign="autumn"),
        Scope(source="shop@example.com"),
        Scope(provider="gmail"),
    ]
    done = timed.monitor.evaluate([replace(BOUNCES, scope=scope) for scope in scopes])

    assert [alarm.state for alarm in done.alarms] == ["critical", "ok", "critical", "no_data"]
    assert len({alarm.id for alarm in done.alarms}) == 4
    assert [alarm.scope for alarm in sorted(timed.monitor.states(), key=lambda alarm: alarm.id)] == [
        alarm.scope for alarm in sorted(done.alarms, key=lambda alarm: alarm.id)
    ]


def test_a_notifier_that_fails_stops_no_other_and_is_asked_again(
    faced: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Alone, and later; what it raised may hold a token, and is not logged."""
    told: list[str] = []
    broken = True

    def flaky(entry: AlarmEntry) -> None:
        if broken:
            raise ValueError("https://hooks.example.com/SECRET")
        told.append(f"flaky {entry.id}")

    def steady(entry: AlarmEntry) -> None:
        told.append(f"steady {entry.id}")

    async def body(face: Face) -> None:
        nonlocal broken

        async def evaluate(minutes: int) -> Evaluation:
            clock.now += minutes * MINUTE
            done: Evaluation = await face.get(lambda store: store.monitor.evaluate([BOUNCES], notify=[flaky, steady]))
            return done

        await face.get(lambda store: store.receive_many(mails(100, 10)))
        first = await evaluate(0)
        assert told == ["steady bounce-rate@1"]
        (failure,) = first.failures
        assert (failure.notifier, failure.entry) == (flaky.__qualname__, "bounce-rate@1")
        (entry,) = await face.get(lambda store: store.monitor.history())
        assert (entry.tell, entry.notified, entry.told) == (True, False, (steady.__qualname__,))

        assert (await evaluate(1)).told == []
        assert len((await evaluate(2)).failures) == 1
        broken = False
        assert (await evaluate(1)).told == []  # the second wait is longer
        await evaluate(10)
        assert told == ["steady bounce-rate@1", "flaky bounce-rate@1"]
        assert (await face.get(lambda store: store.monitor.history()))[0].notified

    faced(body)
    assert "SECRET" not in caplog.text
    assert "could not tell bounce-rate@1: ValueError" in caplog.text


def test_what_could_not_be_told_for_a_day_is_not_told_any_more(timed: EventStore, clock: Clock) -> None:
    """Old news wakes nobody; it stays in the history."""
    told: list[AlarmEntry] = []
    timed.receive_many(mails(100, 10))
    timed.monitor.evaluate([BOUNCES])
    clock.now += timedelta(days=1, seconds=1)
    timed.monitor.evaluate([BOUNCES], notify=[told.append])

    assert told == []
    assert [entry.state for entry in timed.monitor.history()] == ["no_data", "critical"]


def test_who_tells_nobody_takes_nothing_from_those_who_do(timed: EventStore, clock: Clock) -> None:
    """A dashboard may evaluate too."""
    told: list[AlarmEntry] = []
    timed.receive_many(mails(100, 10))
    timed.monitor.evaluate([BOUNCES])
    clock.now += MINUTE
    timed.monitor.evaluate([BOUNCES], notify=[told.append])

    assert [entry.id for entry in told] == ["bounce-rate@1"]


def test_an_alarm_is_silenced_and_acknowledged_by_somebody_for_a_reason(faced: Any, clock: Clock) -> None:
    """Both stand in the history."""
    told: list[AlarmEntry] = []

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(mails(100, 3)))
        await face.get(lambda store: store.monitor.evaluate([BOUNCES], notify=[told.append]))
        until = NOW + HOUR
        silent = await face.get(
            lambda store: store.monitor.silence("bounce-rate", until=until, by="ann", why="deploying")
        )
        assert silent.silenced.until == until

        await face.get(lambda store: store.receive_many(mails(100, 30, prefix="n")))
        clock.now += MINUTE
        await face.get(lambda store: store.monitor.evaluate([BOUNCES], notify=[told.append]))
        assert told == []
        known = await face.get(lambda store: store.monitor.acknowledge("bounce-rate", by="ben", why="on it"))
        assert (known.state, known.acknowledged.by) == ("critical", "ben")

        clock.now = until
        await face.get(lambda store: store.monitor.evaluate([BOUNCES], notify=[told.append]))
        assert [entry.state for entry in told] == ["critical"]
        entries = await face.get(lambda store: store.monitor.history())
        assert [(entry.what, entry.by, entry.why) for entry in reversed(entries)] == [
            ("changed", "", ""), ("silenced", "ann", "deploying"), ("changed", "", ""), ("acknowledged", "ben", "on it"),
            ("still", "", ""),
        ]  # fmt: skip
        for wrong in ({"by": "", "why": "x"}, {"by": "x", "why": ""}):
            with pytest.raises(ConfigurationError, match="for a reason"):
                await face.get(lambda store, wrong=wrong: store.monitor.acknowledge("bounce-rate", **wrong))
        with pytest.raises(ConfigurationError, match="no alarm 'nonsense'"):
            await face.get(lambda store: store.monitor.acknowledge("nonsense", by="a", why="b"))

    faced(body)


def test_what_cannot_be_meant_is_refused(faced: Any) -> None:
    """Before anything is done."""

    async def body(face: Face) -> None:
        with pytest.raises(ConfigurationError, match="same name"):
            await face.get(lambda store: store.monitor.evaluate([BOUNCES, BOUNCES]))
        with pytest.raises(ConfigurationError, match="can be called"):
            await face.get(lambda store: store.monitor.evaluate(notify=["slack://…"]))
        with pytest.raises(ConfigurationError, match="limit"):
            await face.get(lambda store: store.monitor.history(limit=0))

    faced(body)


def test_a_blocking_store_awaits_nobody_and_says_so(timed: EventStore) -> None:
    """Or the coroutine would be lost, and with it the news."""

    async def notifier(entry: AlarmEntry) -> None:
        raise NotImplementedError

    with pytest.raises(ConfigurationError, match="AsyncEventStore"):
        timed.monitor.evaluate(notify=[notifier])


def test_an_asyncio_store_awaits_coroutine_functions_and_blocks_for_nobody(
    mongodb_uri: str, database: str, clock: Clock
) -> None:
    """What blocks does so in another thread."""
    threads, told = [], []

    async def awaited(entry: AlarmEntry) -> None:
        told.append(entry.id)

    def blocking(entry: AlarmEntry) -> None:
        threads.append(threading.current_thread())

    async def main() -> None:
        async with await AsyncEventStore.connect(mongodb_uri, database=database, clock=clock) as store:
            await store.receive_many(mails(100, 10))
            await store.monitor.evaluate([BOUNCES], notify=[awaited, blocking])

    asyncio.run(main())
    assert told == ["bounce-rate@1"]
    assert threads != [threading.main_thread()]
    assert len(threads) == 1


def test_the_log_is_a_notifier(caplog: pytest.LogCaptureFixture, timed: EventStore) -> None:
    """At a level that fits."""
    timed.receive_many(mails(100, 10))
    timed.monitor.evaluate([BOUNCES], notify=[log_alarm])

    (record,) = [record for record in caplog.records if record.name == "sesevent.monitor"]
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("[CRITICAL] bounce-rate: 10.0%\n")


def test_the_store_in_memory_says_that_it_cannot(clock: Clock) -> None:
    """Rather than that all is well."""
    with testing.memory_store(clock=clock) as store, pytest.raises(NotImplementedError):
        store.monitor.evaluate()


# ── Many at once, and those that die ─────────────────────────────────────────────────────────


def test_of_two_that_evaluate_at_once_the_loser_writes_and_tells_nothing(timed: EventStore) -> None:
    """Interleaved: both have read the alarm before either writes it."""
    from sesevent.drivers.sync import perform
    from sesevent.plans import monitor
    from sesevent.storage.operations import Update

    timed.receive_many(mails(100, 10))
    plans = [monitor.evaluate([BOUNCES], {}, NOW) for _ in range(2)]
    waiting = []
    for plan in plans:
        operation = next(plan)
        while not isinstance(operation, Update):
            operation = plan.send(operation.finish(operation.start(timed._collections)))
        waiting.append(operation)

    def rest(plan: Any, operation: Any) -> Any:
        def going_on() -> Any:
            outcome = yield operation
            try:
                operation_after = plan.send(outcome)
                while True:
                    outcome = yield operation_after
                    operation_after = plan.send(outcome)
            except StopIteration as done:
                return done.value

        return perform(going_on(), timed._collections)

    winner, loser = [rest(plan, operation) for plan, operation in zip(plans, waiting, strict=True)]

    assert (len(winner.entries), len(loser.entries)) == (1, 0)
    assert winner.alarms == loser.alarms
    assert [entry.id for entry in timed.monitor.history()] == ["bounce-rate@1"]


EVALUATOR = """
import json, sys, time
from datetime import datetime
from pathlib import Path
from sesevent import EventStore
from sesevent.monitoring import DEFAULT_RULES
uri, database, now, folder, name = sys.argv[1:]
told = []
with EventStore.connect(uri, database=database, clock=lambda: datetime.fromisoformat(now)) as store:
    Path(folder, f"ready-{name}").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.001)
    done = [store.monitor.evaluate(DEFAULT_RULES, notify=[lambda entry: told.append(entry.id)]) for _ in range(5)]
print(json.dumps({"told": told, "wrote": [entry.id for one in done for entry in one.entries]}))
"""


def test_of_several_processes_that_evaluate_at_once_one_tells(
    timed: EventStore, mongodb_uri: str, database: str, tmp_path: Path
) -> None:
    """Each change is written once and told once, whoever it was."""
    timed.receive_many(mails(100, 10))
    command = [sys.executable, "-c", EVALUATOR, mongodb_uri, database, NOW.isoformat(), str(tmp_path)]
    several = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(4)]
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("ready-*"))) < len(several) and time.monotonic() < deadline:
        time.sleep(0.01)
    (tmp_path / "go").touch()
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in several]

    told = sorted(identifier for answer in answers for identifier in answer["told"])
    wrote = sorted(identifier for answer in answers for identifier in answer["wrote"])
    assert told == ["bounce-rate@1"]
    assert wrote == sorted(entry.id for entry in timed.monitor.history())
    assert len(wrote) == len(set(wrote))


class Died(BaseException):
    """As if the process had been killed here."""


def dying(timed: EventStore, at: Callable[[Any], bool]) -> None:
    """Evaluate, and die before the first operation for which *at* holds."""
    from sesevent.drivers import sync

    genuine_perform = sync.perform

    def perform(plan: Any, collections: Any) -> Any:
        def watched() -> Any:
            operation = next(plan)
            while True:
                if at(operation):
                    raise Died
                try:
                    operation = plan.send((yield operation))
                except StopIteration as done:
                    return done.value

        return genuine_perform(watched(), collections)

    monitor = type(timed.monitor)(lambda plan: perform(plan, timed._collections), timed._clock)
    with pytest.raises(Died):
        monitor.evaluate([BOUNCES], notify=[lambda _: None])


def test_who_dies_between_the_state_and_the_history_leaves_both_to_the_next(timed: EventStore, clock: Clock) -> None:
    """The state holds what happened until it is in the history."""
    told: list[str] = []
    timed.receive_many(mails(100, 10))
    dying(timed, lambda operation: type(operation).__name__ == "Insert")
    assert [(alarm.state, alarm.revision) for alarm in timed.monitor.states()] == [("critical", 1)]
    assert timed.monitor.history() == []
    clock.now += MINUTE
    timed.monitor.evaluate([BOUNCES], notify=[lambda entry: told.append(entry.id)])
    timed.monitor.evaluate([BOUNCES], notify=[lambda entry: told.append(entry.id)])

    assert told == ["bounce-rate@1"]
    assert [(entry.id, entry.notified) for entry in timed.monitor.history()] == [("bounce-rate@1", True)]


def test_what_happened_is_not_lost_to_a_person_who_speaks_in_between(timed: EventStore) -> None:
    """A silence is written over the state too."""
    timed.receive_many(mails(100, 10))
    dying(timed, lambda operation: type(operation).__name__ == "Insert")
    timed.monitor.acknowledge("bounce-rate", by="ann", why="on it")

    assert [entry.id for entry in timed.monitor.history()] == ["bounce-rate@2", "bounce-rate@1"]


@pytest.mark.parametrize("died", ["while telling", "before the mark"])
def test_who_dies_while_telling_is_stood_in_for_after_a_while(timed: EventStore, clock: Clock, died: str) -> None:
    """At least once: not before the claim is over, and then by anybody."""
    told: list[str] = []
    timed.receive_many(mails(100, 10))
    if died == "while telling":

        def kill(_: AlarmEntry) -> None:
            raise Died

        with pytest.raises(Died):
            timed.monitor.evaluate([BOUNCES], notify=[kill])
    else:
        dying(timed, lambda operation: "notified" in str(getattr(operation, "updates", "")) and "tell" in str(operation.updates)
              and "notBefore" not in str(operation.updates))  # fmt: skip

    for seconds in (1, CLAIM_SECONDS - 2, 2):
        assert told == []
        clock.now += timedelta(seconds=seconds)
        timed.monitor.evaluate([BOUNCES], notify=[lambda entry: told.append(entry.id)])

    assert told == ["bounce-rate@1"]


def test_rules_of_ones_own_are_values(timed: EventStore) -> None:
    """As many as one likes."""
    timed.receive_many(mails(40, 4))
    rule = Rule("any bounce", "hard_bounce", warn=0.05, critical=None, window=HOUR, min_volume=10)

    assert states(timed.monitor.evaluate([rule])) == {"any bounce": "warn"}


def test_what_two_have_seen_to_be_due_one_claims(timed: EventStore) -> None:
    """Both asked before either claimed."""
    from sesevent.drivers.sync import perform
    from sesevent.plans import monitor

    timed.receive_many(mails(100, 10))
    timed.monitor.evaluate([BOUNCES])
    (one,), (same,) = [perform(monitor.due(NOW), timed._collections) for _ in range(2)]

    assert [perform(monitor.claim(each, NOW), timed._collections) for each in (one, same)] == [True, False]
