"""Receiving and finding events, on a real MongoDB, through both faces."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine, notification, payload
from sesevent import PayloadError, parse


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 5, 1, hour, minute, tzinfo=timezone.utc)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_what_is_received_is_stored_in_the_five_strings(with_store: Any, rows: Any) -> None:
    """Exactly the columns of the Mongoose schema, and the text exactly as received."""
    raw = notification(payload("Bounce"))

    async def body(face: Face) -> None:
        receipt = await face.get(lambda store: store.receive(genuine(raw)))
        row = rows.find().to_list()[0]

        assert receipt.fresh
        assert (str(row["_id"]), "Bounce", "m-1", "Hello", "2024-05-01T12:00:00.000Z") == (
            receipt.events[0].id, row["Type"], row["MessageId"], row["Subject"], row["Timestamp"],
        )  # fmt: skip
        assert json.loads(raw)["Message"] == row["Message"]
        assert (
            row["received"]["via"], row["received"]["notificationId"], row["received"]["topicArn"],
        ) == ("sns", "n-1", "arn:aws:sns:us-east-1:1:t")  # fmt: skip

    with_store(body)


def test_the_same_event_by_other_routes_is_one_document(with_store: Any, rows: Any) -> None:
    """Twice by SNS, bare, and as an identity notification."""
    event = payload("Bounce")
    identity = {"notificationType": "Bounce", "mail": event["mail"], "bounce": event["bounce"]}

    async def body(face: Face) -> None:
        forms = [notification(event), notification(event, message_id="n-2"), event, json.dumps(identity)]
        fresh = [(await face.get(lambda store, form=form: store.receive(genuine(form)))).fresh for form in forms]

        assert fresh == [True, False, False, False]
        assert rows.count_documents({}) == 1

    with_store(body)


def test_what_cannot_be_read_is_refused_and_the_rest_is_kept(with_store: Any, rows: Any) -> None:
    """A batch with a bad member is not acknowledged; its good members are stored all the same."""

    async def body(face: Face) -> None:
        with pytest.raises(PayloadError, match=r"\$\[1\]"):
            await face.get(lambda store: store.receive(genuine([payload("Send"), {"not": "ses"}])))
        assert rows.count_documents({}) == 1

    with_store(body)


def test_handshakes_and_foreign_messages_are_skipped(with_store: Any, rows: Any) -> None:
    """They are well-formed; there is nothing to keep."""

    async def body(face: Face) -> None:
        for envelope in ({"Type": "SubscriptionConfirmation", "Token": "t"}, {"Type": "Notification", "Message": "Hi"}):
            receipt = await face.get(lambda store, envelope=envelope: store.receive(genuine(envelope)))
            assert (len(receipt.skipped), receipt.event, receipt.fresh) == (1, None, False)
        assert rows.count_documents({}) == 0

    with_store(body)


def test_many_are_received_in_batches_and_counted(with_store: Any, rows: Any) -> None:
    """Repeats, bad items and skipped ones each under their name; a bad item sinks no other."""
    good = [notification(payload("Open", message_id=f"m-{n}")) for n in range(25)]
    items = [*good, good[0], b"{broken", {"Type": "Notification", "Message": "Hi"}, payload("Send", mail=1)]
    items[-1]["mail"] = 1  # type: ignore[index]
    told: list[int] = []

    async def body(face: Face) -> None:
        summary = await face.get(
            lambda store: store.receive_many(
                all_genuine(iter(items)), batch_size=4, on_progress=lambda s: told.append(s.items)
            )
        )

        assert (summary.items, summary.events, summary.fresh, summary.duplicates,
                                         summary.skipped, summary.failed) == (29, 26, 25, 1, 1, 2)  # fmt: skip
        assert [problem.path for problem in summary.problems] == ["$[26]", "$[28].mail"]
        assert rows.count_documents({}) == 25
        assert sorted(told) == told
        assert told[-1] == 29

    with_store(body)


def test_an_iterable_that_fails_loses_nothing_before_it(with_store: Any, rows: Any) -> None:
    """What was taken in full batches is stored before the error comes out."""

    def failing() -> Any:
        for number in range(10):
            yield payload("Open", message_id=f"m-{number}")
        raise OSError("the file ended")

    async def body(face: Face) -> None:
        with pytest.raises(OSError, match="the file ended"):
            await face.get(lambda store: store.receive_many(all_genuine(failing()), batch_size=5))
        assert rows.count_documents({}) == 10

    with_store(body)


async def fill(face: Face) -> None:
    events = [
        payload("Send", message_id="m-1", at="2024-05-01T10:00:00.000Z", to="ann@example.com"),
        payload("Delivery", message_id="m-1", at="2024-05-01T10:00:01.000Z", to="ann@example.com"),
        payload("Open", message_id="m-1", at="2024-05-01T11:00:00.500Z", to="ann@example.com"),
        payload("Open", message_id="m-1", at="2024-05-01T11:00:00.600Z", to="ann@example.com"),
        payload(
            "Send", message_id="m-2", at="2024-05-01T12:00:00.000Z", to="Bob@Example.com", tags={"campaign": ["x"]}
        ),
        payload("Bounce", message_id="m-2", at="2024-05-01T12:00:05.000Z", to="bob@example.com", tags={}),
    ]
    await face.get(lambda store: store.receive_many(all_genuine(events)))


QUESTIONS = [
    (lambda events: events.by_message_id("m-1"), ["Send", "Delivery", "Open", "Open"]),
    (lambda events: events.by_message_id("m-1", limit=2, newest_first=True), ["Open", "Open"]),
    (lambda events: events.by_message_id("nobody"), []),
    (lambda events: events.by_type("Send"), ["Send", "Send"]),
    (lambda events: events.by_type("Send", "Bounce", since=at(11)), ["Send", "Bounce"]),
    (lambda events: events.between(at(10), at(11)), ["Send", "Delivery"]),
    (lambda events: events.between(at(11), newest_first=True), ["Bounce", "Send", "Open", "Open"]),
    (lambda events: events.between(limit=0), []),
    (lambda events: events.for_recipient('"Bob" <BOB@example.COM>'), ["Send", "Bounce"]),
    (lambda events: events.find(recipient="bob@example.com", types=["Bounce"]), ["Bounce"]),
    (lambda events: events.find(tag=("campaign", "x")), ["Send"]),
    (lambda events: events.find(tag=("campaign", None)), ["Send", "Delivery", "Open", "Open", "Send"]),
    (lambda events: events.find(configuration_set="main", message_id="m-1", until=at(11)), ["Send", "Delivery"]),
]


@pytest.mark.parametrize(("question", "types"), QUESTIONS)
def test_questions(with_store: Any, question: Any, types: list[str]) -> None:
    """By message, type, time, person, tag and configuration set, alone and together."""

    async def body(face: Face) -> None:
        await fill(face)
        assert types == [event.type for event in await face.get(lambda store: question(store.events))]

    with_store(body)


@pytest.mark.parametrize("newest_first", [False, True])
def test_paging_by_cursor_visits_every_row_once_in_order(with_store: Any, rows: Any, newest_first: bool) -> None:
    """Also across equal times, rows without a time, and rows that came from elsewhere without a Timestamp."""

    async def body(face: Face) -> None:
        await fill(face)
        await face.get(lambda store: store.receive_many(all_genuine([payload("Click", at="2024-05-01T11:00:00.500Z"),
                                                         {"eventType": "New", "mail": {"messageId": "m-9"}}])))  # fmt: skip
        rows.insert_many([{"Type": "Bounce", "Message": "free text"} for _ in range(3)])
        whole = await face.get(lambda store: store.events.between(newest_first=newest_first))
        paged: list[Any] = []
        after = None
        while page := await face.get(
            lambda store: store.events.between(newest_first=newest_first, limit=2, after=after)  # noqa: B023
        ):
            paged += page
            after = page[-1].cursor

        assert len(whole) == 11
        assert [event.id for event in whole] == [event.id for event in paged]
        assert len({event.id for event in paged}) == len(paged)

    with_store(body)


def test_long_answers_are_fetched_page_by_page(with_store: Any) -> None:
    """More rows than a page has, in order, and again when iterated again."""
    events = [payload("Open", at=f"2024-05-01T12:{n // 60:02}:{n % 60:02}.000Z") for n in range(1200)]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        found = await face.get(lambda store: store.events.by_type("Open"))

        assert len(found) == 1200
        assert found == sorted(found, key=lambda event: event.timestamp)

    with_store(body)


def test_one_event_by_its_key(with_store: Any) -> None:
    """As text, as bytes, and nothing for what cannot be a key."""

    async def body(face: Face) -> None:
        receipt = await face.get(lambda store: store.receive(genuine(payload("Click"))))
        identifier = receipt.events[0].id
        found = await face.get(lambda store: store.events.get(identifier))

        assert ("Click", identifier) == (found.type, found.key)
        assert found.id == (await face.get(lambda store: store.events.get(bytes.fromhex(identifier)))).id
        assert await face.get(lambda store: store.events.get("nonsense")) is None

    with_store(body)


def test_the_timeline_tells_the_story_in_order(with_store: Any) -> None:
    """Whatever the order of arrival."""

    async def body(face: Face) -> None:
        await fill(face)
        story = await face.get(lambda store: store.events.timeline("m-1"))

        assert [event.type for event in story] == ["Send", "Delivery", "Open", "Open"]

    with_store(body)


ODD = [
    b'{"eventType":"Send","mail":{"messageId":"nul\\u0000","tags":{"a\\u0000b":["x"],"$c.d":["y"],"":["z"]}}}',
    b'{"eventType":"Send","mail":{"messageId":"s","commonHeaders":{"subject":"cut \\ud83d"}}}',
    b'{"eventType":"Bounce","mail":{},"bounce":{"bouncedRecipients":[{"emailAddress":"no address"}]}}',
    b'{"eventType":"Open","mail":{"messageId":"big","x":123456789012345678901234567890},"open":{"y":1e300}}',
    b'{"eventType":"Send","mail":{"commonHeaders":{"subject":"' + b"x" * 300_000 + b'"}}}',
    b'{"eventType":"Send","mail":{"deep":' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}}",
    b'{"eventType":"Wholly New","mail":{"messageId":"n"},"wholly":{"$where":"1"}}',
    '{"eventType":"Send","mail":{"messageId":"sur\ud83drogate"}}',
]


@pytest.mark.parametrize("raw", ODD)
def test_odd_details_are_stored_and_read_back_whole(with_store: Any, raw: Any) -> None:
    """NUL characters, lone surrogates, strange keys, huge numbers, long and deep bodies: no event is lost."""

    async def body(face: Face) -> None:
        receipt = await face.get(lambda store: store.receive(genuine(raw)))
        found = await face.get(lambda store: store.events.get(receipt.events[0].id))

        assert parse(raw)[0] == found.event

    with_store(body)


def test_an_event_too_large_for_mongodb_is_a_problem_not_a_crash(with_store: Any, rows: Any) -> None:
    """It can never be stored, so it must not block the others for ever."""
    large = {"eventType": "Send", "mail": {"messageId": "x" * 13 * 2**20}}

    async def body(face: Face) -> None:
        summary = await face.get(lambda store: store.receive_many(all_genuine([large, payload("Send")])))

        assert (summary.failed, summary.fresh) == (1, 1)
        assert "too large" in str(summary.problems[0])

    with_store(body)


def test_an_id_that_no_mail_can_have_finds_nothing(with_store: Any) -> None:
    """Nor does it break a question: MongoDB takes no pattern with a NUL in it, and none of any length."""

    async def body(face: Face) -> None:
        for odd in ("a\0b", "x" * 100_000):
            assert await face.get(lambda store, odd=odd: store.events.by_message_id(odd).to_list()) == []
            assert not (await face.get(lambda store, odd=odd: store.status(odd))).known

    with_store(body)
