"""What became of a mail: the fold, its precedence, its words."""

from __future__ import annotations

import json
import random
import runpy
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesevent import parse, testing
from sesevent.analytics.status import PRECEDENCE, STATES, Happened, MessageStatus, RecipientStatus, status_of
from sesevent.errors import ConfigurationError
from sesevent.storage.codec import document_fields
from sesevent.storage.happenings import happened_in

ANN, BEN, CORA = "ann@example.com", "ben@example.com", "cora@example.com"
FULL = {
    "bounce_type": "Transient",
    "bounce_sub_type": "MailboxFull",
    "status": "4.2.2",
    "diagnostic": "smtp; 452 4.2.2 The mailbox is over its quota",
}
AWAY = {"bounce_type": "Transient", "status": "2.0.0", "diagnostic": "smtp; Automatic reply: out of office"}
BLOCK = {"status": "5.7.1", "diagnostic": "smtp; 550 5.7.1 Service unavailable; client host blocked using Spamhaus"}
UNREADABLE = {"bounce_type": "Undetermined", "bounce_sub_type": "Undetermined", "status": "", "diagnostic": ""}
LISTED = {"bounce_sub_type": "OnAccountSuppressionList", "diagnostic": "Amazon SES did not send the message"}
LATER = timedelta(hours=5)


def happened(payload: dict[str, Any], **changed: Any) -> Happened:
    return happened_in(document_fields(parse(payload)[0]))._replace(**changed)


def folded(*payloads: dict[str, Any]) -> MessageStatus:
    return status_of("m", map(happened, payloads))


send, delivery, delay, bounce, complaint = (
    testing.send, testing.delivery, testing.delivery_delay, testing.bounce, testing.complaint,
)  # fmt: skip
opened, click, subscription = testing.opened, testing.click, testing.subscription
OTHER = {"eventType": "Wholly New", "mail": send(to=ANN)["mail"]}

STORIES = [
    ("unknown", []),
    ("sent", [send(to=ANN)]),
    ("delivered", [send(to=ANN), delivery(to=ANN)]),
    ("delayed", [send(to=ANN), delay(to=ANN)]),
    ("delivered", [send(to=ANN), delay(to=ANN), delivery(to=ANN, after=LATER)]),
    ("delivered", [delivery(to=ANN), delay(to=ANN, after=LATER)]),  # the clock of a server that is wrong
    ("bounced", [send(to=ANN), delay(to=ANN), bounce(to=ANN, **FULL)]),
    ("bounced", [send(to=ANN), bounce(to=ANN)]),
    ("bounced", [send(to=ANN), bounce(to=ANN, **BLOCK)]),
    ("bounced", [delivery(to=ANN), bounce(to=ANN, after=LATER)]),
    ("bounced", [bounce(to=ANN), delivery(to=ANN, after=LATER)]),
    ("bounced", [delivery(to=ANN), bounce(to=ANN, after=LATER, **FULL)]),
    ("bounced", [delivery(to=ANN), bounce(to=ANN, after=LATER, **BLOCK)]),
    ("bounced", [delivery(to=ANN), opened(to=ANN), click(to=ANN), bounce(to=ANN)]),
    ("delivered", [delivery(to=ANN), bounce(to=ANN, after=LATER, **AWAY)]),
    ("delivered", [send(to=ANN), bounce(to=ANN, **AWAY)]),
    ("bounced", [send(to=ANN), bounce(to=ANN, **UNREADABLE)]),
    ("delivered", [delivery(to=ANN), bounce(to=ANN, after=LATER, **UNREADABLE)]),
    ("complained", [delivery(to=ANN), complaint(to=ANN)]),
    ("complained", [complaint(to=ANN), bounce(to=ANN, after=LATER)]),
    ("delivered", [send(to=ANN), complaint(to=ANN, feedback_type="not-spam")]),
    ("sent", [send(to=ANN), complaint(to=ANN, feedback_type="auth-failure")]),
    ("suppressed", [send(to=ANN), complaint(to=ANN, sub_type="OnAccountSuppressionList")]),
    ("suppressed", [send(to=ANN), bounce(to=ANN, **LISTED)]),
    ("suppressed", [send(to=ANN), bounce(to=ANN, bounce_sub_type="UnsubscribedRecipient")]),
    ("rejected", [send(to=ANN), testing.reject(to=ANN)]),
    ("rendering_failed", [send(to=ANN), testing.rendering_failure(to=ANN)]),
    ("delivered", [send(to=ANN), opened(to=ANN)]),
    ("delivered", [click(to=ANN)]),
    ("delivered", [subscription(to=ANN)]),
    ("received", [testing.received(to=ANN)]),
    ("unknown", [OTHER]),
    ("delivered", [delivery(to=ANN), OTHER]),
]  # fmt: skip


