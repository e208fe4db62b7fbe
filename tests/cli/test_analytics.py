"""``sesevent analytics``: questions asked from the command line."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timezone
from typing import Any

import pytest
from typer.testing import CliRunner

from sesevent import testing, trusted
from sesevent.cli import analytics, output

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
WINDOW = ("--since", "2024-05-01", "--until", "2024-05-03")


@pytest.fixture
def filled(store: Any) -> Any:
    raws = testing.stream(400, seed=1, start=START, mails_per_second=0.005)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)
    return store


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_pipe_gets_json_lines(filled: Any, sesevent: Any) -> None:
    """One for each row, flat; the filters are the store's."""
    done = sesevent("analytics", "timeseries", *WINDOW, "--campaign", "spring", "--tz", "Europe/Berlin")
    series = filled.analytics.timeseries("2024-05-01", "2024-05-03", tz="Europe/Berlin", campaign="spring")

    assert done.returncode == 0, done.stderr
    assert [(row["name"], row["sends"], row["delivery_rate"]) for row in lines(done.stdout)] == [
        (row.name, row.counts["sends"], row.rate("delivery").rate) for row in series
    ]
    assert lines(done.stdout)[0]["since"] == "2024-04-30T22:00:00.000Z"


ASKED = {
    ("summary", *WINDOW): (1, ("delivered, of what was sent", "95 % interval", "half within")),
    ("by", "campaign", *WINDOW, "--tag", "campaign=spring"): (1, ("spring", "half delivered in")),
    ("by", "bounce-reason", *WINDOW, "--limit", "2"): (2, ("advice", "fault", "class")),
    ("by", "tag", "--name", "campaign", *WINDOW): (4, ("newsletter", "(none)")),
    ("links", *WINDOW, "--limit", "2"): (2, ("https://shop.example.com", "machine mails")),
    ("funnel", *WINDOW): (9, ("delivered", "100.00 %", "clicked by machines")),
    ("funnel", "no-such-mail"): (9, ("–",)),
    ("cohorts", *WINDOW): (2, ("2024-05-01", "opened 1h")),
    ("compare", "--before", "2024-05-01..2024-05-02", "--after", "2024-05-02..2024-05-03"): (18, ("verdict", "delivery")),
    ("aws",): (1, ("review from", "5.00 %", "0.10 %")),
}  # fmt: skip


@pytest.mark.in_clear("it asks in this process, which is told no key")
def test_every_question_can_be_asked(filled: Any, mongodb_uri: str, database: str, monkeypatch: Any) -> None:
    """It answers with so many rows of JSON, and with a table where a person looks at it."""
    place = ("--uri", mongodb_uri, "--database", database)
    for arguments, (rows, words) in ASKED.items():
        done = CliRunner().invoke(analytics.app, [*arguments, *place])
        assert (done.exit_code, len(lines(done.stdout))) == (0, rows), done.output
        with monkeypatch.context() as patched:
            for module in (analytics, output):
                patched.setattr(module, "for_people", lambda as_json: not as_json)
            done = CliRunner().invoke(analytics.app, [*arguments, *place], env={"COLUMNS": "300", "TERM": "dumb"})
        assert done.exit_code == 0, done.output
        assert [word for word in words if word not in done.output] == []


def test_csv_has_a_header(filled: Any, sesevent: Any) -> None:
    """And the columns of the JSON lines."""
    done = sesevent("analytics", "by", "provider", *WINDOW, "--csv")
    rows, told = (
        list(csv.DictReader(io.StringIO(done.stdout))),
        lines(sesevent("analytics", "by", "provider", *WINDOW).stdout),
    )
    assert [list(row) for row in rows] == [list(row) for row in told]
    assert [(row["name"], row["sends"]) for row in rows] == [(row["name"], str(row["sends"])) for row in told]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("summary", "--tz", "Mars/Olympus"), "no time zone"),
        (("by", "colour"), "no breakdown by"),
        (("compare", "--before", "7d"), "no window such as"),
        (("timeseries", "--by", "year"), "no period"),
    ],
)
def test_what_cannot_be_asked_is_told(sesevent: Any, arguments: tuple[str, ...], words: str) -> None:
    """With status 2."""
    done = sesevent("analytics", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
