"""What could not be understood is kept, and can be looked at, tried again and forgotten."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine, payload
from sesevent import ConfigurationError, DeadLetter, PayloadError, testing
from sesevent.storage.records import LARGEST_KEPT

TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"


def broken(text: str, **envelope: Any) -> bytes:
    """A notification whose message cannot be read."""
    return json.dumps(testing.notification({}, topic_arn=TOPIC) | {"Message": text} | envelope).encode()


async def refuse(face: Face, raw: Any) -> None:
    with pytest.raises(PayloadError):
        await face.get(lambda store: store.receive(genuine(raw)))


async def listed(face: Face) -> list[DeadLetter]:
    found: list[DeadLetter] = await face.get(lambda store: store.dead_letters.list())
    return found


@pytest.mark.parametrize(
    "content", [b"\xff\xfe not text", b'{"eventType": "Bounce", "mail": 1}', b"{oops", b"", b"[]]"]
)
def test_what_cannot_be_understood_is_kept_byte_by_byte(with_store: Any, content: bytes) -> None:
    """With its problems, its size, and how it came; and only once, however often it arrives."""

    async def body(face: Face) -> None:
        await refuse(face, content)
        await refuse(face, content)
        (letter,) = await listed(face)
        whole = await face.get(lambda store: store.dead_letters.get(letter.id))

        assert (letter.content, whole.content) == (None, content)
        assert (letter.count, letter.size, letter.received["via"], letter.truncated) == (
            2,
            len(content),
            "direct",
            False,
        )
        assert letter.problems
        assert letter.problems == whole.problems
        assert letter.first_at <= letter.last_at
        assert await face.get(lambda store: store.dead_letters.count()) == 1

    with_store(body)


def test_the_wrapping_is_peeled_off_and_remembered(with_store: Any) -> None:
    """What is kept is what could not be read, and which topic it came from."""

    async def body(face: Face) -> None:
        await refuse(face, broken("{oops", MessageId="n-7"))
        (letter,) = await listed(face)
        whole = await face.get(lambda store: store.dead_letters.get(letter.id))

        assert whole.content == b"{oops"
        assert {name: letter.received[name] for name in ("via", "topicArn", "notificationId")} == {
            "via": "sns", "topicArn": TOPIC, "notificationId": "n-7",
        }  # fmt: skip

    with_store(body)


def test_a_bad_member_of_a_batch_is_a_dead_letter_and_the_good_are_stored(with_store: Any, rows: Any) -> None:
    """One by one or in bulk; unless the caller keeps its own."""
    batch = [payload("Bounce"), {"eventType": "Bounce", "mail": "?"}, payload("Open")]

    async def body(face: Face) -> None:
        summary = await face.get(lambda store: store.receive_many(all_genuine(batch)))
        assert (summary.events, summary.failed) == (2, 1)
        assert len(await listed(face)) == 1
        await face.get(lambda store: store.receive_many(all_genuine([b"{other"]), dead_letters=False))
        assert len(await listed(face)) == 1
        await refuse(face, batch)
        assert [letter.count for letter in await listed(face)] == [2]

    with_store(body)
    assert rows.count_documents({}) == 2


def test_what_is_too_large_is_kept_in_part_and_never_tried_again(with_store: Any) -> None:
    """Its true size is told."""
    content = b"{" + b"x" * (LARGEST_KEPT + 10)

    async def body(face: Face) -> None:
        await refuse(face, content)
        (letter,) = await listed(face)
        whole = await face.get(lambda store: store.dead_letters.get(letter.id))
        retried = await face.get(lambda store: store.dead_letters.retry())

        assert (len(whole.content), letter.size, letter.truncated) == (LARGEST_KEPT, len(content), True)
        assert (retried.tried, retried.settled) == (1, 0)

    with_store(body)


def test_what_grows_too_large_when_it_is_stored_sinks_nothing_else(store: Any, rows: Any) -> None:
    """Its text would do; with what is derived from it, or its subject once more, no document holds it."""
    crowd = payload("Send", message_id="crowd", destination=[f"p{number}@example.com" for number in range(300_000)])
    subject = payload("Send", message_id="subject", commonHeaders={"subject": "s" * (9 * 2**20)})
    summary = store.receive_many(all_genuine([crowd, subject, payload("Send"), payload("Open")]))

    assert (summary.events, summary.failed, rows.count_documents({})) == (2, 2, 2)
    assert {problem.message for problem in summary.problems} == {"is too large to be stored"}
    assert store.dead_letters.count() == 2


def test_after_an_upgrade_they_are_tried_again(with_store: Any, tables: Any, rows: Any) -> None:
    """Stored as they first arrived, suppression included; what is still not understood stays."""
    event = payload("Bounce", to="ann@example.com")
    progress: list[int] = []

    async def body(face: Face) -> None:
        await refuse(face, broken("{oops"))
        await refuse(face, broken("{still not"))
        # An older version could not read what this one can: the content is put there by hand.
        (letter,) = [one for one in await listed(face) if one.size == len("{oops")]
        document = tables["ses_dead_letter"].find({}).to_list()
        kept = next(one for one in document if str(one["_id"]) == letter.id)
        change = _set(kept["_id"], json.dumps(event).encode())
        tables["ses_dead_letter"].bulk_write([change])

        retried = await face.get(
            lambda store: store.dead_letters.retry(on_progress=lambda so_far: progress.append(so_far.tried))
        )
        decision = await face.get(lambda store: store.suppression.check("ann@example.com"))

        assert (retried.tried, retried.settled, retried.events) == (2, 1, 1)
        assert progress == [2]
        assert not decision.allowed
        assert [one.size for one in await listed(face)] == [len("{still not")]
        assert [one.count for one in await listed(face)] == [1]  # trying is no arrival
        stored = rows.find({}).to_list()[0]
        assert (stored["received"]["via"], stored["received"]["topicArn"]) == ("sns", TOPIC)
        assert stored["received"]["storedAt"] >= stored["received"]["at"]
        assert stored["received"]["at"] == letter.first_at

    with_store(body)


def _set(identifier: Any, content: bytes) -> Any:
    from pymongo import UpdateOne

    return UpdateOne({"_id": identifier}, {"$set": {"content": content}})


def test_some_can_be_tried_again_by_id(with_store: Any) -> None:
    """And what is no id names none."""

    async def body(face: Face) -> None:
        await refuse(face, b"{one")
        await refuse(face, b"{two")
        first = (await listed(face))[0]
        assert (await face.get(lambda store: store.dead_letters.retry(first.id))).tried == 1
        assert (await face.get(lambda store: store.dead_letters.retry("nonsense"))).tried == 0
        assert await face.get(lambda store: store.dead_letters.get("nonsense")) is None

    with_store(body)


def test_they_are_purged_by_id_by_age_or_all(with_store: Any) -> None:
    """Never by accident: it must be said which, and once."""

    async def body(face: Face) -> None:
        for text in (b"{one", b"{two", b"{three"):
            await refuse(face, text)
        newest = (await listed(face))[0]
        past, future = (datetime.now(timezone.utc) + timedelta(hours=hours) for hours in (-1, 1))

        for wrong in ({}, {"before": future, "everything": True}):
            with pytest.raises(ConfigurationError):
                await face.get(lambda store, wrong=wrong: store.dead_letters.purge(**wrong))
        assert await face.get(lambda store: store.dead_letters.purge(newest.id)) == 1
        assert await face.get(lambda store: store.dead_letters.purge(before=past)) == 0
        assert await face.get(lambda store: store.dead_letters.purge(before=future)) == 2
        await refuse(face, b"{four")
        assert await face.get(lambda store: store.dead_letters.purge(everything=True)) == 1
        with pytest.raises(ConfigurationError):
            await face.get(lambda store: store.dead_letters.list(limit=0))

    with_store(body)


def test_a_dead_letter_shows_nothing_personal_in_its_repr(with_store: Any) -> None:
    """It may be logged."""

    async def body(face: Face) -> None:
        await refuse(face, b"{ann@example.com")
        (letter,) = await listed(face)
        whole = await face.get(lambda store: store.dead_letters.get(letter.id))
        assert "ann" not in repr(whole)

    with_store(body)
