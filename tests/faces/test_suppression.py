"""May I send? On a real MongoDB, through both faces."""

from __future__ import annotations

from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine, payload
from sesevent import Policy


def test_a_permanent_bounce_suppresses_with_reason_since_when_and_evidence(with_store: Any) -> None:
    """However the address is spelled."""

    async def body(face: Face) -> None:
        receipt = await face.get(lambda store: store.receive(genuine(payload("Bounce", to="Ann@Example.com"))))
        decision = await face.get(lambda store: store.suppression.check('"Ann" <ann@EXAMPLE.com>'))

        assert not decision
        assert ("hard_bounce", "hard-bounce", (receipt.events[0].id,), "2024-05-01") == (
            decision.reason, decision.rule, decision.evidence, decision.since.strftime("%Y-%m-%d"),
        )  # fmt: skip
        assert [standing.address for standing in receipt.standings] == ["ann@example.com"]

    with_store(body)


def test_nobody_is_suppressed_for_what_did_not_happen_to_them(with_store: Any) -> None:
    """Neither the mail's other recipients, nor anyone by a transient bounce, an open, or not-spam."""
    events = [
        payload("Bounce", to="ann@example.com", destination=["ann@example.com", "other@example.com"]),
        payload("Bounce", to="soft@example.com", body={"bounceType": "Transient"}),
        payload("Complaint", to="happy@example.com", body={"complaintFeedbackType": "not-spam"}),
        payload("Open", to="reader@example.com"),
    ]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        names = ["ann", "other", "soft", "happy", "reader"]
        asked = [f"{name}@example.com" for name in names]
        decisions = await face.get(lambda store: store.suppression.check_many(asked))

        assert [decision.allowed for decision in decisions] == [False, True, True, True, True]

    with_store(body)


def test_many_are_checked_in_order_from_any_iterable(with_store: Any) -> None:
    """More than one question's worth, each answered once."""
    asked = [f"person-{n}@example.com" for n in range(2500)]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive(genuine(payload("Complaint", to=asked[1700]))))
        decisions = await face.get(lambda store: store.suppression.check_many(iter(asked)))

        assert asked == [decision.address for decision in decisions]
        assert [asked[1700]] == [decision.address for decision in decisions if not decision]

    with_store(body)


