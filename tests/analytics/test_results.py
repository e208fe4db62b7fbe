"""What answers can be turned into: plain data, CSV, a frame, a picture."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from both import Face
from sesevent import testing, trusted
from sesevent.analytics.cells import Cell
from sesevent.analytics.measures import Window
from sesevent.analytics.results import row_of
from sesevent.analytics.uniques import ERROR, MOST_MARKS, Uniques
from sesevent.errors import ConfigurationError
from sesevent.testing import payloads

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
WINDOW: tuple[Any, Any] = ("2024-05-01", "2024-05-03")
QUESTIONS = {
    "summary": lambda of: of.summary(*WINDOW),
    "timeseries": lambda of: of.timeseries(*WINDOW, by="hour"),
    "by": lambda of: of.by("campaign", *WINDOW),
    "reasons": lambda of: of.by("bounce_reason", *WINDOW),
    "links": lambda of: of.top_links(*WINDOW),
    "funnel": lambda of: of.funnel(since=WINDOW[0], until=WINDOW[1]),
    "cohorts": lambda of: of.cohorts(*WINDOW),
    "compare": lambda of: of.compare(("2024-05-01", "2024-05-02"), ("2024-05-02", "2024-05-03")),
}


@pytest.fixture
def answers(store: Any) -> dict[str, Any]:
    raws = testing.stream(400, seed=1, start=START, mails_per_second=0.005)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)
    return {name: ask(store.analytics) for name, ask in QUESTIONS.items()}


def test_both_colours_answer_alike(mongodb_uri: str, database: str, request: Any) -> None:
    """Each question, field by field."""
    from both import on_a_server

    told = {}
    for colour in ("sync", "async"):

        async def body(face: Face, colour: str = colour) -> None:
            raws = testing.stream(200, seed=2, start=START, mails_per_second=0.005)
            await face.get(lambda store: store.receive_many([trusted(raw, because="a test's own") for raw in raws]))
            found = {
                name: await face.get(lambda store, ask=ask: ask(store.analytics)) for name, ask in QUESTIONS.items()
            }
            told[colour] = {name: answer.to_dict() for name, answer in found.items()}
            told[colour]["tally"] = (await face.get(lambda store: store.analytics.tally(START))).counts
            reckoned = await face.get(lambda store: store.analytics.as_aws_reckons(volume=1))
            told[colour]["aws"] = reckoned.volume

        on_a_server(colour, request)(body)
    assert told["sync"] == told["async"]
    assert told["sync"]["summary"]["counts"]["sends"] > 50


def test_an_answer_is_json(answers: dict[str, Any]) -> None:
    """As it stands, with its window and its time zone."""
    for name, answer in answers.items():
        told = json.loads(json.dumps(answer.to_dict()))
        assert told["tz"] == "UTC"
        if name != "compare":
            assert told["window"]["since"] == "2024-05-01T00:00:00.000Z"


def test_csv_holds_the_records(answers: dict[str, Any], tmp_path: Path) -> None:
    """Column by column; written to a path or a file too."""
    for name, answer in answers.items():
        file, held = tmp_path / f"{name}.csv", io.StringIO()
        text = answer.to_csv(file)
        assert answer.to_csv(held) == held.getvalue() == file.read_text(encoding="utf-8") == text
        rows, records = list(csv.DictReader(io.StringIO(text))), answer.records()
        assert len(rows) == len(records) > 0
        assert [list(row) for row in rows] == [list(record) for record in records]
        first = next(iter(records[0]))
        assert [row[first] for row in rows] == [str(record[first]) for record in records]
    with pytest.raises(ConfigurationError, match="cannot be written"):
        answer.to_csv(tmp_path / "absent" / "x.csv")


def test_no_cell_is_a_formula(store: Any) -> None:
    """A campaign's name is text, a change below zero a number."""
    for name in ("=1+1", "@x", "+x", "a\nb"):
        about: Any = {"to": "a@one.example", "sent": START, "message_id": name, "campaign": name}
        store.receive(trusted(payloads.send(**about), because="a test's own"))
    rows = list(csv.DictReader(io.StringIO(store.analytics.by("campaign", *WINDOW).to_csv())))
    assert sorted(row["name"] for row in rows) == ["'+x", "'=1+1", "'@x", "a b"]
    store.receive(trusted(payloads.delivery(**about), because="a test's own"))
    (change,) = [
        row
        for row in csv.DictReader(io.StringIO(store.analytics.compare(WINDOW, WINDOW).to_csv()))
        if row["name"] == "delivery"
    ]
    assert change["difference"] == "0.0"


