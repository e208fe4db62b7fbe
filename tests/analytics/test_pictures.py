"""What a picture shows: the same names, figures and intervals as its answer. Without a database."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

from sesevent.analytics.cells import Cell
from sesevent.analytics.journeys import cohorts_of, funnel_of, links_of
from sesevent.analytics.measures import MEASURES, Window
from sesevent.analytics.periods import periods
from sesevent.analytics.results import Breakdown, Comparison, Overview, Series, reasons_of, row_of, table_of

UTC = timezone.utc
START = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = Window(START, START + 7 * DAY)


def cell(sends: int, **more: int) -> Cell:
    made = Cell()
    made.counts = {"sends": sends} | more
    return made


def names_of(figure: Figure) -> list[str]:
    """What is written beside each bar or dot, from above."""
    (axes,) = figure.axes
    assert axes.yaxis_inverted()
    return [label.get_text() for label in axes.get_yticklabels()]


def bars_of(figure: Figure) -> list[tuple[float, float]]:
    """Place and length of each."""
    return [(bar.get_y() + bar.get_height() / 2, bar.get_width()) for bar in figure.axes[0].patches]  # type: ignore[attr-defined]


def drawn(figure: Figure) -> list[tuple[list[float], list[float]]]:
    """The lines and dots."""
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines]


def as_percent(axis: Any) -> str:
    return str(axis.get_major_formatter()(0.25))


def test_a_rate_is_a_dot_on_its_interval() -> None:
    """Each with its name, the first above; as percent, with the time zone of the window."""
    rows = table_of({"spring": cell(100, deliveries=90), "may": cell(50, deliveries=40)}, WEEK, None)
    figure = Breakdown(WEEK, "Europe/Berlin", rows, by="campaign").plot()
    first, second = (row.rate("delivery") for row in rows)

    assert names_of(figure) == ["spring", "may"]
    assert drawn(figure) == [
        ([first.rate], [0]), ([first.low, first.high], [0, 0]), ([second.rate], [1]), ([second.low, second.high], [1, 1]),
    ]  # fmt: skip
    assert as_percent(figure.axes[0].xaxis).startswith("25")
    assert figure.axes[0].get_xlabel() == f"{MEASURES['delivery'].words} (with 95 % interval; Europe/Berlin)"
    assert Breakdown(WEEK, "UTC", rows, by="campaign").plot("hard_bounce").axes[0].lines[0].get_xdata()[0] == 0.0


def test_what_was_not_measured_is_not_drawn() -> None:
    """Of nothing there is no rate; its name stands there all the same."""
    rows = table_of({"empty": cell(0)}, WEEK, None)
    figure = Breakdown(WEEK, "UTC", rows, by="campaign").plot()

    assert (names_of(figure), drawn(figure)) == (["empty"], [])


def test_an_overview_draws_what_is_asked_for_and_else_the_usual() -> None:
    """One rate under the other, in words."""
    answer = Overview.of(cell(100, deliveries=90, hard_bounces=5), WEEK, "UTC")

    assert len(names_of(answer.plot())) == 3
    assert drawn(answer.plot("hard_bounce", "delivery"))[::2] == [([0.05], [0]), ([0.9], [1])]
    assert answer.plot().axes[0].get_xlabel() == "(with 95 % interval; UTC)"


def test_a_series_shows_rates_above_and_sends_below() -> None:
    """A line each, with a gap where nothing was sent and a band for the interval; each period's bar in its place."""
    cells = [cell(100, deliveries=90, hard_bounces=5), cell(0), cell(50, deliveries=50)]
    rows = tuple(row_of(f"2024-05-0{place + 1}", one, WEEK) for place, one in enumerate(cells))
    figure = Series(WEEK, "UTC", rows, by="day").plot("delivery", "hard_bounce")
    above, below = figure.axes
    shares = list(above.lines[0].get_ydata())
    band = above.collections[0].get_paths()[0].vertices

    assert len(above.lines) == len(above.collections) == 2
    assert (shares[0], shares[2], shares[1] == shares[1]) == (0.9, 1.0, False)
    assert above.lines[1].get_ydata()[0] == 0.05
    assert {rows[0].rate("delivery").low, rows[0].rate("delivery").high} <= set(band[:, 1])
    assert as_percent(above.yaxis).startswith("25")
    assert [bar.get_height() for bar in below.patches] == [100, 0, 50]  # type: ignore[attr-defined]
    assert [label.get_text() for label in below.get_xticklabels()] == ["2024-05-01", "2024-05-02", "2024-05-03"]
    assert (below.get_xlabel(), below.get_ylabel()) == ("day, UTC", "sends")
    assert [text.get_text() for text in above.get_legend().get_texts()] == [line.get_label() for line in above.lines]
    assert len({line.get_color() for line in above.lines}) == 2
    assert above.get_xlim() == below.get_xlim()


