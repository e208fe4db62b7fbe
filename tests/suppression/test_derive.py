"""How an address stands: every default rule, by name; and a slow, obvious model that must agree."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import refusing_rule
from sesevent.suppression.decision import decide
from sesevent.suppression.facts import Act, Fact, Facts
from sesevent.suppression.policy import DEFAULT_POLICY, Effect, Policy, Step
from sesevent.suppression.rules import RULES, rule_of, strength
from sesevent.suppression.standing import Standing, derive, derive_all

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def day(number: float) -> datetime:
    return START + number * DAY


def fact(kind: str, at: float = 0, **more: Any) -> Fact:
    return Fact(day(at), f"{kind}-{at}", kind, **more)


def bounce(bounce_class: str, reason: str = "", at: float = 0, **more: Any) -> Fact:
    return fact("Bounce", at, bounce_class=bounce_class, reason=reason, **more)


def act(word: str, at: float = 0, **more: Any) -> Act:
    return Act(day(at), f"{word}-{at}-{more}", word, **more)


def standing(*known: Fact | Act, policy: Policy = DEFAULT_POLICY, now: datetime | None = None) -> Standing:
    facts = frozenset(one for one in known if isinstance(one, Fact))
    acts = frozenset(one for one in known if isinstance(one, Act))
    return derive(policy, Facts("ann@example.com", facts, acts), now)


def refused_by(*known: Fact | Act, stream: str = "*", at: float = 1, policy: Policy = DEFAULT_POLICY) -> str | None:
    return decide(policy, standing(*known, policy=policy), stream, day(at)).rule


TRANSACTIONAL, MARKETING, ANY = "transactional", "marketing", "*"

# What is known → the rule that refuses on transactional, on marketing, and where no stream is named.
DEFAULTS: list[tuple[str, list[Fact | Act], tuple[str | None, str | None, str | None]]] = [
    ("a hard bounce", [bounce("hard", "user_unknown")], ("hard-bounce",) * 3),
    ("a complaint", [fact("Complaint", type="abuse")], ("complaint",) * 3),
    ("a complaint that says nothing more", [fact("Complaint")], ("complaint",) * 3),
    ("a complaint of one of several", [fact("Complaint", certain=False)], ("complaint-possible",) * 3),
    ("not-spam", [fact("Complaint", type="not-spam")], (None,) * 3),
    ("Not-Spam", [fact("Complaint", type="Not-Spam")], (None,) * 3),
    ("a report of a failed signature", [fact("Complaint", type="auth-failure")], (None,) * 3),
    ("a complaint another system knew", [act("complaint", origin="import")], ("complaint",) * 3),
    ("off exactly this stream", [act("unsubscribe", stream="transactional")], ("unsubscribed", None, None)),
    ("a complaint SES did not send for", [fact("Complaint", sub_type="OnAccountSuppressionList")], ("ses-list",) * 3),
    ("a bounce SES did not send for", [bounce("suppressed", "suppressed")], ("ses-list",) * 3),
    ("an opt-out at SES", [bounce("suppressed", "unsubscribed")], (None, "unsubscribed-at-ses", "unsubscribed-at-ses")),
    ("unsubscribed from all", [fact("Subscription", topics=(("*", False),))], (None, "unsubscribed", "unsubscribed")),
    ("unsubscribed from one", [fact("Subscription", topics=(("marketing", False),))], (None, "unsubscribed", None)),
    ("one-click", [act("unsubscribe", stream="marketing", origin="one-click")], (None, "unsubscribed", None)),
    ("opted in", [fact("Subscription", topics=(("marketing", True),))], (None,) * 3),
    ("erased", [act("erase", origin="privacy")], ("erased",) * 3),
    ("by hand", [act("suppress", origin="api")], ("manual",) * 3),
    ("by hand on one stream", [act("suppress", stream="marketing")], (None, "manual", None)),
    ("imported", [act("suppress", origin="import")], ("imported",) * 3),
    ("listed at SES", [act("listed", origin="ses")], ("ses-list",) * 3),
    ("refused by the recipient", [bounce("block", "recipient_filtered")], (None, "refused-by-recipient", "refused-by-recipient")),
    ("two soft bounces", [bounce("soft", "mailbox_full", n / 9) for n in range(2)], (None,) * 3),
    ("three soft bounces", [bounce("soft", "mailbox_full", n / 9) for n in range(3)], ("soft-bounces",) * 3),
    ("three that nobody understands", [bounce("undetermined", "", n / 9) for n in range(3)], ("soft-bounces",) * 3),
    *[
        (f"nine bounces for {reason}", [bounce(kind, reason, n / 9) for n in range(9)], (None,) * 3)
        for kind, reason in [("block", "blocked"), ("block", "spam_content"), ("block", "too_large"), ("block", "authentication"),
                             ("block", "policy"), ("auto_reply", "auto_reply")]
    ],
    ("nothing but deliveries", [fact("Delivery", n) for n in range(3)], (None,) * 3),
]  # fmt: skip


@pytest.mark.parametrize(("known", "expected"), [row[1:] for row in DEFAULTS], ids=[row[0] for row in DEFAULTS])
def test_what_each_default_rule_does(known: list[Any], expected: tuple[str | None, ...]) -> None:
    """On transactional, on marketing, and where no stream is named."""
    assert tuple(refused_by(*known, stream=stream) for stream in (TRANSACTIONAL, MARKETING, ANY)) == expected


def test_every_rule_is_tried_above() -> None:
    """A rule that is added needs a row."""
    assert {rule for row in DEFAULTS for rule in row[2]} - {None} == {rule.name for rule in RULES}


@pytest.mark.parametrize("reason", ["network", "system_error", "rate_limited", "greylisted"])
def test_trouble_on_the_way_counts_against_nobody(reason: str) -> None:
    """It is no word about the person: neither at once nor when it repeats."""
    assert refused_by(*[bounce("soft", reason, n / 9) for n in range(9)]) is None


@pytest.mark.parametrize(
    ("bounces", "spread", "days"),
    [(2, 9, 0), (3, 0.1, 1), (4, 1, 3), (5, 3, 7), (6, 7, 90), (20, 12, 90), (4, 0.9, 1), (20, 0.1, 1), (6, 6, 7)],
)
def test_soft_bounces_count_then_pause_longer_and_longer(bounces: int, spread: float, days: int) -> None:
    """The pause begins with the latest bounce and ends by itself; a loop of one hour says no more than one try."""
    known = [bounce("soft", "mailbox_full", n * spread / (bounces - 1)) for n in range(bounces)]

    assert refused_by(*known, at=spread + days - 0.01) == ("soft-bounces" if days else None)
    assert refused_by(*known, at=spread + days + 0.01) is None
    assert standing(*known).soft_bounces == bounces


def test_the_last_step_may_be_for_good() -> None:
    """Until a delivery or a reactivation answers it."""
    policy = Policy(soft_steps=(Step(bounces=1, lasts=DAY), Step(bounces=2, lasts=None)))
    known = [bounce("soft", "mailbox_full", n) for n in range(2)]

    assert refused_by(*known, at=9999, policy=policy) == "soft-bounces"
    assert refused_by(*known, act("reactivate", 5), at=6, policy=policy) is None


def test_a_delivery_forgives_the_soft_bounces_before_it() -> None:
    """Not those after it, and not a hard one."""
    three = [bounce("soft", "mailbox_full", n) for n in (1, 2, 3)]

    assert refused_by(*three, fact("Delivery", 4), at=3.5) is None
    assert refused_by(*three, fact("Delivery", 0), at=3.5) == "soft-bounces"
    assert standing(*three, fact("Delivery", 2.5)).soft_bounces == 1
    assert refused_by(bounce("hard"), fact("Delivery", 4), at=5) == "hard-bounce"


def test_soft_bounces_outside_the_window_do_not_count() -> None:
    """A month apart they have nothing to do with each other."""
    assert standing(*[bounce("soft", "mailbox_full", 30.5 * n) for n in range(5)]).soft_bounces == 1
    assert standing(*[bounce("soft", "mailbox_full", 29 * n) for n in range(2)]).soft_bounces == 2


def test_a_reactivation_answers_what_was_before_and_nothing_after() -> None:
    """History is not erased: the facts are still there, and an old event that arrives late changes nothing."""
    hard, again = bounce("hard", at=1), bounce("hard", at=3)
    freed = act("reactivate", 2, by="ann", note="typo corrected")

    assert refused_by(hard, freed, at=2.5) is None
    assert refused_by(hard, freed, bounce("hard", at=1.5), at=2.5) is None
    assert refused_by(hard, freed, again, at=4) == "hard-bounce"
    assert standing(hard, freed, again).holdings[0].since == day(3)


@pytest.mark.parametrize("word", [fact("Complaint"), act("unsubscribe"), bounce("suppressed", "unsubscribed")])
def test_the_persons_own_word_needs_an_override(word: Fact | Act) -> None:
    """Complaints and unsubscriptions are not undone in passing."""
    assert refused_by(word, act("reactivate", 1), at=2) is not None
    assert refused_by(word, act("reactivate", 1, override=True), at=2) is None


# Rule → what ends it beside time. A reactivation that overrides ends what a plain one ends, and the person's own word.
ENDED_BY: dict[str, set[str]] = {
    "erased": set(),
    "manual": {"reactivate", "override"},
    "complaint": {"override"},
    "unsubscribed": {"override", "resubscribe"},
    "unsubscribed-at-ses": {"override", "resubscribe"},
    "complaint-possible": {"override"},
    "hard-bounce": {"reactivate", "override"},
    "imported": {"reactivate", "override"},
    "ses-list": {"reactivate", "override", "delivery", "unlisted"},
    "soft-bounces": {"reactivate", "override", "delivery"},
    "refused-by-recipient": {"reactivate", "override", "delivery"},
}
ENDS = {
    "delivery": fact("Delivery", 0.9),
    "resubscribe": act("resubscribe", 0.9),
    "unlisted": act("unlisted", 0.9),
    "reactivate": act("reactivate", 0.9),
    "override": act("reactivate", 0.9, override=True),
}


@pytest.mark.parametrize("rule", ENDED_BY)
def test_each_rule_is_ended_by_what_ends_it_and_by_nothing_else(rule: str) -> None:
    """Who was erased is not mailed whoever decides so; a delivery shows that a mailbox takes mail, not that it wants it."""
    (known, *_) = [row[1] for row in DEFAULTS if row[2][2] == rule]

    assert {name for name, end in ENDS.items() if refused_by(*known, end) is None} == ENDED_BY[rule]
    assert ENDED_BY.keys() == {one.name for one in RULES}


def test_a_mail_that_arrives_changes_only_what_a_delivery_answers() -> None:
    """So nobody need derive a standing again that no delivery can change."""
    assert standing(bounce("soft", "mailbox_full")).awaits_delivery  # one, too few to hold
    assert standing(act("suppress"), act("listed")).awaits_delivery
    assert not standing(act("suppress"), bounce("hard")).awaits_delivery
    assert not standing().awaits_delivery


def test_an_answer_of_the_same_moment_answers_nothing() -> None:
    """Nobody can say which was first: the safe side."""
    assert refused_by(bounce("hard", at=1), act("reactivate", 1), at=2) == "hard-bounce"
    assert refused_by(act("listed", 1), fact("Delivery", 1), at=2) == "ses-list"


def test_what_says_no_more_is_of_all_streams_and_tenants_and_without_an_end() -> None:
    """By nobody, for no reason."""
    assert Act(day(0), "a-1", "suppress") == Act(day(0), "a-1", "suppress", "*", "", "", "", None, "", False)
    assert Fact(day(0), "e-1", "Send") == Fact(day(0), "e-1", "Send", "", "", True, "", "", "", (), True, ())


def test_facts_and_standings_do_not_show_whose_they_are() -> None:
    """A log may hold them."""
    facts = Facts("ann@example.com", frozenset([bounce("hard")]), frozenset())

    assert repr(facts) == "<Facts: 1 events, 0 acts>"
    assert "ann" not in repr(standing(bounce("hard")))
    assert "['hard-bounce']" in repr(standing(bounce("hard")))


def test_the_order_of_rules_is_their_strength() -> None:
    """What is no rule, or none, is the weakest."""
    places = [strength(rule.name) for rule in RULES]

    assert places == sorted(set(places))
    assert strength(None) == strength("no rule") > max(places)


def test_of_an_address_of_which_nothing_is_known_nothing_holds() -> None:
    """Under no tenant but the one at large."""
    known = Standing("ann@example.com", "v")

    assert (known.holdings, known.soft_bounces, known.tenant, known.awaits_delivery) == ((), 0, "", False)


def test_a_reactivation_may_be_for_one_stream() -> None:
    """The others stay as they were."""
    known = [bounce("hard"), act("reactivate", 1, stream="marketing")]

    assert refused_by(*known, stream="marketing", at=2) is None
    assert refused_by(*known, stream="transactional", at=2) == "hard-bounce"
    assert refused_by(*known, at=2) == "hard-bounce"
    assert refused_by(*known, bounce("hard", at=3), stream="marketing", at=4) == "hard-bounce"


def test_an_opt_in_takes_back_an_opt_out_of_the_same_topic_only() -> None:
    """By act or by event; of equal times the opt-out wins."""
    out = fact("Subscription", 1, topics=(("news", False), ("offers", False)))
    back = fact("Subscription", 2, topics=(("news", True), ("offers", False)))

    assert refused_by(out, back, stream="news", at=3) is None
    assert refused_by(out, back, stream="offers", at=3) == refused_by(back, stream="offers", at=3) == "unsubscribed"
    assert refused_by(back, stream="news", at=3) is None
    assert (
        refused_by(act("unsubscribe", 1, stream="news"), act("resubscribe", 2, stream="news"), stream="news", at=3)
        is None
    )
    assert refused_by(act("unsubscribe", 1, stream="news"), act("resubscribe", 1, stream="news"), stream="news", at=3)


def test_who_is_back_on_the_list_at_large_may_still_be_off_a_topic() -> None:
    """SES's `unsubscribeAll: false` says nothing of the topics."""
    off_topic = act("unsubscribe", 1, stream="news")
    at_large = fact("Subscription", 2, topics=(("*", True),))

    assert refused_by(off_topic, at_large, stream="news", at=3) == "unsubscribed"
    assert refused_by(fact("Subscription", 1, topics=(("*", False),)), at_large, stream="news", at=3) is None


