"""What people and lists say about addresses, and what is told of it. On a real MongoDB and in memory, through both faces."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from both import Face
from payloads import all_genuine, genuine
from sesevent import ConfigurationError, Policy, testing
from sesevent.moments import UTC
from sesevent.suppression.policy import Effect

EARLIER, LATER = datetime(2024, 1, 1, tzinfo=UTC), datetime(2124, 1, 1, tzinfo=UTC)


@pytest.mark.in_clear("sealed addresses are listed in the order of what they are sealed as")
def test_whom_one_may_not_mail_is_listed_for_a_tenant_as_it_is_decided(with_store: Any) -> None:
    """What is known for all holds for each tenant, also for one of which nothing of its own is known."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.suppression.suppress("all@example.com", by="me"))
        await face.get(lambda store: store.suppression.suppress("own@example.com", by="me", tenant="t-1"))
        for tenant, expected in [("", ["all"]), ("t-1", ["all", "own"]), ("t-2", ["all"])]:
            listed = await face.get(lambda store, of=tenant: store.suppression.list(tenant=of))
            assert [one.address.partition("@")[0] for one in listed] == expected

    with_store(body)


def test_who_is_suppressed_by_hand_is_refused_until_the_end_that_was_named(with_store: Any) -> None:
    """The decision names the rule and the act; an end that has passed lets mail through."""

    async def body(face: Face) -> None:
        decision = await face.get(
            lambda store: store.suppression.suppress(
                "Ann <Ann@example.com>", by="me", note="asked by phone", until=LATER
            )
        )
        over = await face.get(lambda store: store.suppression.suppress("ben@example.com", by="me", until=EARLIER))
        (act,) = (await face.get(lambda store: store.suppression.history("ann@example.com"))).acts

        assert (decision.allowed, decision.rule, decision.until, decision.evidence) == (
            False,
            "manual",
            LATER,
            (act.id,),
        )
        assert (act.by, act.note, act.origin) == ("me", "asked by phone", "api")
        assert over.allowed

    with_store(body)


