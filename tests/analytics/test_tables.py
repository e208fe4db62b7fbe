"""Groups, families and answers as values: what is kept in rows, and what is told in tables. Without a database."""

from __future__ import annotations

import csv
import io
import sys
from datetime import date, datetime, timedelta, timezone
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from sesevent.analytics.cells import NO_DOMAIN, SEVERAL, Cell, Cells, Key
from sesevent.analytics.families import FAMILIES, MOST_ROWS, family_of, fold, pack, unpack
from sesevent.analytics.groups import group_of, parts_of, read_prefix
from sesevent.analytics.measures import Window
from sesevent.analytics.periods import MOST, moment_of, periods, window_of, zone_of
from sesevent.analytics.results import (
    NONE,
    REST,
    Breakdown,
    Comparison,
    Overview,
    Percentiles,
    Series,
    reasons_of,
    row_of,
    table_of,
)
from sesevent.analytics.spans import Spans, milliseconds_of
from sesevent.analytics.uniques import Uniques, mark_of
from sesevent.errors import ConfigurationError, MissingExtra

UTC = timezone.utc
START = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = Window(START, START + 7 * DAY)


# ── Groups, as rows keep them ────────────────────────────────────────────────────────────────

DERIVED: dict[str, Any] = {
    "campaign": "c", "configurationSet": "cs", "source": "so", "ipPool": "ip", "template": "te",
    "recipients": ["ann@gmail.com", "ben@a.example"], "took": 1023,
}  # fmt: skip
BEFORE = "2024-05-01T10|%s|c|cs|so|ip|te|gmail.com^a.example|"


@pytest.mark.parametrize(
    ("kind", "more", "kept"),
    [
        ("Send", {}, BEFORE + "||"),
        ("Delivery", {}, BEFORE + "|80|"),
        ("Open", {}, BEFORE + "|80|4f2f5e5a0c0d2e8f"),
        ("Open", {"machine": "too-soon"}, BEFORE + '{"m":"too-soon"}|80|4f2f5e5a0c0d2e8f'),
        ("Click", {}, BEFORE + "||4f2f5e5a0c0d2e8f"),
        ("Bounce", {"bounce": {"type": "Permanent"}}, BEFORE + '{"b":{"type":"Permanent"}}||'),
        ("Bounce", {"bounce": {"reason": ["a", "b"]}}, BEFORE + '{"b":{"reason":["a","b"]}}||'),
        ("Complaint", {"complaint": {"type": "abuse"}}, BEFORE + '{"y":{"type":"abuse"}}||'),
        ("Subscription", {"subscription": {"out": ["news"]}}, BEFORE + '{"u":[1]}||'),
        ("Subscription", {"subscription": {"in": ["news"]}}, BEFORE + "||"),
        ("Reject", {}, BEFORE + "||"),
    ],
)
def test_the_group_of_an_event_stays_what_it_was(kind: str, more: dict[str, Any], kept: str) -> None:
    """It stands in rows, and counting adds up what older releases wrote."""
    text = group_of(kind, "2024-05-01T10:11:12.000Z", "m-1", DERIVED | more)
    mark = f"{mark_of('m-1'):016x}"
    expected = (kept % kind).replace("4f2f5e5a0c0d2e8f", mark).replace("|", "\x1f").replace("^", "\x1e")

    assert text == expected
    prefix, bucket, marked = parts_of(expected)
    told = read_prefix(prefix)
    assert (bucket, marked) == ("80" if kind in ("Delivery", "Open") else "", mark if kind in ("Open", "Click") else "")
    assert (told["h"], told["t"], told["d"]) == ("2024-05-01T10", kind, ["gmail.com", "a.example"])
    assert [told[name] for name in ("c", "cs", "so", "ip", "te")] == ["c", "cs", "so", "ip", "te"]
    assert told.keys() - {"h", "t", "d", "c", "cs", "so", "ip", "te"} <= {"b", "y", "m", "u"}