def test_amazons_lists_end_by_what_ends_them() -> None:
    """The global one by time, each by a delivery, the account's by being taken off."""
    globally = bounce("suppressed", "suppressed", sub_type="Suppressed")

    assert refused_by(globally, at=13) == "ses-list"
    assert refused_by(globally, at=15) is None
    assert refused_by(act("listed"), at=99) == "ses-list"
    assert refused_by(act("listed"), fact("Delivery", 1), at=2) is None
    assert refused_by(act("listed"), act("unlisted", 1), at=2) is None
    assert refused_by(act("listed"), act("unlisted", 1), act("listed", 2), at=3) == "ses-list"


def test_an_act_ends_when_it_says() -> None:
    """What ended before the next began is over."""
    known = [act("suppress", 0, until=day(2)), act("suppress", 5, until=day(6))]

    assert [refused_by(*known, at=at) for at in (1, 5.5, 7)] == ["manual", "manual", None]
    assert standing(*known).holdings[0].since == day(5)
    assert standing(act("suppress", 0, until=day(2)), act("suppress", 1)).holdings[0].until is None
    assert standing(act("suppress", 0, until=day(2)), act("suppress", 2, until=day(3))).holdings[0].since == day(0)
    assert standing(act("suppress", 0, until=day(4)), act("suppress", 1, until=day(2))).holdings[0].until == day(4)
    assert [refused_by(act("suppress", 0, until=day(2)), at=at) for at in (1.99, 2)] == ["manual", None]


