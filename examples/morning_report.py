"""A morning's mail in a few lines: receive what SES reported, then tell who got what and who must be left alone.

Run it: ``python examples/morning_report.py``. It starts a MongoDB of its own; set SESEVENT_MONGODB_URI for another.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import nullcontext

from sesevent import EventStore, local, testing, trusted


def main() -> None:
    given = os.environ.get("SESEVENT_MONGODB_URI")
    with nullcontext(given) if given else local.server() as uri, EventStore.connect(uri, database="morning") as store:
        store.ensure_indexes()
        summary = store.receive_many(trusted(sample, because="it was made here") for sample in testing.samples())
        print(f"{summary.events} events, {summary.fresh} of them new")

        kinds = Counter(event.type for event in store.events.between())
        print(", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))

        people = {person.normal for event in store.events.between() for person in event.event.recipients}
        for decision in store.suppression.check_many(sorted(people)):
            if not decision:
                print(f"{decision.address}: {decision.sentence}")
        store.client.drop_database("morning")


if __name__ == "__main__":
    main()
