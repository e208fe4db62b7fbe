"""Draws the pictures of «Ask how it went»: ``python docs/draw_analytics.py``. The same stream, the same pictures."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import matplotlib as mpl

from sesevent import EventStore, local, testing, trusted

STATIC = Path(__file__).parent / "_static"
START = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAYS = 14
mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sesevent"})

with local.server() as uri, EventStore.connect(uri) as store:
    store.ensure_indexes()
    raws = testing.stream(24_000, seed=5, start=START, mails_per_second=0.0065)
    store.receive_many(trusted(raw, because="a stream of our own") for raw in raws)
    window = (START, START + timedelta(days=DAYS))
    pictures = {
        "analytics-series": store.analytics.timeseries(*window, tz="Europe/Berlin").plot(),
        "analytics-funnel": store.analytics.funnel(since=window[0], until=window[1]).plot(),
    }
    for name, figure in pictures.items():
        figure.savefig(STATIC / f"{name}.svg", metadata={"Date": None})
