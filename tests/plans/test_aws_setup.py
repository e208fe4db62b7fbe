"""What is objected to in an account's set-up: rules over values, one test for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sesevent.plans.aws_setup import RULES, ConfigurationSet, Destination, Identity, SetUp, Topic, judge

TOPIC = "arn:aws:sns:eu-west-1:123456789012:events"
ALL = frozenset({"SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT", "OPEN"})
GOOD = ConfigurationSet((Destination("all", True, ALL, TOPIC),))
HEALTHY: dict[str, Any] = {
    "SendingEnabled": True, "ProductionAccessEnabled": True, "EnforcementStatus": "HEALTHY",
    "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
}  # fmt: skip


def setup(**changes: Any) -> SetUp:
    good = SetUp(
        "eu-west-1", HEALTHY, [], {"main": GOOD}, {"shop.example": Identity("main")}, {TOPIC: Topic(confirmed=1)}
    )
    return replace(good, **changes)


def account(**changes: Any) -> SetUp:
    return setup(account=HEALTHY | changes)


def with_set(*destinations: Destination, **options: Any) -> SetUp:
    return setup(sets={"main": ConfigurationSet(destinations, **options)})


def sent(bounces: int, complaints: int, attempts: int = 10_000) -> SetUp:
    points = [{"DeliveryAttempts": attempts // 2, "Bounces": bounces // 2, "Complaints": complaints // 2}] * 2
    return setup(statistics=points)


def test_a_good_set_up_is_told_as_one() -> None:
    """With what was looked at."""
    ((level, subject, finding, _),) = judge(setup())

    assert (level, subject) == ("ok", "aws")
    assert finding == "eu-west-1: nothing to object to in 1 configuration sets, 1 identities, 1 topics"


@pytest.mark.parametrize(
    ("found", "level", "subject", "words"),
    [
        (with_set(), "error", "configuration set", "main has no event destination"),
        (with_set(Destination("off", False, ALL, TOPIC)), "error", "configuration set", "(off: off)"),
        (with_set(Destination("numbers", True, ALL, None, carries=False)), "error", "configuration set", "no event dest"),
        (with_set(Destination("few", True, ALL - {"BOUNCE", "SEND"}, TOPIC)), "warning", "configuration set",
         "does not tell of SEND, BOUNCE"),
        (setup(identities={"shop.example": Identity()}), "warning", "identity", "leaves no events: shop.example"),
        (setup(topics={TOPIC: Topic()}), "error", "topic", "has no confirmed subscription"),
        (setup(topics={TOPIC: Topic(pending=2)}), "error", "topic", "2 wait to be confirmed"),
        (setup(topics={TOPIC: Topic(confirmed=1, pending=1)}), "warning", "topic", "1 subscriptions wait"),
        (setup(topics={TOPIC: Topic(exists=False)}), "error", "topic", "does not exist"),
        (with_set(*GOOD.destinations, Destination("again", True, frozenset({"BOUNCE", "OPEN"}), TOPIC)), "warning",
         "routed twice", f"main sends BOUNCE, OPEN twice, by all and again, to the same topic {TOPIC}"),
        (with_set(*GOOD.destinations, Destination("other", True, frozenset({"SEND"}), TOPIC + "2")), "warning",
         "routed twice", "main sends SEND twice, by all and other, to 2 topics"),
        (setup(identities={"shop.example": Identity("main", {"BOUNCE": TOPIC, "COMPLAINT": TOPIC})}), "warning",
         "routed twice", "shop.example notifies a topic of Bounce, Complaint; by its configuration set main they are"),
        (setup(identities={"shop.example": Identity(None, {"BOUNCE": TOPIC})}), "warning",
         "routed twice", "shop.example notifies a topic of Bounce; by mail that names main they are told once more"),
        (account(SendingEnabled=False), "error", "sending", "paused for the whole account"),
        (with_set(*GOOD.destinations, sending=False), "warning", "sending", "paused for main"),
        (account(ProductionAccessEnabled=False), "warning", "sending", "sandbox"),
        (account(EnforcementStatus="PROBATION"), "error", "reputation", "under review"),
        (account(EnforcementStatus="SHUTDOWN"), "error", "reputation", "stopped"),
        (sent(320, 0), "warning", "reputation", "bounce rate 3.20% of 10,000 mails in two weeks; AWS reviews accounts at 5.0%"),
        (sent(520, 0), "error", "reputation", "bounce rate 5.20%"),
        (sent(0, 8), "warning", "reputation", "complaint rate 0.08%"),
        (sent(0, 10), "error", "reputation", "complaint rate 0.10%"),
        (account(SuppressionAttributes={"SuppressedReasons": ["BOUNCE"]}), "warning", "suppression",
         "the account does not heed SES's suppression list for COMPLAINT"),
        (account(SuppressionAttributes={}), "warning", "suppression", "BOUNCE and COMPLAINT"),
        (with_set(*GOOD.destinations, heeds=()), "warning", "suppression", "main does not heed"),
        (setup(unread=["AWS did not allow get_account."]), "warning", "aws", "not looked at: AWS did not allow get_account"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_and_nothing_else(found: SetUp, level: str, subject: str, words: str) -> None:
    """One fault, one finding, and what to do about it."""
    (finding,) = judge(found)

    assert (finding.level, finding.subject) == (level, subject)
    assert words in finding.finding
    assert finding.remedy or subject == "aws"


@pytest.mark.parametrize(
    "found",
    [
        sent(200, 5),
        sent(90, 8, attempts=900),  # too few to say
        setup(account=None, statistics=None),  # not allowed to be seen
        setup(topics={TOPIC: None}),
        with_set(*GOOD.destinations, Destination("lake", True, ALL)),  # a copy elsewhere is meant
        with_set(*GOOD.destinations, Destination("off", False, ALL, TOPIC)),
        with_set(*GOOD.destinations, heeds=("BOUNCE", "COMPLAINT")),
        setup(sets={"main": GOOD, "other": ConfigurationSet((Destination("lake", True, ALL),))},
              identities={"shop.example": Identity("other", {"BOUNCE": TOPIC})}),  # another set tells its mail's bounces
    ],
)  # fmt: skip
def test_what_is_right_is_not_found(found: SetUp) -> None:
    """Nor what nobody was let to see."""
    assert [finding.level for finding in judge(found)] == ["ok"]


def test_an_identity_that_is_an_address_is_not_told() -> None:
    """A domain is nobody's."""
    found = judge(
        setup(identities={"ann@example.com": Identity("main", {"BOUNCE": TOPIC}), "bob@example.com": Identity()})
    )

    assert len(found) == 2
    assert "ann@" not in str(found)
    assert "bob@" not in str(found)
    assert "a…@example.com" in str(found)


def test_every_rule_says_why() -> None:
    """The table explains itself."""
    assert all(rule.why for rule in RULES)