def test_a_crash_between_storing_and_deriving_is_mended_by_the_redelivery(with_store: Any, tables: Any) -> None:
    """The event is a repeat then; its standing is derived all the same."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive(genuine(payload("Bounce"))))
        tables["ses_suppression"].delete_many({})
        receipt = await face.get(lambda store: store.receive(genuine(payload("Bounce"))))

        assert (receipt.fresh, len(receipt.standings)) == (False, 1)
        assert not await face.get(lambda store: store.suppression.check("ann@example.com"))

    with_store(body)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_person_with_many_facts_keeps_the_earliest_as_evidence(with_store: Any, size: int) -> None:
    """However they are batched; a repeat changes nothing."""
    events = [
        payload("Bounce", at=f"2024-05-{day:02}T00:00:00.000Z", message_id=f"m-{day}") for day in range(20, 10, -1)
    ]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(events * 2), batch_size=size))
        decision = await face.get(lambda store: store.suppression.check("ann@example.com"))

        assert (decision.since.strftime("%Y-%m-%d"), len(decision.evidence)) == ("2024-05-11", 5)

    with_store(body)


def test_where_a_provider_has_plus_tags_one_spelling_stands_for_all(with_store: Any) -> None:
    """Only if the policy names its domain: then what forbids mail to one forbids it to the others."""
    policy = Policy(plus_tags=frozenset(["Tags.example"]))
    asked = ["jane@tags.example", "Jane+shop@tags.example", "jane+other@tags.example", "jane+x@example.com",
             "jane@example.com", "janet@tags.example", "jane+shop@example.com"]  # fmt: skip
    bounces = [payload("Bounce", to=to, message_id=to) for to in ("jane+shop@tags.example", "jane+x@example.com")]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(bounces)))
        plain = await face.get(lambda store: store.suppression.check_many(asked))
        face.store.suppression._policy = policy
        tagged = await face.get(lambda store: store.suppression.check_many(asked))

        assert [one.allowed for one in plain] == [True, False, True, False, True, True, True]
        assert [one.allowed for one in tagged] == [False, False, False, False, True, True, True]
        assert [one.address for one in tagged] == [address.lower() for address in asked]
        assert (tagged[2].rule, tagged[2].evidence) == (tagged[1].rule, tagged[1].evidence)

    with_store(body)


def test_of_several_refusals_of_a_mailbox_the_strongest_is_told(with_store: Any) -> None:
    """Except to a spelling that is refused itself: that one is told its own reason."""
    policy = Policy(plus_tags=frozenset(["tags.example"]))

    async def body(face: Face) -> None:
        face.store.suppression._policy = policy
        await face.get(lambda store: store.receive(genuine(payload("Bounce", to="jane@tags.example"))))
        await face.get(lambda store: store.receive(genuine(payload("Complaint", to="jane+c@tags.example"))))
        await face.get(lambda store: store.receive(genuine(payload("Bounce", to="jane+a@tags.example"))))
        told = await face.get(
            lambda store: store.suppression.check_many(
                ["jane+c@tags.example", "jane+b@tags.example", "jane@tags.example"]
            )
        )

        assert [one.rule for one in told] == ["complaint", "complaint", "hard-bounce"]

    with_store(body)


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_each_is_forgiven_by_deliveries_of_their_own_time_only(with_store: Any, tables: Any) -> None:
    """People of one batch are asked about together: the earliest needs the delivery that is too early for the latest."""

    def soft(to: str, at: str) -> dict[str, Any]:
        return payload(
            "Bounce",
            to=to,
            at=at,
            message_id=f"{to}-{at}",
            body={"bounceType": "Transient", "bounceSubType": "MailboxFull"},
        )

    ann, ben = "ann@example.com", "ben@example.com"
    delivered = [payload("Delivery", to=to, at="2024-05-01T10:00:00.000Z", message_id=f"d-{to}") for to in (ann, ben)]
    bounced = [soft(ann, f"2024-05-01T0{hour}:00:00.000Z") for hour in (7, 8, 9)] + [
        soft(ben, f"2024-05-01T{hour}:00:00.000Z") for hour in (12, 13, 14)
    ]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(delivered)))
        receipt = await face.get(lambda store: store.receive_many(all_genuine(bounced)))
        assert receipt.fresh == 6

    with_store(body)
    holding = {
        row["_id"]: [one["holdings"] for one in row["standings"]] for row in tables["ses_suppression"].find().to_list()
    }
    assert [[h["rule"] for h in holdings] for holdings in holding[ben]] == [["soft-bounces"]]
    assert holding.get(ann, [[]]) == [[]]
    noted = [row for row in tables["ses_suppression_act"].find().to_list() if row["told"]["kind"] == "Delivery"]
    assert [row["address"] for row in noted] == [ann]


def test_of_several_candidates_for_a_complaint_each_is_only_a_candidate(with_store: Any, rows: Any) -> None:
    """It is stored with the event, and told by a rule of its own; who is named alone did complain."""
    two = [{"emailAddress": "ann@example.com"}, {"emailAddress": "ben@example.com"}]
    events = [
        payload("Complaint", body={"complainedRecipients": two}),
        payload("Complaint", to="cora@example.com", message_id="m-2"),
    ]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        asked = [f"{name}@example.com" for name in ("ann", "ben", "cora")]
        told = await face.get(lambda store: store.suppression.check_many(asked))

        assert [one.rule for one in told] == ["complaint-possible", "complaint-possible", "complaint"]

    with_store(body)
    assert rows.count_documents({"derived.guess": True}) == 1
