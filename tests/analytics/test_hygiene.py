"""Whom to take off a list: what is made of what the log says, against counting by hand. Without a database."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.analytics import hygiene
from sesevent.analytics.hygiene import KINDS, Hygiene, Mailed
from sesevent.suppression import RULES

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
BORDER = datetime(2024, 5, 3, tzinfo=timezone.utc)
DAYS = [f"2024-05-{day:02}T00:00:00.000Z" for day in range(1, 6)]
LETTERS = "ab."
SHORT = ["".join(some) for length in range(4) for some in product(LETTERS, repeat=length)]


# ── one slip ────────────────────────────────────────────────────────────────────────────────────────────────────────


def slips_of(word: str) -> set[str]:
    """Whatever one slip makes of it: each tried."""
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    missing = {left + right[1:] for left, right in cuts}
    more = {left + letter + right for left, right in cuts for letter in LETTERS}
    another = {left + letter + right[1:] for left, right in cuts if right for letter in LETTERS}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    return (missing | more | another | swapped) - {word}


def told(delivered: int, large: str, *never: str) -> list[dict[str, Any]]:
    """As the log answers."""
    rows = [{"_id": name, "people": 3, "one": f"a@{name}"} for name in never]
    return [{"large": [{"_id": large, "delivered": delivered}], "never": rows}]


@pytest.mark.parametrize("meant", SHORT)
def test_a_slip_is_what_one_slip_of_the_fingers_makes(meant: str) -> None:
    """A letter missing, too much, another, or two that changed places: all short words, each against every other."""
    near = [typed for typed in SHORT if hygiene.slips(told(20, meant, typed))[0]]

    assert near == [typed for typed in SHORT if typed in slips_of(meant)]


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("gmail.com", False), ("gmial.com", True), ("gmai.com", True), ("gmaill.com", True), ("gmaik.com", True),
        ("gmail.co", True), ("gmail.comm", True), ("mail.com", True), ("gmx.com", False), ("liamg.com", False),
        ("gamil.com", True), ("gmali.com", True), ("g.com", False), ("", False),
    ],
)  # fmt: skip
def test_slips_as_people_make_them(typed: str, near: bool) -> None:
    """Of one large domain."""
    assert hygiene.slips(told(1000, "gmail.com", typed))[0] == (3 if near else 0)


def test_only_domains_that_take_much_mail_are_meant() -> None:
    """Twenty mails; of those who are near, the first few are told."""
    assert hygiene.slips(told(19, "abc", "abd")) == (0, [])
    assert hygiene.slips(told(20, "abc", "abd", "ab", "xyz", "bac", "abcd")) == (12, ["a@abd", "a@ab", "a@bac"])
    assert hygiene.slips(told(4, "abc", "abd"), many=4) == (3, ["a@abd"])


# ── kinds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_role_addresses_are_those_of_rfc_2142_and_a_few_more() -> None:
    """With a tag behind a `+` too; a name that begins or ends like one is a person's."""
    role = re.compile(hygiene.role_pattern())
    names = [
        "info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster", "hostmaster", "usenet", "news",
        "webmaster", "www", "uucp", "ftp", "admin", "administrator", "billing", "contact", "help", "mailer-daemon",
        "no-reply", "noreply", "office", "root",
    ]  # fmt: skip

    for name in names:
        assert role.match(f"{name}@example.com")
        assert role.match(f"{name}+x.y@example.com")
        for other in (f"x{name}", f"{name}s", f"{name}.x"):
            assert not role.match(f"{other}@example.com")
    assert not role.match("ann+info@example.com")
    assert not role.match("+x@example.com")