@pytest.mark.parametrize(("state", "story"), STORIES)
def test_a_story_comes_to_its_state_whatever_its_order(state: str, story: list[Any]) -> None:
    """The table of what wins."""
    for seed in range(5):
        told = random.Random(seed).sample(story * 2, k=len(story) * 2)
        assert folded(*told).state == state


def test_the_person_has_the_state_of_a_mail_to_one() -> None:
    """With its time, its proof and its reason."""
    ann = folded(send(to=ANN), delivery(to=ANN), bounce(to="Ann@Example.com", bounced=ANN, after=LATER)).of(
        "ANN@example.com"
    )

    assert ann is not None
    assert (ann.state, ann.evidence, ann.reason, ann.bounce_class) == ("bounced", "bounce-hard", "user_unknown", "hard")
    assert ann.since == testing.payloads.SENT + LATER
    assert ann.delivered_at == testing.payloads.SENT + timedelta(seconds=2)
    assert ann.sentence == "Bounced on 2024-05-01 at 14:00 UTC, after a server had taken it: no such mailbox."


def test_each_recipient_has_a_state_of_their_own() -> None:
    """From the events that name them; the others stay as they were."""
    three = {"to": (ANN, BEN, CORA)}
    mail = folded(send(**three), delivery(delivered=[ANN, BEN], **three), bounce(bounced=BEN, after=LATER, **three))

    assert [(one.address, one.state) for one in mail.recipients] == [
        (ANN, "delivered"),
        (BEN, "bounced"),
        (CORA, "sent"),
    ]
    assert mail.state == "bounced"
    assert mail.counts == {"bounced": 1, "sent": 1, "delivered": 1}
    assert mail.sentence == "3 recipients: 1 bounced, 1 sent, 1 delivered."
    assert not mail.settled


def test_reasons_of_one_bounce_are_each_persons_own() -> None:
    """A bounce may list people for different reasons."""
    both = bounce(to=(ANN, BEN))
    both["bounce"]["bouncedRecipients"][1] |= {"status": "4.2.2", "diagnosticCode": FULL["diagnostic"]}
    mail = folded(send(to=(ANN, BEN)), both)

    assert [(one.reason, one.evidence) for one in mail.recipients] == [
        ("user_unknown", "bounce-hard"), ("mailbox_full", "bounce-soft"),
    ]  # fmt: skip


def test_of_whom_a_column_says_nothing_no_reason_is_known() -> None:
    """It holds one value for all, or one for each; a shorter one says nothing of the last."""
    told = Happened("k", "Bounce", people=(ANN, BEN, CORA), reasons=("virus", "policy"), classes=("hard",))
    mail = status_of("m", [told])

    assert [one.reason for one in mail.recipients] == ["virus", "policy", None]
    assert [one.bounce_class for one in mail.recipients] == ["hard"] * 3


def test_a_click_is_told_with_its_link() -> None:
    """And what is no click has none."""
    told = click(to=ANN, link="https://shop.example/sale")
    mail = folded(send(to=ANN), told)

    assert [(entry.link, entry.machine) for entry in mail.timeline] == [
        (None, None),
        ("https://shop.example/sale", None),
    ]


def test_an_open_of_a_mail_to_several_is_nobodys_in_particular() -> None:
    """It counts for the mail, and for no person; it shows only that the mail was sent to each."""
    mail = folded(opened(to=(ANN, BEN)), click(to=(ANN, BEN)), subscription(to=(ANN, BEN)))

    assert (mail.opens, mail.clicks, mail.state) == (1, 1, "sent")
    assert [(one.state, one.opens, one.clicks, one.unsubscribed) for one in mail.recipients] == [("sent", 0, 0, ())] * 2
    assert {entry.type: entry.effect for entry in mail.timeline} == {
        "Open": "unknown → sent (2 people), opened by one of them", "Click": "clicked by one of them",
        "Subscription": "nothing",
    }  # fmt: skip


