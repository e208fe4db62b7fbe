"""The suppression list over HTTP: checked, listed, exported, and written to, never without a trace."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from web_fixtures import mail, take

ANN = "ann@example.com"


def test_an_address_is_checked_by_whoever_may_read_or_suppress(api: Any) -> None:
    """One in the URL, many in a body, in their order."""
    take(api.store, mail(to=ANN))
    for role in ("read", "suppress"):
        one = api.get("/v1/suppression/check", role, params={"address": "Ann@Example.com"}).json()
        many = api.post("/v1/suppression/check", {"addresses": ["bob@example.com", ANN, "nobody"]}, role).json()

        assert (one["allowed"], one["rule"], one["address"]) == (False, "hard-bounce", "a…@example.com")
        assert [told["allowed"] for told in many["decisions"]] == [True, False, False]


def test_an_address_goes_onto_the_list_and_comes_off_it(api: Any) -> None:
    """Who did it, and why, stands in the audit, without the address."""
    put = api.post("/v1/suppression", {"address": ANN, "note": "asked us to"})
    listed = api.get("/v1/suppression", "read:pii").json()["decisions"]
    off = api.post("/v1/suppression/reactivate", {"address": ANN, "why": "asked us to"})
    history = api.get("/v1/suppression/history", "read:pii", params={"address": ANN}).json()
    audit = [
        (one["act"], one["about"], one["by"], one["why"]) for one in api.get("/v1/audit", "admin").json()["entries"]
    ]

    assert (put.json()["allowed"], off.json()["allowed"]) == (False, True)
    assert [one["address"] for one in listed] == [ANN]
    assert [(act["act"], act["by"]) for act in history["acts"]] == [
        ("suppress", "suppress"),
        ("reactivate", "suppress"),
    ]
    assert [(act, by, why) for act, _, by, why in audit if by == "suppress" and "token" not in act] == [
        ("reactivate", "suppress", None),
        ("suppress", "suppress", None),
    ]
    assert [one.why for one in api.store.audit.latest() if one.act == "reactivate"] == ["asked us to"]


def test_the_persons_own_word_is_overridden_only_by_saying_so(api: Any) -> None:
    """409, with how to do it all the same."""
    api.post("/v1/suppression/unsubscribe", {"address": ANN, "stream": "news"})
    wish = {"address": ANN, "stream": "news", "why": "called us"}
    refused = api.post("/v1/suppression/reactivate", wish)

    assert (refused.status_code, "override" in refused.json()["detail"]) == (409, True)
    assert api.post("/v1/suppression/reactivate", wish | {"override": True}).json()["allowed"]
    api.post("/v1/suppression/unsubscribe", {"address": ANN, "stream": "news"})
    assert api.post("/v1/suppression/resubscribe", {"address": ANN, "stream": "news"}).json()["allowed"]


@pytest.mark.in_clear("sealed addresses have another order")
def test_the_list_is_paged_by_cursors_that_show_no_address(api: Any) -> None:
    """Though it goes by address."""
    people = [f"person{number}@example.com" for number in range(5)]
    take(api.store, *[mail(to=person) for person in people])
    first = api.get("/v1/suppression", "read:pii", params={"limit": 3}).json()
    second = api.get("/v1/suppression", "read:pii", params={"limit": 3, "cursor": first["next"]}).json()

    assert [one["address"] for one in first["decisions"] + second["decisions"]] == people
    assert second["next"] is None
    assert "person" not in first["next"]
    assert api.get("/v1/suppression", params={"rule": "complaint"}).json()["decisions"] == []


@pytest.mark.in_clear("sealed addresses have another order")
def test_the_list_is_exported(api: Any) -> None:
    """Masked, unless it may be shown; to be shown is written down."""
    take(api.store, mail(to="=ann@example.com"), mail(to="bob@example.com"))
    masked = list(csv.DictReader(io.StringIO(api.get("/v1/suppression/export").text)))
    clear = list(csv.DictReader(io.StringIO(api.get("/v1/suppression/export", "read:pii").text)))

    assert [row["address"] for row in masked] == ["'=…@example.com", "b…@example.com"]
    assert [row["address"] for row in clear] == ["'=ann@example.com", "bob@example.com"]
    assert next((one.act, one.subject, one.by) for one in api.store.audit.latest()) == (
        "unmasked", "/v1/suppression/export", "read:pii",
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {}, {"address": ANN}, {"address": "nobody", "note": "x"}, {"address": f"{ANN}, {ANN}", "note": "x"},
        {"address": {"$ne": ""}, "note": "x"}, {"address": ANN, "note": {"$gt": ""}},
        {"address": ANN, "note": "x", "strem": "news"}, {"address": ANN, "note": "x", "until": "soon"},
        {"address": ANN, "note": "x" * 3000}, {"address": ANN + "\x00", "note": "x"}, [], "text", None, 1,
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_and_written_nowhere(api: Any, body: Any) -> None:
    """With what is wrong, and never with what was sent."""
    answer = api.post("/v1/suppression", body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"]
    assert ANN not in answer.text
    assert api.store.audit.latest() == [one for one in api.store.audit.latest() if one.act.startswith("token")]
    assert list(api.store.suppression.list()) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", f"address,reason\n{ANN},asked us\nno address,\n"),
        ("application/x-ndjson", f'{{"address": "{ANN}"}}\n{{"address": "no address"}}\n'),
        ("text/plain", f"{ANN}\nno address\n"),
    ],
)
def test_a_list_is_imported_and_what_is_no_address_told_by_its_line(api: Any, kind: str, body: str) -> None:
    """In any form that can be read from a file; saying it twice is saying it once."""
    headers = api.headers("suppress") | {"Content-Type": kind}
    first, again = (
        api.http.post("/v1/suppression/import", content=body, headers=headers, params={"why": "moved"}).json()
        for _ in range(2)
    )

    assert (first["read"], first["recorded"], first["changed"], first["failed"]) == (1, 1, 1, 1)
    assert (again["read"], again["recorded"], again["changed"]) == (1, 0, 0)
    assert first["problems"][0]["line"] == body.count("\n")
    assert not api.store.suppression.check(ANN).allowed
    assert [(one.by, one.why) for one in api.store.audit.latest() if one.act == "list imported"] == [
        ("suppress", "moved"), ("suppress", "moved"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [("", {}, 400), (" \n", {}, 400), (ANN, {"format": "xml"}, 400), (ANN, {"until": "soon"}, 422)],
)
def test_what_is_no_list_is_refused(api: Any, body: str, query: dict[str, str], status: int) -> None:
    """And nothing is put on the list."""
    answer = api.http.post("/v1/suppression/import", content=body, headers=api.headers("suppress"), params=query)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert list(api.store.suppression.list()) == []


def test_another_policy_is_tried_over_http_and_nothing_changes(api: Any) -> None:
    """For whom it would decide otherwise is told, masked; what is no policy is refused."""
    take(api.store, mail(to=ANN))
    lenient = {"name": "lenient", "effects": {"hard-bounce": {"action": "ignore"}}}
    found = api.post("/v1/suppression/simulate", {"policy": lenient}, "read").json()

    assert found["complete"]
    assert found["policy_version"].startswith("lenient")
    assert {(one["address"], one["before"]["allowed"], one["after"]["allowed"]) for one in found["changes"]} == {
        ("a…@example.com", False, True)
    }
    assert not api.store.suppression.check(ANN).allowed
    for wrong in ({"effects": 3}, {"effects": {"sorcery": {"action": "ignore"}}}, {"policy": 1}):
        assert api.post("/v1/suppression/simulate", {"policy": wrong}, "read").status_code == 400, wrong
