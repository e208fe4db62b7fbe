"""What became of a mail, of many, and of all the mails of a person: both colours, on MongoDB and in memory."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from both import Face
from payloads import all_genuine
from sesevent import ConfigurationError, testing
from sesevent.plans import status
from sesevent.storage.operations import Find
from sesevent.testing.payloads import SENT

ANN = "ann@example.com"
HOUR = timedelta(hours=1)


def letter(number: int, to: Any = ANN) -> dict[str, Any]:
    return {"to": to, "sent": SENT + number * HOUR, "subject": f"Letter {number}", "message_id": f"m-{number:03}"}


async def fill(face: Face, *payloads: dict[str, Any]) -> None:
    summary = await face.get(lambda store: store.receive_many(all_genuine(payloads)))
    assert summary.failed == 0


def test_a_stored_mail_has_a_status(with_store: Any) -> None:
    """For each of its recipients, with the story."""
    three = letter(1, to=[ANN, "ben@example.com"])

    async def body(face: Face) -> None:
        await fill(face, testing.delivery(**three), testing.send(**three), testing.opened(**three),
                   testing.bounce(bounced="ben@example.com", **three), testing.send(**letter(2)))  # fmt: skip
        mail = await face.get(lambda store: store.status("m-001"))

        assert [(one.address, one.state) for one in mail.recipients] == [
            (ANN, "delivered"),
            ("ben@example.com", "bounced"),
        ]
        assert [entry.type for entry in mail.timeline] == ["Send", "Delivery", "Bounce", "Open"]
        assert (mail.state, mail.opens, mail.known) == ("bounced", 1, True)
        assert (mail.sent_at, mail.subject, mail.campaign) == (SENT + HOUR, "Letter 1", "orders")

    with_store(body)


def test_a_mail_of_which_nothing_is_stored_is_unknown(with_store: Any) -> None:
    """Also one with an id that cannot be one."""

    async def body(face: Face) -> None:
        for message_id in ("nobody", "", "x" * 50_000):
            mail = await face.get(lambda store, message_id=message_id: store.status(message_id))
            assert (mail.message_id, mail.state, mail.known, mail.recipients) == (message_id, "unknown", False, ())

    with_store(body)


def test_many_are_answered_in_order(with_store: Any) -> None:
    """More than one question holds, with unknown ones and repeated ones among them."""
    asked = [*(f"m-{number:03}" for number in range(250)), "nobody", "x" * 2000, "m-007"]

    async def body(face: Face) -> None:
        await fill(face, *[testing.send(**letter(number)) for number in range(250)], testing.delivery(**letter(7)))
        mails = await face.get(lambda store: store.status_many(iter(asked)))

        assert [mail.message_id for mail in mails] == asked
        assert [mail.message_id for mail in mails if mail.state != "sent"] == ["m-007", "nobody", "x" * 2000, "m-007"]
        assert await face.get(lambda store: store.status_many([])) == []

    with_store(body)


def test_a_hundred_mails_are_one_question_without_their_texts() -> None:
    """And no second one where no row is of an older shape."""
    plan = status.of_many([f"m-{number}" for number in range(status.AT_ONCE)])
    asked: Any = next(plan)

    assert isinstance(asked, Find)
    assert "Message" not in (asked.projection or {"Message": 1})
    with pytest.raises(StopIteration):
        plan.send([])


OLD = letter(9)
FINE = testing.delivery(**OLD)
FINE["delivery"]["timestamp"] = "2024-05-01T18:00:02.123456Z"  # finer than MongoDB keeps
ENVELOPES = [testing.notification(one) for one in (testing.send(**OLD), FINE, testing.bounce(after=HOUR, **OLD))]
PLAIN = [
    {"Type": "Send", "MessageId": "m-009", "Subject": "Letter 9", "Message": json.dumps(testing.send(**OLD)), "Timestamp": "2024-05-01T18:00:00.000Z"},
    {"Type": "Bounce", "MessageId": "m-009", "Subject": "Letter 9", "Message": json.dumps(testing.bounce(after=HOUR, **OLD)), "Timestamp": "2024-05-01T19:00:00.000Z"},
]  # fmt: skip


@pytest.mark.parametrize("shape", [ENVELOPES, PLAIN])
def test_rows_of_older_shapes_count_as_ours_do(with_store: Any, rows: Any, shape: list[dict[str, Any]]) -> None:
    """Before they are adopted and after, field by field; SNS's subject is not the mail's."""

    async def body(face: Face) -> None:
        await fill(face, testing.send(**letter(3)))
        rows.insert_many([dict(row) for row in shape])
        before = await face.get(lambda store: store.status("m-009"))
        many = await face.get(lambda store: store.status_many(["m-009", "m-003"]))
        await face.get(lambda store: store.adopt())
        after = await face.get(lambda store: store.status("m-009"))

        assert (before.state, before.of(ANN).reason, before.subject) == ("bounced", "user_unknown", "Letter 9")
        assert before == after == many[0]
        assert many[1].state == "sent"

    with_store(body)


def test_an_event_that_lies_in_two_rows_counts_once(with_store: Any, rows: Any) -> None:
    """An older application's row beside our own, adopted or not."""

    async def body(face: Face) -> None:
        own = testing.opened(**OLD)
        await fill(face, testing.send(**OLD), own)
        alone = await face.get(lambda store: store.status("m-009"))
        rows.insert_many([testing.notification(own)])
        beside = await face.get(lambda store: store.status("m-009"))
        await face.get(lambda store: store.adopt())

        assert alone == beside == await face.get(lambda store: store.status("m-009"))
        assert alone.opens == 1

    with_store(body)