def test_who_bounced_did_not_complain() -> None:
    """Of several candidates a provider names."""
    to = {"to": (ANN, BEN)}
    mail = folded(delivery(**to), complaint(**to), bounce(bounced=BEN, **to))

    assert [one.state for one in mail.recipients] == ["possibly_complained", "bounced"]


def test_people_and_machines_are_counted_apart() -> None:
    """As the rule that `derived.machine` names says."""
    proxy = happened(opened(to=ANN, after=timedelta(seconds=3)), machine="apple-mail-privacy")
    scanner = happened(click(to=ANN, after=timedelta(seconds=4)), machine="link-scanner")
    mail = status_of("m", [proxy, scanner, happened(opened(to=ANN)), happened(click(to=ANN, after=LATER))])
    ann = mail.recipients[0]

    assert (ann.opens, ann.machine_opens, ann.clicks, ann.machine_clicks) == (1, 1, 1, 1)
    assert (mail.opens, mail.machine_opens, mail.clicks, mail.machine_clicks) == (1, 1, 1, 1)
    assert ann.first_opened_at == testing.payloads.SENT + timedelta(minutes=20)
    assert ann.first_clicked_at == testing.payloads.SENT + LATER
    assert mail.timeline[0].effect == "unknown → delivered, opened by a machine (apple-mail-privacy)"


def test_the_timeline_says_what_each_event_changed() -> None:
    """And of those that changed nothing that they did not."""
    mail = folded(
        OTHER, bounce(to=ANN, after=LATER), delay(to=ANN), send(to=ANN), delivery(to=ANN, after=timedelta(hours=1))
    )

    assert [(entry.type, entry.effect) for entry in mail.timeline] == [
        ("Send", "unknown → sent"), ("Wholly New", "nothing"), ("DeliveryDelay", "sent → delayed"),
        ("Delivery", "delayed → delivered"), ("Bounce", "delivered → bounced"),
    ]  # fmt: skip
    assert mail.timeline[2].changes == ((ANN, "sent", "delayed"),)


def test_an_event_in_two_reports_counts_once_and_the_richer_is_told() -> None:
    """By event publishing and by an identity notification; whichever came first."""
    both = [happened(bounce(to=ANN)), happened(bounce(to=ANN, family="identity"))]
    there, back = status_of("m", both), status_of("m", reversed(both))

    assert there == back
    assert (len(there.timeline), there.campaign, there.configuration_set) == (1, "orders", "transactional")


def test_an_identity_notification_is_said_to_be_one() -> None:
    """A report of which nothing is said comes by event publishing, and so is told before one that does not."""
    known = Happened("k", "Bounce", people=(ANN,), classes=("soft",), kind="Transient")
    other = Happened("k", "Bounce", people=(ANN,), classes=("hard",), kind="Permanent", identity=True)

    for both in ([known, other], [other, known]):
        assert status_of("m", both).recipients[0].bounce_class == "soft"


def test_what_is_not_said_of_an_event_is_not_known() -> None:
    """Of two reports the one that knows more is told: what nobody said must count for nothing."""
    assert not any(Happened("k", "Bounce")[2:])


def test_of_a_person_of_whom_only_the_state_is_known_nothing_else_is_told() -> None:
    """Nobody opened, clicked or left who is not said to have."""
    told = RecipientStatus(ANN, "unknown").to_dict()

    assert {name for name, value in told.items() if value} == {"address", "state", "evidence", "sentence"}
    assert told["evidence"] == "nothing"
    whole = MessageStatus("m", "unknown", (), ()).to_dict()
    assert {name for name, value in whole.items() if value} == {"message_id", "state", "sentence"}


