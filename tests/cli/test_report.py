"""``sesevent report``: on a terminal, as JSON, and as a page to mail around."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sesevent import EventStore, testing, trusted
from sesevent.cli.report import show
from sesevent.cli.report_page import page
from sesevent.cli.report_words import shown, sparkline
from sesevent.monitoring import DEFAULT_RULES
from sesevent.monitoring.report import StatusReport

NOW = datetime(2024, 5, 8, 15, tzinfo=timezone.utc)
EVIL = "<script>alert(1)</script>\x1b[2J\u202e\"'&"


@pytest.fixture
def report(mongodb_uri: str, database: str) -> StatusReport:
    """Of a campaign with a hostile name, half of whose mails bounced."""
    with EventStore.connect(mongodb_uri, database=database, clock=lambda: NOW) as store:
        store.ensure_indexes()
        for number in range(20):
            mail: dict[str, Any] = {"message_id": f"m-{number}", "to": f"p{number}@example.com", "campaign": EVIL,
                                    "sent": NOW - timedelta(hours=number % 3 + 1)}  # fmt: skip
            for one in (testing.send(**mail), (testing.bounce if number % 2 else testing.delivery)(**mail)):
                store.receive(trusted(one, because="a test's own"))
        store.monitor.evaluate(
            [replace(rule, min_volume=1, min_count=1) for rule in DEFAULT_RULES if rule.name == "bounce-rate"]
        )
        return store.analytics.report()


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "rect", "line", "polyline", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag


def test_the_page_needs_nothing_and_holds_what_mails_say_as_text(report: StatusReport) -> None:
    """No script, no link, no picture, no handler; well-formed; a policy forbids the rest."""
    text = page(report)
    reader = Reader()
    reader.feed(text)

    assert reader.open == []
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert not re.search(r"https?://|url\(|@import", text)
    assert "default-src 'none'" in text
    assert "alert(1)" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", text)
    assert html.escape("<script>alert(1)</script>") in text
    assert "prefers-color-scheme:dark" in text


def test_equal_reports_make_equal_pages(report: StatusReport) -> None:
    """Byte by byte."""
    assert page(report) == page(replace(report))


def test_the_page_tells_what_the_report_says(report: StatusReport) -> None:
    """The alarm before the figures; a worry is marked; charts have words for whom cannot see them."""
    text = page(report)
    assert text.index("CRITICAL: bounce-rate") < text.index("Against the usual") < text.index("As AWS judges")
    assert "50.0%" in text
    assert text.count('role="img" aria-label="') == text.count("<svg")
    assert len(re.findall("<article", text)) == len(report.figures)
    worrying = replace(report, figures=(replace(report.figures[0], verdict="low"), *report.figures[1:]))
    assert (page(worrying).count("card worry"), text.count("card worry")) == (1, 0)


def test_a_terminal_shows_the_alarms_first(report: StatusReport) -> None:
    """And obeys no stranger."""
    shown_ = io.StringIO()
    show(report, Console(file=shown_, width=120, force_terminal=False))
    lines = shown_.getvalue().splitlines()

    assert lines[0].startswith("CRITICAL: bounce-rate")
    assert any(re.match(r"sent +20 +.*█", line) for line in lines)
    assert any("10 people may not be mailed now; 0 dead letters" in line for line in lines)
    assert "\x1b[2J" not in shown_.getvalue()
    assert "\u202e" not in shown_.getvalue()


def test_in_a_pipe_it_is_one_line_of_json(sesevent: Any, report: StatusReport) -> None:
    """With how well the store is."""
    done = sesevent("report", "--since", "2024-05-08", "--until", "2024-05-09")
    (line,) = done.stdout.splitlines()
    told = json.loads(line)

    assert done.returncode == 0, done.stderr
    assert (told["state"], told["figures"][0]["now"], told["suppressed"]) == ("critical", 20, 10)
    assert told["health"]["status"] in ("ok", "degraded")


def test_html_goes_to_a_file_or_to_standard_output(sesevent: Any, report: StatusReport, tmp_path: Path) -> None:
    """What cannot be written is told with exit code 2."""
    window = ("--since", "2024-05-08", "--until", "2024-05-09")
    written = sesevent("report", *window, "--html", str(tmp_path / "r.html"))
    printed = sesevent("report", *window, "--html", "-")
    refused = sesevent("report", "--html", str(tmp_path / "no" / "r.html"))

    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert printed.stdout.startswith("<!doctype html>")
    assert (refused.returncode, "cannot be written" in refused.stderr) == (2, True)


def test_an_empty_store_has_a_report_too(sesevent: Any) -> None:
    """It says that nobody looks."""
    assert "no alarm is evaluated" in sesevent("report", "--html", "-").stdout


@pytest.mark.parametrize(
    ("course", "line"),
    [((0.0, 1.0), "▁█"), ((None, 2.0, 1.0), " █▅"), ((0.0, 0.0), "▁▁"), ((None,), " "), ((), "")],
)
def test_a_sparkline_begins_at_nought(course: tuple[float | None, ...], line: str) -> None:
    """And has a gap where nothing was measured."""
    assert sparkline(course) == line


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(None, "share", "–"), (1234, "count", "1,234"), (0.00123, "share", "0.12%"), (0.123, "share", "12.3%"),
     (900, "milliseconds", "900 ms"), (90_000, "milliseconds", "1.5 min"), (7_200_000, "milliseconds", "2.0 h")],
)  # fmt: skip
def test_values_are_told_as_people_say_them(value: float | None, unit: str, words: str) -> None:
    """In a unit in which the number is small."""
    assert shown(value, unit) == words
