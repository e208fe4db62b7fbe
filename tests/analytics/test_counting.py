"""What is counted from events' texts, and kept in families: against counting by hand. Without a database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obvious_counts import counts, events_of, things
from sesevent import testing
from sesevent.analytics.cells import NO_DOMAIN, SEVERAL, Cell, Cells, Key
from sesevent.analytics.families import FAMILIES, Folded, fold, pack, summed, unpack
from sesevent.analytics.groups import group_of
from sesevent.analytics.providers import provider_of
from sesevent.analytics.spans import bucket_of
from sesevent.storage.codec import document_fields

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck))


def by_text(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the log answers: the groups of rows, and how often each is there."""
    return [{"_id": text, "n": n} for text, n in Counter(row["derived"]["group"] for row in rows).items()]


def whole(cells: Cells) -> Cell:
    found = Cell()
    for _, _, cell in cells.items():
        found.merge(cell)
    return found


def plain(figures: dict[str, int]) -> dict[str, int]:
    """What `obvious_counts` counts, too."""
    return {name: n for name, n in figures.items() if n and name not in ("account_suppressed", "permanent_bounces")}


@pytest.mark.parametrize("seed", range(3))
def test_texts_of_events_are_counted_as_by_hand(seed: int) -> None:
    """Hour by hour, and domain by domain."""
    raws = list(testing.stream(250, seed=seed, start=START, mails_per_second=0.02))
    cells = Cells().add_texts(by_text(document_fields(event) for event in events_of(raws)))
    found: defaultdict[tuple[str, str], Cell] = defaultdict(Cell)
    for hour, key, cell in cells.items():
        if not key.simulated:
            found[hour, key.recipient_domain].merge(cell)
    wanted: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for thing in things(raws):
        nobody = NO_DOMAIN if thing.counter in ("auto_replies", "undetermined_bounces") else SEVERAL
        wanted[thing.at.isoformat()[:13], thing.domain or nobody].append(thing)

    assert {place: plain(cell.figures()) for place, cell in found.items()} == {
        place: counts(some) for place, some in wanted.items()
    }
    for place, some in wanted.items():
        took = Counter(
            bucket_of(round((one.at - one.sent).total_seconds() * 1000)) for one in some if one.counter == "deliveries"
        )
        assert found[place].took.buckets == took
        first: dict[str, int] = {}
        for one in some:
            if one.counter == "opens":
                spent = bucket_of(round((one.at - one.sent).total_seconds() * 1000))
                first[one.mail] = min(spent, first.get(one.mail, spent))
        assert found[place].opened_after.buckets == Counter(first.values())


# ── Texts, and what they are made of ─────────────────────────────────────────────────────────

DOMAINS = ["gmail.com", "a.example", "b.example", "simulator.amazonses.com"]
one_failure = st.fixed_dictionaries(
    {"class": st.sampled_from(["hard", "soft", "suppressed", "unheard of"]), "reason": st.sampled_from(["virus", "policy"])},
    optional={"type": st.sampled_from(["Permanent", "Transient"]), "subType": st.sampled_from(["General", "OnTenantSuppressionList"])},
)  # fmt: skip
complaints = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(["abuse", "not-spam"]), "subType": st.just("OnAccountSuppressionList")}
)
derived = st.fixed_dictionaries(
    {},
    optional={
        "campaign": st.sampled_from(["spring", "may"]), "configurationSet": st.just("set"), "source": st.just("a@b"),
        "ipPool": st.just("pool"), "template": st.just("welcome"), "took": st.sampled_from([0, 3, 900, 70_000]),
        "recipients": st.lists(st.sampled_from(DOMAINS).map(lambda domain: f"ann@{domain}"), max_size=3),
        "machine": st.just("too-soon"), "bounce": one_failure, "complaint": complaints,
        "subscription": st.sampled_from([{"out": ["news"]}, {"in": ["news"]}]),
    },
)  # fmt: skip
KINDS = ["Send", "Delivery", "Bounce", "Complaint", "Open", "Click", "Subscription", "DeliveryDelay", "Wholly New"]
happened = st.tuples(
    st.sampled_from(KINDS), st.sampled_from(["2024-05-01T10", "2024-05-01T11"]), st.sampled_from(["m1", "m2"]), derived
)
OWN = {"Bounce": ("bounce",), "Complaint": ("complaint",), "Subscription": ("subscription",), "Open": ("machine",),
       "Click": ("machine",)}  # fmt: skip


