"""Our list and SES's, compared: the table row by row, and that carrying it out comes to an end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesevent.addresses import normal
from sesevent.plans.ses_list import (
    BOUNCE,
    COMPLAINT,
    ROWS,
    Entry,
    Ours,
    Step,
    acts_of,
    by_address,
    compare,
    ours_of,
    whole,
)
from sesevent.storage.standings import with_id
from sesevent.suppression.decision import decide
from sesevent.suppression.facts import Act, Fact, Facts
from sesevent.suppression.policy import DEFAULT_POLICY, Effect, Policy
from sesevent.suppression.standing import derive

ANN = "ann@example.com"
HERE, THERE = "eu-west-1", "us-east-1"


def day(number: float) -> datetime:
    return datetime(2024, 6, 1, tzinfo=timezone.utc) + timedelta(days=number)


NOW = day(100)
HARD = {"reason": BOUNCE, "held": True}
ANGRY = {"reason": COMPLAINT, "held": True}

TABLE: list[tuple[str, dict[str, Any], list[tuple[str, int]], str | None]] = [
    ("nothing known on either side", {}, [], None),
    ("a bounce new at SES", {}, [(BOUNCE, 1)], "listed-at-ses"),
    ("a complaint new at SES", {}, [(COMPLAINT, 1)], "listed-at-ses"),
    ("an entry that was written down", {"listed": day(1), "listed_as": BOUNCE}, [(BOUNCE, 1)], None),
    ("an entry that changed since", {"listed": day(1), "listed_as": BOUNCE}, [(COMPLAINT, 2)], "listed-at-ses"),
    ("an entry that is gone", {"listed": day(1), "listed_as": BOUNCE}, [], "gone-from-ses"),
    ("one whose end is known", {"listed": day(1), "unlisted": day(2), "gone": day(2)}, [], None),
    ("one that another region's end answered", {"listed": day(1), "listed_as": BOUNCE, "unlisted": day(2)}, [(BOUNCE, 1)], "listed-at-ses"),
    ("a hard bounce of ours alone", HARD, [], "hard-bounce-here"),
    ("a hard bounce of both", HARD | {"listed": day(1), "listed_as": BOUNCE}, [(BOUNCE, 1)], None),
    ("a hard bounce taken off by hand at SES", HARD | {"listed": day(1), "listed_as": BOUNCE}, [], "hard-bounce-here"),
    ("a bounce of ours, a complaint there", HARD, [(COMPLAINT, 1)], "listed-at-ses"),
    ("a complaint of ours alone", ANGRY, [], "complaint-here"),
    ("a complaint of ours, a bounce there", ANGRY, [(BOUNCE, 1)], "complaint-here"),
    ("a complaint of both", ANGRY | {"listed": day(1), "listed_as": COMPLAINT}, [(COMPLAINT, 1)], None),
    ("held for what SES has no word for", {"held": True}, [], None),
    ("a bounce reactivated later", {"reactivated": day(2)}, [(BOUNCE, 1)], "bounce-reactivated"),
    ("a bounce reactivated at the same time", {"reactivated": day(1)}, [(BOUNCE, 1)], "listed-at-ses"),
    ("a bounce reactivated before", {"reactivated": day(1)}, [(BOUNCE, 2)], "listed-at-ses"),
    ("reactivated, and held for something since", {"reactivated": day(2), "held": True, "listed": day(1), "listed_as": BOUNCE}, [(BOUNCE, 1)], None),
    ("a complaint plainly reactivated", {"reactivated": day(2), "listed": day(1), "listed_as": COMPLAINT}, [(COMPLAINT, 1)], "complaint-stays"),
    ("a complaint overridden later", {"reactivated": day(2), "overridden": day(2)}, [(COMPLAINT, 1)], "complaint-overridden"),
    ("a complaint overridden before", {"reactivated": day(1), "overridden": day(1)}, [(COMPLAINT, 2)], "listed-at-ses"),
    ("two spellings, one a complaint", {"reactivated": day(9), "listed": day(1), "listed_as": COMPLAINT}, [(COMPLAINT, 1), (BOUNCE, 1)], "complaint-stays"),
    ("two spellings, one changed after the reactivation", {"reactivated": day(2), "listed": day(3), "listed_as": BOUNCE}, [(BOUNCE, 1), (BOUNCE, 3)], None),
]  # fmt: skip


def entries_of(told: list[tuple[str, int]]) -> list[Entry]:
    return [
        Entry(spelling, reason, day(at)) for spelling, (reason, at) in zip(("Ann@Example.com", ANN), told, strict=False)
    ]


@pytest.mark.parametrize(("ours", "theirs", "row"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_each_difference_has_its_row(ours: dict[str, Any], theirs: list[tuple[str, int]], row: str | None) -> None:
    """Or none, where both agree or differ as they must."""
    steps = list(compare({ANN: Ours(ANN, **ours)}, {ANN: entries_of(theirs)} if theirs else {}, NOW))

    assert [step.row for step in steps] == ([row] if row else [])


def test_every_row_of_the_table_is_tried_and_says_why() -> None:
    """A row that no case of the test reaches is a row that nobody needs."""
    assert {row.name for row in ROWS} == {case[3] for case in TABLE} - {None}
    assert all(row.why and row.winner for row in ROWS)


def test_ses_is_asked_in_its_own_spelling() -> None:
    """All spellings of the address; our own normal form only where SES has none."""
    (deleted,) = compare({ANN: Ours(ANN, reactivated=day(5))}, {ANN: entries_of([(BOUNCE, 1), (BOUNCE, 2)])}, NOW)
    (put,) = compare({ANN: Ours(ANN, **HARD)}, {}, NOW)
    (worse,) = compare({ANN: Ours(ANN, **ANGRY)}, {ANN: entries_of([(BOUNCE, 1)])}, NOW)

    assert (deleted.spellings, deleted.at) == (("Ann@Example.com", ANN), day(2))
    assert (put.spellings, worse.spellings, worse.reason) == ((ANN,), ("Ann@Example.com",), COMPLAINT)


def test_nothing_follows_from_absence_in_a_part_of_the_list() -> None:
    """Neither that somebody is gone, nor that somebody is to be put."""
    ours = {ANN: Ours(ANN, listed=day(1), listed_as=BOUNCE), "b@example.com": Ours("b@example.com", **HARD)}

    assert list(compare(ours, {}, NOW, complete=False)) == []


def test_one_way_only_looks_at_the_rows_of_that_way() -> None:
    """Pulling changes nothing at SES, pushing writes nothing down."""
    ours = {ANN: Ours(ANN, **ANGRY)}
    theirs = {ANN: entries_of([(BOUNCE, 1)])}

    assert [step.does for step in compare(ours, theirs, NOW, ways=["pull"])] == ["listed"]
    assert [step.does for step in compare(ours, theirs, NOW, ways=["push"])] == ["put"]


def fact(kind: str, at: float, **more: Any) -> Fact:
    return Fact(day(at), f"{kind}-{at}-{sorted(more.items())}", kind, **more)


def act(name: str, at: float, **more: Any) -> Act:
    return with_id(ANN, Act(day(at), "", name, **more))


DEAD = fact("Bounce", 1, bounce_class="hard", reason="mailbox_missing")
ABUSE = fact("Complaint", 1, type="abuse")
GUESS = fact("Complaint", 1, type="abuse", certain=False)


@pytest.mark.parametrize(
    ("known", "policy", "reason", "held"),
    [
        ([DEAD], {}, BOUNCE, True),
        ([ABUSE], {}, COMPLAINT, True),
        ([DEAD, ABUSE], {}, COMPLAINT, True),
        ([GUESS], {}, None, True),
        ([act("suppress", 1)], {}, None, True),
        ([act("suppress", 1, origin="import")], {}, None, True),
        ([act("unsubscribe", 1, stream="*")], {}, None, True),
        ([act("unsubscribe", 1, stream="marketing")], {}, None, False),
        ([act("listed", 1, origin="ses")], {}, None, False),
        ([DEAD, act("reactivate", 2)], {}, None, False),
        ([DEAD, act("reactivate", 2, stream="marketing")], {}, None, True),
        ([DEAD], {"hard-bounce": Effect(lasts=timedelta(days=9999))}, None, True),
        ([ABUSE], {"complaint": Effect(except_streams=frozenset(["transactional"]))}, None, True),
        ([DEAD], {"hard-bounce": Effect(action="ignore")}, None, False),
    ],
)  # fmt: skip
def test_only_what_holds_for_good_and_everywhere_is_put_at_ses(
    known: list[Any], policy: dict[str, Any], reason: str | None, held: bool
) -> None:
    """Its list knows neither an end nor a stream, and of reasons only two; a guess stays a guess of ours."""
    facts = Facts(
        ANN,
        frozenset(one for one in known if isinstance(one, Fact)),
        frozenset(one for one in known if isinstance(one, Act)),
    )
    ours = ours_of(Policy(effects=policy), facts, HERE, NOW)

    assert (ours.reason, ours.held) == (reason, held)


SPELLINGS = (ANN, "Ann@Example.com", "ANN@example.com")
_TIMES = st.integers(0, 40)
_OUR_FACTS = st.lists(
    st.one_of(
        st.builds(lambda at: fact("Bounce", at, bounce_class="hard", reason="mailbox_missing"), _TIMES),
        st.builds(lambda at: fact("Bounce", at, bounce_class="suppressed", reason="account_list", sub_type="OnAccountSuppressionList"), _TIMES),
        st.builds(lambda at, sure: fact("Complaint", at, type="abuse", certain=sure), _TIMES, st.booleans()),
        st.builds(lambda at, over, stream: act("reactivate", at, override=over, stream=stream), _TIMES, st.booleans(), st.sampled_from(["*", "marketing"])),
        st.builds(lambda at, name, region, note: act(name, at, origin="ses", by=region, note=note),
                  _TIMES, st.sampled_from(["listed", "unlisted"]), st.sampled_from([HERE, THERE, ""]), st.sampled_from([BOUNCE, COMPLAINT])),
        st.builds(lambda at: act("suppress", at, by="ann"), _TIMES),
    ),
    max_size=7,
)  # fmt: skip
_THEIR_ENTRIES = st.dictionaries(
    st.sampled_from(SPELLINGS), st.tuples(st.sampled_from([BOUNCE, COMPLAINT]), _TIMES), max_size=3
)


@dataclass
class World:
    """Both sides, and the slow and obvious way to carry a step out."""

    known: list[Any]
    ses: dict[str, tuple[str, datetime]]
    now: datetime = NOW
    done: list[Step] = field(default_factory=list)

    def facts(self) -> Facts:
        events = frozenset(one for one in self.known if isinstance(one, Fact))
        return Facts(ANN, events, frozenset(one for one in self.known if isinstance(one, Act)))

    def ours(self) -> Ours:
        return ours_of(DEFAULT_POLICY, self.facts(), HERE, self.now)

    def entry(self) -> Entry | None:
        return whole([Entry(spelling, reason, at) for spelling, (reason, at) in self.ses.items()])

    def round(self, *ways: str) -> list[Step]:
        self.now += timedelta(hours=1)
        theirs = by_address(Entry(spelling, reason, at) for spelling, (reason, at) in self.ses.items())
        steps = list(compare({ANN: self.ours()}, theirs, self.now, ways=ways or ("push", "pull", "keep")))
        for step in steps:
            for spelling in step.spellings:
                if step.does == "put":
                    self.ses[spelling] = (step.reason, self.now)
                elif step.does == "delete":
                    del self.ses[spelling]
            self.known += [with_id(address, said) for address, said in acts_of(step, HERE, self.now)]
        self.done += steps
        return [step for step in steps if step.does != "keep"]

    def settle(self) -> None:
        for _ in range(4):
            if not self.round():
                return
        raise AssertionError(self.done)


def world(known: list[Any], theirs: dict[str, tuple[str, int]]) -> World:
    return World(list(known), {spelling: (reason, day(at)) for spelling, (reason, at) in theirs.items()})


@settings(max_examples=400)
@given(_OUR_FACTS, _THEIR_ENTRIES)
def test_carrying_it_out_comes_to_an_end(known: list[Any], theirs: dict[str, tuple[str, int]]) -> None:
    """After a few rounds there is nothing left to do, whatever both sides said before."""
    world(known, theirs).settle()


@settings(max_examples=400)
@given(_OUR_FACTS, _THEIR_ENTRIES)
def test_in_the_end_both_agree(known: list[Any], theirs: dict[str, tuple[str, int]]) -> None:
    """SES lists whom we suppress for good, and whom SES lists we do not mail, unless a plain reactivation answered it."""
    both = world(known, theirs)
    both.settle()
    ours, entry = both.ours(), both.entry()

    if ours.reason:
        assert entry is not None
        assert entry.reason in (ours.reason, COMPLAINT)
    if entry is not None and not (ours.reactivated is not None and ours.reactivated > entry.at):
        assert not decide(DEFAULT_POLICY, derive(DEFAULT_POLICY, both.facts()), "*", both.now)


@settings(max_examples=400)
@given(_OUR_FACTS, _THEIR_ENTRIES)
def test_nobodys_word_is_lost(known: list[Any], theirs: dict[str, tuple[str, int]]) -> None:
    """A complaint is deleted at SES only after an override here; and one of ours is there in the end."""
    both = world(known, theirs)
    complained = any(reason == COMPLAINT for reason, _ in theirs.values())
    before = both.ours()
    both.settle()
    entry = both.entry()

    if before.reason == COMPLAINT or (complained and before.overridden is None):
        assert entry is not None
        assert entry.reason == COMPLAINT


@settings(max_examples=200)
@given(_OUR_FACTS, _THEIR_ENTRIES)
def test_pulling_never_changes_ses_and_pushing_never_lists(
    known: list[Any], theirs: dict[str, tuple[str, int]]
) -> None:
    """Each way is one way."""
    pulling, pushing = world(known, theirs), world(known, theirs)
    before = dict(pulling.ses)
    pulling.round("pull")
    said = pushing.round("push")

    assert pulling.ses == before
    assert {step.does for step in said} <= {"put", "delete"}


@given(st.lists(st.sampled_from([*SPELLINGS, "ben@example.com"])))
def test_spellings_meet_under_one_address(spellings: list[str]) -> None:
    """And none is lost."""
    found = by_address(Entry(spelling, BOUNCE, day(1)) for spelling in spellings)

    assert set(found) == {normal(spelling) for spelling in spellings}
    assert sorted(entry.spelling for entries in found.values() for entry in entries) == sorted(spellings)