def test_a_person_behind_a_pseudonym_is_asked_for_with_it() -> None:
    """A status has no keys: without the forms it says what to ask, and with them it finds the person or nobody."""
    hidden = "p.k1." + "0" * 32 + "@example.com"
    mail = status_of("m", [Happened("k", "Send", people=(hidden,)), Happened("j", "Send", people=(BEN,))])
    found = mail.of(ANN, forms=[hidden])

    assert found is not None
    assert found.address == hidden
    assert mail.of(CORA, forms=["p.k1." + "1" * 32 + "@example.com"]) is None
    assert mail.of(BEN) is not None
    with pytest.raises(ConfigurationError, match="stored under pseudonyms") as caught:
        mail.of(ANN)
    assert "forms=privacy.pseudonyms.forms(address)" in str(caught.value.hint)
    assert status_of("m", [Happened("j", "Send", people=(BEN,))]).of(ANN) is None


def test_what_is_known_of_the_mail_comes_from_whatever_knows_it() -> None:
    """An identity notification has neither tags nor configuration set; the time of sending is the Send's."""
    mail = folded(
        delivery(to=ANN, family="identity"),
        opened(to=ANN, tags={"shop": ["north"]}),
        send(to=ANN, tags={"shop": ["north"]}),
    )

    assert (mail.sent_at, mail.subject) == (testing.payloads.SENT, "Your order has been shipped")
    assert (mail.source, mail.configuration_set, mail.campaign) == ("news@shop.example.com", "transactional", "orders")
    assert dict(mail.tags) == {"campaign": ("orders",), "shop": ("north",)}


def test_unsubscribing_from_a_mail_is_told_with_it() -> None:
    """The last word on each topic holds."""
    off = subscription(to=ANN, topic="offers")
    back = subscription(to=ANN, topic="offers", opted_in=True, after=LATER)
    more = subscription(to=ANN, topic="news", after=2 * LATER)

    assert folded(off).recipients[0].unsubscribed == ("offers",)
    assert folded(back, off).recipients[0].unsubscribed == ()
    assert folded(back, off, more).recipients[0].unsubscribed == ("news",)


def test_of_equal_events_the_first_is_told() -> None:
    """By their times: the first bounce, delivery, open and click."""
    twice = [made(to=ANN, after=hours * LATER) for made in (bounce, opened, click) for hours in (2, 1)]
    ann = folded(*twice, delivery(to=ANN)).recipients[0]
    first = testing.payloads.SENT + LATER

    assert (ann.since, ann.first_opened_at, ann.first_clicked_at) == (first, first, first)
    assert (ann.opens, ann.clicks) == (2, 2)


def test_that_one_of_several_wanted_the_mail_shows_no_arrival() -> None:
    """`not-spam` that names two is nobody's in particular."""
    mail = folded(complaint(to=(ANN, BEN), feedback_type="not-spam"))

    assert [(one.state, one.evidence) for one in mail.recipients] == [("sent", "candidate")] * 2


def test_a_bounce_that_names_nobody_changes_nothing() -> None:
    """It stands in the timeline."""
    mail = folded(delivery(to=ANN), bounce(to=ANN, bounced=[]))

    assert (mail.state, mail.timeline[1].effect) == ("delivered", "nothing")


@pytest.mark.parametrize(
    ("kind", "sub_type", "state"),
    [("Permanent", "General", "bounced"), ("Permanent", "Suppressed", "suppressed"), ("Undetermined", "", "delivered")],
)
def test_rows_without_a_class_are_read_by_sess_words(kind: str, sub_type: str, state: str) -> None:
    """They were derived before there were classes."""
    old = happened(bounce(to=ANN))._replace(classes=(), reasons=(), kind=kind, sub_type=sub_type)
    first = happened(send(to=ANN)) if sub_type == "Suppressed" else happened(delivery(to=ANN))

    assert status_of("m", [old, first]).state == state


def test_everything_can_be_written_as_json() -> None:
    """And nothing is left out."""
    mail = folded(send(to=ANN), bounce(to=ANN), opened(to=ANN), click(to=ANN))
    told = json.loads(json.dumps(mail.to_dict()))

    assert (told["state"], told["counts"], told["tags"]) == ("bounced", {"bounced": 1}, {"campaign": ["orders"]})
    assert told["recipients"][0]["since"] == "2024-05-01T09:00:04.000Z"
    assert told["timeline"][1]["changes"] == [{"address": ANN, "before": "sent", "after": "bounced"}]
    assert {"since", "settled", "sentence", "evidence"} <= set(told["recipients"][0])
    assert (told["settled"], told["sentence"]) == (True, mail.sentence)