def test_who_unsubscribed_from_a_stream_is_refused_on_it_alone(with_store: Any) -> None:
    """Until the person asks to be mailed again."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.suppression.unsubscribe("ann@example.com", stream="marketing"))
        asked = ["marketing", "transactional", "*"]
        told = [
            await face.get(lambda store, on=on: store.suppression.check("ann@example.com", stream=on)) for on in asked
        ]
        await _another_millisecond()
        back = await face.get(lambda store: store.suppression.resubscribe("ann@example.com", stream="marketing"))

        assert [(one.allowed, one.rule) for one in told] == [(False, "unsubscribed"), (True, None), (True, None)]
        assert back.allowed

    with_store(body)


def test_who_leaves_again_when_the_first_time_has_run_out_has_left() -> None:
    """A word that a policy or a list lets end is said anew by the next one, and not by one before."""
    policy = Policy(effects={"unsubscribed": Effect(action="pause", lasts=timedelta(30))})
    now = datetime(2024, 5, 1, tzinfo=UTC)
    store = testing.memory_store(policy=policy, clock=lambda: now)

    def leave() -> int:
        left = store.suppression.unsubscribe("ann@example.com", stream="marketing", once=True)
        assert not left.allowed
        return len(store.suppression.history("ann@example.com").acts)

    assert [leave(), leave()] == [1, 1]
    now += timedelta(40)
    assert store.suppression.check("ann@example.com", stream="marketing").allowed
    assert [leave(), leave()] == [2, 2]


def test_a_reactivation_answers_a_bounce_and_needs_an_override_for_a_persons_own_word(with_store: Any) -> None:
    """What happened stays in the history; a refused reactivation leaves nothing."""

    async def body(face: Face) -> None:
        events = [testing.bounce(to="gone@example.com"), testing.complaint(to="angry@example.com")]
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        gone = await face.get(lambda store: store.suppression.reactivate("gone@example.com", by="me", why="is back"))
        with pytest.raises(ConfigurationError, match="reported a mail as unwanted"):
            await face.get(lambda store: store.suppression.reactivate("angry@example.com", by="me", why="please"))
        before = await face.get(lambda store: store.suppression.history("angry@example.com"))
        angry = await face.get(
            lambda store: store.suppression.reactivate("angry@example.com", by="me", why="by letter", override=True)
        )
        after = await face.get(lambda store: store.suppression.history("angry@example.com"))

        assert (gone.allowed, angry.allowed) == (True, True)
        assert (len(before.acts), [act.note for act in after.acts]) == (0, ["by letter"])
        assert after.facts == before.facts
        assert [decision.allowed for _, decision in after.decisions] == [False, True]

    with_store(body)


@pytest.mark.in_clear("sealed addresses are listed in the order of what they are sealed as")
def test_the_list_is_by_address_and_continues_behind_one(with_store: Any) -> None:
    """Over many pages, with a limit, and by rule."""
    people = [f"p{n:04}@example.com" for n in range(1100)]

    async def body(face: Face) -> None:
        await face.get(lambda store: store.suppression.import_(people, by="me"))
        await face.get(lambda store: store.receive(genuine(testing.complaint(to="zoe@example.com"))))
        listed = await face.get(lambda store: store.suppression.list())
        some = await face.get(lambda store: store.suppression.list(limit=3, after=people[998]))
        none = await face.get(lambda store: store.suppression.list(limit=0))
        by_rule = await face.get(lambda store: store.suppression.list(rule="complaint"))

        assert [decision.address for decision in listed] == [*people, "zoe@example.com"]
        assert [decision.address for decision in some] == people[999:1002]
        assert none == []
        assert [decision.address for decision in by_rule] == ["zoe@example.com"]

    with_store(body)


def test_a_history_tells_facts_acts_and_what_was_decided_over_time(with_store: Any) -> None:
    """One entry for each change, also where something ended by itself."""
    bounced = testing.bounce(to="ann@example.com")

    async def body(face: Face) -> None:
        receipt = await face.get(lambda store: store.receive(genuine(bounced)))
        await face.get(lambda store: store.suppression.reactivate("ann@example.com", by="me", why="a new mailbox"))
        row = "email,date,until\nann@example.com,2024-04-01,2024-04-02\n"
        await face.get(lambda store: store.suppression.import_(io.StringIO(row), by="crm"))
        told = await face.get(lambda store: store.suppression.history("Ann@Example.com"))

        assert [fact.event_id for fact in told.facts] == [receipt.events[0].id]
        assert [act.act for act in told.acts] == ["suppress", "reactivate"]
        assert [(decision.allowed, decision.rule) for _, decision in told.decisions] == [
            (False, "imported"), (True, None), (False, "hard-bounce"), (True, None),
        ]  # fmt: skip
        assert [f"{moment:%m-%d}" for moment, _ in told.decisions][:2] == ["04-01", "04-02"]

    with_store(body)


def test_a_list_is_imported_and_a_second_time_says_nothing_new(with_store: Any, tmp_path: Path) -> None:
    """Bad lines are counted and named; a path, an open file and lines are all the same."""
    text = "email,reason\nAnn@example.com,BOUNCE\nnobody,\nben@example.com,asked\nann@EXAMPLE.com,BOUNCE\n"
    path = tmp_path / "list.csv"
    path.write_text(text)
    progress: list[int] = []

    async def body(face: Face) -> None:
        first = await face.get(
            lambda store: store.suppression.import_(path, by="me", on_progress=lambda told: progress.append(told.read))
        )
        again = [
            await face.get(lambda store, same=same: store.suppression.import_(same, by="somebody else"))
            for same in (str(path), io.StringIO(text), io.BytesIO(text.encode()), text.splitlines())
        ]
        decisions = await face.get(lambda store: store.suppression.check_many(["ann@example.com", "ben@example.com"]))

        assert (first.read, first.recorded, first.changed, first.failed) == (3, 2, 2, 1)
        assert (progress, first.problems[0].line) == ([3], 3)
        assert [(one.recorded, one.changed) for one in again] == [(0, 0)] * 4
        assert [decision.rule for decision in decisions] == ["imported", "imported"]

    with_store(body)


def test_an_import_after_a_crash_finishes_the_work(with_store: Any, tables: Any) -> None:
    """Acts that were written down before their standings were derived get them now."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.suppression.import_(["ann@example.com"], by="me"))
        tables["ses_suppression"].delete_many({})
        again = await face.get(lambda store: store.suppression.import_(["ann@example.com"], by="me"))

        assert (again.recorded, again.changed) == (0, 1)
        assert not await face.get(lambda store: store.suppression.check("ann@example.com"))

    with_store(body)


