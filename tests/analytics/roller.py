"""A process that rolls up again and again, until somebody kills it: ``python roller.py URI DATABASE NOW``."""

from __future__ import annotations

import sys
from datetime import datetime

from sesevent import EventStore

if __name__ == "__main__":
    uri, database, now = sys.argv[1:]
    with EventStore.connect(
        uri, database=database, clock=lambda: datetime.fromisoformat(now), timeout_seconds=30
    ) as store:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            store.analytics.roll_up()
