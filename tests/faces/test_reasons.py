"""Why mails bounced, as it is stored, asked for and told anew when the rules change."""

from __future__ import annotations

from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine, payload
from sesevent.bounces import rules_version


def bounce(to: str, diagnostic: str, **body: Any) -> dict[str, Any]:
    person = {"emailAddress": to, "action": "failed", "diagnosticCode": diagnostic}
    return payload("Bounce", to=to, message_id=to, body={"bouncedRecipients": [person], **body})


FULL = bounce("ann@example.com", "smtp; 552 5.2.2 mailbox full", bounceType="Transient")
GONE = bounce("ben@example.com", "smtp; 550 5.1.1 user unknown")
BLOCKED = bounce("cora@example.com", "smtp; 554 5.7.1 your IP address is listed on a blocklist")


def test_a_stored_bounce_tells_its_reason_and_which_rules_told_it(with_store: Any, rows: Any) -> None:
    """Beside SES's own words."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive(genuine(FULL)))

    with_store(body)
    derived = rows.find({}).to_list()[0]["derived"]
    assert derived["bounce"] == {
        "type": "Transient", "subType": "General", "reason": "mailbox_full", "class": "soft",
    }  # fmt: skip
    assert derived["rules"] == rules_version()


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_recipients_with_different_reasons_have_a_list_in_their_order(with_store: Any, rows: Any) -> None:
    """Any of them is found."""
    both = payload("Bounce", body={"bouncedRecipients": [
        {"emailAddress": "Ben@example.com", "diagnosticCode": "smtp; 550 user unknown"},
        {"emailAddress": "ann@example.com", "diagnosticCode": "smtp; 552 mailbox full"},
    ]})  # fmt: skip

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive(genuine(both)))
        for reason in ("mailbox_full", "user_unknown"):
            assert len(await face.get(lambda store, reason=reason: store.events.by_reason(reason))) == 1

    with_store(body)
    derived = rows.find({}).to_list()[0]["derived"]
    assert derived["recipients"] == ["ben@example.com", "ann@example.com"]
    assert derived["bounce"]["reason"] == ["user_unknown", "mailbox_full"]


def test_bounces_are_found_by_reason(with_store: Any) -> None:
    """One or several, with all other conditions."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine([FULL, GONE, BLOCKED, payload("Send")])))

        async def found(*reasons: str, **more: Any) -> list[str]:
            return [
                event.message_id for event in await face.get(lambda store: store.events.by_reason(*reasons, **more))
            ]

        assert await found("mailbox_full") == ["ann@example.com"]
        assert sorted(await found("mailbox_full", "user_unknown")) == ["ann@example.com", "ben@example.com"]
        assert await found("mailbox_full", "user_unknown", limit=1, newest_first=True) != []
        assert await found("greylisted") == []

    with_store(body)


def test_rows_that_older_rules_told_are_told_anew_and_standings_follow(with_store: Any, tables: Any, rows: Any) -> None:
    """A page at a time; a second run finds nothing to do; the doctor says so before and after."""
    from pymongo import UpdateOne

    async def stale(face: Face) -> str:
        findings = await face.get(lambda store: store.examine())
        return next(finding.level for finding in findings if finding.subject == "reasons")

    progress: list[int] = []

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine([FULL, GONE, payload("Send")])))
        assert await stale(face) == "ok"
        old = {"$set": {"derived.bounce": {"type": "Permanent"}, "derived.rules": "of old"}}
        rows.bulk_write([UpdateOne({"MessageId": one["mail"]["messageId"]}, old) for one in (FULL, GONE)])
        assert await stale(face) == "warning"

        done = await face.get(lambda store: store.reclassify(on_progress=lambda so_far: progress.append(so_far.rows)))
        assert (done.rows, progress) == (2, [2])
        assert await stale(face) == "ok"
        assert (await face.get(lambda store: store.reclassify())).rows == 0

    with_store(body)
    assert [row["derived"]["bounce"]["reason"] for row in rows.find({"Type": "Bounce"}, sort=[("MessageId", 1)]).to_list()] == [
        "mailbox_full", "user_unknown",
    ]  # fmt: skip