def test_an_old_list_does_not_undo_a_reactivation_and_news_does(with_store: Any) -> None:
    """A row with another date, note or end is news."""
    now = datetime.now(UTC) + timedelta(hours=1)  # later than the reactivation: clocks may differ that much

    async def body(face: Face) -> None:
        await face.get(lambda store: store.suppression.import_(["ann@example.com"], by="me"))
        await _another_millisecond()
        await face.get(lambda store: store.suppression.reactivate("ann@example.com", by="me", why="is back"))
        await face.get(lambda store: store.suppression.import_(["ann@example.com"], by="me"))
        old = await face.get(lambda store: store.suppression.check("ann@example.com"))
        row = ["email,date", f"ann@example.com,{now.isoformat()}"]
        await face.get(lambda store: store.suppression.import_(row, by="me"))
        news = await face.get(lambda store: store.suppression.check("ann@example.com"))

        assert (old.allowed, news.allowed) == (True, False)

    with_store(body)


def test_a_list_can_be_for_a_stream_and_a_tenant_and_have_an_end(with_store: Any) -> None:
    """As given for all rows, unless a row says otherwise."""

    async def body(face: Face) -> None:
        lines = ["email,stream", "ann@example.com,", "ben@example.com,news"]
        await face.get(
            lambda store: store.suppression.import_(
                lines, by="me", stream="marketing", tenant="t-1", note="an old list", until=LATER
            )
        )
        for name, stream in [("ann", "marketing"), ("ben", "news")]:
            listed = await face.get(lambda store, on=stream: store.suppression.list(stream=on, tenant="t-1"))
            assert [(one.address, one.until) for one in listed] == [(f"{name}@example.com", LATER)]
        assert await face.get(lambda store: store.suppression.check("ann@example.com", stream="marketing"))

    with_store(body)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.in_clear("sealed addresses are listed in the order of what they are sealed as")
def test_what_is_exported_can_be_imported_elsewhere(with_store: Any, tmp_path: Path, form: str) -> None:
    """The same people are refused on the same streams, since the same time."""
    path = tmp_path / "list"

    async def body(face: Face) -> None:
        events = [testing.bounce(to="=gone@example.com"), testing.complaint(to="angry@example.com")]
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        await face.get(lambda store: store.suppression.unsubscribe("+ann@example.com", stream="marketing"))
        done = await face.get(lambda store: store.suppression.export(path, format=form, stream="marketing"))
        listed = await face.get(lambda store: store.suppression.list(stream="marketing"))
        elsewhere = testing.memory_store()
        elsewhere.suppression.import_(path, by="me")
        there = list(elsewhere.suppression.list(stream="marketing"))

        assert done == (3, 0)
        assert [(one.address, f"{one.since:%c}") for one in there] == [
            (one.address, f"{one.since:%c}") for one in listed
        ]
        transactional = await face.get(lambda store: store.suppression.list(stream="transactional"))
        assert [one.address for one in elsewhere.suppression.list(stream="transactional")] == [
            one.address for one in transactional
        ]

    with_store(body)