def test_a_frame_holds_the_records(answers: dict[str, Any]) -> None:
    """With types that pandas knows."""
    frame = answers["timeseries"].to_pandas()
    assert list(frame["name"]) == [row.name for row in answers["timeseries"]]
    assert int(frame["sends"].sum()) == answers["summary"].counts["sends"]
    assert str(frame["since"].dtype).startswith("datetime64")
    for answer in answers.values():
        assert len(answer.to_pandas()) == len(answer.records())


def test_a_picture_shows_what_was_measured(answers: dict[str, Any], tmp_path: Path) -> None:
    """On no screen; names are text, whatever is in them."""
    for name, answer in answers.items():
        answer.plot().savefig(tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    above = answers["timeseries"].plot("hard_bounce").axes[0]
    wanted = [row.rate("hard_bounce").rate for row in answers["timeseries"]]
    drawn = [None if share != share else share for share in above.lines[0].get_ydata()]
    assert drawn == wanted
    labels = [label.get_text() for label in answers["by"].plot("delivery").axes[0].get_yticklabels()]
    assert labels == [row.name for row in answers["by"]]


def test_a_name_with_dollars_can_be_drawn(store: Any) -> None:
    """It is no formula of mathematics."""
    about: Any = {"to": "a@one.example", "sent": START, "message_id": "m", "campaign": r"$\frac{$ off"}
    store.receive(trusted(payloads.send(**about), because="a test's own"))
    store.analytics.by("campaign", *WINDOW).plot().savefig(io.BytesIO())


def test_nothing_can_be_drawn_and_written_too(store: Any) -> None:
    """An empty answer is an answer."""
    for ask in QUESTIONS.values():
        answer = ask(store.analytics)
        answer.plot().savefig(io.BytesIO())
        assert answer.to_csv() == "" or answer.to_csv().startswith("name,")
        answer.to_pandas()


@pytest.mark.parametrize(
    ("method", "absent", "extra"), [("to_pandas", "pandas", "pandas"), ("plot", "matplotlib", "plots")]
)
def test_without_its_library_the_extra_is_named(method: str, absent: str, extra: str) -> None:
    """Not a bare ModuleNotFoundError of somebody else's."""
    script = f"""
import sys; sys.modules[{absent!r}] = None
from sesevent.analytics.results import Reasons
try:
    Reasons(None, "UTC", ()).{method}()
except ImportError as error:
    print(error)"""
    assert f"pip install 'sesevent[{extra}]'" in subprocess.check_output([sys.executable, "-c", script], text=True)


def test_rows_are_found_by_name(answers: dict[str, Any]) -> None:
    """Periods, campaigns, reasons, stages, cohorts."""
    assert answers["by"]["spring"].name == "spring"
    assert answers["cohorts"]["2024-05-01"].sent > 0
    assert answers["funnel"]["sent"].mails >= answers["funnel"]["clicked"].mails
    for name in ("by", "timeseries", "reasons", "cohorts", "funnel"):
        with pytest.raises(KeyError):
            answers[name]["nonsense"]


def test_times_are_told_as_percentiles(answers: dict[str, Any]) -> None:
    """In milliseconds, in order."""
    for spans in (answers["summary"].to_deliver, answers["summary"].to_open):
        assert 0 < spans.p50 <= spans.p90 <= spans.p99
    assert answers["summary"].to_deliver.p50 == pytest.approx(2000, rel=0.4)  # the stream's median is e^0.7 s


def test_memory_says_that_it_counts_nothing() -> None:
    """Loudly, and where to ask instead."""
    with pytest.raises(NotImplementedError, match="ask analytics of a MongoDB"):
        testing.memory_store().analytics.summary(START, START + timedelta(days=1))


def test_an_estimate_of_different_mails_tells_its_error() -> None:
    """What was counted exactly has none."""
    exact, estimated = Cell(), Cell()
    exact.unique("opens").add(1)
    many = Uniques(range(MOST_MARKS + 1))
    estimated.merge(exact).unique("opens").merge(Uniques.unpacked(many.packed()))
    window = Window(START, START + timedelta(days=1))
    assert row_of("x", exact, window).unique_error == 0
    assert row_of("x", estimated, window).to_dict()["unique_error"] == ERROR
    assert row_of("x", estimated, window).record()["unique_error"] == ERROR