def test_as_many_rates_can_be_drawn_as_there_are() -> None:
    """Colours repeat when they are used up."""
    rows = (row_of("x", cell(100, deliveries=90), WEEK),)
    above, _ = Series(WEEK, "UTC", rows, by="day").plot(*MEASURES).axes
    colours = [line.get_color() for line in above.lines]

    assert len(colours) == len(MEASURES) > 6
    assert len(set(colours[:6])) == 6
    assert colours[6:] == colours[: len(MEASURES) - 6]


@pytest.mark.parametrize(("periods_shown", "labels"), [(3, 3), (16, 8), (24, 8)])
def test_of_many_periods_only_some_are_named(periods_shown: int, labels: int) -> None:
    """So that names do not lie on each other; each stays under its own bar."""
    rows = tuple(row_of(str(place), cell(1), WEEK) for place in range(periods_shown))
    _, below = Series(WEEK, "UTC", rows, by="day").plot().axes
    named = [
        (round(at), label.get_text()) for at, label in zip(below.get_xticks(), below.get_xticklabels(), strict=True)
    ]

    assert len(named) == labels
    assert all(str(at) == name for at, name in named)


def test_reasons_and_links_are_bars() -> None:
    """As long as the figure that the answer is sorted by."""
    told = cell(9)
    told.reasons = {"user_unknown": 6, "virus": 2}
    reasons = reasons_of(told, WEEK, "UTC", None).plot()
    rows = [{"_id": "https://a.example/$x$", "mails": 3, "clicks": 5, "machine_mails": 1, "machine_clicks": 1}]
    links = links_of(rows, WEEK, "UTC", queries=False).plot()

    assert (names_of(reasons), bars_of(reasons)) == (["user_unknown", "virus"], [(0, 6), (1, 2)])
    assert reasons.axes[0].get_xlabel() == "bounces"
    assert (names_of(links), bars_of(links)) == (["https://a.example/$x$"], [(0, 3)])
    assert links.axes[0].get_xlabel().startswith("mails")


def test_a_funnel_has_its_shares_in_its_bars() -> None:
    """Of what was sent; of nothing there is none."""
    happened = {"accepted": True, "delivered": True, "opened": False, "clicked": False, "machine_opened": False,
                "machine_clicked": False, "complained": False, "bounced": False, "unsubscribed": False}  # fmt: skip
    figure = funnel_of(
        [{"_id": happened, "n": 3}, {"_id": happened | {"delivered": False}, "n": 1}], WEEK, WEEK, "UTC"
    ).plot()
    empty = funnel_of([], WEEK, WEEK, "UTC").plot()

    assert names_of(figure) == ["sent", "delivered", "opened", "clicked"]
    assert bars_of(figure) == [(0, 4), (1, 3), (2, 0), (3, 0)]
    assert [(text.get_position(), text.get_text().strip()) for text in figure.axes[0].texts] == [
        ((0, 0), "100.0%"), ((0, 1), "75.0%"), ((0, 2), "0.0%"), ((0, 3), "0.0%"),
    ]  # fmt: skip
    assert figure.axes[0].get_xlabel() == "mails"
    assert {text.get_text().strip() for text in empty.axes[0].texts} == {""}


