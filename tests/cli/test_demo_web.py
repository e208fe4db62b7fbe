"""``sesevent demo --web``: the dashboard alive, until Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from dateutil import parser

from sesevent.cli import demo_web
from sesevent.testing.traffic import Traffic

httpx = pytest.importorskip("httpx")
pytest.importorskip("uvicorn")

MAY = datetime(2024, 5, 1, tzinfo=timezone.utc)


def test_the_demo_shows_the_dashboard_goes_on_and_ends_cleanly(mongodb_uri: str, mongo_client: Any) -> None:
    """A bad day is on it, an alarm is raised, events keep coming; Ctrl-C leaves no database and no traceback."""
    command = [sys.executable, "-m", "sesevent.cli", "demo", "--web", "--port", "0"]
    environment = os.environ | {"SESEVENT_MONGODB_URI": mongodb_uri}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as demo:
        assert demo.stderr is not None
        url = next(found[1] for line in demo.stderr if (found := re.match(r"The dashboard: (\S+)", line)))
        page = httpx.get(url, timeout=60)
        before, started = latest(page.text), time.monotonic()
        while latest(httpx.get(url, timeout=60).text) <= before and time.monotonic() - started < 60:
            time.sleep(1)
        demo.send_signal(signal.SIGINT)
        rest = demo.stderr.read()

    assert "Critical: bounce-rate" in page.text
    assert "Today against the usual" in page.text
    assert time.monotonic() - started < 60
    assert demo.returncode == 0
    assert "Traceback" not in rest
    assert "Nothing is left of this demo." in rest
    assert [name for name in mongo_client.list_database_names() if name.startswith("sesevent_demo")] == []


def latest(page: str) -> str:
    return max(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", page.partition('<ol id="live"')[2].partition("</ol>")[0]))


def test_traffic_is_the_same_from_the_same_seed_and_goes_on_where_it_was() -> None:
    """Asked for at once or in steps."""
    end = MAY + timedelta(days=2)
    at_once = list(Traffic(MAY, MAY + timedelta(days=1)).until(end))
    in_steps = Traffic(MAY, MAY + timedelta(days=1))
    steps = [*in_steps.until(MAY + timedelta(hours=30)), *in_steps.until(end)]

    assert [one["mail"]["messageId"] for one in at_once] == [one["mail"]["messageId"] for one in steps]
    assert len(at_once) > 500


@pytest.mark.parametrize("seed", range(5))
def test_traffic_that_is_hastened_comes_at_once(seed: int) -> None:
    """Also at night, when the next mail was minutes away: whoever looks sees something happen."""
    traffic = Traffic(MAY, MAY + timedelta(days=9), seed=seed)
    night = MAY + timedelta(days=1, hours=2)
    list(traffic.until(night))

    assert len(list(traffic.until(night + timedelta(minutes=2), faster=600))) > 20


def test_a_bad_day_bounces_and_the_days_before_did_not() -> None:
    """Above AWS's lines, and below them."""
    traffic = Traffic(MAY, MAY + timedelta(days=20))
    calm, bad = list(traffic.until(MAY + timedelta(days=20))), list(traffic.until(MAY + timedelta(days=21)))
    rates = [
        sum(one["eventType"] == "Bounce" for one in some) / sum(one["eventType"] == "Send" for one in some)
        for some in (calm, bad)
    ]

    assert rates[0] < 0.05 < 0.08 < rates[1]


@pytest.mark.parametrize("quarter", range(8, 96, 5))
def test_the_demos_day_is_bad_at_whatever_hour_it_is_looked_at(quarter: int) -> None:
    """Today, which begins at midnight, is above AWS's line; the hours an alarm looks at hold mails enough, at night too."""
    now = MAY + timedelta(hours=quarter / 4)
    traffic = list(Traffic(now - timedelta(days=3), now - demo_web.BAD).until(now))

    today, lately = (of_mails_since(since, traffic) for since in (MAY, now - timedelta(hours=6)))

    assert today["Bounce"] / today["Send"] > 0.06
    assert lately["Bounce"] / lately["Send"] > 0.08
    assert lately["Send"] > 80


def of_mails_since(since: datetime, traffic: list[dict[str, Any]]) -> Counter[str]:
    return Counter(one["eventType"] for one in traffic if parser.isoparse(one["mail"]["timestamp"]) >= since)
