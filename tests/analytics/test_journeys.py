"""How far mails came, and AWS's reckoning: from what the log says, without asking one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent.analytics.cells import Cell
from sesevent.analytics.journeys import HORIZONS, STAGES, cohorts_of, funnel_of, links_of
from sesevent.analytics.measures import Window
from sesevent.analytics.periods import UTC, periods
from sesevent.analytics.reckoning import LINES, VOLUME, days_back, reckoned

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
WEEK = Window(START, START + 7 * DAY)


def group(n: int, *happened: str) -> dict[str, Any]:
    names = {name for shown_by in STAGES.values() for name in shown_by} | {"bounced", "unsubscribed"}
    return {"_id": {name: name in happened for name in names}, "n": n}


# Ten mails: one is only accepted, one bounced, the others came so far.
GROUPS = [
    group(1, "accepted"),
    group(1, "accepted", "bounced"),
    group(2, "accepted", "delivered"),
    group(1, "accepted", "machine_opened"),
    group(1, "accepted", "machine_clicked"),
    group(2, "accepted", "delivered", "opened", "machine_opened"),
    group(1, "accepted", "clicked", "machine_clicked", "unsubscribed"),  # with images blocked, and no Delivery known
    group(1, "accepted", "complained"),
]


def test_a_funnel_counts_each_mail_at_every_stage_it_came_to() -> None:
    """Who clicks has opened, who opens has it; what machines do shows that it arrived, and no more."""
    funnel = funnel_of(GROUPS, WEEK, WEEK, "UTC")

    assert {stage.name: stage.mails for stage in funnel.stages} == {
        "sent": 10,
        "delivered": 8,
        "opened": 3,
        "clicked": 1,
    }
    assert [stage.of_sent.rate for stage in funnel.stages] == [1.0, 0.8, 0.3, 0.1]
    assert [stage.of_previous.rate for stage in funnel.stages] == [1.0, 0.8, 3 / 8, 1 / 3]
    assert (funnel.opened_by_machines, funnel.clicked_by_machines) == (1, 1)
    assert (funnel.bounced, funnel.complained, funnel.unsubscribed) == (1, 1, 1)
    assert funnel["opened"].mails == 3
    with pytest.raises(KeyError, match="seen"):
        funnel["seen"]


@pytest.mark.parametrize(
    ("sign", "stages"),
    [
        ("delivered", (1, 0, 0)), ("complained", (1, 0, 0)), ("machine_opened", (1, 0, 0)), ("machine_clicked", (1, 0, 0)),
        ("opened", (1, 1, 0)), ("clicked", (1, 1, 1)), ("bounced", (0, 0, 0)), ("unsubscribed", (0, 0, 0)),
    ],
)  # fmt: skip
def test_each_sign_alone_shows_how_far_a_mail_came(sign: str, stages: tuple[int, int, int]) -> None:
    """SES may lose a Delivery, and images may be blocked."""
    funnel = funnel_of([group(1, "accepted", sign)], WEEK, WEEK, "UTC")

    assert tuple(stage.mails for stage in funnel.stages) == (1, *stages)


def test_the_records_of_a_funnel_are_its_stages_and_what_is_beside_them() -> None:
    """With a share of what was sent; of nothing there is none."""
    records = {row["name"]: row for row in funnel_of(GROUPS, WEEK, WEEK, "UTC").records()}

    assert list(records) == [
        "sent", "delivered", "opened", "clicked", "opened_by_machines", "clicked_by_machines", "bounced", "complained",
        "unsubscribed",
    ]  # fmt: skip
    assert records["bounced"] == {"name": "bounced", "mails": 1, "of_sent": 0.1, "of_previous": None}
    assert records["opened"] == {"name": "opened", "mails": 3, "of_sent": 0.3, "of_previous": 3 / 8}
    assert all(row["of_sent"] is None for row in funnel_of([], None, WEEK, "UTC").records())
    told = funnel_of([], None, WEEK, "Europe/Berlin").to_dict()
    assert (told["window"], told["tz"], len(told["rows"])) == (None, "Europe/Berlin", 9)
    assert funnel_of([], WEEK, WEEK, "UTC").to_dict()["window"] == WEEK.to_dict()


def test_a_cohort_tells_what_had_happened_by_each_horizon() -> None:
    """An hour, a day, a week, a month; and whether that time has passed for all of it."""
    some = periods(WEEK, "day", UTC)
    soon = {"h": "2024-05-02", "delivered": 0, "opened": 1, "clicked": 9}
    late = {"h": "2024-05-02", "delivered": 1, "opened": 9, "clicked": 3}
    outside = {"h": "2024-06-02", "delivered": 0, "opened": 0, "clicked": 0}
    answer = cohorts_of(
        [{"_id": soon, "n": 3}, {"_id": late, "n": 1}, {"_id": outside, "n": 7}],
        WEEK,
        some,
        START + 9 * DAY,
        "day",
        "UTC",
    )
    second = answer["2024-05-02"]

    assert list(HORIZONS.values()) == [timedelta(hours=1), DAY, 7 * DAY, 30 * DAY]
    assert [row.name for row in answer] == [f"2024-05-0{n}" for n in range(1, 8)]
    assert second.sent == 4
    assert [within.mails for within in second.delivered] == [3, 4, 4, 4]
    assert [within.mails for within in second.opened] == [0, 3, 3, 4]  # who clicks has opened
    assert [within.mails for within in second.clicked] == [0, 0, 0, 1]
    assert [within.complete for within in second.delivered] == [True, True, True, False]
    assert [within.complete for within in answer["2024-05-03"].delivered] == [True, True, False, False]
    assert second.delivered[0].of_sent.rate == 0.75
    assert [within.horizon for within in second.opened] == ["1h", "1d", "7d", "30d"]
    assert answer["2024-05-01"].sent == 0
    assert answer.to_dict() == {
        "window": WEEK.to_dict(), "tz": "UTC", "by": "day", "rows": [row.record() | row.window.to_dict() for row in answer],
    }  # fmt: skip
    record = second.record()
    assert list(record)[:4] == ["name", "since", "until", "sent"]
    assert (record.pop("name"), record.pop("since"), record.pop("until"), record.pop("sent")) == (
        "2024-05-02", START + DAY, START + 2 * DAY, 4,
    )  # fmt: skip
    assert record == {
        f"{kind}_{within.horizon}{more}": told
        for kind in ("delivered", "opened", "clicked")
        for within in getattr(second, kind)
        for more, told in (("", within.mails), ("_rate", within.of_sent.rate if within.complete else None))
    }
    assert (record["opened_1d"], record["opened_1d_rate"], record["opened_30d_rate"]) == (3, 0.75, None)


def test_a_cohort_ends_where_its_window_does() -> None:
    """Of the first and the last day only a part was asked for."""
    window = Window(START + DAY / 2, START + 3 * DAY / 2)
    answer = cohorts_of([], window, periods(window, "day", UTC), START + 30 * DAY, "day", "UTC")

    assert [row.window for row in answer] == [
        Window(START + DAY / 2, START + DAY), Window(START + DAY, START + 3 * DAY / 2),
    ]  # fmt: skip


def test_links_are_rows_with_people_and_scanners_apart() -> None:
    """As the log counts them, in its order."""
    rows = [{"_id": "https://a.example", "mails": 1, "clicks": 2, "machine_mails": 3, "machine_clicks": 4}]
    links = links_of(rows, WEEK, "UTC", queries=True)

    assert links.to_dict() == {"window": WEEK.to_dict(), "tz": "UTC", "queries": True, "rows": links.records()}
    assert [tuple(link) for link in links] == [("https://a.example", 1, 2, 3, 4)]
    assert links.records() == [
        {"link": "https://a.example", "mails": 1, "clicks": 2, "machine_mails": 3, "machine_clicks": 4}
    ]
    assert len(links) == 1


def test_links_that_most_people_followed_are_told_first() -> None:
    """Rows of one link are added up; then the rank is by mails, clicks, and what scanners did; a limit keeps the first."""
    told = {"e": (1, 1, 0, 0), "d": (1, 1, 0, 1), "c": (1, 1, 1, 0), "b": (1, 2, 0, 0), "a": (3, 3, 4, 4)}
    names = ("mails", "clicks", "machine_mails", "machine_clicks")
    rows = [{"_id": link, **dict(zip(names, figures, strict=True))} for link, figures in told.items()]
    again = [{"_id": "e", "mails": 4, "clicks": 5, "machine_mails": 6, "machine_clicks": 7}]
    links = links_of(rows + again, WEEK, "UTC", queries=False)

    assert [(link.link, *link[1:]) for link in links] == [
        ("e", 5, 6, 6, 7), *[(link, *told[link]) for link in ("a", "b", "c", "d")],
    ]  # fmt: skip
    assert links_of(rows + again, WEEK, "UTC", queries=False, limit=2).rows == links.rows[:2]


# ── AWS's reckoning ──────────────────────────────────────────────────────────────────────────


def cell(**counts: int) -> Cell:
    made = Cell()
    made.counts = dict(counts)
    return made


@pytest.mark.parametrize(
    ("bounces", "complaints", "states"),
    [
        (499, 9, ("ok", "ok")),
        (500, 10, ("review", "review")),
        (999, 49, ("review", "review")),
        (1000, 50, ("pause", "pause")),
    ],
)
def test_from_aws_s_lines_on_a_rate_is_told(bounces: int, complaints: int, states: tuple[str, str]) -> None:
    """5 and 10 % of bounces, 0.1 and 0.5 % of complaints; on the line is over it."""
    told = reckoned(cell(sends=10_000, permanent_bounces=bounces, complaints=complaints), WEEK, VOLUME, frozenset())

    assert (told.bounce_state, told.complaint_state) == states
    assert (told.volume, told.enough) == (10_000, True)
    written = told.to_dict()
    assert (written["bounce"]["state"], written["complaint"]["state"]) == states
    assert (written["bounce"]["review"], written["bounce"]["pause"]) == (LINES["bounce"].review, LINES["bounce"].pause)
    assert written["window"] == WEEK.to_dict()
    assert (written["volume"], written["enough"], written["method"]) == (told.volume, True, told.method)


def test_what_aws_did_not_send_is_no_volume() -> None:
    """And without any there is no rate, and no alarm."""
    few = reckoned(cell(sends=10_000, account_suppressed=1), WEEK, VOLUME, frozenset())

    assert not few.enough
    assert few.to_dict()["enough"] is False
    assert reckoned(cell(), WEEK, VOLUME, frozenset()).bounce_state == "ok"


def test_how_it_was_reckoned_is_said() -> None:
    """With what was left out."""
    assert "until 10,000 mails or 30 days" in reckoned(cell(), WEEK, VOLUME, frozenset()).method
    assert "mail to your own domains is not left out" in reckoned(cell(), WEEK, 1, frozenset()).method
    assert "mail to 2 domains of your own is left out" in reckoned(cell(), WEEK, 1, frozenset(["a", "b"])).method


def test_days_are_looked_back_from_now() -> None:
    """Today so far, then whole days, thirty of them; at midnight today has not begun."""
    now = START + timedelta(hours=5, minutes=7, seconds=9, microseconds=11)
    found = list(days_back(now))

    assert found[:2] == [Window(START, now), Window(START - DAY, START)]
    assert len(found) == 31
    assert found[-1].since == START - 30 * DAY
    assert next(days_back(START)) == Window(START - DAY, START)
