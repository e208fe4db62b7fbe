"""Makes the samples of «One page about how it stands»: ``python docs/draw_report.py``. The same stream, the same page.

A fortnight of a busy sender, with an afternoon in which a list of addresses turned out to be bad.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from rich.console import Console

from sesevent import EventStore, local, testing, trusted
from sesevent.cli.report import show
from sesevent.cli.report_page import page
from sesevent.monitoring import DEFAULT_RULES

STATIC = Path(__file__).parent / "_static"
NOW = datetime(2024, 5, 14, 16, tzinfo=timezone.utc)


def _bad_afternoon() -> list[Any]:
    """Mails to people who are not there any more, and what became of them."""
    mails = [
        {
            "message_id": f"bad-{number}",
            "to": [f"gone{number}@example.org"],
            "sent": NOW - timedelta(minutes=number),
        }
        for number in range(1, 61)
    ]
    return [testing.notification(made(**mail)) for mail in mails for made in (testing.send, testing.bounce)]


def main() -> None:
    """Draw them."""
    with local.server() as uri, EventStore.connect(uri, clock=lambda: NOW) as store:
        store.ensure_indexes()
        raws = list(testing.stream(20_000, seed=5, start=NOW - timedelta(days=11), mails_per_second=0.0065))
        raws += _bad_afternoon()
        store.receive_many(trusted(raw, because="a stream of our own") for raw in raws)
        # All of it was stored just now: how late that is says nothing here.
        store.monitor.evaluate([rule for rule in DEFAULT_RULES if rule.measure != "lag"])
        report = store.analytics.report(tz="Europe/Berlin")
    (STATIC / "report.html").write_text(page(report), encoding="utf-8", newline="\n")
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    show(report, console)
    svg = console.export_svg(title="sesevent report", unique_id="report")
    (STATIC / "report.svg").write_text(svg, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