def test_the_mark_of_a_mail_stays_what_it_was() -> None:
    """Rollups hold it."""
    assert f"{mark_of('m-1'):016x}" == "d27ad701a6859b35"


def test_of_nobody_and_of_one_the_domains_are_told_too() -> None:
    """And what is not known is empty."""
    assert group_of("Send", "2024-05-01T10", "m", {}) == "\x1f".join(["2024-05-01T10", "Send", *[""] * 9])
    one = group_of("Send", "2024-05-01T10", "m", {"recipients": ["ann@gmail.com"]})
    assert one is not None
    assert read_prefix(parts_of(one)[0])["d"] == ["gmail.com"]
    quoted = ['"ann@home"@a.example', '"ben@work"@b.example']  # RFC 5321, 4.1.2: an `@` may stand in a name too
    for some in (quoted, quoted[:1]):
        domains = [person[-9:] for person in some]
        assert (
            read_prefix(parts_of(str(group_of("Send", "2024-05-01T10", "m", {"recipients": some})))[0])["d"] == domains
        )
    assert read_prefix(parts_of(str(group_of("Send", "2024-05-01T10", "m", {})))[0])["d"] == []


@pytest.mark.parametrize("odd", [{"campaign": "a\x1fb"}, {"source": "a\x1eb"}, {"recipients": ["ann@a\x1eb"]}])
def test_what_cannot_be_told_apart_has_no_group(odd: dict[str, Any]) -> None:
    """Such a row is counted by what it is made of."""
    assert group_of("Send", "2024-05-01T10", "m", odd) is None


# ── Cells of groups ──────────────────────────────────────────────────────────────────────────


def only_cell(*groups: dict[str, Any]) -> Cell:
    ((_, _, cell),) = Cells().add([{"_id": {"h": "h", "d": ["a.example"]} | group, "n": 3} for group in groups]).items()
    return cell


@pytest.mark.parametrize(
    ("group", "counts"),
    [
        ({"t": "Complaint", "y": {"subType": "OnAccountSuppressionList"}}, {"account_suppressed": 3}),
        ({"t": "Complaint", "y": {"type": "not-spam"}}, {"complaints_not_spam": 3}),
        ({"t": "Complaint"}, {"complaints": 3}),
        ({"t": "Bounce", "b": {"class": "hard", "type": "Permanent"}}, {"hard_bounces": 3, "permanent_bounces": 3}),
        ({"t": "Bounce", "b": {"class": "soft", "type": "Transient"}}, {"soft_bounces": 3}),
        ({"t": "Bounce", "b": {"class": "suppressed", "type": "Permanent", "subType": "OnAccountSuppressionList"}},
         {"suppressed_bounces": 3, "account_suppressed": 3}),
        ({"t": "Bounce"}, {"undetermined_bounces": 3}),
        ({"t": "Subscription", "u": [1]}, {"unsubscribes": 3}),
        ({"t": "Subscription"}, {"others": 3}),
        ({"t": "Open", "i": "m", "m": "x"}, {"machine_opens": 3}),
    ],
)  # fmt: skip
def test_what_a_group_of_events_counts_as(group: dict[str, Any], counts: dict[str, int]) -> None:
    """What a list of the account's kept back is neither a bounce nor a complaint to AWS."""
    cell = only_cell(group)

    assert cell.counts == counts
    assert cell.reasons == ({"undetermined": 3} if group["t"] == "Bounce" else {})


def test_an_event_that_names_nobody_counts_all_the_same() -> None:
    """An absence note may; it is under no domain."""
    ((_, key, cell),) = (
        Cells().add([{"_id": {"h": "h", "t": "Bounce", "d": [], "b": {"class": "auto_reply"}}, "n": 1}]).items()
    )

    assert (key, cell.counts) == (Key(), {"auto_replies": 1})
    assert (key.recipient_domain, key.provider, SEVERAL) == (NO_DOMAIN, "", "several")