def test_a_row_that_only_quotes_the_id_is_not_the_mails(with_store: Any, rows: Any) -> None:
    """It was found by its text."""

    async def body(face: Face) -> None:
        rows.insert_many([testing.notification(testing.send(**letter(4) | {"subject": "about m-009"}))])
        mail = await face.get(lambda store: store.status("m-009"))

        assert not mail.known

    with_store(body)


def test_a_persons_mails_come_newest_first_each_once(with_store: Any) -> None:
    """By when they were sent: that an old one is opened today moves nothing."""

    async def body(face: Face) -> None:
        await fill(
            face, *[testing.send(**letter(number)) for number in range(6)], testing.opened(after=90 * HOUR, **letter(0)),
            *[testing.delivery(**letter(number)) for number in range(4)], testing.bounce(**letter(5)),
            testing.click(**letter(3)), testing.send(**letter(7, to="ben@example.com")),
        )  # fmt: skip
        found = await face.get(lambda store: store.recipient("Ann@EXAMPLE.com").to_list())

        assert [(one.message_id, one.status.state) for one in found] == [
            ("m-005", "bounced"), ("m-004", "sent"), ("m-003", "delivered"), ("m-002", "delivered"),
            ("m-001", "delivered"), ("m-000", "delivered"),
        ]  # fmt: skip
        assert (found[5].status.opens, found[5].sent_at, found[5].subject) == (1, SENT, "Letter 0")
        assert (await face.get(lambda store: store.recipient(ANN).first())).message_id == "m-005"
        assert await face.get(lambda store: store.recipient("nobody@example.com").first()) is None

    with_store(body)


def test_a_long_history_is_read_page_by_page(with_store: Any) -> None:
    """More events than a page holds, and one mail with more of them than that; iterated again, the same again."""
    many = [testing.opened(after=timedelta(minutes=n), **letter(2)) for n in range(1, 450)]

    async def body(face: Face) -> None:
        await fill(face, *[testing.send(**letter(n)) for n in range(230)], *many)
        history = None

        def ask(store: Any) -> Any:
            nonlocal history
            history = history or store.recipient(ANN)
            return history.to_list()

        found = await face.get(ask)
        assert [one.message_id for one in found] == [f"m-{n:03}" for n in reversed(range(230))]
        assert [one.message_id for one in await face.get(ask)] == [one.message_id for one in found]

    with_store(body)