def test_each_rule_of_suppression_is_of_one_kind() -> None:
    """But erased people, of whom nothing is told; and of each kind it is told what to do, and why."""
    assert [(kind.name, *kind.rules) for kind in KINDS] == [
        ("hard_bounced", "hard-bounce"), ("complained", "complaint", "complaint-possible"),
        ("unsubscribed", "unsubscribed", "unsubscribed-at-ses"), ("soft_bounced", "soft-bounces", "refused-by-recipient"),
        ("suppressed", "manual", "imported", "ses-list"), ("unengaged",), ("role",), ("typo_domain",),
    ]  # fmt: skip
    assert {rule for kind in KINDS for rule in kind.rules} == {rule.name for rule in RULES} - {"erased"}
    for kind in KINDS:
        assert all((kind.words, kind.do, kind.why))


def test_an_example_is_masked_and_what_nobody_can_read_is_none() -> None:
    """The beginning of a name and its domain; who is encrypted is counted, and not shown."""
    one = hygiene.finding(KINDS[0], 4, ["ann@example.com", b"sealed", None, "bob@example.com"])

    assert (one.name, one.people, one.examples) == ("hard_bounced", 4, ("a…@example.com", "b…@example.com"))
    assert (one.words, one.do, one.why) == KINDS[0][1:4]


def test_it_is_plain_data_too() -> None:
    """With times as text."""
    one = hygiene.finding(KINDS[0], 1, ["ann@example.com"])
    whole = Hygiene(BORDER, BORDER.replace(day=1), 6, 7, True, (one, one)).to_dict()

    assert (whole["at"], whole["since"]) == ("2024-05-03T00:00:00.000Z", "2024-05-01T00:00:00.000Z")
    assert (whole["months"], whole["people"], whole["engagement_known"]) == (6, 7, True)
    assert (whole["hidden"], whole["counted_once"]) == (0, True)
    assert [row["examples"] for row in whole["findings"]] == [("a…@example.com",)] * 2


def test_the_log_is_read_from_the_beginning_to_the_end_that_are_asked_for() -> None:
    """As its own stamps tell."""
    for pipeline in (
        hygiene.people_pipeline(START, START + DAY, START + 2 * DAY),
        hygiene.domains_pipeline(START, START + 2 * DAY),
    ):
        assert pipeline[0] == {
            "$match": {"Timestamp": {"$gte": "2024-05-01T00:00:00.000Z", "$lt": "2024-05-03T00:00:00.000Z"}}
        }


# ── who was mailed ──────────────────────────────────────────────────────────────────────────────────────────────────

moments = st.none() | st.sampled_from(DAYS)
people = st.builds(
    lambda name, domain, *rest: Mailed(f"{name}@{domain}" if name else "", domain, *rest),
    st.sampled_from(["ann", "bob", "info", "info+x", "informed", ""]),
    st.sampled_from(["abc", "abd", "ab", "xyz"]),
    st.integers(0, 30), moments, moments,
)  # fmt: skip


def obvious(crowd: list[Mailed]) -> dict[str, set[int]]:
    """Who is of which kind, by place, each asked by himself."""
    took = {domain: sum(one.delivered for one in crowd if one.domain == domain) for domain in {p.domain for p in crowd}}
    known = any(one.engaged for one in crowd)
    found: dict[str, set[int]] = {"unengaged": set(), "role": set(), "typo_domain": set()}
    for place, one in enumerate(crowd):
        first_before = one.first in DAYS[:2]  # the border is the third day
        looked_since = one.engaged in DAYS[2:]
        if known and one.delivered >= 2 and first_before and not looked_since:
            found["unengaged"].add(place)
        if one.name.partition("@")[0] in ("info", "info+x"):
            found["role"].add(place)
        if took[one.domain] == 0 and any(took[other] >= 20 and _near(one.domain, other) for other in took):
            found["typo_domain"].add(place)
    return found


def _near(one: str, other: str) -> bool:
    return (one, other) in {("abc", "abd"), ("abd", "abc"), ("ab", "abc"), ("abc", "ab"), ("ab", "abd"), ("abd", "ab")}