@pytest.mark.in_clear("sealed addresses are listed in the order of what they are sealed as")
def test_for_amazon_ses_bounces_and_complaints_are_exported_and_the_rest_counted(with_store: Any) -> None:
    """By rule, too."""

    async def body(face: Face) -> None:
        events = [testing.bounce(to="gone@example.com"), testing.complaint(to="angry@example.com")]
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        await face.get(lambda store: store.suppression.suppress("ann@example.com", by="me"))
        whole, bounces = io.BytesIO(), io.StringIO()
        done = await face.get(lambda store: store.suppression.export(whole, format="ses"))
        await face.get(lambda store: store.suppression.export(bounces, format="ses", rule="hard-bounce"))

        assert done == (2, 1)
        assert whole.getvalue() == b"angry@example.com,COMPLAINT\ngone@example.com,BOUNCE\n"
        assert bounces.getvalue() == "gone@example.com,BOUNCE\n"

    with_store(body)


@pytest.mark.in_clear("it forges a standing in the clear")
def test_a_rebuild_changes_nothing_but_what_is_wrong(with_store: Any, tables: Any) -> None:
    """A standing that was lost, forged, or made under another policy is derived again."""

    async def body(face: Face) -> None:
        await face.get(lambda store: store.receive(genuine(testing.bounce(to="gone@example.com"))))
        await face.get(lambda store: store.suppression.suppress("ann@example.com", by="me"))
        right = await face.get(lambda store: store.suppression.list())
        nothing = await face.get(lambda store: store.suppression.rebuild())
        tables["ses_suppression"].delete_many({"_id": "gone@example.com"})
        tables["ses_suppression"].delete_many({"_id": "ann@example.com"})
        forged = {
            "_id": "ben@example.com",
            "rev": 1,
            "policy": "p",
            "standings": [{"tenant": "", "soft": 0, "holdings": []}],
        }
        tables["ses_suppression"].insert_many([forged])
        told: list[int] = []
        mended = await face.get(
            lambda store: store.suppression.rebuild(on_progress=lambda so_far: told.append(so_far.changed))
        )

        assert (nothing.changed, mended.changed) == (0, 3)
        assert (told[-1], sorted(told)) == (3, told)
        assert await face.get(lambda store: store.suppression.list()) == right

    with_store(body)


def test_a_simulation_tells_for_whom_another_policy_would_decide_otherwise(with_store: Any, tables: Any) -> None:
    """On which streams, before and after; and nothing is written."""
    lenient = Policy.load({"effects": {"complaint": {"except_streams": ["transactional"]}}})

    async def body(face: Face) -> None:
        events = [testing.bounce(to="gone@example.com"), testing.complaint(to="angry@example.com")]
        await face.get(lambda store: store.receive_many(all_genuine(events)))
        before = [tables[name].find({}).to_list() for name in ("ses_suppression", "ses_suppression_act", "ses_event")]
        changes = await face.get(lambda store: store.suppression.simulate(lenient))
        later = await face.get(lambda store: store.suppression.simulate(lenient, since=LATER))
        (change,) = changes

        assert (change.address, change.stream) == ("angry@example.com", "transactional")
        assert (change.before.rule, change.after.allowed) == ("complaint", True)
        assert later == []
        assert [
            tables[name].find({}).to_list() for name in ("ses_suppression", "ses_suppression_act", "ses_event")
        ] == before

    with_store(body)


def test_a_simulation_looks_also_at_those_of_whom_only_lists_speak_and_at_tenants(with_store: Any) -> None:
    """What was imported or said by people follows a policy as events do."""
    blind = Policy.load({"effects": {"manual": {"action": "ignore"}}})

    async def body(face: Face) -> None:
        await face.get(lambda store: store.suppression.suppress("ann@example.com", by="me"))
        await face.get(lambda store: store.suppression.suppress("ben@example.com", by="me", tenant="acme"))
        changes = await face.get(lambda store: store.suppression.simulate(blind, streams=["marketing"]))

        assert sorted((change.address, change.tenant) for change in changes) == [
            ("ann@example.com", ""),
            ("ben@example.com", "acme"),
        ]
        assert await face.get(lambda store: store.suppression.simulate(blind, since=LATER)) == []

    with_store(body)


async def _another_millisecond() -> None:
    """Of things said in the same one, that which speaks against sending goes before the other."""
    await asyncio.sleep(0.002)
