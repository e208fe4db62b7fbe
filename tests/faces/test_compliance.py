"""Whom to take off a list, and what is stored about people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from both import encrypted
from sesevent import AsyncEventStore, ConfigurationError, EventStore, testing, trusted
from sesevent.analytics import hygiene
from sesevent.analytics.processing import HELD
from sesevent.retention import Retention
from sesevent.storage.layout import COLLECTIONS

NOW = datetime(2025, 6, 1, tzinfo=timezone.utc)


@pytest.fixture(params=["sync", "async"])
def asked(request: pytest.FixtureRequest, mongodb_uri: str, database: str, store: Any) -> Callable[[Any], Any]:
    """Call something of a store of either colour, at a time of its own."""

    def call(ask: Callable[[Any], Any]) -> Any:
        if request.param == "sync":
            with EventStore.connect(mongodb_uri, database=database, clock=lambda: NOW, **encrypted()) as own:
                return ask(own)

        async def main() -> Any:
            async with AsyncEventStore.connect(mongodb_uri, database=database, clock=lambda: NOW, **encrypted()) as own:
                return await ask(own)

        return asyncio.run(main())

    return call


def happened(store: Any, *raws: str) -> None:
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)


def ago(months: float) -> datetime:
    return NOW - timedelta(days=30.5 * months)


def mailed(person: str, *months: float, kind: Any = testing.delivery) -> list[str]:
    """A mail to a person each so many months ago."""
    return [kind(to=person, message_id=f"{person}-{month}", sent=ago(month)) for month in months]


def by_a_machine(**of_mail: Any) -> Any:
    return testing.opened(
        user_agent="Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)", **of_mail
    )


def found(told: Any) -> dict[str, int]:
    return {one.name: one.people for one in told.findings if one.people}


def test_everybody_is_told_under_what_speaks_against_them(store: Any, asked: Callable[[Any], Any]) -> None:
    """Each kind by its rules; nobody in clear."""
    happened(store, testing.bounce(to="gone@example.com"), testing.complaint(to="angry@example.com"))
    store.suppression.unsubscribe("left@example.com", stream="news")
    store.suppression.suppress("known@example.com", by="ann")
    store.suppression.suppress("over@example.com", by="ann", until=NOW - timedelta(days=1))
    told = asked(lambda own: own.compliance.hygiene())

    assert {name: count for name, count in found(told).items() if name != "role"} == {
        "hard_bounced": 1, "complained": 1, "unsubscribed": 1, "suppressed": 1,
    }  # fmt: skip
    assert [one.name for one in told.findings] == [kind.name for kind in hygiene.KINDS]
    assert told.findings[0].examples == ("g…@example.com",)
    assert "gone@" not in json.dumps(told.to_dict())


def test_who_never_looks_is_unengaged(store: Any, asked: Callable[[Any], Any]) -> None:
    """For all that time, though mailed twice and before it; a machine's look is nobody's."""
    happened(
        store,
        *mailed("idle@example.com", 8, 1), *mailed("idle@example.com", 2, kind=by_a_machine),
        *mailed("new@example.com", 2, 1),
        *mailed("once@example.com", 8),
        *mailed("early@example.com", 9, 1), *mailed("early@example.com", 8, kind=testing.opened),
        *mailed("awake@example.com", 8, 1), *mailed("awake@example.com", 2, kind=testing.opened),
        *mailed("long-ago@example.com", 13, 12.5),
    )  # fmt: skip
    told = asked(lambda own: own.compliance.hygiene(months=6))
    (unengaged,) = [one for one in told.findings if one.name == "unengaged"]

    assert told.engagement_known
    assert told.people == 5
    assert (unengaged.people, unengaged.examples) == (2, ("e…@example.com", "i…@example.com"))


def test_without_opens_and_clicks_nobody_is_called_unengaged(store: Any, asked: Callable[[Any], Any]) -> None:
    """Tracking may be switched off."""
    happened(store, *mailed("idle@example.com", 8, 1))
    told = asked(lambda own: own.compliance.hygiene(months=6))

    assert not told.engagement_known
    assert "unengaged" not in found(told)


def test_role_addresses_and_slips_of_the_fingers_are_found(store: Any, asked: Callable[[Any], Any]) -> None:
    """A slip is near a domain that takes much mail, and never took any itself."""
    happened(
        store,
        *[one for number in range(25) for one in mailed(f"p{number}@example.com", 1)],
        *mailed("info+x@example.com", 1), *mailed("informed@example.com", 1),
        *mailed("ann@exmaple.com", 1, kind=testing.send), *mailed("amy@exmaple.com", 1, kind=testing.send),
        *mailed("bob@example.co", 1, kind=testing.send), *mailed("eve@xexample.com", 1, kind=testing.send),
        *mailed("cat@examples.com", 1),  # takes mail: it is what it is
        *mailed("dan@elsewhere.example", 1, kind=testing.send),
    )  # fmt: skip
    told = {one.name: one for one in asked(lambda own: own.compliance.hygiene()).findings}

    assert (told["role"].people, told["role"].examples) == (1, ("i…@example.com",))
    assert told["typo_domain"].people == 4
    assert told["typo_domain"].examples == ("a…@exmaple.com", "b…@example.co", "e…@xexample.com")


def test_slips_are_looked_for_near_the_domains_that_take_most(
    store: Any, asked: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And first where most people are: of either only so many are compared."""
    happened(
        store,
        *[one for number in range(21) for one in mailed(f"p{number}@small.example", 1)],
        *[one for number in range(22) for one in mailed(f"p{number}@large.example", 1)],
        *mailed("ann@smal.example", 1, kind=testing.send),
        *mailed("bob@larg.example", 1, kind=testing.send), *mailed("eve@larg.example", 1, kind=testing.send),
    )  # fmt: skip

    def slips() -> tuple[int, tuple[str, ...]]:
        (told,) = [one for one in asked(lambda own: own.compliance.hygiene()).findings if one.name == "typo_domain"]
        return told.people, told.examples

    assert slips() == (3, ("b…@larg.example", "a…@smal.example"))
    monkeypatch.setattr(hygiene, "_LARGE", 1)
    assert slips() == (2, ("b…@larg.example",))
    monkeypatch.setattr(hygiene, "_LARGE", 2)
    monkeypatch.setattr(hygiene, "_DOMAINS", 1)
    assert slips() == (2, ("b…@larg.example",))


