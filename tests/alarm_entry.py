"""A notice, as notifiers are given it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from sesevent.analytics.measures import Window
from sesevent.monitoring.alarms import AlarmEntry
from sesevent.monitoring.figures import Scope
from sesevent.monitoring.readings import Reading

_NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)

ENTRY = AlarmEntry(
    "bounce-rate@1", "bounce-rate", "bounce-rate", Scope(), _NOW, "changed", "ok", "critical", "aws_bounce",
    Reading(0.045, 0.037, 90, 2000), Window(_NOW - timedelta(hours=6), _NOW), 0.04, 0.05, timedelta(hours=6), "look",
    tell=True,
)  # fmt: skip
