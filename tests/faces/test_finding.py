"""Events found by campaign, recipient's domain and provider, in both colours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from both import Face
from sesevent import ConfigurationError, testing, trusted

SENT_TO = {
    "one": ("ann@gmail.com", "spring"), "two": ("ben@yahoo.co.uk", "spring"), "three": ("carl@notgmail.com", "winter"),
    "four": ("dora@gmail.com.example", None), "five": ("eva@YAHOO.example", None),
}  # fmt: skip


def sent() -> list[Any]:
    mails = [testing.send(to=to, campaign=campaign, message_id=name) for name, (to, campaign) in SENT_TO.items()]
    return [trusted(json.dumps(one), because="a test made it") for one in mails]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"campaign": "spring"}, "one two"),
        ({"recipient_domain": "gmail.com"}, "one"),
        ({"recipient_domain": "GMAIL.com"}, "one"),
        ({"recipient_domain": "g.ail.com"}, ""),
        ({"provider": "gmail"}, "one"),
        ({"provider": "yahoo"}, "five two"),
        ({"provider": "other"}, "four three"),
        ({"provider": "yahoo", "campaign": "spring"}, "two"),
    ],
)
def test_mails_are_found_by_whom_they_went_to_and_why(with_store: Any, asked: dict[str, str], found: str) -> None:
    """Exactly those."""

    async def body(face: Face) -> list[Any]:
        await face.get(lambda store: store.receive_many(sent()))
        return await face.get(lambda store: store.events.find(**asked))

    assert sorted(one.event.message_id for one in with_store(body)) == found.split()


@pytest.mark.parametrize("provider", ["gmail", "yahoo", "other"])
def test_events_are_found_as_the_figures_count_them(store: Any, provider: str) -> None:
    """So a chart's point and the list behind it agree."""
    store.receive_many(sent())

    counted = store.analytics.summary("2024-01-01", "2025-01-01", provider=provider).counts["sends"]
    assert len(list(store.events.find(provider=provider))) == counted > 0


def test_a_provider_that_there_is_none_of_is_refused(store: Any) -> None:
    """Rather than found empty."""
    with pytest.raises(ConfigurationError, match="There is no provider 'nobody'"):
        store.events.find(provider="nobody")