@given(crowd=st.lists(people, max_size=12))
def test_people_are_found_as_by_asking_each(crowd: list[Mailed]) -> None:
    """Who never looked, whose is a function's address, who is one slip away; a few names of each, in order."""
    known, found = hygiene.found_of(iter(crowd), BORDER)
    wanted = obvious(crowd)

    assert known == any(one.engaged for one in crowd)
    assert {kind: count for kind, (count, _) in found.items()} == {kind: len(some) for kind, some in wanted.items()}
    for kind in ("unengaged", "role"):
        names = sorted(crowd[place].name for place in wanted[kind])
        assert found[kind][1] == [name for name in names if name][:3]
    for shown in found["typo_domain"][1]:
        assert shown in {crowd[place].name for place in wanted["typo_domain"]}


def test_the_domain_with_most_people_is_told_first() -> None:
    """Of equal ones by name; each with the first of its people."""
    crowd = [Mailed(f"p{number}@abc", "abc", 10) for number in range(2)]
    crowd += [Mailed(f"{name}@{domain}", domain) for name, domain in
              (("z", "abx"), ("y", "abd"), ("c", "ab"), ("b", "ab"), ("x", "abz"), ("w", "aabc"))]  # fmt: skip

    assert hygiene.found_of(crowd, BORDER)[1]["typo_domain"] == (6, ["b@ab", "w@aabc", "y@abd"])


def test_only_so_many_domains_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that take mail the largest, of those that never did the ones with most people."""
    crowd = [Mailed("a@xyz", "xyz", 30), Mailed("a@abc", "abc", 20), Mailed("a@abd", "abd"), Mailed("a@xyy", "xyy")]
    assert hygiene.found_of(crowd, BORDER)[1]["typo_domain"][0] == 2
    monkeypatch.setattr(hygiene, "_LARGE", 1)
    assert hygiene.found_of(crowd, BORDER)[1]["typo_domain"] == (1, ["a@xyy"])
    monkeypatch.setattr(hygiene, "_DOMAINS", 1)
    assert hygiene.found_of(crowd, BORDER)[1]["typo_domain"] == (0, [])


rows = st.lists(
    st.fixed_dictionaries({"delivered": st.integers(0, 3), "first": moments, "engaged": moments}), max_size=6
)


@given(rows=rows)
def test_what_arrived_under_several_names_adds_up(rows: list[dict[str, Any]]) -> None:
    """The first delivery, the last look, in any order."""
    one, other = Mailed("ann@example.com", "example.com"), Mailed("ann@example.com", "example.com")
    for row in rows:
        one.add(row)
    for row in reversed(rows):
        other.add(row)

    assert one == other
    assert one.delivered == sum(row["delivered"] for row in rows)
    assert one.first == min((row["first"] for row in rows if row["first"]), default=None)
    assert one.engaged == max((row["engaged"] for row in rows if row["engaged"]), default=None)


def answer(**told: Any) -> list[dict[str, Any]]:
    """As the log answers, by facet."""
    none: dict[str, list[Any]] = {
        name: [] for name in ("people", "engaged", "unengaged", "unengaged_some", "role", "role_some", "hidden")
    }
    return [none | {name: [{"n": n}] if isinstance(n, int) else n for name, n in told.items()}]


def test_the_logs_answer_is_read() -> None:
    """What is not in it is none; where nobody is known to look, nobody is called unengaged."""
    some = {"unengaged": 4, "unengaged_some": [{"_id": "ann@example.com"}], "role": 2, "role_some": [{"_id": "info@x"}]}

    assert hygiene.read_people(answer()) == (0, 0, False, {"unengaged": (0, []), "role": (0, [])})
    assert hygiene.read_people(answer(people=9, hidden=3, engaged=1, **some)) == (
        9, 3, True, {"unengaged": (4, ["ann@example.com"]), "role": (2, ["info@x"])},
    )  # fmt: skip
    assert hygiene.read_people(answer(people=9, **some))[2:] == (False, {"unengaged": (0, []), "role": (2, ["info@x"])})