def as_stored(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    """Only what its kind has."""
    details = {name for names in OWN.values() for name in names} - set(OWN.get(kind, ()))
    return {name: value for name, value in told.items() if name not in details}


def as_pipelines_group(kind: str, hour: str, mail: str, told: dict[str, Any]) -> dict[str, Any]:
    """The group of an event by what it is made of, as the pipeline makes it."""
    short = {"campaign": "c", "configurationSet": "cs", "source": "so", "ipPool": "ip", "template": "te", "bounce": "b",
             "complaint": "y", "machine": "m"}  # fmt: skip
    group: dict[str, Any] = {"h": hour, "t": kind, "d": [person.split("@")[1] for person in told.get("recipients", ())]}
    group |= {ours: told[theirs] for theirs, ours in short.items() if theirs in told}
    if "out" in told.get("subscription", ()):
        group["u"] = told["subscription"]["out"]
    if kind in ("Open", "Click"):
        group["i"] = mail
    if kind in ("Delivery", "Open") and "took" in told:
        group["s"] = bucket_of(told["took"])
    return group


@SLOW
@given(st.lists(happened, max_size=25), st.randoms(use_true_random=False))
def test_texts_and_what_they_are_made_of_count_alike(story: list[Any], chance: Any) -> None:
    """Whichever way the log was asked, in any order, and in several answers."""
    rows = [(kind, hour, mail, as_stored(kind, told)) for kind, hour, mail, told in story]
    texts = [group_of(kind, f"{hour}:20:00.000Z", mail, told) for kind, hour, mail, told in rows]
    answers = [{"_id": text, "n": n} for text, n in Counter(texts).items()]
    chance.shuffle(answers)
    half = len(answers) // 2
    ours = Cells().add_texts(answers[:half]).add_texts(answers[half:])
    theirs = Cells().add({"_id": as_pipelines_group(*row), "n": 1} for row in rows)

    assert {(hour, key): cell for hour, key, cell in ours.items()} == {
        (hour, key): cell for hour, key, cell in theirs.items()
    }


def test_a_mail_opened_in_two_hours_is_opened_in_each() -> None:
    """And in each after the shortest time that is known there; one that nobody timed is opened all the same."""
    group = {"t": "Open", "d": ["a.example"], "i": "m"}
    told = [("T10", 9), ("T10", 5), ("T10", 7), ("T11", 30), ("T12", None)]
    made = [{"_id": group | {"h": f"2024-05-01{hour}"} | ({} if s is None else {"s": s}), "n": 2} for hour, s in told]
    texts = []
    for hour, s in told:
        text = group_of("Open", f"2024-05-01{hour}", "m", {"recipients": ["ann@a.example"]})
        assert text is not None
        before, _, mark = text.rsplit("\x1f", 2)
        texts.append({"_id": f"{before}\x1f{'' if s is None else s}\x1f{mark}", "n": 2})

    for cells in (Cells().add(made), Cells().add(made[::-1]), Cells().add_texts(texts), Cells().add_texts(texts[::-1])):
        found = {hour[-3:]: cell for hour, _, cell in cells.items()}
        assert {hour: cell.opened_after.buckets for hour, cell in found.items()} == {
            "T10": {5: 1}, "T11": {30: 1}, "T12": {},
        }  # fmt: skip
        assert {hour: cell.figures() for hour, cell in found.items()} == {
            "T10": {"opens": 6, "unique_opens": 1}, "T11": {"opens": 2, "unique_opens": 1},
            "T12": {"opens": 2, "unique_opens": 1},
        }  # fmt: skip


# ── Families ─────────────────────────────────────────────────────────────────────────────────


def key_of(campaign: str, source: str, template: str, domain: str) -> Key:
    return Key(campaign, "set", source, "pool", template, domain, provider_of(domain))


def cell_of(sends: int, opens: int) -> Cell:
    made = Cell()
    made.counts, made.reasons = {"sends": sends, "opens": opens}, {"virus": sends}
    made.took.add(sends)
    made.opened_after.add(opens, 2)
    made.unique("opens").add(opens)
    return made


keyed = st.lists(
    st.tuples(
        st.builds(key_of, st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(["", "t"]), st.sampled_from(DOMAINS)),
        st.integers(1, 5), st.integers(1, 5),
    ),
    max_size=10,
)  # fmt: skip


def obvious(told: list[tuple[Key, int, int]], fields: frozenset[str]) -> dict[Key, Cell]:
    """Each added to what it has in common with others; the simulator's to itself."""
    found: defaultdict[Key, Cell] = defaultdict(Cell)
    for key, sends, opens in told:
        kept = {name: getattr(key, name) for name in fields}
        if key.provider == "simulator":
            kept["provider"] = "simulator"
        found[Key(**kept)].merge(cell_of(sends, opens))
    return dict(found)


def folded(told: list[tuple[Key, int, int]]) -> Folded:
    return fold((key, cell_of(sends, opens)) for key, sends, opens in told)


def in_parts(told: list[tuple[Key, int, int]]) -> Folded:
    """As the hours of a day."""
    return summed(folded(told[place::3]) for place in range(3))


@SLOW
@given(keyed, st.sampled_from([folded, in_parts]))
def test_each_family_is_what_adding_up_by_hand_finds(told: list[Any], made_by: Callable[[list[Any]], Folded]) -> None:
    """From all events at once, or hour by hour; also once it was written down and read."""
    families = made_by(told)
    wanted = {name: obvious(told, fields) for name, fields in FAMILIES.items()}
    shared: dict[int, Any] = {}

    assert families == wanted
    for name, cells in families.items():
        rows = pack(cells, shared)
        assert rows is not None
        assert unpack(rows) == sorted(wanted[name].items(), key=lambda row: row[0])
        assert unpack(rows, lambda key: key.campaign != "a") == [row for row in unpack(rows) if row[0].campaign != "a"]


def test_no_event_of_an_hour_is_counted_twice_by_reading_it_again() -> None:
    """Adding up takes nothing from what it adds."""
    hour = folded([(key_of("a", "x", "", "a.example"), 1, 2)])
    once = summed([hour])

    assert summed([hour, hour])["total"][Key()].counts == {"sends": 2, "opens": 4}
    assert summed([hour]) == once == folded([(key_of("a", "x", "", "a.example"), 1, 2)])
