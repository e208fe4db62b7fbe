"""Every question, against counting by hand (`obvious_counts`)."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from obvious_counts import Thing, counts, things
from sesevent import testing, trusted
from sesevent.analytics.measures import MEASURES
from sesevent.analytics.providers import provider_of
from sesevent.errors import ConfigurationError
from sesevent.testing import payloads

UTC = timezone.utc
START = datetime(2024, 5, 1, tzinfo=UTC)
# A seed that fails is told; a smaller one would say no more.
FEW = settings(
    max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
COUNTED = ("account_suppressed", "permanent_bounces")


def events(number: int, seed: int, start: datetime = START, per_second: float = 0.02) -> list[Any]:
    return list(testing.stream(number, seed=seed, start=start, mails_per_second=per_second))


def fill(store: Any, raws: list[Any]) -> list[Any]:
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)
    return raws


def told(row: Any) -> dict[str, int]:
    """A row's counts, as `obvious_counts` has them."""
    return {name: times for name, times in row.counts.items() if times and name not in COUNTED}


def label(moment: datetime, by: str, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    if by == "hour":
        return local.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")
    return local.strftime({"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}[by])


@FEW
@given(
    seed=st.integers(0, 10_000),
    tz=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    by=st.sampled_from(["hour", "day", "week", "month"]),
    start=st.sampled_from([datetime(2024, 3, 30, 12, tzinfo=UTC), datetime(2024, 10, 26, 12, tzinfo=UTC),
                           datetime(2024, 3, 9, 20, 17, tzinfo=UTC), datetime(2024, 11, 2, 20, 41, tzinfo=UTC)]),
)  # fmt: skip
def test_a_series_counts_each_event_in_its_period(
    store: Any, rows: Any, seed: int, tz: str, by: str, start: Any
) -> None:
    """By the clock on the wall of the zone, also where it is set; and the periods add up to the window."""
    rows.delete_many({})
    raws = fill(store, events(250, seed, start, per_second=0.0005))
    zone, until = ZoneInfo(tz), start + timedelta(days=6)
    wanted: defaultdict[str, list[Thing]] = defaultdict(list)
    for thing in things(raws):
        if start <= thing.at < until:
            wanted[label(thing.at, by, zone)].append(thing)

    series = store.analytics.timeseries(start, until, by=by, tz=tz)

    assert {row.name: told(row) for row in series if told(row)} == {name: counts(some) for name, some in wanted.items()}
    assert [row.window.since for row in series][1:] == [row.window.until for row in series][:-1]
    assert (series.rows[0].window.since, series.rows[-1].window.until) == (start, until)
    assert series.tz == tz


@pytest.mark.parametrize(
    ("tz", "day", "hours"),
    [("Europe/Berlin", "2024-03-31", 23), ("Europe/Berlin", "2024-10-27", 25), ("America/New_York", "2024-03-10", 23),
     ("America/New_York", "2024-11-03", 25), ("Asia/Kolkata", "2024-03-31", 24), ("UTC", "2024-03-31", 24)],
)  # fmt: skip
def test_a_day_has_the_hours_it_has(store: Any, tz: str, day: str, hours: int) -> None:
    """23 or 25 where clocks are set; each is a row, though nothing happened in it."""
    after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    series = store.analytics.timeseries(day, after, by="hour", tz=tz)

    assert len({row.name for row in series}) == len(series) == hours
    (whole,) = store.analytics.timeseries(day, after, by="day", tz=tz)
    assert whole.window.until - whole.window.since == timedelta(hours=hours)
    assert (whole.counts["sends"], whole.rate("delivery").rate) == (0, None)


def test_minutes_decide_where_a_zone_is_off_by_half_an_hour(store: Any) -> None:
    """In Kolkata the day begins at half past six in the evening of Greenwich."""
    for minute in (29, 30):
        sent = datetime(2024, 5, 1, 18, minute, tzinfo=UTC)
        store.receive(
            trusted(payloads.send(to="a@one.example", sent=sent, message_id=f"m{minute}"), because="a test's own")
        )
    series = store.analytics.timeseries("2024-05-01", "2024-05-03", tz="Asia/Kolkata")

    assert {row.name: row.counts["sends"] for row in series} == {"2024-05-01": 1, "2024-05-02": 1}


@FEW
@given(seed=st.integers(0, 10_000))
def test_breakdowns_are_what_counting_by_hand_finds(store: Any, rows: Any, seed: int) -> None:
    """By campaign, provider, domain, tag and reason; in any order, and repeated."""
    rows.delete_many({})
    raws = events(500, seed)
    fill(store, raws[::-1])
    fill(store, raws[:200])
    found, window = things(raws), (START, START + timedelta(days=9))

    def wanted(of: Any) -> dict[str, dict[str, int]]:
        groups: defaultdict[str, list[Thing]] = defaultdict(list)
        for thing in found:
            groups[of(thing)].append(thing)
        return {name: counts(some) for name, some in groups.items()}

    def asked(dimension: str, **more: Any) -> dict[str, dict[str, int]]:
        return {row.name: told(row) for row in store.analytics.by(dimension, *window, limit=None, **more)}

    campaigns = wanted(lambda thing: thing.campaign or "(none)")
    assert asked("campaign") == asked("tag", name="campaign") == campaigns
    nobody = {thing.mail for thing in found if thing.counter == "auto_replies" and thing.domain is None}
    domains = wanted(lambda thing: thing.domain or ("(none)" if thing.counter == "auto_replies" else "several"))
    assert asked("recipient_domain") == domains, nobody
    providers = wanted(
        lambda thing: (
            provider_of(thing.domain) if thing.domain else "(none)" if thing.counter == "auto_replies" else "several"
        )
    )
    assert asked("provider") == providers
    reasons = Counter(thing.reason for thing in found if thing.reason)
    assert {row.reason: row.bounces for row in store.analytics.by("bounce_reason", *window, limit=None)} == reasons


def test_a_limit_leaves_the_rest_in_one_row(store: Any) -> None:
    """So that rows still add up to the whole."""
    fill(store, events(500, 4))
    whole, window = store.analytics.summary(START, "2024-06-01"), (START, "2024-06-01")
    some = store.analytics.by("recipient_domain", *window, limit=2)

    assert [row.name for row in some][2:] == ["(other)"]
    assert sum(row.counts["sends"] for row in some) == whole.counts["sends"]
    reasons = store.analytics.by("bounce_reason", *window, limit=1)
    every = store.analytics.by("bounce_reason", *window)
    assert reasons.rows[0].bounces + reasons.rest == sum(row.bounces for row in every)
    assert every["mailbox_full"].fault == "recipient"
    assert every["mailbox_full"].advice


def test_filters_combine(store: Any) -> None:
    """All that is given must hold."""
    raws = fill(store, events(500, 5))
    summary = store.analytics.summary(START, "2024-06-01", campaign="spring", recipient_domain="gmail.example")
    wanted = [one for one in things(raws) if one.campaign == "spring" and one.domain == "gmail.example"]

    assert told(summary) == counts(wanted)
    assert summary.counts["sends"]
    same = store.analytics.summary(START, "2024-06-01", tag=("campaign", "spring"), recipient_domain="gmail.example")
    assert same.counts == summary.counts


def many(store: Any, *made: Any) -> None:
    store.receive_many(trusted(raw, because="a test's own") for raw in made)


SCANNER = {"user_agent": "Barracuda Sentinel"}


def test_equal_links_are_told_in_one_order(store: Any) -> None:
    """By mails, then clicks, then scanners' mails and clicks, then by their names."""
    wanted = {  # link → clicks by people and by scanners, mail by mail
        "https://x.example/z-two-mails": [(1, 0), (1, 0)], "https://x.example/y-more-clicks": [(3, 0)],
        "https://x.example/x-two-scanned": [(1, 1), (0, 1)], "https://x.example/w-scanned-twice": [(1, 2)],
        "https://x.example/v-scanned-once": [(1, 1)],
        "https://x.example/a": [(1, 0)], "https://x.example/b": [(1, 0)],
    }  # fmt: skip
    for link, mails in wanted.items():
        for place, (people, scanners) in enumerate(mails):
            of: dict[str, Any] = {"to": "a@one.example", "sent": START, "message_id": f"{link}-{place}", "link": link}
            later = [timedelta(minutes=minute) for minute in range(9, 19)]
            many(store, *[payloads.click(after=later[number], **of) for number in range(people)],
                 *[payloads.click(after=later[number], **SCANNER, **of) for number in range(scanners)])  # fmt: skip
    told = list(store.analytics.top_links(START, START + timedelta(days=1)))

    assert [row.link for row in told] == list(wanted)
    assert [row[1:] for row in told] == [
        (2, 2, 0, 0),
        (1, 3, 0, 0),
        (1, 1, 2, 2),
        (1, 1, 1, 2),
        (1, 1, 1, 1),
        (1, 1, 0, 0),
        (1, 1, 0, 0),
    ]


@pytest.mark.parametrize("older", [False, True])
def test_what_machines_and_lists_do_is_no_persons_doing(store: Any, rows: Any, older: bool) -> None:
    """A scanner's click, a complaint of a suppression list, and one that says it is no spam; also where a row has no date."""
    of: dict[str, dict[str, Any]] = {
        name: {"to": "a@one.example", "sent": START, "message_id": name}
        for name in ("scanned", "listed", "wanted", "unwanted")
    }
    listed = payloads.complaint(**of["listed"])
    listed["complaint"]["complaintSubType"] = "OnAccountSuppressionList"
    many(store, *(payloads.send(**about) for about in of.values()), payloads.click(**SCANNER, **of["scanned"]), listed,
         payloads.complaint(feedback_type="not-spam", **of["wanted"]), payloads.complaint(**of["unwanted"]))  # fmt: skip
    if older:
        rows.update_many({}, {"$unset": {"derived.at": ""}})
    funnel = store.analytics.funnel(since=START, until=START + timedelta(hours=1))

    assert [stage.mails for stage in funnel.stages] == [4, 2, 0, 0]  # what a list says of a mail shows no arrival
    assert (funnel.clicked_by_machines, funnel.complained) == (1, 1)
    assert store.analytics.funnel(since=START - timedelta(hours=1), until=START).stages[0].mails == 0


def test_a_mail_of_which_only_a_bounce_that_names_nobody_is_known_is_told(store: Any) -> None:
    """It is no mail to the simulator."""
    many(store, payloads.bounce(to="a@one.example", bounced=(), sent=START, message_id="m"))
    funnel = store.analytics.funnel(since=START, until=START + timedelta(hours=1))

    assert (funnel.stages[0].mails, funnel.bounced) == (1, 1)


@FEW
@given(seed=st.integers(0, 10_000))
@pytest.mark.in_clear("of sealed links only what stands before the query can be told apart")
def test_links_are_what_counting_by_hand_finds(store: Any, rows: Any, seed: int) -> None:
    """Mails and clicks of each link, whole and cut."""
    rows.delete_many({})
    raws = fill(store, events(600, seed))
    clicks = [thing for thing in things(raws) if thing.link]
    for queries in (True, False):
        groups: defaultdict[str, list[Thing]] = defaultdict(list)
        for click in clicks:
            groups[click.link if queries else click.link.split("?")[0]].append(click)
        links = store.analytics.top_links(START, START + timedelta(days=9), queries=queries, limit=1000)
        assert {one.link: (one.mails, one.clicks, one.machine_clicks) for one in links} == {
            link: (len({thing.mail for thing in some if thing.counter == "clicks"}),
                   sum(thing.counter == "clicks" for thing in some),
                   sum(thing.counter == "machine_clicks" for thing in some))
            for link, some in groups.items()
        }  # fmt: skip
        assert [one.mails for one in links] == sorted((one.mails for one in links), reverse=True)
    assert len(store.analytics.top_links(START, START + timedelta(days=9), queries=True, limit=3)) <= 3


@FEW
@given(seed=st.integers(0, 10_000))
def test_the_funnel_is_what_counting_by_hand_finds(store: Any, rows: Any, seed: int) -> None:
    """Each mail once, of those sent in the window, whatever happened when."""
    rows.delete_many({})
    raws = fill(store, events(500, seed))
    until = START + timedelta(hours=1)
    for campaign in (None, "spring"):
        found = [one for one in things(raws) if START <= one.sent < until and campaign in (None, one.campaign)]

        def mails(*names: str, of: list[Thing] = found) -> set[str]:
            return {thing.mail for thing in of if thing.counter in names}

        sent = {thing.mail for thing in found if thing.counter not in ("rejects", "rendering_failures")}
        seen = mails("opens", "clicks")
        came = mails("deliveries", "opens", "clicks", "machine_opens", "machine_clicks", "complaints")
        funnel = store.analytics.funnel(since=START, until=until, **({"campaign": campaign} if campaign else {}))
        assert [stage.mails for stage in funnel.stages] == [len(sent), len(came), len(seen), len(mails("clicks"))]
        assert funnel.opened_by_machines == len(mails("machine_opens") - seen)
        assert funnel.bounced == len(
            mails(*[name for name in {one.counter for one in found} if "bounces" in name], "auto_replies")
        )
        assert funnel.complained == len(mails("complaints"))
        assert funnel.unsubscribed == len(mails("unsubscribes"))
        assert funnel["clicked"].of_previous.denominator == len(seen)


@FEW
@given(seed=st.integers(0, 10_000), tz=st.sampled_from(["UTC", "Asia/Kolkata"]), by=st.sampled_from(["hour", "day"]))
def test_cohorts_are_what_counting_by_hand_finds(store: Any, rows: Any, seed: int, tz: str, by: str) -> None:
    """By when a mail was sent, not when it was opened."""
    rows.delete_many({})
    raws = fill(store, events(400, seed, per_second=0.005))
    zone, until = ZoneInfo(tz), START + timedelta(days=3)
    groups: defaultdict[str, list[Thing]] = defaultdict(list)
    for thing in things(raws):
        if thing.counter not in ("rejects", "rendering_failures"):
            groups[label(thing.sent, by, zone)].append(thing)
    cohorts = store.analytics.cohorts(START, until, by=by, tz=tz)
    assert {row.name: row.sent for row in cohorts if row.sent} == {
        name: len({thing.mail for thing in some}) for name, some in groups.items()
    }
    for row in cohorts:
        for span, place in ((timedelta(hours=1), 0), (timedelta(days=1), 1)):
            soon = [thing for thing in groups[row.name] if thing.at - thing.sent <= span]
            assert row.opened[place].mails == len({one.mail for one in soon if one.counter in ("opens", "clicks")})
            assert row.clicked[place].mails == len({one.mail for one in soon if one.counter == "clicks"})
            assert row.delivered[place].mails == len({one.mail for one in soon if one.counter == "deliveries"})
        assert all(within.complete for within in row.opened)


def test_a_cohort_says_what_it_is_too_early_to_tell(mongodb_uri: str, database: str) -> None:
    """Of mails sent two days ago nobody knows who opens within a week."""
    from sesevent import EventStore

    with EventStore.connect(mongodb_uri, database=database, clock=lambda: START + timedelta(days=3)) as store:
        store.receive(trusted(payloads.send(to="a@one.example", sent=START), because="a test's own"))
        (cohort,) = store.analytics.cohorts("2024-05-01", "2024-05-02")

    assert [within.complete for within in cohort.opened] == [True, True, False, False]
    assert cohort.record()["opened_1d_rate"] == 0
    assert cohort.record()["opened_7d_rate"] is None


def test_a_mail_has_a_funnel_of_its_own(store: Any) -> None:
    """Whenever it was sent; a mail to several is one mail, and a machine is no person."""
    about: dict[str, Any] = {"to": ["a@one.example", "b@two.example"], "sent": START, "message_id": "m1"}
    machine = {"user_agent": "Mozilla/5.0", "after": timedelta(seconds=9)}
    for payload in (payloads.send(**about), payloads.delivery(**about), payloads.opened(**machine, **about)):
        store.receive(trusted(payload, because="a test's own"))
    funnel = store.analytics.funnel("m1")
    assert [stage.mails for stage in funnel.stages] == [1, 1, 0, 0]
    assert funnel.opened_by_machines == 1
    store.receive(
        trusted(
            payloads.click(link="https://x.example/", user_agent="Mozilla/5.0 (X11) Firefox/125.0", **about),
            because="a test's own",
        )
    )
    assert [stage.mails for stage in store.analytics.funnel("m1").stages] == [1, 1, 1, 1]
    assert store.analytics.funnel("m2").stages[0].mails == 0


def test_a_difference_is_told_from_chance(store: Any) -> None:
    """A hundred of a hundred against half of them is no chance; of three mails nobody can say."""

    def mails(day: int, number: int, bounce_from: int) -> None:
        for place in range(number):
            about: Any = {
                "to": f"p{place}@one.example",
                "sent": START + timedelta(days=day, minutes=place),
                "message_id": f"{day}-{place}",
            }
            store.receive(trusted(payloads.send(**about), because="a test's own"))
            what = payloads.bounce if place >= bounce_from else payloads.delivery
            store.receive(trusted(what(**about), because="a test's own"))

    mails(0, 40, 40)
    mails(1, 40, 20)
    mails(2, 3, 2)
    first, second, third = ("2024-05-01", "2024-05-02"), ("2024-05-02", "2024-05-03"), ("2024-05-03", "2024-05-04")
    change = store.analytics.compare(first, second).changes["delivery"]
    assert (change.before.rate, change.after.rate, change.difference) == (1, 0.5, -0.5)
    assert (change.overlap, change.significant) == (False, True)
    assert "more than chance explains" in change.sentence
    same = store.analytics.compare(second, second).changes["delivery"]
    assert (same.overlap, same.p_value, same.significant) == (True, 1.0, False)
    few = store.analytics.compare(second, third).changes["delivery"]
    assert (few.p_value, few.significant) == (None, None)
    assert "too few" in few.sentence
    assert "nothing to compare" in store.analytics.compare(first, second).changes["click_to_open"].sentence


def test_aws_s_rates_look_back_until_there_is_enough(mongodb_uri: str, database: str) -> None:
    """Over whole days, without the account's own list, the simulator, and domains that are your own."""
    from sesevent import EventStore

    now = START + timedelta(days=5, hours=3)
    with EventStore.connect(mongodb_uri, database=database, clock=lambda: now) as store:
        for day in range(5):
            for place in range(10):
                about: Any = {
                    "to": f"p{place}@{'own' if place == 9 else 'one'}.example",
                    "sent": START + timedelta(days=day, hours=place),
                    "message_id": f"{day}-{place}",
                }
                store.receive(trusted(payloads.send(**about), because="a test's own"))
                if place in (0, 1, 9):
                    kind = "OnAccountSuppressionList" if place == 1 else "General"
                    store.receive(trusted(payloads.bounce(bounce_sub_type=kind, **about), because="a test's own"))
        found = store.analytics.as_aws_reckons(volume=17)
        assert found.window.since == START + timedelta(days=3)
        assert (found.bounce.numerator, found.bounce.denominator, found.enough) == (4, 18, True)
        assert (found.bounce_state, found.complaint_state) == ("pause", "ok")
        own = store.analytics.as_aws_reckons(volume=17, own_domains=["own.example"])
        assert (own.window.since, own.bounce.numerator, own.bounce.denominator) == (START + timedelta(days=2), 3, 24)
        short = store.analytics.as_aws_reckons()
        assert (short.enough, short.volume) == (False, 45)
        assert "10,000 mails" in short.method
        assert short.to_dict()["bounce"]["review"] == 0.05


def test_the_simulator_s_mail_counts_only_where_it_is_asked_for(store: Any) -> None:
    """Neither in sums, nor in links and funnels."""
    about: Any = {"to": "success@simulator.amazonses.com", "sent": START, "message_id": "m1"}
    click = payloads.click(link="https://x.example/", user_agent="Mozilla/5.0 (X11) Firefox/125.0", **about)
    for payload in (payloads.send(**about), payloads.delivery(**about), click):
        store.receive(trusted(payload, because="a test's own"))
    window = ("2024-05-01", "2024-05-09")

    assert told(store.analytics.summary(*window)) == {}
    assert store.analytics.summary(*window, provider="simulator").counts["deliveries"] == 1
    assert len(store.analytics.top_links(*window)) == 0
    assert store.analytics.funnel(since=window[0], until=window[1])["sent"].mails == 0
    assert [row.sent for row in store.analytics.cohorts("2024-05-01", "2024-05-02")] == [0]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda of: of.summary("2024-05-02", "2024-05-01"), "ends before it begins"),
        (lambda of: of.summary("yesterday"), "neither a date nor a span"),
        (lambda of: of.summary(tz="Mars/Olympus"), "no time zone"),
        (lambda of: of.summary(colour="red"), "Nothing is known of colour"),
        (lambda of: of.timeseries(by="year"), "no period 'year'"),
        (lambda of: of.timeseries("2000-01-01", by="hour"), "more than 10,000"),
        (lambda of: of.by("colour"), "no breakdown by 'colour'"),
        (lambda of: of.by("tag"), "tag's name"),
        (lambda of: of.by("campaign", name="x"), "tag's name"),
        (lambda of: of.by("campaign", limit=0), "at least 1"),
        (lambda of: of.top_links(limit=0), "at least 1"),
        (lambda of: of.funnel(provider="gmail"), "provider is of a person"),
        (lambda of: of.cohorts(recipient_domain="a.example"), "recipient_domain is of a person"),
    ],
)
def test_what_cannot_be_asked_is_refused(store: Any, ask: Any, words: str) -> None:
    """And the error says what can be."""
    with pytest.raises(ConfigurationError, match=words):
        ask(store.analytics)


def test_a_window_may_be_told_in_many_ways(mongodb_uri: str, database: str) -> None:
    """Dates are days of the time zone; a span is so long ago; what has no zone is UTC."""
    from sesevent import EventStore

    with EventStore.connect(mongodb_uri, database=database, clock=lambda: START) as store:
        of = store.analytics
        berlin = datetime(2024, 4, 29, 22, tzinfo=UTC)
        assert of.summary(date(2024, 4, 30), tz="Europe/Berlin").window == (berlin, START)
        assert of.summary("2024-04-30", tz="Europe/Berlin").window.since == berlin
        assert of.summary("2d").window.since == START - timedelta(days=2)
        assert of.summary(datetime(2024, 4, 30)).window.since == datetime(2024, 4, 30, tzinfo=UTC)  # noqa: DTZ001
        assert of.summary("2024-04-30T01:00:00+02:00").window.since == datetime(2024, 4, 29, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_told_of_every_row(store: Any, name: str) -> None:
    """By its name, worked out from the row's own counts."""
    row = store.analytics.summary("2024-05-01", "2024-05-02")
    assert row.rate(name) == row.rates[name]
    assert f"{name}_rate" in row.record()
