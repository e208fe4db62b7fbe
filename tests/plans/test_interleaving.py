"""Two workers at once, their every step interleaved in any way: the standings are those of a rebuilding.

A plan yields its operations one by one, so a test can play the scheduler. The operations are
performed on the store in memory, each as one atomic step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo.errors import BulkWriteError

from payloads import genuine, payload
from sesevent import testing
from sesevent.plans import acts
from sesevent.plans.bulk import prepare_batch, store_batch
from sesevent.plans.receive import Redelivery
from sesevent.storage.standings import fact_document, facts_in
from sesevent.suppression.facts import Act
from sesevent.suppression.policy import DEFAULT_POLICY, Policy, Step

START = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
POLICY = Policy(soft_steps=(Step(bounces=1, lasts=timedelta(days=1)), Step(bounces=2, lasts=timedelta(days=9))))
PEOPLE = ["ann@example.com", "ben@example.com"]
REPLIES = ["smtp; 550 5.1.1 user unknown", "smtp; 452 4.2.2 mailbox full", "smtp; 554 5.7.1 your IP is blocked"]


def at(second: int) -> str:
    return f"2024-05-01T12:00:{second:02}.000Z"


def bounce(second: int, to: str, reply: str) -> dict[str, Any]:
    people = [{"emailAddress": to, "action": "failed", "diagnosticCode": reply}]
    kind = "Transient" if " 4" in reply else "Permanent"
    body = {"bouncedRecipients": people, "bounceType": kind, "feedbackId": f"f-{second}-{to}-{reply}"}
    return payload("Bounce", at=at(second), to=to, message_id=f"m-{second}-{to}", body=body)


seconds, people = st.integers(0, 20), st.sampled_from(PEOPLE)
events = st.one_of(
    st.builds(bounce, seconds, people, st.sampled_from(REPLIES)),
    st.builds(
        lambda second, to: payload("Delivery", at=at(second), to=to, message_id=f"m-{second}-{to}"), seconds, people
    ),
    st.builds(
        lambda second, to: payload("Complaint", at=at(second), to=to, message_id=f"m-{second}-{to}"), seconds, people
    ),
)
said = st.builds(
    lambda second, to, word: (to, Act(START + timedelta(seconds=second), "", word, override=True)),
    seconds, people, st.sampled_from(["suppress", "reactivate", "unsubscribe", "listed"]),
)  # fmt: skip


def steps(plan: Any, collections: Any) -> Iterator[None]:
    """Perform a plan, and stop before each operation."""
    try:
        operation = next(plan)
        while True:
            yield
            try:
                outcome = operation.start(collections)
            except BulkWriteError as error:
                outcome = error
            operation = plan.send(operation.finish(outcome))
    except StopIteration:
        return


def standings(store: Any) -> list[Any]:
    rows = store._collections["ses_suppression"].find().to_list()
    plain = [{name: value for name, value in row.items() if name != "rev"} for row in rows]
    known = [row for row in plain if any(one["holdings"] or one["soft"] for one in row["standings"])]
    return sorted(known, key=lambda row: row["_id"])


def rebuilt(store: Any) -> list[Any]:
    store._collections["ses_suppression"].delete_many({})
    store.suppression.rebuild()
    return standings(store)


@settings(max_examples=400)
@given(
    st.lists(events, max_size=5),
    st.lists(events, max_size=5),
    st.lists(said, max_size=3),
    st.randoms(use_true_random=False),
)
def test_whatever_the_order_of_their_steps_the_standings_are_those_of_a_rebuilding(
    ours: list[Any], theirs: list[Any], spoken: list[Any], chance: Any
) -> None:
    """Two receivers of overlapping batches, and a person who says something meanwhile."""
    store = testing.memory_store(policy=POLICY)

    def receiving(batch: list[Any]) -> Any:
        redelivery = Redelivery()
        redelivery.expected = chance.choice([True, False])
        return store_batch(POLICY, prepare_batch(list(map(genuine, batch)), 0, START, True), redelivery)

    workers = [receiving(ours), receiving(theirs + ours[:2]), acts.say(POLICY, spoken)]
    running = [steps(plan, store._collections) for plan in workers]
    while running:
        worker = chance.choice(running)
        if next(worker, "done") == "done":
            running.remove(worker)

    assert standings(store) == rebuilt(store)


@given(st.lists(events, min_size=1, max_size=6), st.lists(said, max_size=3), st.integers(0, 30))
def test_a_worker_that_dies_between_any_two_steps_loses_no_standing(
    batch: list[Any], spoken: list[Any], survived: int
) -> None:
    """What it did not come to is done by the redelivery; and by a rebuilding."""
    store = testing.memory_store(policy=POLICY)
    make: list[Callable[[], Any]] = [
        lambda: store_batch(POLICY, prepare_batch(list(map(genuine, batch)), 0, START, True), Redelivery()),
        lambda: acts.say(POLICY, spoken),
    ]
    for plan in make:
        for done, _ in enumerate(steps(plan(), store._collections)):
            if done == survived:
                break
    for plan in make:  # the queue delivers again, the person repeats
        for _ in steps(plan(), store._collections):
            pass

    assert standings(store) == rebuilt(store)


@given(st.lists(events, min_size=1, max_size=8), st.data())
def test_hard_facts_outlive_the_events_that_proved_them(batch: list[Any], data: st.DataObject) -> None:
    """Retention deletes events; who bounced for good or complained stays suppressed, and a rebuilding agrees."""
    store = testing.memory_store(policy=DEFAULT_POLICY)
    store.receive_many(map(genuine, batch))
    before = {decision.address: decision.rule for decision in store.suppression.check_many(PEOPLE)}
    store._collections["ses_event"].delete_many({})
    store.suppression.rebuild()
    after = {decision.address: decision.rule for decision in store.suppression.check_many(PEOPLE)}

    for address, rule in before.items():
        if rule in ("hard-bounce", "complaint"):
            assert after[address] == rule


@given(st.lists(events, min_size=1, max_size=8))
def test_what_a_delivery_forgave_stays_forgiven_when_the_events_are_gone(batch: list[Any]) -> None:
    """Whoever may be mailed before retention may be mailed after it, and the other way round; a rebuilding agrees."""
    store = testing.memory_store(policy=POLICY)
    store.receive_many(map(genuine, batch))
    before = standings(store)
    store._collections["ses_event"].delete_many({})

    assert rebuilt(store) == before


def test_a_richer_telling_is_not_replaced_by_a_poorer_one() -> None:
    """A rebuilding that read the identity notification before the published event took its place changes nothing."""
    store = testing.memory_store(policy=Policy(tenant_tag="tenant"))
    published = bounce(1, "ann@example.com", REPLIES[0]) | {"eventType": "Bounce"}
    published["mail"]["tags"] = {"tenant": ["acme"]}
    identity = {name: value for name, value in published.items() if name != "eventType"} | {
        "notificationType": "Bounce"
    }
    identity["mail"] = {name: value for name, value in published["mail"].items() if name != "tags"}
    store.receive(genuine(identity))
    rebuilding = steps(acts.rebuild_events(Policy(tenant_tag="tenant"), None), store._collections)
    next(rebuilding)
    next(rebuilding)  # the page is read
    store.receive(genuine(published))
    for _ in rebuilding:
        pass

    assert store.suppression.check("ann@example.com", tenant="other").allowed
    assert not store.suppression.check("ann@example.com", tenant="acme").allowed


def test_a_fact_that_came_while_a_standing_was_written_is_derived_from() -> None:
    """Whoever noted it found nothing to change yet, so the writer looks again: no later event need touch the address."""
    store = testing.memory_store(policy=POLICY)
    soft, hard = [
        prepare_batch([genuine(bounce(second, PEOPLE[0], reply))], 0, START, True)
        for second, reply in ((1, REPLIES[1]), (9, REPLIES[0]))
    ]
    facts = [fact_document(*told) for document in hard.documents for told in facts_in(document).items()]
    kept = store._collections["ses_suppression"]
    for _ in steps(store_batch(POLICY, soft, Redelivery()), store._collections):
        if facts and kept.find({}).to_list():  # between what was written and the second look
            store._collections["ses_event"].insert_many(hard.documents)
            store._collections["ses_suppression_act"].insert_many(facts)
            facts = []

    assert not facts
    assert store.suppression.check(PEOPLE[0]).rule == "hard-bounce"
    assert standings(store) == rebuilt(store)