def test_the_strongest_rule_gives_the_reason() -> None:
    """Whatever came first."""
    assert refused_by(bounce("hard", at=0), fact("Complaint", 1), act("listed", 2), at=3) == "complaint"


def test_the_standing_of_a_past_time_is_what_was_known_then() -> None:
    """Facts after it do not count."""
    known = [bounce("hard", at=1), act("reactivate", 2), bounce("hard", at=3)]

    assert [bool(standing(*known, now=day(at)).holdings) for at in (0, 1, 2, 3)] == [False, True, False, True]


def test_evidence_is_the_earliest_and_little_of_it() -> None:
    """The events themselves stay in the log."""
    known = [bounce("hard", at=n) for n in range(9)]

    (holding,) = standing(*known).holdings
    assert holding.evidence == tuple(f"Bounce-{n}" for n in range(5))
    assert (holding.since, holding.until) == (day(0), None)


def test_streams_come_from_tags_and_configuration_sets() -> None:
    """The tag goes first; topics may stand for streams too."""
    policy = Policy(streams={"set-1": "news"}, stream_tag="stream", topics={"weekly": "news"})

    for one, stream in [
        (bounce("block", "recipient_filtered", configuration_set="set-1"), "news"),
        (bounce("block", "recipient_filtered", configuration_set="set-1", tags=(("stream", "offers"),)), "offers"),
        (fact("Subscription", topics=(("weekly", False),)), "news"),
        (bounce("suppressed", "unsubscribed", configuration_set="set-1"), "news"),
    ]:
        assert {name: refused_by(one, stream=name, policy=policy) is not None for name in ("news", "offers")} == {
            "news": stream == "news",
            "offers": stream == "offers",
        }


