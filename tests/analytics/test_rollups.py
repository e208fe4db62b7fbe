"""Rollups are the log, counted before: nobody can tell which of the two answered."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sesevent import AsyncEventStore, EventStore, testing, trusted
from sesevent.analytics import families
from sesevent.analytics.cells import DAY, HOUR, WHOLE, Cell
from sesevent.analytics.families import equal_rows
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import Where
from sesevent.errors import ConfigurationError
from sesevent.plans import analyse, marking, receive, rollup
from sesevent.plans.receive import Prepared, Redelivery, prepare
from sesevent.suppression.policy import DEFAULT_POLICY

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
NOW = START + timedelta(days=4, hours=10, minutes=40)
END = START + timedelta(days=40)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(mongodb_uri: str, database: str, clock: Clock) -> Iterator[Any]:
    with EventStore.connect(mongodb_uri, database=database, clock=clock, timeout_seconds=60) as connected:
        connected.ensure_indexes()
        yield connected


def stream(events: int, seed: int = 1, start: datetime = START, every: float = 1200) -> list[Any]:
    """Some days of events: repeated, late and disordered."""
    return list(testing.stream(events, seed=seed, start=start, mails_per_second=1 / every))


def receive_all(store: Any, raws: list[Any]) -> None:
    store.receive_many((trusted(raw, because="a test's own") for raw in raws), batch_size=100)


def late(number: int = 1, at: datetime = START + timedelta(hours=5, minutes=30), **more: Any) -> Any:
    """One more send of a closed hour."""
    mail = f"late-{number}"
    return trusted(testing.payloads.send(message_id=mail, sent=at, **more), because="a test's own")


def found(
    store: Any, window: Window, dimensions: Any = (), slot: int = HOUR, *, exact: bool = False, **where: Any
) -> Any:
    plan = analyse.cells_of(window, Where(**where), frozenset(dimensions), slot, exact=exact)
    return {(time, key): cell for time, key, cell in store.analytics._perform(plan)}


def kept(database: Any) -> dict[str, Any]:
    return {row["_id"]: row["rows"] for row in database["ses_rollup"].find()}


def states(database: Any) -> dict[str, Any]:
    return {state.pop("_id"): state for state in database["ses_rollup_hour"].find()}


def assert_right(store: Any) -> None:
    """Every clean hour and day is what the log holds, and answers are those of the log."""
    assert store.analytics.recount(START - timedelta(days=1), END, repair=False).differences == ()
    assert store.analytics.tally(START, END) == store.analytics.tally(START, END, exact=True)


ASKED: list[tuple[Any, int, dict[str, Any]]] = [
    ((), WHOLE, {}),
    (("campaign",), DAY, {}),
    (("campaign",), HOUR, {"provider": "gmail"}),
    (("provider",), WHOLE, {"campaign": "spring"}),
    (("recipient_domain",), DAY, {}),
    ((), DAY, {"recipient_domain": "gmail.com"}),
    (("recipient_domain",), WHOLE, {"campaign": "spring"}),
    (("source", "configuration_set", "template", "ip_pool"), WHOLE, {}),
    (("tag:campaign",), WHOLE, {}),
    (("provider",), WHOLE, {"provider": "simulator"}),
    ((), WHOLE, {"tag": ("campaign", "spring")}),
]


def test_every_question_is_answered_as_the_log_does(store: Any) -> None:
    """By families that cover it, from days, hours and the log at a window's edges; or by the log alone."""
    receive_all(store, stream(900))
    store.analytics.roll_up()
    window = Window(START + timedelta(hours=3, minutes=20), NOW)
    for dimensions, slot, where in ASKED:
        ours = found(store, window, dimensions, slot, **where)
        assert ours == found(store, window, dimensions, slot, exact=True, **where), (dimensions, where)


def test_closed_hours_are_not_counted_again(store: Any, tables: Any) -> None:
    """The log may even be gone: days and hours answer without it, and read one document each."""
    receive_all(store, stream(900))
    store.analytics.roll_up()
    window = Window(START, START + timedelta(days=3, hours=5))
    by_day, by_hour = (found(store, window, ("campaign",), slot) for slot in (DAY, HOUR))
    tables["ses_event"].delete_many({})
    assert found(store, window, ("campaign",), DAY) == by_day != {}
    assert found(store, window, ("campaign",), HOUR) == by_hour != {}


