"""What SES's list is compared with, out of a real store, through both faces."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from both import Face
from payloads import all_genuine
from sesevent import testing
from sesevent.plans.ses_list import Ours
from sesevent.suppression.facts import Act

SENT = datetime(2024, 5, 1, tzinfo=timezone.utc)
HERE = "eu-west-1"


def _act(name: str, days: int, **more: Any) -> Act:
    return Act(SENT + timedelta(days=days), "", name, **more)


def test_what_is_known_is_reduced_to_what_can_be_compared(with_store: Any) -> None:
    """Bounces, complaints and acts; also of those who were reactivated and never had a standing."""
    events = [testing.bounce(to="gone@example.com", sent=SENT), testing.complaint(to="angry@example.com", sent=SENT)]
    said = [
        ("Back@Example.com", _act("reactivate", 3, by="ann", note="asked")),
        ("listed@example.com", _act("listed", 1, origin="ses", by=HERE, note="BOUNCE")),
        ("there@example.com", _act("listed", 1, origin="ses", by="us-east-1", note="BOUNCE")),
        ("manual@example.com", _act("suppress", 1, by="ann")),
        ("left@example.com", _act("unsubscribe", 1, stream="marketing")),
        ("theirs@example.com", _act("suppress", 1, by="ann", tenant="acme")),
    ]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        await face.get(lambda store: store.suppression.record(said))
        told = {ours.address: ours for ours in await face.get(lambda store: store.suppression.mirrored(HERE))}

        assert told == {
            ours.address: ours
            for ours in (
                Ours("gone@example.com", "BOUNCE", held=True),
                Ours("angry@example.com", "COMPLAINT", held=True),
                Ours("back@example.com", reactivated=SENT + timedelta(days=3)),
                Ours("listed@example.com", listed=SENT + timedelta(days=1), listed_as="BOUNCE"),
                Ours("manual@example.com", held=True),
            )
        }

    with_store(body)


def test_more_than_a_page_is_told_whole(with_store: Any) -> None:
    """Of standings and of acts."""
    said = [(f"p-{number:04}@example.com", _act("listed", 1, origin="ses", by=HERE)) for number in range(700)]
    said += [(f"q-{number:04}@example.com", _act("reactivate", 1, by="ann")) for number in range(700)]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.suppression.record(said))
        told = await face.get(lambda store: store.suppression.mirrored(HERE))

        assert {ours.address for ours in told} == {address for address, _ in said}

    with_store(body)
