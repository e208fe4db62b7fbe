"""Different mails: exactly where they are few, by a sketch where they are many."""

from __future__ import annotations

import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.analytics.cells import Cell, Key
from sesevent.analytics.families import equal_rows, fold, pack, summed, unpack
from sesevent.analytics.uniques import ERROR, MOST_MARKS, Uniques, mark_of
from sesevent.errors import MissingExtra


def marks(count: int, seed: int = 1) -> list[int]:
    chance = random.Random(seed)
    return [chance.getrandbits(64) for _ in range(count)]


def sketched(some: list[int]) -> Uniques:
    """What is kept of many."""
    found = Uniques.unpacked(Uniques([*some, *marks(MOST_MARKS + 1, 99)]).packed())
    assert not found.exact
    return found


def test_few_are_kept_as_they_are() -> None:
    """The largest mark too."""
    some = Uniques([*marks(MOST_MARKS - 2), 0, 2**64 - 1])
    kept = Uniques.unpacked(some.packed())
    assert kept.exact
    assert kept == some
    assert len(some.packed()) == 8 * MOST_MARKS + 1


@pytest.mark.parametrize("count", [300, 3000, 60_000])
def test_many_are_estimated_within_the_error_that_is_told(count: int) -> None:
    """Root mean square of twenty; whether they were seen at once or in parts."""
    errors = []
    for seed in range(20):
        some = marks(count, seed)
        whole = Uniques.unpacked(Uniques(some[::2]).packed())
        whole.merge(Uniques.unpacked(Uniques(some[1::2]).packed()))
        errors.append(whole.count() / count - 1)
        assert len(whole.packed()) < 2300
    assert (sum(error**2 for error in errors) / 20) ** 0.5 < ERROR * 1.5


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_nor_parts_change_a_sketch(some: list[int], chance: random.Random) -> None:
    """Marks and sketches merged in any order estimate the same, and are equal."""
    many = marks(2000)
    parts = [Uniques(some), sketched(many[:700]), sketched(many[300:]), Uniques(some[:3]), sketched(some)]
    wholes = []
    for _ in range(2):
        chance.shuffle(parts)
        whole = Uniques()
        for part in parts:
            whole.merge(part)
        wholes.append(whole)
    assert wholes[0] == wholes[1] == Uniques.unpacked(wholes[0].packed())
    assert wholes[0].count() == wholes[1].count()


steps = st.lists(
    st.tuples(st.sampled_from(["add", "merge few", "merge many", "keep"]), st.integers(0, 6000), st.integers(1, 2000)),
    max_size=6,
)  # fmt: skip


@given(steps)
def test_whatever_is_added_or_merged_is_counted(told: list[tuple[str, int, int]]) -> None:
    """One by one, few or many together, kept and read in between: exactly, or within the error that is told."""
    all_marks, found, seen = marks(8000), Uniques(), set[int]()
    for what, begin, length in told:
        some = all_marks[begin : begin + length]
        if what == "add":
            for mark in some:
                found.add(mark)
        elif what == "keep":
            found, some = Uniques.unpacked(found.packed()), []
        else:
            found.merge(Uniques(some) if what == "merge few" else Uniques.unpacked(Uniques(some).packed()))
        seen |= set(some)

    assert found.count() == pytest.approx(len(seen), rel=0 if found.exact else 5 * ERROR)
    assert found.exact or len(seen) > MOST_MARKS
    assert not found.exact or found.marks == seen


def test_without_the_library_it_is_said_what_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few mails need none."""
    many = Uniques(marks(MOST_MARKS + 1))
    monkeypatch.setitem(sys.modules, "datasketches", None)

    assert Uniques.unpacked(Uniques(marks(3)).packed()).count() == 3
    with pytest.raises(MissingExtra, match=r"Counting different mails .*sesevent\[rollups\]"):
        many.packed()


def test_sketches_that_know_different_mails_differ() -> None:
    """Also by a single one, where it shows in a register."""
    assert sketched(marks(500)) != sketched(marks(501))
    assert sketched(marks(500)) != Uniques(marks(500))
    assert (Uniques([1]) == Uniques([2])) is (Uniques([1]) == {1}) is False


def test_a_mail_is_known_by_the_same_mark_everywhere() -> None:
    """In `derived.group` it is written in hexadecimal digits."""
    from sesevent.analytics.groups import group_of, parts_of

    text = group_of("Open", "2024-05-01T10:00:00.000Z", "0100018f-1", {"took": 5, "recipients": ["a@b.example"]})
    assert text is not None
    assert int(parts_of(text)[2], 16) == mark_of("0100018f-1")


def cell(count: int, seed: int) -> Cell:
    made = Cell()
    made.count("opens", count)
    made.reasons["mailbox_full"] = 2
    made.took.add(5, count)
    made.uniques["opens"] = Uniques(marks(count, seed))
    return made


def test_rows_hold_everything_of_a_cell() -> None:
    """What is packed and unpacked is equal; what differs in anything is not."""
    cells = {Key(campaign=name): cell(20, seed) for seed, name in enumerate("ab")}
    rows = pack(cells, {})
    assert rows is not None
    assert dict(unpack(rows)) == cells
    for change in (lambda one: one.count("opens", 1), lambda one: one.took.add(1), lambda one: one.opened_after.add(1)):
        other = {key: cell(20, seed) for seed, key in enumerate(cells)}
        change(other[Key(campaign="b")])
        assert not equal_rows(rows, pack(other, {}) or [])


def test_families_add_up_to_the_same_whatever_is_shared() -> None:
    """Hours summed, and all at once: a family that tells nothing apart shares the total's cell, and changes nothing."""
    hours = [
        [(Key(campaign=name, provider="gmail", recipient_domain="gmail.com"), cell(3, seed)) for name in "ab"]
        for seed in range(3)
    ]
    by_hour = summed(fold(some) for some in hours)
    at_once = fold([one for some in hours for one in some])
    assert by_hour == at_once
    assert by_hour["total"][Key()].counts == {"opens": 18}
    folded = fold(hours[0])
    assert folded["total"][Key()].counts == {"opens": 6}
    assert folded["provider"][Key(provider="gmail")] is folded["total"][Key()]  # what tells nothing apart
    # …and what tells all apart.
    assert {id(one) for one in folded["campaign"].values()} == {id(one) for one in folded["mail"].values()}


def test_no_family_loses_what_is_in_another() -> None:
    """Where some mails of a campaign have one source and some another, each family still tells of all of them."""
    told = [("a", "x"), ("a", "y"), ("b", "x")]
    keys = [Key(campaign, source=source, provider="gmail", recipient_domain="gmail.com") for campaign, source in told]
    folded = fold([(key, cell(3, seed)) for seed, key in enumerate(keys)])

    assert {
        name: sum(one.counts["opens"] for one in cells.values()) for name, cells in folded.items()
    } == dict.fromkeys(folded, 9)