def test_representations_hold_no_address() -> None:
    """They end in logs."""
    mail = folded(send(to=ANN), bounce(to=ANN))
    shown = f"{mail!r}{mail.recipients!r}{mail.timeline!r}{mail.timeline[0].changes!r}{happened(send(to=ANN))!r}"

    assert ANN not in shown
    assert "bounced" in shown
    assert repr(mail) == "<MessageStatus m bounced, 1 recipients>"
    assert repr(mail.recipients[0]) == "<RecipientStatus a…@example.com bounced>"
    assert repr(mail.timeline[0].changes[0]) == "<Change unknown → sent>"
    assert repr(mail.timeline[1]) == "<TimelineEntry Bounce: sent → bounced>"
    assert repr(Happened("k1", "Send", people=(ANN,))) == "<Happened Send k1>"


def test_the_table_has_a_row_for_each_state_and_no_other() -> None:
    """`unknown` is the state of which nothing speaks."""
    assert {row.state for row in PRECEDENCE} == {*STATES, None} - {"unknown"}
    assert len({row.name for row in PRECEDENCE}) == len(PRECEDENCE)


def test_each_state_and_each_row_is_said_in_words() -> None:
    """For people, and for the documentation; the states in the order in which they ask for attention."""
    assert all(state.meaning and state.words for state in STATES.values())
    assert all(row.told_by and row.why for row in PRECEDENCE)
    assert list(STATES) == [
        "complained", "possibly_complained", "bounced", "rejected", "rendering_failed", "suppressed", "unknown", "delayed",
        "sent", "delivered", "received",
    ]  # fmt: skip
    assert {name for name, state in STATES.items() if not state.settled} == {"unknown", "delayed", "sent"}


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        ([send(to=ANN)], "Sent on 2024-05-01 at 09:00 UTC."),
        ([opened(to=ANN, after=LATER), opened(to=ANN, after=2 * LATER), click(to=ANN, after=LATER)],
         "Delivered on 2024-05-01 at 14:00 UTC. Opened 2×, clicked 1×."),
        ([bounce(to=ANN)], "Bounced on 2024-05-01 at 09:00 UTC: no such mailbox."),
        ([send(to=(ANN, BEN)), delivery(to=(ANN, BEN), delivered=ANN)], "2 recipients: 1 sent, 1 delivered."),
        ([complaint(to=(ANN, BEN), complained=(ANN, BEN))], "2 recipients: 2 possibly complained."),
        ([], "Unknown."),
    ],
)  # fmt: skip
def test_what_became_of_a_mail_is_one_sentence(story: list[Any], sentence: str) -> None:
    """Without an address; of several how many are in which state."""
    assert folded(*story).sentence == sentence


def test_a_mail_is_settled_when_everybody_is() -> None:
    """And one of which no event tells is neither known nor settled."""
    assert folded(delivery(to=ANN)).settled
    assert not folded(send(to=ANN)).settled
    assert not folded(send(to=(ANN, BEN)), delivery(to=(ANN, BEN), delivered=ANN)).settled
    assert (folded().known, folded().settled, folded().state, folded().recipients) == (False, False, "unknown", ())
    assert folded(OTHER).known


def test_a_timeline_says_how_many_people_an_event_changed_and_who_did_something() -> None:
    """A person, one of several, or a machine."""
    both = folded(send(to=(ANN, BEN)), opened(to=(ANN, BEN), after=LATER), click(to=(ANN, BEN), after=LATER))
    one = folded(opened(to=ANN), click(to=ANN, after=LATER))

    assert both.timeline[0].effect == "unknown → sent (2 people)"
    assert {entry.effect for entry in both.timeline[1:]} == {"opened by one of them", "clicked by one of them"}
    assert [entry.effect for entry in one.timeline] == [
        "unknown → delivered, opened by a person",
        "clicked by a person",
    ]
    assert (both.opens, both.clicks, both.recipients[0].opens, one.recipients[0].opens) == (1, 1, 0, 1)


