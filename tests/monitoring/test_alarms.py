"""The state machine of an alarm: whatever is measured in whatever order, these things hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sesevent.analytics.measures import Window
from sesevent.monitoring.alarms import ALARMED, CLOCKS_APART, STATES, Alarm, AlarmEntry, Mute, State, new_alarm, step
from sesevent.monitoring.figures import Figures
from sesevent.monitoring.rules import Rule

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
RULE = Rule("bounces", "hard_bounce", 0.02, 0.04, min_volume=100, min_count=3, recover=0.8, cooldown=HOUR)


def figures(bounces: int, sends: int, now: datetime = NOW, *, usual: dict[str, int] | None = None) -> Figures:
    return Figures(Window(now - HOUR, now), {"hard_bounces": bounces, "sends": sends}, usual or {})


def in_state(state: State, rule: Rule = RULE, at: datetime = NOW) -> Alarm:
    return replace(new_alarm(rule, at - HOUR), state=state, revision=1)


def next_state(before: State, bounces: int, sends: int, rule: Rule = RULE) -> State:
    taken = step(rule, in_state(before, rule), figures(bounces, sends), NOW)
    assert taken is not None
    return taken.alarm.state


def course(
    rule: Rule, measured: list[tuple[int, int, int]], before: Alarm | None = None
) -> list[tuple[Alarm, AlarmEntry | None]]:
    """The states that follow from (minutes later, bounces, sends)."""
    alarm, now, states = before, NOW, []
    for minutes, bounces, sends in measured:
        now += timedelta(minutes=minutes)
        taken = step(rule, alarm, figures(bounces, sends, now), now)
        assert taken is not None
        alarm = taken.alarm
        states.append((alarm, taken.entry))
    return states


before_any = st.sampled_from(STATES)
volumes = st.integers(0, 5000)
rules = st.builds(
    lambda warn, more, recover, volume, count, confident, cooldown, remind: Rule(
        "r", "hard_bounce", warn, warn + more, recover=recover, min_volume=volume, min_count=count,
        confident_below=confident, cooldown=timedelta(minutes=cooldown),
        remind=None if remind is None else timedelta(minutes=cooldown + remind),
    ),
    st.floats(0.001, 0.3), st.floats(0, 0.5), st.floats(0.1, 1), st.integers(0, 300), st.integers(0, 10),
    st.integers(0, 2000), st.integers(0, 180), st.none() | st.integers(1, 600),
)  # fmt: skip
courses = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 400), st.integers(0, 1000)).map(lambda m: (m[0], min(m[1], m[2]), m[2])),
    max_size=40,
)  # fmt: skip


@given(rule=rules, before=before_any, sends=volumes, bounces=st.integers(0, 5000), more=st.integers(0, 500))
def test_more_bounces_of_as_many_mails_are_never_better(
    rule: Rule, before: State, sends: int, bounces: int, more: int
) -> None:
    """Monotone, whatever the rule and the state before."""
    bounces = min(bounces, sends)
    worse = min(bounces + more, sends)

    assert STATES.index(next_state(before, bounces, sends, rule)) <= STATES.index(
        next_state(before, worse, sends, rule)
    )


@given(rule=rules, sends=volumes, bounces=st.integers(0, 5000))
def test_from_a_worse_state_one_never_comes_to_a_better_one(rule: Rule, sends: int, bounces: int) -> None:
    """Hysteresis holds an alarm; it begins none."""
    bounces = min(bounces, sends)
    after = [STATES.index(next_state(before, bounces, sends, rule)) for before in ("ok", "warn", "critical")]

    assert after == sorted(after)
    assert next_state("no_data", bounces, sends, rule) == next_state("ok", bounces, sends, rule)


@given(
    rule=rules,
    sends=st.integers(300, 5000),
    shares=st.lists(st.floats(0, 1), max_size=20),
    held=st.sampled_from(ALARMED),
)
def test_between_the_two_lines_an_alarm_does_not_flap(rule: Rule, sends: int, shares: list[float], held: State) -> None:
    """Whatever comes that is below the line and not below its share of it, the state stays."""
    line = dict(rule.lines)[held]
    ceiling = min(line, rule.critical or line)
    low, high = line * rule.recover, ceiling
    bounces = [round(sends * (low + (high - low) * share)) for share in shares]
    states = course(
        rule, [(1, some, sends) for some in bounces if low <= some / sends < high], in_state(held, rule, NOW - HOUR)
    )

    assert {alarm.state for alarm, _ in states} <= {held}


@given(rule=rules, sends=volumes, bounces=st.integers(0, 5000), before=st.sampled_from(["ok", "no_data"]))
def test_below_the_minimum_volume_nothing_can_be_told(rule: Rule, sends: int, bounces: int, before: State) -> None:
    """And above it something can."""
    state = next_state(before, min(bounces, sends), sends, rule)

    assert (state == "no_data") == (sends < rule.min_volume or sends == 0)


@given(rule=rules, sends=volumes, bounces=st.integers(0, 5000), before=st.sampled_from(["ok", "no_data"]))
def test_an_alarm_begins_only_with_enough_and_at_a_line(rule: Rule, sends: int, bounces: int, before: State) -> None:
    """One bounce of two mails is no news."""
    bounces = min(bounces, sends)
    assume(next_state(before, bounces, sends, rule) in ALARMED)

    assert bounces >= rule.min_count
    assert bounces / sends >= (rule.warn or 0)


@given(rule=rules, measured=courses)
def test_nobody_is_told_twice_of_one_state_within_the_cooldown(
    rule: Rule, measured: list[tuple[int, int, int]]
) -> None:
    """However it goes up and down."""
    told: dict[str, datetime] = {}
    for _, entry in course(rule, measured):
        if entry is not None and entry.tell:
            assert entry.state not in told or entry.at - told[entry.state] >= rule.cooldown
            told[entry.state] = entry.at


@given(rule=rules, measured=courses)
def test_what_people_were_told_last_is_true_once_it_has_held_for_the_cooldown(
    rule: Rule, measured: list[tuple[int, int, int]]
) -> None:
    """What was held back is told later: nothing is lost to the cooldown."""
    for alarm, _ in course(rule, measured):
        if alarm.state != "no_data" and alarm.at - alarm.since >= rule.cooldown:
            assert alarm.told == alarm.state


@given(rule=rules, measured=courses)
def test_nobody_is_told_of_no_data_nor_that_all_is_well_who_was_told_nothing_else(
    rule: Rule, measured: list[tuple[int, int, int]]
) -> None:
    """A night is no news."""
    last = "ok"
    for _, entry in course(rule, measured):
        if entry is not None and entry.tell:
            assert entry.state != "no_data"
            assert (last, entry.state) != ("ok", "ok")
            last = entry.state


@given(rule=rules, measured=courses)
def test_each_change_is_one_line_of_the_history(rule: Rule, measured: list[tuple[int, int, int]]) -> None:
    """From state to state without a gap, each under a name of its own."""
    states = course(rule, measured)
    changes = [entry for _, entry in states if entry is not None and entry.what == "changed"]
    everything = [entry.id for _, entry in states if entry is not None]

    assert all(one.state == other.before for one, other in pairwise(changes))
    assert len(set(everything)) == len(everything)
    assert [alarm.revision for alarm, _ in states] == list(range(1, len(states) + 1))


@given(rule=rules, measured=courses)
def test_while_it_is_silenced_nobody_is_told(rule: Rule, measured: list[tuple[int, int, int]]) -> None:
    """And it is evaluated as ever."""
    silent = replace(new_alarm(rule, NOW), silenced=Mute("ann", "deploying", NOW, NOW + timedelta(days=30)))
    quiet, loud = course(rule, measured, silent), course(rule, measured)

    assert [alarm.state for alarm, _ in quiet] == [alarm.state for alarm, _ in loud]
    assert not any(entry is not None and entry.tell for _, entry in quiet)


def test_what_still_holds_after_a_silence_is_told_then() -> None:
    """A silence hides nothing for longer than it lasts."""
    silent = replace(new_alarm(RULE, NOW), silenced=Mute("ann", "deploying", NOW, NOW + timedelta(minutes=15)))
    (_, first), (after, second) = course(RULE, [(10, 50, 1000), (10, 50, 1000)], silent)

    assert first is not None
    assert (first.what, first.tell) == ("changed", False)
    assert second is not None
    assert (second.what, second.state, second.tell) == ("still", "critical", True)
    assert after.silenced is None


@pytest.mark.parametrize(("known", "reminders"), [(False, 2), (True, 0)])
def test_people_are_reminded_until_somebody_knows(known: bool, reminders: int) -> None:
    """Every so often, and never once it is acknowledged."""
    rule = replace(RULE, remind=timedelta(hours=2))
    (begun, _), *_ = course(rule, [(0, 50, 1000)])
    if known:
        begun = replace(begun, acknowledged=Mute("ann", "on it", NOW))
    later = course(rule, [(60, 50, 1000)] * 5, begun)

    assert [entry.what for _, entry in later if entry is not None] == ["still"] * reminders


def test_an_acknowledgement_ends_with_the_state_it_was_about() -> None:
    """Who knows of a warning does not know that it is critical now."""
    (begun, _), *_ = course(RULE, [(0, 25, 1000)])
    known = replace(begun, acknowledged=Mute("ann", "on it", NOW))
    ((worse, entry),) = course(RULE, [(5, 60, 1000)], known)

    assert (worse.state, worse.acknowledged) == ("critical", None)
    assert entry is not None
    assert entry.tell


def test_an_evaluation_that_comes_too_late_changes_nothing() -> None:
    """Two processes may overtake each other."""
    kept = replace(in_state("critical"), at=NOW + timedelta(seconds=2))

    assert step(RULE, kept, figures(0, 1000), NOW) is None


def test_a_clock_that_was_wrong_does_not_stop_the_others() -> None:
    """Neither what it evaluated, nor what it told."""
    ahead = NOW + CLOCKS_APART + timedelta(seconds=1)
    kept = replace(in_state("ok"), at=ahead, told_at={"critical": ahead})
    taken = step(RULE, kept, figures(50, 1000), NOW)

    assert taken is not None
    assert taken.entry is not None
    assert (taken.alarm.state, taken.entry.tell) == ("critical", True)


@pytest.mark.parametrize(
    ("bounces", "sends", "state"),
    [(1, 13, "no_data"), (4, 150, "ok"), (8, 150, "warn"), (12, 150, "critical"), (21, 1000, "warn"), (40, 1000, "critical")],
)  # fmt: skip
def test_of_few_mails_the_interval_has_to_lie_above_the_line(bounces: int, sends: int, state: State) -> None:
    """Four of 150 are 2.7 %, and may well be 1 %; of a thousand the rate itself speaks."""
    rule = replace(RULE, confident_below=1000)

    assert next_state("ok", bounces, sends, rule) == state


@pytest.mark.parametrize(("usual", "state"), [({}, "warn"), ({"hard_bounces": 10, "sends": 1000}, "warn"),
                                              ({"hard_bounces": 15, "sends": 1000}, "ok")])  # fmt: skip
def test_a_surge_is_more_than_usual(usual: dict[str, int], state: State) -> None:
    """Where nothing is known of before, the line alone decides."""
    rule = replace(RULE, surge=2.5)
    taken = step(rule, in_state("ok", rule), figures(30, 1000, usual=usual), NOW)

    assert taken is not None
    assert taken.alarm.state == state


@pytest.mark.parametrize(
    ("before", "bounces", "state"),
    [("critical", 33, "critical"), ("critical", 31, "warn"), ("critical", 17, "warn"), ("critical", 15, "ok"),
     ("warn", 39, "warn"), ("warn", 17, "warn"), ("warn", 15, "ok"), ("ok", 17, "ok"), ("no_data", 33, "warn")],
)  # fmt: skip
def test_an_alarm_ends_below_four_fifths_of_its_line(before: State, bounces: int, state: State) -> None:
    """2 % and 4 % begin, 1.6 % and 3.2 % end; what was critical is a warning on its way down."""
    assert next_state(before, bounces, 1000) == state


def test_it_takes_some_of_them() -> None:
    """Two bounces of a hundred are 2 %, and two bounces."""
    assert [next_state("ok", bounces, 100) for bounces in (2, 3)] == ["ok", "warn"]


def test_an_alarm_is_followed_below_the_minimum_volume_for_a_while() -> None:
    """Sending less is what one does about it, and it must not flap with the volume."""
    assert next_state("critical", 5, 90) == "critical"
    assert next_state("critical", 5, 79) == "no_data"
    assert next_state("ok", 5, 90) == "no_data"


@pytest.mark.parametrize(
    ("before", "state", "line"),
    [("ok", "warn", 0.02), ("ok", "critical", 0.04), ("critical", "warn", 0.02), ("warn", "ok", 0.02), ("critical", "ok", 0.04)],
)  # fmt: skip
def test_an_entry_names_the_line_that_was_crossed(before: State, state: State, line: float) -> None:
    """For whoever reads of it."""
    bounces = {"ok": 0, "warn": 25, "critical": 60}[state]
    taken = step(RULE, in_state(before), figures(bounces, 1000), NOW)

    assert taken is not None
    assert taken.entry is not None
    assert (taken.entry.before, taken.entry.state, taken.entry.line) == (before, state, line)