def test_a_cell_is_of_all_that_its_group_tells() -> None:
    """Campaign, configuration set, source, pool, template, a tag's value; of text all but the tag."""
    told = {"h": "h", "t": "Send", "c": "c", "cs": "cs", "so": "so", "ip": "ip", "te": "te", "d": ["a.example"]}
    ((_, key, _),) = Cells().add([{"_id": told | {"tg": "red"}, "n": 1}]).items()

    assert key == Key("c", "cs", "so", "ip", "te", "a.example", "other", "red")


def test_only_mail_to_the_simulator_is_simulated() -> None:
    """It is told by the provider."""
    ((_, key, _),) = Cells().add([{"_id": {"h": "h", "t": "Send", "d": ["simulator.amazonses.com"]}, "n": 1}]).items()

    assert key.simulated
    assert not Key().simulated
    assert Key("c", provider="p").only(frozenset({"provider"})) == Key(provider="p")


def test_texts_and_groups_count_alike() -> None:
    """Whichever way the log was asked."""
    derived = {"campaign": "c", "recipients": ["ann@gmail.com"], "took": 1023}
    for kind in ("Send", "Delivery", "Open", "Click"):
        text = group_of(kind, "2024-05-01T10:11", "m-1", derived)
        group: dict[str, Any] = {"h": "2024-05-01T10", "t": kind, "c": "c", "d": ["gmail.com"], "i": "m-1"}
        group |= {"s": 80} if kind in ("Delivery", "Open") else {}
        ours, theirs = (
            {(hour, key): cell for hour, key, cell in cells.items()}
            for cells in (Cells().add_texts([{"_id": text, "n": 2}]), Cells().add([{"_id": group, "n": 2}]))
        )
        assert ours == theirs


# ── Families, as rollups keep them ───────────────────────────────────────────────────────────


def test_a_family_is_the_smallest_that_tells_apart_what_is_asked() -> None:
    """What none tells apart is the log's."""
    assert family_of([]) == "total"
    assert family_of(["campaign"]) == "campaign"
    assert family_of(["provider"]) == "provider"
    assert family_of(["recipient_domain"]) == "domain"
    assert family_of(["provider", "recipient_domain"]) == "domain"
    assert family_of(["campaign", "template"]) == "mail"
    assert family_of(["campaign", "recipient_domain"]) is None
    assert family_of(["tag"]) is None
    assert all(fields <= set(Key._fields) for fields in FAMILIES.values())
    assert [name for name, fields in FAMILIES.items() if fields == {name}] == [
        "campaign", "configuration_set", "source", "provider", "ip_pool", "template",
    ]  # fmt: skip


def filled() -> Cell:
    made = Cell()
    made.counts, made.reasons = {"sends": 2, "opens": 1}, {"virus": 1, "mailbox_full": 3}
    made.took, made.opened_after = Spans({9: 1, 8: 2}), Spans({7: 1})
    made.uniques = {"opens": Uniques([2, 1])}
    return made


def test_rows_of_rollups_stay_what_they_were() -> None:
    """They outlive releases."""
    rows = pack({Key("c", "cs", "so", "ip", "te", "a.example", "other"): filled(), Key(): Cell()}, {})

    def eight(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(8, "little") for number in numbers)

    assert rows == [
        {"k": ["", "", "", "", "", "", ""], "c": {}},
        {
            "k": ["c", "cs", "so", "ip", "te", "a.example", "other"],
            "c": {"opens": 1, "sends": 2},
            "r": {"mailbox_full": 3, "virus": 1},
            "t": eight(8, 2, 9, 1),
            "o": eight(7, 1),
            "u": {"opens": b"m" + eight(1, 2)},
        },
    ]
    assert (list(rows[1]["c"]), list(rows[1]["r"])) == (["opens", "sends"], ["mailbox_full", "virus"])
    assert dict(unpack(rows))[Key("c", "cs", "so", "ip", "te", "a.example", "other")] == filled()