def test_without_a_roll_up_nothing_is_written_and_the_log_answers(store: Any, tables: Any) -> None:
    """Nobody pays for what he does not use."""
    receive_all(store, stream(300))
    assert states(tables) == {}
    assert store.analytics.rollup_lag() == (False, None, 0, 0)
    assert_right(store)


def test_hours_are_open_until_a_while_after_their_end(store: Any, tables: Any, clock: Clock) -> None:
    """And what arrives in time is marked by nobody."""
    receive_all(store, stream(900))
    store.analytics.roll_up()
    assert "hour|2024-05-05T09" in states(tables)
    assert "hour|2024-05-05T10" not in states(tables)
    before = states(tables)
    store.receive(late(1, NOW - timedelta(minutes=20)))
    assert states(tables) == before
    clock.now = NOW + timedelta(minutes=30)
    assert store.analytics.rollup_lag().hours == 0
    clock.now = NOW + timedelta(minutes=36)
    assert store.analytics.rollup_lag().hours == 1
    store.analytics.roll_up()
    assert not states(tables)["hour|2024-05-05T10"]["dirty"]
    assert_right(store)


def test_a_late_event_is_counted_at_once_from_the_log_and_later_from_the_rollup(store: Any, tables: Any) -> None:
    """Its hour is dirty until it is rolled up again; others stay as they are."""
    receive_all(store, stream(600))
    store.analytics.roll_up()
    sends = store.analytics.tally(START, END).counts["sends"]
    store.receive(late())
    assert store.analytics.rollup_lag().dirty == 1
    assert store.analytics.tally(START, END).counts["sends"] == sends + 1
    assert_right(store)
    done = store.analytics.roll_up()
    assert (done.hours, done.days) == (1, 1)
    assert store.analytics.rollup_lag().dirty == 0
    assert store.analytics.tally(START, END).counts["sends"] == sends + 1
    assert_right(store)


