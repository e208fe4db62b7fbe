"""Cells, against an independent and obvious way to count."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sesevent import parse, testing, trusted
from sesevent.analytics.cells import DAY, HOUR, MINUTE, SEVERAL, WHOLE, Cell, Cells, Key
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import Where
from sesevent.bounces import classify_event
from sesevent.events.machines import machine_of
from sesevent.plans import analyse
from sesevent.sns.unwrap import unwrap

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
END = START + timedelta(days=40)


def payloads(events: int, seed: int) -> list[Any]:
    return list(testing.stream(events, seed=seed, start=START, mails_per_second=0.05))


def obvious(raws: list[Any]) -> Counter[str]:
    """Counted from the events themselves, each once."""
    once = {message.text: parse(message.text)[0] for raw in raws for message in unwrap(raw)}
    told: Counter[str] = Counter()
    for event in once.values():
        people = event.recipients
        if all(person.normal.endswith("@simulator.amazonses.com") for person in people) and people:
            continue
        if event.type in ("Open", "Click"):
            agent, word = event.raw[event.type.lower()].get("userAgent"), event.type.lower() + "s"
            told[("machine_" if machine_of(event.type, agent, event.essentials.took) else "") + word] += 1
        elif event.type == "Bounce":
            for found in classify_event(event) if people else classify_event(event)[:1]:
                told[{"hard": "hard_bounces", "soft": "soft_bounces", "block": "block_bounces",
                      "suppressed": "suppressed_bounces", "auto_reply": "auto_replies",
                      "undetermined": "undetermined_bounces"}[found.bounce_class]] += 1  # fmt: skip
        elif event.type == "Complaint":
            told[
                "complaints_not_spam"
                if event.raw["complaint"].get("complaintFeedbackType") == "not-spam"
                else "complaints"
            ] += 1
        else:
            told[{"Send": "sends", "Delivery": "deliveries", "Reject": "rejects", "DeliveryDelay": "delays",
                  "Rendering Failure": "rendering_failures", "Subscription": "unsubscribes"}[event.type]] += (
                      1 if event.type == "Subscription" else len({person.normal for person in people}))  # fmt: skip
    return told


@pytest.mark.parametrize("seed", range(3))
def test_a_tally_is_what_counting_by_hand_finds(store: Any, seed: int) -> None:
    """Every event once, whatever was repeated and however late it came."""
    raws = payloads(1500, seed)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)
    cell = store.analytics.tally(START, END)
    ours = {
        name: times for name, times in cell.counts.items() if name not in ("account_suppressed", "permanent_bounces")
    }
    assert ours == dict(obvious(raws))
    assert ours["deliveries"] == cell.took.count()


def test_order_and_repetition_change_nothing(store: Any) -> None:
    """The same events in another order, and again, are the same cell, field by field."""
    raws = payloads(600, 7)
    store.receive_many(trusted(raw, because="a test's own") for raw in reversed(raws))
    once = store.analytics.tally(START, END)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws + raws)
    assert store.analytics.tally(START, END) == once


groups = st.builds(
    lambda kind, domains, n, bucket, mail, **more: {
        "_id": {"h": "2024-05-01T10", "t": kind, "d": domains, "s": bucket, "i": mail} | {k: v for k, v in more.items() if v is not None},
        "n": n,
    },
    st.sampled_from(["Send", "Delivery", "Bounce", "Open", "Click", "Complaint", "Other"]),
    st.lists(st.sampled_from(["a.example", "gmail.com", "simulator.amazonses.com"]), max_size=3),
    st.integers(1, 9),
    st.integers(0, 100),
    st.sampled_from(["m1", "m2", "m3"]),
    c=st.sampled_from([None, "spring"]),
    m=st.sampled_from([None, "program"]),
    b=st.sampled_from([None, {"class": "hard", "reason": "user_unknown", "type": "Permanent"}]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(groups, max_size=12), st.randoms(use_true_random=False))
def test_cells_add_up_in_any_order(some: list[Any], chance: Any) -> None:
    """One cell of everything, cells of parts merged, and parts in another order are the same."""

    def merged(cells: list[Cells]) -> Cell:
        whole = Cell()
        for part in cells:
            for _, _, cell in part.items():
                whole.merge(cell)
        return whole

    shuffled = chance.sample(some, len(some))
    assert merged([Cells().add(some)]) == merged([Cells().add(shuffled)])
    counted = [merged(parts).figures() for parts in ([Cells().add(some)], [Cells().add([one]) for one in shuffled])]
    assert counted[0] == counted[1]


@pytest.mark.parametrize(
    ("kind", "name", "people"),
    [("Send", "sends", 2), ("Delivery", "deliveries", 2), ("Bounce", "undetermined_bounces", 2), ("Reject", "rejects", 2),
     ("Rendering Failure", "rendering_failures", 2), ("DeliveryDelay", "delays", 2), ("Complaint", "complaints", 1),
     ("Subscription", "others", 1), ("Something New", "others", 1)],
)  # fmt: skip
def test_what_concerns_each_recipient_counts_for_each(kind: str, name: str, people: int) -> None:
    """What concerns a mail as a whole counts once."""
    cells = Cells().add([{"_id": {"h": "2024-05-01T10", "t": kind, "d": ["gmail.com", "a.example"]}, "n": 3}])
    told = {key.recipient_domain: cell.counts[name] for _, key, cell in cells.items()}

    assert told == ({"gmail.com": 3, "a.example": 3} if people == 2 else {SEVERAL: 3})


@pytest.mark.parametrize(
    ("asked", "key", "holds"),
    [
        (Where(), Key(campaign="spring"), True),
        (Where(campaign="spring"), Key(campaign="spring", source="a@b.example"), True),
        (Where(campaign="spring"), Key(campaign="autumn"), False),
        (Where(campaign="spring", source="a@b.example"), Key(campaign="spring"), False),
        (Where(tag=("shop", "north")), Key(tag="south"), True),  # a tag is asked of rows, not of keys
        (Where(), Key(provider="simulator"), False),
        (Where(campaign="spring"), Key(campaign="spring", provider="simulator"), False),
        (Where(provider="simulator"), Key(provider="simulator"), True),
        (Where(provider="google"), Key(provider="simulator"), False),
        (Where(recipient_domain="simulator.amazonses.com"),
         Key(recipient_domain="simulator.amazonses.com", provider="simulator"), True),
    ],
)  # fmt: skip
def test_mails_are_meant_of_which_all_holds_that_is_asked(asked: Where, key: Key, holds: bool) -> None:
    """Amazon's simulator's only where a domain or a provider is asked for."""
    assert asked.holds(key) is holds


def test_times_are_told_apart_by_so_many_characters() -> None:
    """Of a stamp."""
    stamp = "2024-05-01T10:11:12.000Z"

    assert [stamp[:slot] for slot in (WHOLE, DAY, HOUR, MINUTE)] == [
        "", "2024-05-01", "2024-05-01T10", "2024-05-01T10:11",
    ]  # fmt: skip


def test_a_mail_to_several_is_counted_for_each_and_opened_once() -> None:
    """Deliveries count for each domain; who opened cannot be told."""
    both = ["gmail.com", "a.example"]
    cells = {
        key: cell
        for _, key, cell in Cells()
        .add(
            [
                {"_id": {"h": "h", "t": "Delivery", "d": both}, "n": 2},
                {"_id": {"h": "h", "t": "Open", "d": both, "i": "m", "s": 3}, "n": 4},
                {"_id": {"h": "h", "t": "Open", "d": both, "i": "m", "s": 9}, "n": 1},
            ]
        )
        .items()
    }
    assert {key.provider: cell.counts for key, cell in cells.items()} == {
        "gmail": {"deliveries": 2}, "other": {"deliveries": 2}, SEVERAL: {"opens": 5},
    }  # fmt: skip
    several = cells[Key(recipient_domain=SEVERAL, provider=SEVERAL)]
    assert several.figures()["unique_opens"] == 1
    assert several.opened_after.buckets == {3: 1}


def test_cells_that_are_merged_add_up() -> None:
    """Counts, reasons, different mails and spans."""
    group = {"h": "2024-05-01T10", "d": ["a.example"]}
    both = [
        {"_id": group | {"t": "Bounce", "b": {"reason": "virus", "class": "soft"}}, "n": 2},
        {"_id": group | {"t": "Delivery", "s": 7}, "n": 1},
        {"_id": group | {"t": "Open", "i": "m1", "s": 9}, "n": 1},
    ]
    cells = [cell for made in (both, both) for _, _, cell in Cells().add(made).items()]
    merged = cells[0].merge(cells[1])

    assert merged.counts == {"soft_bounces": 4, "deliveries": 2, "opens": 2}
    assert merged.reasons == {"virus": 4}
    assert merged.figures()["unique_opens"] == 1
    assert (merged.took.buckets, merged.opened_after.buckets) == ({7: 2}, {9: 2})


def test_reasons_of_several_go_with_their_people() -> None:
    """A failure of two for two reasons counts each for its domain."""
    told = {"class": ["hard", "soft"], "reason": ["user_unknown", "mailbox_full"], "type": "Permanent"}
    group = {"_id": {"h": "h", "t": "Bounce", "d": ["a.example", "b.example"], "b": told}, "n": 1}
    found = {key.recipient_domain: (cell.counts, cell.reasons) for _, key, cell in Cells().add([group]).items()}
    assert found["a.example"] == ({"hard_bounces": 1, "permanent_bounces": 1}, {"user_unknown": 1})
    assert found["b.example"] == ({"soft_bounces": 1, "permanent_bounces": 1}, {"mailbox_full": 1})


def test_what_is_told_apart_adds_up_to_the_whole(store: Any) -> None:
    """However finely: by minute, by provider, by the values of a tag, the cells merged are the tally."""
    raws = payloads(600, 3)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)
    whole, window = store.analytics.tally(START, END), Window(START, END)
    for slot in (WHOLE, DAY, HOUR, MINUTE):
        for dimensions in ((), ("provider",), ("campaign", "recipient_domain"), ("tag:campaign",)):
            plan = analyse.cells_of(window, Where(), frozenset(dimensions), slot)
            rows = list(store.analytics._perform(plan))
            merged = Cell()
            for _, _, cell in rows:
                merged.merge(cell)
            assert merged == whole
            assert len({row[:2] for row in rows}) == len(rows)
            assert {len(time) for time, _, _ in rows} == {slot}
    assert {key.tag for _, key, _ in rows} == {"", "orders", "spring", "newsletter"}