def test_spans_that_were_cut_are_refused() -> None:
    """Half a pair is no figure."""
    row = {"k": list(Key()[:-1]), "c": {}}

    assert unpack([row | {"t": bytes(16)}])[0][1].took == Spans({0: 0})
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        unpack([row | {"t": bytes(24)}])


def test_a_family_of_too_many_rows_is_not_kept() -> None:
    """A part of them would look like the whole."""
    cells = {Key(campaign=str(n)): Cell() for n in range(MOST_ROWS)}

    assert len(pack(cells, {}) or []) == MOST_ROWS == 2000
    assert pack(cells | {Key(): Cell()}, {}) is None


def test_the_simulators_mail_stays_apart_in_every_family() -> None:
    """Answers leave it out."""
    folded = fold(
        [(Key("c", provider="simulator", recipient_domain="s"), filled()), (Key("c", provider="gmail"), filled())]
    )

    assert set(folded) == set(FAMILIES)
    for name, cells in folded.items():
        assert sum(key.simulated for key in cells) == 1, name
        assert len(cells) == 2, name


# ── Answers ──────────────────────────────────────────────────────────────────────────────────


def sends(count: int, **more: int) -> Cell:
    made = Cell()
    made.counts = {"sends": count} | more
    return made


def test_rows_are_ordered_by_sends_then_by_what_happened_then_by_name() -> None:
    """What a limit leaves out is in one row; what has no name is called so."""
    cells = {"b": sends(1), "a": sends(1), "c": sends(1, opens=1), "": sends(5)}

    assert [row.name for row in table_of(cells, WEEK, None)] == [NONE, "c", "a", "b"]
    limited = table_of(cells, WEEK, 2)
    assert [(row.name, row.counts["sends"]) for row in limited] == [(NONE, 5), ("c", 1), (REST, 2)]
    assert [row.name for row in table_of(cells, WEEK, 4)] == [NONE, "c", "a", "b"]
    assert (NONE, REST) == ("(none)", "(other)")
    assert [row.name for row in table_of({"read": sends(1, opens=9), "sent": sends(2)}, WEEK, None)] == ["sent", "read"]


def test_reasons_have_their_share_and_what_to_do() -> None:
    """The commonest first; of equals by name; one of another edition without advice."""
    cell = Cell()
    cell.reasons = {"mailbox_full": 1, "user_unknown": 6, "gone with a release": 1, "virus": 2}
    told = reasons_of(cell, WEEK, "UTC", 3)

    assert [(row.reason, row.bounces, row.share.rate) for row in told] == [
        ("user_unknown", 6, 0.6), ("virus", 2, 0.2), ("gone with a release", 1, 0.1),
    ]  # fmt: skip
    assert (told.rest, len(told)) == (1, 3)
    assert told.to_dict() == {
        "window": WEEK.to_dict(), "tz": "UTC", "rest": 1,
        "rows": [row._asdict() | {"share": {name: value for name, value in row.share.to_dict().items() if name != "window"}}
                 for row in told],
    }  # fmt: skip
    assert (told["user_unknown"].bounce_class, told["user_unknown"].fault) == ("hard", "recipient")
    assert told["user_unknown"].meaning
    assert told["user_unknown"].advice
    assert told["gone with a release"][3:] == ("undetermined", "unknown", "", "")
    assert reasons_of(cell, WEEK, "UTC", None).rest == 0
    record = told.records()[0]
    assert (record["share"], record["low"], record["high"]) == (0.6, told.rows[0].share.low, told.rows[0].share.high)
    with pytest.raises(KeyError, match="policy"):
        told["policy"]