def test_delays_are_counted_and_the_first_delivery_is_told() -> None:
    """However late it is told."""
    ann = folded(
        delay(to=ANN), delay(to=ANN, after=LATER), delivery(to=ANN, after=3 * LATER), delivery(to=(ANN, BEN), after=2 * LATER)
    ).of(ANN)  # fmt: skip

    assert ann is not None
    assert (ann.delays, ann.delivered_at) == (2, testing.payloads.SENT + 2 * LATER)
    assert folded(send(to=ANN)).of(BEN) is None


def test_what_has_one_time_is_told_in_the_order_in_which_it_happens() -> None:
    """A Reject and a Rendering Failure have the time of the Send."""
    for last in (testing.reject, testing.rendering_failure):
        kinds = [entry.type for entry in folded(last(to=ANN), send(to=ANN)).timeline]
        assert kinds[0] == "Send"
        assert len(kinds) == 2
    order = ["Send", "Reject", "Rendering Failure", "Delivery", "Click", "Bounce"]
    at_once = [Happened(str(place), kind, testing.payloads.SENT) for place, kind in enumerate(order)]
    for told in (at_once, at_once[::-1]):
        assert [entry.type for entry in status_of("m", told).timeline] == order
    renamed = [one._replace(key=str(9 - place)) for place, one in enumerate(at_once)]
    assert [entry.type for entry in status_of("m", renamed).timeline] == [*order[:4], "Bounce", "Click"]


def test_a_reason_of_another_edition_is_told_by_its_name() -> None:
    """It has no words any more."""
    ann = status_of("m", [happened(bounce(to=ANN), reasons=("gone_with_it",))]).recipients[0]

    assert ann.sentence.endswith(": gone with it.")


# ── Against an independent, obvious implementation ───────────────────────────────────────────

after = st.integers(1, 6).map(lambda hours: timedelta(hours=hours))
some = st.sampled_from([(ANN,), (BEN,), (ANN, BEN)])


