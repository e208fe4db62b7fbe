"""How an address came to stand as it does: told fast also of who gets much mail."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent.plans.acts import _moments, _standing_at, that_tell
from sesevent.suppression.decision import decide
from sesevent.suppression.facts import Act, Fact
from sesevent.suppression.policy import Policy

MAY = datetime(2024, 5, 1, tzinfo=timezone.utc)
POLICY = Policy(tenant_tag="tenant")
NOW = MAY + timedelta(days=400)


def fact(chance: random.Random, number: int) -> Fact:
    kind = chance.choice(["Delivery"] * 4 + ["Bounce", "Bounce", "Complaint"])
    bounce = {"reason": "mailbox_full", "bounce_class": "soft", "type": "Transient"}
    gone = {"reason": "user_unknown", "bounce_class": "hard", "type": "Permanent"}
    more: dict[str, Any] = {"Bounce": chance.choice([bounce, bounce, gone]), "Complaint": {"type": "abuse"}}.get(
        kind, {}
    )
    tags = chance.choice([(), (("tenant", "a"),), (("tenant", "b"),)])
    at = MAY + timedelta(hours=chance.randrange(30) * 12)  # so that times are often equal
    return Fact(at, f"{number:024x}", kind, tags=tags, **more)


def decided(facts: list[Fact], acts: list[Act], tenant: str) -> list[Any]:
    found: list[Any] = []
    for moment in _moments(POLICY, "ann@example.com", facts, acts, tenant, NOW):
        decision = decide(POLICY, _standing_at(POLICY, "ann@example.com", facts, acts, tenant, moment), "*", moment)
        if not found or found[-1][1] != decision:
            found.append((moment, decision))
    return found


@pytest.mark.parametrize("seed", range(60))
def test_deliveries_that_answer_nothing_are_left_out_of_what_is_decided(seed: int) -> None:
    """The decisions are the same, to the moment."""
    chance = random.Random(seed)
    facts = [fact(chance, number) for number in range(chance.randrange(1, 25))]
    acts = [Act(MAY + timedelta(hours=chance.randrange(360)), str(n), chance.choice(["suppress", "reactivate"])) for n in
            range(chance.randrange(3))]  # fmt: skip

    for tenant in ("", "a", "b"):
        few, all_of_them = [decided(some, acts, tenant) for some in (that_tell(POLICY, facts, acts), facts)]
        assert few == all_of_them


def test_a_person_with_thousands_of_deliveries_is_told_at_once() -> None:
    """And not decided anew for each of them."""
    mails = [
        Fact(MAY + timedelta(minutes=number), f"{number:024x}", "Delivery", tags=(("tenant", "a"),))
        for number in range(5000)
    ]
    bounce = Fact(MAY, "f" * 24, "Bounce", "Permanent", reason="user_unknown", bounce_class="hard")
    started = time.perf_counter()

    assert set(that_tell(POLICY, [*mails, bounce], [])) == {bounce, mails[0], mails[1]}
    assert len(decided(that_tell(POLICY, [*mails, bounce], []), [], "a")) == 1
    assert time.perf_counter() - started < 5