def test_a_row_has_every_figure_and_every_measure() -> None:
    """Those that are zero too."""
    row = row_of("x", filled(), WEEK)
    record = row.record()

    assert (row.counts["sends"], row.counts["unique_opens"], row.counts["clicks"]) == (2, 2, 0)
    assert (record["name"], record["since"], record["until"]) == ("x", WEEK.since, WEEK.until)
    assert {"delivery_rate", "delivery_low", "delivery_high", "to_deliver_p50_ms", "to_open_p99_ms"} <= record.keys()
    assert (record["to_deliver_p50_ms"], record["to_open_p50_ms"]) == (1.0, Spans({7: 1}).percentile(0.5))
    assert len(row.rates) == len(list(row.rates)) == len(row.to_dict()["rates"])
    assert row.to_dict() == {
        "name": "x", "window": WEEK.to_dict(), "counts": row.counts, "to_deliver_ms": row.to_deliver._asdict(),
        "to_open_ms": row.to_open._asdict(), "unique_error": 0.0,
        "rates": {name: {key: value for key, value in rate.to_dict().items() if key != "window"}
                  for name, rate in row.rates.items()},
    }  # fmt: skip
    assert row.to_dict()["to_deliver_ms"] == {"p50": 1.0, "p90": row.to_deliver.p90, "p99": row.to_deliver.p99}
    assert row.rate("delivery").denominator == 2


def test_answers_say_for_what_they_are() -> None:
    """Window, time zone, and by what."""
    rows = table_of({"a": sends(1)}, WEEK, None)

    assert Overview.of(sends(1), WEEK, "Europe/Berlin").to_dict()["tz"] == "Europe/Berlin"
    compared = Comparison(rows[0], row_of("b", sends(2), WEEK), "UTC").to_dict()
    assert (compared["tz"], compared["before"]["name"], compared["after"]["name"]) == ("UTC", "a", "b")
    assert Overview.of(sends(1), WEEK, "UTC").records()[0]["name"] == "summary"
    assert Series(WEEK, "UTC", rows, by="hour").to_dict()["by"] == "hour"
    told = Breakdown(WEEK, "UTC", rows, by="provider").to_dict()
    assert (told["by"], told["tz"], told["window"], len(told["rows"])) == ("provider", "UTC", WEEK.to_dict(), 1)


@pytest.mark.parametrize(
    ("before", "after", "overlap", "significant", "said"),
    [
        ((50, 1000), (100, 1000), False, True, "5.00 % before, 10.00 % after; more than chance explains (p = "),
        ((50, 1000), (55, 1000), True, False, "5.00 % before, 5.50 % after; chance may explain it (p = "),
        ((1, 10), (2, 10), True, None, "10.00 % before, 20.00 % after; too few to say whether that is chance"),
        ((0, 0), (5, 10), None, None, "nothing to compare"),
        ((98, 100), (97, 100), True, None, "too few to say whether that is chance"),
        ((4, 100), (5, 100), True, None, "too few to say whether that is chance"),
        ((5, 100), (5, 100), True, False, "chance may explain it"),
    ],
)
def test_two_windows_are_compared_as_far_as_chance_allows(
    before: tuple[int, int], after: tuple[int, int], overlap: bool | None, significant: bool | None, said: str
) -> None:
    """A difference that chance makes in one of twenty comparisons is none."""
    rows = [row_of("x", sends(of, hard_bounces=some), WEEK) for some, of in (before, after)]
    change = Comparison(*rows, "UTC").changes["hard_bounce"]

    assert (change.overlap, change.significant) == (overlap, significant)
    assert said in change.sentence
    written = Comparison(*rows, "UTC").to_dict()["changes"]["hard_bounce"]
    assert written == change.to_dict()
    assert (written["overlap"], written["significant"]) == (overlap, significant)
    if change.p_value is not None:  # both tails beyond the difference, in its own spread
        whole = (before[0] + after[0]) / (before[1] + after[1])
        chance = NormalDist(sigma=sqrt(whole * (1 - whole) * (1 / before[1] + 1 / after[1])))
        assert change.p_value == pytest.approx(2 * chance.cdf(-abs(before[0] / before[1] - after[0] / after[1])))
    assert change.difference == (None if not before[1] else pytest.approx(after[0] / after[1] - before[0] / before[1]))