def test_whoever_dies_before_he_marks_is_told_again(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The redelivered event is no fresh one, and its hour is marked all the same."""
    receive_all(store, stream(300))
    store.analytics.roll_up()
    with monkeypatch.context() as patch:
        patch.setattr(receive, "mark", lambda documents: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.receive(late())
    assert not store.receive(late()).fresh
    store.analytics.roll_up()
    assert_right(store)


def test_a_backfill_of_hours_that_were_empty_is_rolled_up(store: Any) -> None:
    """Before the first event there was, and in a day without any."""
    receive_all(store, stream(60))
    store.analytics.roll_up()
    for number, days in enumerate((3, -9)):
        store.receive(late(number, START + timedelta(days=days, minutes=5)))
        assert store.analytics.roll_up().hours == 24
    assert_right(store)


def test_rows_of_older_shapes_are_counted_when_they_are_adopted(store: Any, tables: Any) -> None:
    """They have no group written; their hours are marked."""
    receive_all(store, stream(300))
    tables["ses_event"].insert_one({
        "Type": "Delivery", "MessageId": "older", "Message": "gone", "Timestamp": "2024-05-01T07:00:01.000Z",
    })  # fmt: skip
    store.analytics.roll_up()
    deliveries = store.analytics.tally(START, END).counts["deliveries"]
    store.adopt()
    assert store.analytics.rollup_lag().dirty == 1
    store.analytics.roll_up()
    assert store.analytics.tally(START, END).counts["deliveries"] == deliveries + 1
    assert_right(store)


def test_new_reasons_are_counted(store: Any, tables: Any) -> None:
    """`reclassify` marks the hours of the rows it changes."""
    receive_all(store, stream(600))
    told = {"derived.rules": "old", "derived.bounce.reason": "undetermined", "derived.bounce.class": "undetermined"}
    tables["ses_event"].update_many({"Type": "Bounce"}, {"$set": told, "$unset": {"derived.group": ""}})
    store.analytics.roll_up()
    assert set(store.analytics.tally(START, END).reasons) == {"undetermined"}
    store.reclassify()
    assert store.analytics.rollup_lag().dirty > 1
    store.analytics.roll_up()
    assert set(store.analytics.tally(START, END).reasons) > {"user_unknown"}
    assert_right(store)


def test_a_written_group_says_what_the_row_does(store: Any, tables: Any) -> None:
    """With it, without it, and where some have it: the same cells."""
    receive_all(store, stream(900, 3))
    tables["ses_event"].update_many({}, {"$unset": {"derived.key": ""}})
    whole = found(store, Window(START, END), ("campaign", "recipient_domain"))
    assert tables["ses_event"].count_documents({"derived.group": {"$exists": False}}) == 0
    for kinds in (["Open", "Bounce"], ["Send", "Delivery", "Complaint"], []):
        tables["ses_event"].update_many({"Type": {"$in": kinds}} if kinds else {}, {"$unset": {"derived.group": ""}})
        assert found(store, Window(START, END), ("campaign", "recipient_domain")) == whole


def test_words_that_hold_the_separator_are_counted(store: Any, tables: Any) -> None:
    """Such a row has no group, and is grouped by what it says."""
    store.receive(late(tags={"campaign": ["one\x1ftwo"]}))
    assert "group" not in tables["ses_event"].find_one()["derived"]
    assert {key.campaign for _, key in found(store, Window(START, END), ("campaign",))} == {"one\x1ftwo"}


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_when_who_rolls_up_makes_no_difference(data: st.DataObject, mongodb_uri: str, mongo_client: Any) -> None:
    """Events in any order, in any parts, repeated, with roll-ups between: what is kept is what one roll-up keeps."""
    raws = stream(160, data.draw(st.integers(0, 99)), every=1500)
    order = data.draw(st.permutations(raws))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raws)), max_size=4)))
    again = data.draw(st.lists(st.sampled_from(raws), max_size=20))
    for name in ("sesevent_test_a", "sesevent_test_b"):
        mongo_client.drop_database(name)
    clock = Clock()
    try:
        with (
            EventStore.connect(mongodb_uri, database="sesevent_test_a", clock=clock) as once,
            EventStore.connect(mongodb_uri, database="sesevent_test_b", clock=clock) as parts,
        ):
            receive_all(once, raws)
            clock.now = END
            once.analytics.roll_up()
            clock.now = NOW
            for first, last in zip([0, *cuts], [*cuts, len(raws)], strict=True):
                receive_all(parts, order[first:last])
                parts.analytics.roll_up()
                assert_right(parts)
            receive_all(parts, again)
            clock.now = END
            parts.analytics.roll_up()
            assert_right(parts)
            one, other = (kept(mongo_client[name]) for name in ("sesevent_test_a", "sesevent_test_b"))
            assert one.keys() == other.keys()
            assert all(equal_rows(one[name], other[name]) for name in one)
    finally:
        for name in ("sesevent_test_a", "sesevent_test_b"):
            mongo_client.drop_database(name)


def test_a_roll_up_that_is_killed_leaves_nothing_wrong(store: Any, mongodb_uri: str, database: str) -> None:
    """kill -9, at any moment: what is clean is right, and the next one goes on."""
    chance = random.Random(5)
    receive_all(store, stream(700))
    for number in range(6):
        command = [sys.executable, str(Path(__file__).with_name("roller.py")), mongodb_uri, database, NOW.isoformat()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0, 0.4))
            receive_all(store, stream(40, 100 + number))
            process.kill()
        assert_right(store)
    store.analytics.roll_up()
    assert store.analytics.rollup_lag()[2:] == (0, 0)
    assert_right(store)


def test_several_roll_up_while_somebody_writes(store: Any) -> None:
    """They meet in every hour; in the end everything is counted once."""
    receive_all(store, stream(300))
    ended, failures = threading.Event(), []

    def roll() -> None:
        try:
            while not ended.is_set():
                store.analytics.roll_up()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    rollers = [threading.Thread(target=roll) for _ in range(3)]
    for roller in rollers:
        roller.start()
    for seed in range(10, 18):
        receive_all(store, stream(60, seed))
    ended.set()
    for roller in rollers:
        roller.join()
    assert failures == []
    assert_right(store)
    store.analytics.roll_up()
    assert store.analytics.rollup_lag()[2:] == (0, 0)
    assert_right(store)


def stored(number: int) -> Any:
    """The plan that stores one late event."""
    prepared = Prepared()
    prepare(late(number), NOW, prepared)
    return receive.store(DEFAULT_POLICY, prepared, Redelivery())


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_between_two_steps(store: Any, seed: int) -> None:
    """Two roll-ups of a day and two writers into one hour of it, step by step in any order; then the rest."""
    chance = random.Random(seed)
    receive_all(store, stream(40, every=2000))
    before = "2024-05-02T00"
    if seed % 2:
        store.analytics.roll_up()
        store.receive(late(9))
    plans: list[Any] = [rollup.roll_day("2024-05-01", before) for _ in range(3)] + [stored(1), stored(2)]
    store.analytics._perform(rollup.due(NOW))  # the walk has begun
    waiting = [(plan, next(plan)) for plan in plans]
    while waiting:
        plan, operation = waiting.pop(chance.randrange(len(waiting)))
        outcome = store.analytics._perform(one(operation))
        try:
            waiting.append((plan, plan.send(outcome)))
        except StopIteration:
            assert_right(store)
    store.analytics.roll_up()
    assert store.analytics.rollup_lag().dirty == 0
    assert_right(store)


@pytest.mark.parametrize("step", ["Aggregate", "Update"])
def test_an_event_that_comes_while_its_hour_is_counted_is_not_lost(store: Any, step: str) -> None:
    """After the log was read, or after the rows were kept: the hour is not clean then."""
    receive_all(store, stream(40))
    store.analytics._perform(rollup.due(NOW))
    plan, steps = rollup.roll_day("2024-05-01", "2024-05-02T00"), []
    operation = next(plan)
    while True:
        outcome = store.analytics._perform(one(operation))
        steps.append(type(operation).__name__)
        if steps[-1] == step and "Aggregate" in steps and steps.count("late") == 0:
            store.receive(late())
            steps.append("late")
        try:
            operation = plan.send(outcome)
        except StopIteration:
            break
    assert store.analytics.rollup_lag().dirty == 1
    assert_right(store)


def test_whoever_counted_earlier_and_writes_later_is_refused(store: Any) -> None:
    """He was stopped before he kept his rows; others counted anew meanwhile."""
    receive_all(store, stream(40))
    store.analytics._perform(rollup.due(NOW))
    plan = rollup.roll_day("2024-05-01", "2024-05-02T00")
    operation = next(plan)
    while type(operation).__name__ != "Aggregate":
        operation = plan.send(store.analytics._perform(one(operation)))
    operation = plan.send(store.analytics._perform(one(operation)))
    store.receive(late(1, START + timedelta(hours=1, minutes=5)))
    store.analytics.roll_up()
    with suppress(StopIteration):
        while True:
            operation = plan.send(store.analytics._perform(one(operation)))
    assert store.analytics.rollup_lag().dirty == 0
    assert_right(store)


def one(operation: Any) -> Any:
    return (yield operation)


def test_recount_finds_what_is_wrong_and_repairs_it(store: Any, tables: Any) -> None:
    """Of hours and of days, also what a late event could not have touched."""
    receive_all(store, stream(300))
    store.analytics.roll_up()
    wrong = {"$inc": {"rows.0.c.sends": 5}}
    tables["ses_rollup"].update_one({"_id": "hour|total|2024-05-01T05"}, wrong)
    tables["ses_rollup"].update_one({"_id": "day|campaign|2024-05-02"}, wrong)
    told = store.analytics.recount(START, END, repair=False)
    assert set(told.differences) == {
        ("hour", "2024-05-01T05", "total"), ("day", "2024-05-01", "total"), ("day", "2024-05-02", "campaign"),
    }  # fmt: skip
    assert store.analytics.recount(START, END).repaired == 1
    assert_right(store)


def test_what_is_too_much_to_keep_comes_from_the_log(store: Any, tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the domains would be an answer that looks like the whole."""
    monkeypatch.setattr(families, "MOST_ROWS", 3)
    receive_all(store, stream(600))
    store.analytics.roll_up()
    assert None in kept(tables).values()
    for slot in (HOUR, DAY):
        window = Window(START, END)
        by_domain = found(store, window, ("recipient_domain",), slot)
        assert by_domain == found(store, window, ("recipient_domain",), slot, exact=True)
    assert_right(store)


def test_rollups_of_another_edition_are_not_read(store: Any, tables: Any) -> None:
    """The log answers until they are made anew."""
    receive_all(store, stream(300))
    store.analytics.roll_up()
    tables["ses_rollup_hour"].update_many({}, {"$set": {"v": 0}})
    tables["ses_rollup"].update_many({}, {"$set": {"rows": [], "rev": 5}})
    assert_right(store)
    store.analytics.roll_up()
    assert store.analytics.rollup_lag().dirty == 0
    assert kept(tables)["day|total|2024-05-01"] != []
    assert_right(store)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
def test_days_of_any_zone_are_those_of_the_log(store: Any, clock: Clock, zone: str) -> None:
    """Where the clocks change, where days begin at half past, and with the open hours of today."""
    begin = datetime(2024, 3, 29, tzinfo=ZoneInfo(zone))
    receive_all(store, stream(600, start=begin.astimezone(timezone.utc)))
    clock.now = datetime(2024, 4, 1, 9, 50, tzinfo=timezone.utc)
    store.analytics.roll_up()
    midnights = [datetime(2024, 3, day, tzinfo=ZoneInfo(zone)) for day in (29, 30, 31)] + [
        datetime(2024, 4, day, tzinfo=ZoneInfo(zone)) for day in (1, 2)
    ]
    counted = Cell()
    for since, until in pairwise(midnights):
        window = Window(since.astimezone(timezone.utc), until.astimezone(timezone.utc))
        assert found(store, window, ("provider",)) == found(store, window, ("provider",), exact=True)
        counted.merge(store.analytics.tally(since, until))
    assert counted.counts == store.analytics.tally(midnights[0], midnights[-1], exact=True).counts


def test_the_other_colour_rolls_up_too(store: Any, mongodb_uri: str, database: str, clock: Clock) -> None:
    """With progress, of which a coroutine may be told."""
    receive_all(store, stream(600))
    told = []

    async def tell(done: Any) -> None:
        told.append(done.hours)

    async def main() -> None:
        async with AsyncEventStore.connect(mongodb_uri, database=database, clock=clock) as other:
            done = await other.analytics.roll_up(on_progress=tell)
            assert told[-1] == done.hours > 48
            await other.receive(late())
            assert (await other.analytics.rollup_lag()).dirty == 1
            assert (await other.analytics.roll_up()).hours == 1
            assert (await other.analytics.recount(START, END)).differences == ()
            assert await other.analytics.tally(START, END) == await other.analytics.tally(START, END, exact=True)

    asyncio.run(main())


def test_a_roll_up_goes_on_where_it_was(store: Any) -> None:
    """Days that were walked are not looked at again."""
    receive_all(store, stream(900))

    def stop(done: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.analytics.roll_up(on_progress=stop)
    lag = store.analytics.rollup_lag()
    assert lag.running
    assert lag.hours > 24
    assert store.analytics.roll_up().hours < 100
    assert_right(store)


def test_a_window_that_ends_before_it_begins_is_refused(store: Any) -> None:
    """As everywhere."""
    with pytest.raises(ConfigurationError):
        store.analytics.recount(END, START)


def test_clocks_may_differ(store: Any, clock: Clock, tables: Any) -> None:
    """A receiver whose clock is minutes behind marks what a roller may have counted."""
    receive_all(store, stream(300))
    clock.now = START + timedelta(hours=6, minutes=16)
    store.analytics.roll_up()
    clock.now -= marking.GRACE / 2 - timedelta(seconds=1)
    store.receive(late())
    assert states(tables)["hour|2024-05-01T05"]["dirty"]