def test_people_under_pseudonyms_are_told_as_those_of_whom_less_is_seen(
    store: Any, asked: Callable[[Any], Any]
) -> None:
    """A keyed hash is no role address, whatever was behind it."""
    happened(store, *mailed(f"p.k1.{'0' * 32}@example.com", 1), *mailed("ann@example.com", 1))
    told = asked(lambda own: own.compliance.hygiene())

    assert (told.people, told.hidden) == (2, 1)


def test_nonsense_is_refused(asked: Callable[[Any], Any]) -> None:
    """As a span."""
    for months in (0, -1, 121):
        with pytest.raises(ConfigurationError):
            asked(lambda own, months=months: own.compliance.hygiene(months=months))


# ── the record of processing ────────────────────────────────────────────────────────────────────────────────────────


def test_every_collection_is_in_the_record() -> None:
    """Whoever adds one says what it holds about whom, and why."""
    assert HELD.keys() == set(COLLECTIONS)
    assert all(all(row) for row in HELD.values())


@pytest.mark.in_clear("who reads what is encrypted has the key, and is told of")
def test_the_record_says_what_is_configured(store: Any, asked: Callable[[Any], Any], database: str) -> None:
    """How long by the retention policy, what by the privacy policy, who by the tokens; and what is still open."""
    happened(store, testing.bounce(to="gone@example.com"))
    store.tokens.create("support desk", scopes=["read"])
    ended = store.tokens.create("left us", scopes=["admin"])
    store.tokens.revoke(ended.token.id)
    policy = Retention.loads("""
[[rule]]
why = "proof"
types = ["Complaint"]
keep = true
[[rule]]
why = "season"
thin = "3 months"
delete = "13 months"
""")

    class Privacy:
        def explain(self) -> list[dict[str, str]]:
            return [{"field": "ip address", "action": "truncate", "why": "country is enough"}]

    told = asked(
        lambda own: own.compliance.record(
            retention=policy, privacy=Privacy(), controller="Example Ltd", recipients=["Amazon Web Services"]
        )
    )
    text, kept = told.to_markdown(), {one.collection: one for one in told.kept}

    assert kept["ses_event"].how_long == (
        "Complaint: for good (proof)", "all others: without their text after 3 months, deleted after 13 months (season)",
    )  # fmt: skip
    assert (kept["ses_event"].documents, "ses_events" in kept) == (1, False)
    assert database in told.where
    assert [one.name for one in told.who] == ["whoever may read the database", "token support desk"]
    assert [one.partition(" ")[0] for one in told.open_points] == ["what", "not", "not"]
    for words in ("Example Ltd", "Amazon Web Services", "truncate", "GDPR, article 30", "support desk"):
        assert words in text
    assert "gone@" not in text
    assert json.loads(json.dumps(told.to_dict()))["controller"] == "Example Ltd"


def test_without_policies_the_record_says_that_all_is_kept_for_good(asked: Callable[[Any], Any]) -> None:
    """And that this is an open point."""
    told = asked(lambda own: own.compliance.record())

    assert {one.collection: one.how_long for one in told.kept}["ses_event"] == ("for good",)
    assert "no privacy policy is configured" in told.to_markdown()
    assert sum("article 5" in point for point in told.open_points) == 2