def test_tenants_do_not_suffer_for_each_other() -> None:
    """What has no tenant concerns all."""
    policy = Policy(tenant_tag="tenant")
    facts = [bounce("hard", tags=(("tenant", "a"),))]
    by_tenant = {one.tenant: bool(one.holdings) for one in derive_all(policy, "ann@example.com", facts, [])}
    everybody = derive_all(policy, "ann@example.com", facts, [act("suppress"), act("suppress", tenant="b")])

    assert by_tenant == {"": False, "a": True}
    assert {one.tenant: len(one.holdings) for one in everybody} == {"": 1, "a": 2, "b": 1}


# ── The slow, obvious model must agree ───────────────────────────────────────────────────────

days = st.integers(0, 12)
streams = st.sampled_from(["*", "news", "transactional"])
known_things = st.one_of(
    st.builds(
        lambda kind, at, why: bounce(kind, why, at, sub_type="Suppressed" if kind == "suppressed" and at % 2 else ""),
        st.sampled_from(["hard", "soft", "block", "suppressed", "auto_reply", "undetermined"]),
        days,
        st.sampled_from(["", "recipient_filtered", "unsubscribed", "network", "mailbox_full"]),
    ),
    st.builds(lambda at, certain, kind: fact("Complaint", at, certain=certain, type=kind), days, st.booleans(), st.sampled_from(["", "not-spam"])),
    st.builds(lambda at: fact("Delivery", at), days),
    st.builds(lambda at, topics: fact("Subscription", at, topics=tuple(sorted(topics.items()))), days,
              st.dictionaries(st.sampled_from(["*", "news"]), st.booleans(), min_size=1)),
    st.builds(
        lambda word, at, stream, override, ends: act(word, at, stream=stream, override=override, until=day(at + ends) if ends and word == "suppress" else None),
        st.sampled_from(["suppress", "unsubscribe", "resubscribe", "listed", "unlisted", "reactivate"]),
        days, streams, st.booleans(), st.integers(0, 4),
    ),
)  # fmt: skip
policies = st.sampled_from([
    DEFAULT_POLICY,
    Policy(soft_steps=(Step(bounces=1, lasts=DAY), Step(bounces=2, lasts=3 * DAY)), soft_window=4 * DAY),
    Policy(effects={"hard-bounce": Effect(action="pause", lasts=2 * DAY), "complaint": Effect(except_streams=frozenset(["transactional"])),
                    "complaint-possible": Effect(action="ignore")}),
])  # fmt: skip


@given(st.lists(known_things, max_size=10), policies, streams, st.integers(0, 40))
def test_the_slow_and_obvious_model_agrees(known: list[Any], policy: Policy, stream: str, half_days: int) -> None:
    """For any history, on any stream, at any time, under several policies."""
    now = half_days / 2 + 0.25  # never the very moment of anything

    assert refused_by(*known, stream=stream, at=now, policy=policy) == refusing_rule(
        policy, set(known), stream, day(now)
    )


@given(st.lists(known_things, max_size=8), st.data())
def test_order_and_repetition_mean_nothing(known: list[Any], data: st.DataObject) -> None:
    """Equal field by field."""
    shuffled = (
        data.draw(st.permutations(known)) + data.draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
    )

    assert standing(*known) == standing(*shuffled)


@given(known_things)
def test_a_fact_falls_under_one_rule_or_none(one: Any) -> None:
    """The first that takes it."""
    taking = [rule for rule in RULES if rule.takes(one)]

    assert rule_of(one) is (taking[0] if taking else None)