@pytest.mark.parametrize("size", [1, 3])
def test_a_history_is_continued_behind_the_last_mail_seen(with_store: Any, size: int) -> None:
    """By its cursor, without gap or repeat."""

    async def body(face: Face) -> None:
        await fill(
            face, *[made(**letter(n)) for n in range(7) for made in (testing.send, testing.delivery, testing.opened)]
        )
        paged: list[str] = []
        after = None
        while page := await face.get(lambda store: store.recipient(ANN, limit=size, after=after).to_list()):  # noqa: B023
            paged += [one.message_id for one in page]
            assert len(page) <= size
            after = page[-1].cursor

        assert paged == [f"m-{n:03}" for n in reversed(range(7))]
        assert await face.get(lambda store: store.recipient(ANN, limit=0).to_list()) == []
        with pytest.raises(ConfigurationError, match="limit"):
            await face.get(lambda store: store.recipient(ANN, limit=-1).to_list())

    with_store(body)


def test_a_history_is_bounded_by_when_mails_were_sent(with_store: Any) -> None:
    """A mail sent before and opened meanwhile is not in it."""

    async def body(face: Face) -> None:
        await fill(face, *[testing.send(**letter(n)) for n in range(5)], testing.opened(after=2 * HOUR, **letter(0)))
        found = await face.get(lambda store: store.recipient(ANN, since=SENT + HOUR, until=SENT + 3 * HOUR).to_list())

        assert [one.message_id for one in found] == ["m-002", "m-001"]

    with_store(body)


def test_totals_say_what_a_persons_mails_came_to(with_store: Any) -> None:
    """And whether they may be mailed is what the suppression list says."""

    async def body(face: Face) -> None:
        await fill(
            face, *[testing.send(**letter(n)) for n in range(3)], testing.delivery(**letter(1)), testing.opened(**letter(1)),
            testing.click(**letter(1)), testing.bounce(**letter(2)), testing.send(**letter(6, to=[ANN, "ben@example.com"])), testing.opened(**letter(6, to=[ANN, "ben@example.com"])),
        )  # fmt: skip
        totals = await face.get(lambda store: store.recipient(ANN).totals())
        decision = await face.get(lambda store: store.recipient("ANN@example.com").decision())

        assert (totals.mails, totals.opens, totals.clicks) == (4, 1, 1)
        assert totals.states == {"bounced": 1, "sent": 2, "delivered": 1}
        assert (totals.first_sent_at, totals.last_sent_at) == (SENT, SENT + 6 * HOUR)
        assert decision == await face.get(lambda store: store.suppression.check(ANN))
        assert (decision.allowed, decision.reason) == (False, "hard_bounce")

    with_store(body)


def test_an_adopted_history_tells_each_mail_once(with_store: Any, rows: Any) -> None:
    """Envelopes, whose rows have SNS's time, and the same event in a row of our own."""

    async def body(face: Face) -> None:
        rows.insert_many([dict(row) for row in ENVELOPES])
        await fill(face, testing.send(**OLD), testing.send(**letter(1)))
        await face.get(lambda store: store.adopt())
        rows.insert_many(
            [testing.notification(testing.opened(**OLD), at=SENT)]
        )  # the earliest; nobody has adopted this one yet
        found = await face.get(lambda store: store.recipient(ANN).to_list())

        assert [(one.message_id, one.status.state, one.status.opens) for one in found] == [
            ("m-009", "bounced", 1), ("m-001", "sent", 0),
        ]  # fmt: skip

    with_store(body)


def test_values_of_a_history_can_be_written_and_tell_nobody(with_store: Any) -> None:
    """As JSON; and no address stands in a representation."""

    async def body(face: Face) -> None:
        await fill(face, testing.send(**letter(1)))
        found = await face.get(lambda store: store.recipient(ANN).first())
        totals = await face.get(lambda store: store.recipient(ANN).totals())

        assert json.loads(json.dumps(found.to_dict()))["state"] == "sent"
        assert json.loads(json.dumps(totals.to_dict()))["first_sent_at"] == "2024-05-01T10:00:00.000Z"
        assert ANN not in f"{found!r}{totals!r}{face.store.recipient(ANN)!r}"
        assert face.store.recipient("Ann@Example.com").address == ANN

    with_store(body)