def _each(to: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    people = st.just(to) if len(to) == 1 else some
    kinds = st.sampled_from([{}, FULL, AWAY, BLOCK, UNREADABLE, LISTED])
    return st.one_of(
        st.just(send(to=to)),
        st.builds(lambda at, who: delivery(to=to, delivered=who, after=at), after, people),
        st.builds(lambda at, who: delay(to=to, delayed=who, after=at), after, people),
        st.builds(lambda at, who, kind: bounce(to=to, bounced=who, after=at, feedback_id=f"{at}{who}{kind}", **kind), after, people, kinds),
        st.builds(
            lambda at, who, kind, sub: complaint(
                to=to, complained=who, after=at, feedback_type=kind, sub_type=sub, feedback_id=f"{at}{who}{kind}{sub}"
            ),
            after, people, st.sampled_from(["abuse", "not-spam", "auth-failure", None]),
            st.sampled_from([None, None, "OnAccountSuppressionList"]),
        ),
        st.builds(lambda at: opened(to=to, after=at), after),
        st.builds(lambda at: click(to=to, after=at), after),
        st.builds(lambda at, back: subscription(to=to, after=at, opted_in=back), after, st.booleans()),
        st.just(testing.reject(to=to)),
        st.just(testing.rendering_failure(to=to)),
        st.just({"eventType": "Wholly New", "mail": send(to=to)["mail"]}),
    )  # fmt: skip


stories = st.one_of(*[st.lists(_each(to), min_size=1, max_size=8) for to in ((ANN,), (ANN, BEN))])


def told_of(person: str, story: Iterable[dict[str, Any]]) -> set[str]:
    """What is said of a person, in words of this test's own."""
    said = set()
    for one in story:
        kind, several = one["eventType"], len(one["mail"]["destination"]) > 1
        if kind == "Delivery" and person in one["delivery"]["recipients"]:
            said.add("taken")
        elif kind == "DeliveryDelay" and person in [
            p["emailAddress"] for p in one["deliveryDelay"]["delayedRecipients"]
        ]:
            said.add("later")
        elif kind == "Bounce" and person in [p["emailAddress"] for p in one["bounce"]["bouncedRecipients"]]:
            text = one["bounce"]["bouncedRecipients"][0]["diagnosticCode"]
            said.add(
                "stopped"
                if "did not send" in text
                else "arrived"
                if "Automatic" in text
                else "returned"
                if text
                else "unreadable"
            )
        elif kind == "Complaint" and person in (
            who := [p["emailAddress"] for p in one["complaint"]["complainedRecipients"]]
        ):
            if one["complaint"]["complaintSubType"]:
                said.add("stopped")
            elif one["complaint"]["complaintFeedbackType"] == "not-spam":
                said.add("arrived" if len(who) == 1 else "accepted")
            elif one["complaint"]["complaintFeedbackType"] != "auth-failure":
                said.add("angry" if len(who) == 1 else "perhaps angry")
        elif person not in one["mail"]["destination"]:
            continue
        elif kind in ("Open", "Click", "Subscription"):
            said.add("accepted" if several else "arrived")
        elif kind in ("Send", "Reject", "Rendering Failure"):
            said.add({"Send": "accepted", "Reject": "virus"}.get(kind, "template"))
    return said


def expected_state(person: str, story: list[dict[str, Any]]) -> str:
    said = told_of(person, story)
    if "angry" in said:
        return "complained"
    if "returned" in said:
        return "bounced"
    if "perhaps angry" in said:
        return "possibly_complained"
    if said & {"taken", "arrived"}:
        return "delivered"
    for word, state in (("unreadable", "bounced"), ("stopped", "suppressed"), ("virus", "rejected"),
                        ("template", "rendering_failed"), ("later", "delayed"), ("accepted", "sent")):  # fmt: skip
        if word in said:
            return state
    return "unknown"


@settings(max_examples=150, deadline=None)
@given(stories, st.data())
def test_every_permutation_and_repetition_comes_to_the_same(story: list[Any], data: Any) -> None:
    """Field by field, the timeline included; and to what the obvious implementation says."""
    facts = [happened(one) for one in story]
    again = data.draw(st.permutations(facts)) + data.draw(st.lists(st.sampled_from(facts), max_size=4))
    mail = status_of("m", facts)

    assert mail == status_of("m", data.draw(st.permutations(again)))
    assert {one.address: one.state for one in mail.recipients} == {
        one.address: expected_state(one.address, story) for one in mail.recipients
    }
    assert {one.address for one in mail.recipients} >= {p for p in (ANN, BEN) if told_of(p, story)}


@settings(max_examples=80, deadline=None)
@given(stories)
def test_counts_are_those_of_the_events_each_once(story: list[Any]) -> None:
    """Opens, clicks and delays, of the mail and of a mail's one recipient."""
    mail = folded(*story, *story)
    once = list({happened(one).key: one["eventType"] for one in story}.values())

    assert (mail.opens, mail.clicks, len(mail.timeline)) == (once.count("Open"), once.count("Click"), len(once))
    if len(story[0]["mail"]["destination"]) == 1:
        ann = mail.recipients[0] if mail.recipients else None
        assert ann is None or (ann.opens, ann.clicks, ann.delays) == (
            once.count("Open"), once.count("Click"), once.count("DeliveryDelay"),
        )  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(stories)
def test_the_changes_in_the_timeline_lead_to_the_state(story: list[Any]) -> None:
    """Each begins where the one before ended, and the last ends at the state."""
    mail = folded(*story)
    for one in mail.recipients:
        steps = [change for entry in mail.timeline for change in entry.changes if change.address == one.address]
        states = ["unknown", *[step.after for step in steps]]

        assert [step.before for step in steps] == states[:-1]
        assert states[-1] == one.state


def test_the_picture_shows_what_the_fold_does(tmp_path: Path) -> None:
    """Each of its arrows is asked of the fold, and the one that is kept is the one that is drawn."""
    docs = Path(__file__).parents[2] / "docs"
    drawn = runpy.run_path(str(docs / "status_picture.py"))
    drawn["main"].__globals__["PICTURE"] = tmp_path / "status.svg"
    drawn["main"]()

    assert (tmp_path / "status.svg").read_text(encoding="utf-8") == (docs / "_static/status.svg").read_text(
        encoding="utf-8"
    )
    assert {state for arrow in drawn["ARROWS"] for state in arrow[:2]} == {*STATES} - {"unknown", "received"}