def test_cohorts_are_a_line_for_each_horizon_with_a_gap_where_it_is_too_early() -> None:
    """The share that was opened; nobody knows yet what an evening's mails will come to."""
    some = periods(WEEK, "day", UTC)
    groups = [{"_id": {"h": f"2024-05-0{day}", "delivered": 0, "opened": 1, "clicked": 9}, "n": day} for day in (1, 2)]
    groups.append({"_id": {"h": "2024-05-01", "delivered": 0, "opened": 9, "clicked": 9}, "n": 1})
    figure = cohorts_of(groups, WEEK, some, START + 2.5 * DAY, "day", "UTC").plot()
    (axes,) = figure.axes
    hour, day = ([share if share == share else None for share in line.get_ydata()] for line in axes.lines[:2])

    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "opened within 1h", "opened within 1d", "opened within 7d", "opened within 30d",
    ]  # fmt: skip
    assert (hour[:3], day[:3]) == ([0.0, 0.0, None], [0.5, None, None])
    assert [list(line.get_xdata()) for line in axes.lines] == [list(range(7))] * 4
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"2024-05-0{day}" for day in range(1, 8)]
    assert as_percent(axes.yaxis).startswith("25")
    assert axes.get_xlabel() == "sent in this day, UTC"


def test_of_many_cohorts_only_some_are_named() -> None:
    """As of many periods."""
    window = Window(START, START + 24 * DAY)
    (axes,) = cohorts_of([], window, periods(window, "day", UTC), START + 99 * DAY, "day", "UTC").plot().axes

    assert [label.get_text() for label in axes.get_xticklabels()] == [f"2024-05-{day:02}" for day in range(1, 25, 3)]


def test_two_windows_are_drawn_one_under_the_other() -> None:
    """Each measure before and after."""
    rows = [row_of("x", cell(100, hard_bounces=some), WEEK) for some in (5, 10)]
    figure = Comparison(*rows, "UTC").plot("hard_bounce")
    words = [name.rpartition(", ")[2] for name in names_of(figure)]

    assert words == ["before", "after"]
    assert figure.axes[0].get_xlabel() == "(with 95 % interval; UTC)"
    assert drawn(figure)[::2] == [([0.05], [0]), ([0.1], [1])]
    assert len(names_of(Comparison(*rows, "UTC").plot())) == 6


def test_names_are_no_formulas() -> None:
    """Whatever a campaign is called, under a bar, beside a dot or at a line: `$` begins no mathematics."""
    name = r"$\frac{$ off"
    rows = table_of({name: cell(10, deliveries=9)}, WEEK, None)
    links = [{"_id": name, "mails": 3, "clicks": 5, "machine_mails": 1, "machine_clicks": 1}]
    some = periods(WEEK, "day", UTC)
    for axis in (
        Breakdown(WEEK, "UTC", rows, by="campaign").plot().axes[0].yaxis,
        Series(WEEK, "UTC", rows, by="day").plot().axes[1].xaxis,
        links_of(links, WEEK, "UTC", queries=False).plot().axes[0].yaxis,
        cohorts_of([], WEEK, some, START, "day", "UTC").plot().axes[0].xaxis,
    ):
        labels = axis.get_ticklabels()
        assert labels
        assert not any(label.get_parse_math() for label in labels)


def test_nothing_can_be_drawn_too() -> None:
    """An empty answer is an answer."""
    none = Window(START, START)
    for answer in (
        Breakdown(WEEK, "UTC", (), by="campaign"), Series(WEEK, "UTC", (), by="day"), reasons_of(cell(0), WEEK, "UTC", 3),
        links_of([], WEEK, "UTC", queries=False), cohorts_of([], none, periods(none, "day", UTC), START, "day", "UTC"),
    ):  # fmt: skip
        answer.plot().draw_without_rendering()