def test_a_comparison_says_the_same_as_json_and_in_rows() -> None:
    """A row for each measure: rates in rows, whole results in JSON."""
    rows = [row_of("x", sends(1000, hard_bounces=some), WEEK) for some in (50, 100)]
    told = Comparison(*rows, "UTC")

    assert [row["name"] for row in told.records()] == list(told.changes) == list(told.to_dict()["changes"])
    for row, change in zip(told.records(), told.changes.values(), strict=True):
        same = {name: getattr(change, name) for name in
                ("name", "difference", "overlap", "p_value", "significant", "sentence")}  # fmt: skip
        assert row == same | {"before": change.before.rate, "after": change.after.rate}
        assert change.to_dict() == same | {"before": change.before.to_dict(), "after": change.after.to_dict()}


def test_percentiles_are_of_half_nine_of_ten_and_nearly_all() -> None:
    """Of a thousand different spans."""
    told = Percentiles.of(Spans(dict.fromkeys(range(1, 1001), 1)))

    assert told == tuple(map(milliseconds_of, (500, 900, 990)))


def test_a_table_as_csv_has_no_formula_and_one_row_a_line(tmp_path: Path) -> None:
    """Numbers stay numbers, moments are written as elsewhere, what is not known is empty."""
    answer = Breakdown(WEEK, "UTC", table_of({"=1+1\r\n\x00": sends(1)}, WEEK, None), by="campaign")
    text = answer.to_csv(tmp_path / "table.csv")
    (row,) = csv.DictReader(io.StringIO(text))

    assert row["name"] == "'=1+1   "
    assert (row["since"], row["sends"], row["to_open_p50_ms"]) == ("2024-05-01T00:00:00.000Z", "1", "")
    assert (tmp_path / "table.csv").read_text() == text
    written = io.StringIO()
    assert answer.to_csv(written) == written.getvalue() == text
    assert Breakdown(WEEK, "UTC", (), by="campaign").to_csv() == ""
    with pytest.raises(ConfigurationError, match="cannot be written: No such file"):
        answer.to_csv(tmp_path / "no" / "where")


def test_a_frame_has_a_row_for_each_record() -> None:
    """With its columns."""
    pytest.importorskip("pandas")
    answer = Breakdown(WEEK, "UTC", table_of({"a": sends(2), "b": sends(1)}, WEEK, None), by="campaign")
    frame = answer.to_pandas()

    assert (list(frame["name"]), list(frame["sends"])) == (["a", "b"], [2, 1])
    assert list(frame.columns) == list(answer.records()[0])


@pytest.mark.parametrize(
    ("method", "library", "said"),
    [("to_pandas", "pandas", r"A pandas frame .*sesevent\[pandas\]"), ("plot", "matplotlib.figure", r"A picture .*sesevent\[plots\]")],
)  # fmt: skip
def test_without_its_library_an_answer_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, method: str, library: str, said: str
) -> None:
    """And what it is needed for."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=said):
        getattr(Breakdown(WEEK, "UTC", (), by="campaign"), method)()


# ── Points in time ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2h", START - timedelta(hours=2)), ("7d", START - 7 * DAY), ("2024-04-30", START - DAY - timedelta(hours=2)),
        ("2024-04-30T00:00:00Z", START - DAY), ("2024-04-30T00:00", START - DAY - timedelta(hours=2)),
        ("2024-04-30 02:00:00", START - DAY), ("2024-04-30T02:00:00.000", START - DAY), ("2024-04-30T00:00+00:00", START - DAY), (date(2024, 4, 30), START - DAY - timedelta(hours=2)),
        ("2024-04-30T02:00:00.5", START - DAY + timedelta(seconds=0.5)), ("2024-04-30 02", START - DAY), ("20240430", START - DAY - timedelta(hours=2)),
        ("30 Apr 2024", START - DAY - timedelta(hours=2)), ("30 Apr 2024 00:00:00 GMT", START - DAY), ("20240430T000000Z", START - DAY),
        ("2024-04-30T02:00+0200", START - DAY), ("2024-04-30 02:00:00 +02:00", START - DAY), ("1714435200000", START - DAY),
        (datetime(2024, 4, 30, tzinfo=UTC), START - DAY), (datetime(2024, 4, 30), START - DAY),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_a_point_in_time_is_told_as_people_tell_it(told: Any, moment: datetime) -> None:
    """A date, and a time of the clock, is of the time zone that is asked for; a datetime without one is UTC's."""
    assert moment_of(told, START, zone_of("Europe/Berlin")) == moment


@pytest.mark.parametrize("wrong", ["soon", "2024-13-01", "", "99999999d"])
def test_what_is_no_point_in_time_is_refused(wrong: str) -> None:
    """And what would be one is said."""
    with pytest.raises(ConfigurationError, match="neither a date nor a span such as 2h or 7d"):
        moment_of(wrong, START, UTC)


def test_a_window_ends_now_unless_it_says_when() -> None:
    """Not before it begins; it may be empty."""
    assert window_of("2024-04-30", None, START, UTC) == Window(START - DAY, START)
    assert window_of("2024-04-30", "2024-04-30", START, UTC) == Window(START - DAY, START - DAY)
    with pytest.raises(ConfigurationError, match="ends before it begins"):
        window_of("2024-04-30", "2024-04-29", START, UTC)


def test_periods_are_refused_where_there_are_too_many_or_none_such() -> None:
    """A year of hours is enough."""
    most = periods(Window(START, START + timedelta(hours=MOST)), "hour", UTC)

    assert len(most.all) == MOST == 10_000
    with pytest.raises(ConfigurationError, match="more than 10,000 such periods") as caught:
        periods(Window(START, START + timedelta(hours=MOST, minutes=1)), "hour", UTC)
    assert "longer" in str(caught.value.hint)
    with pytest.raises(ConfigurationError, match="no period 'year'; there are hour, day, week, month"):
        periods(WEEK, "year", UTC)
    with pytest.raises(ConfigurationError, match="no time zone 'Mars'") as caught:
        zone_of("Mars")
    assert "Europe/Berlin" in str(caught.value.hint)


def test_months_follow_each_other_whatever_day_is_asked_for() -> None:
    """None is left out, and each begins on its first."""
    window = Window(datetime(2024, 1, 31, 12, tzinfo=UTC), datetime(2024, 4, 1, 12, tzinfo=UTC))

    assert [(one.name, one.since) for one in periods(window, "month", UTC).all] == [
        (f"2024-0{month}", datetime(2024, month, 1, tzinfo=UTC)) for month in range(1, 5)
    ]


def test_as_many_periods_as_there_may_be_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none more, whatever they are called."""
    monkeypatch.setattr("sesevent.analytics.periods.MOST", 7)

    assert len(periods(WEEK, "day", UTC).all) == 7
    with pytest.raises(ConfigurationError, match=r"more than 7 such periods.*longer ones"):
        periods(Window(START, WEEK.until + timedelta(minutes=1)), "day", UTC)


@pytest.mark.parametrize(
    ("by", "tz", "names"),
    [
        ("hour", "Europe/Berlin", ["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00"]),
        ("day", "UTC", ["2024-03-31"]), ("week", "UTC", ["2024-W13"]), ("month", "Europe/Berlin", ["2024-03"]),
    ],
)  # fmt: skip
def test_periods_are_named_as_people_name_them(by: str, tz: str, names: list[str]) -> None:
    """ISO 8601."""
    window = Window(datetime(2024, 3, 31, 0, 30, tzinfo=UTC), datetime(2024, 3, 31, 1, 30, tzinfo=UTC))

    assert [period.name for period in periods(window, by, zone_of(tz)).all] == names
