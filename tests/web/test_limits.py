"""What is too much, and what is hostile: refused as a problem, never a failure, never repeated in the answer."""

from __future__ import annotations

from typing import Any

import pytest

from sesevent.web import Limits
from sesevent.web.limits import Buckets
from sesevent.web.problems import Refused

HOSTILE = (
    "'; return true; //", '{"$ne": null}', "$where", "[$regex]", "../../etc/passwd", "<script>alert(1)</script>", "=1+1",
    "\u202eevil", "a\x00b", "%00", "😀", "é" * 200, "x" * 300, "(a+)+$", "{{7*7}}",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_finds_nothing_and_breaks_nothing(api: Any, text: str) -> None:
    """It is compared as it stands; where it cannot be what it should be it is refused, and not repeated."""
    for query in (
        {"message_id": text}, {"type": text}, {"tag": text}, {"configuration_set": text}, {"recipient": text},
        {"cursor": text}, {"reason": text}, {"since": text}, {"limit": text}, {f"message_id[{text}]": "x"},
    ):  # fmt: skip
        answer = api.get("/v1/events", params=query)
        assert answer.status_code in (200, 400, 422), (query, answer.text)
        if answer.status_code == 200:
            assert answer.json()["events"] == []
        else:
            assert answer.headers["content-type"] == "application/problem+json"
            assert len(text) < 5 or text not in answer.text
    for path in (f"/v1/events/{text}", f"/v1/dead-letters/{text}"):
        assert api.http.get(path.replace("\x00", "%00"), headers=api.headers("read")).status_code in (404, 422)


@pytest.mark.parametrize(
    "path", ["/v1/events", "/v1/events/export", "/v1/analytics/summary", "/v1/suppression", "/healthz"]
)
@pytest.mark.parametrize("name", ["tpye", "recipent", "ann@example.com"])
def test_a_condition_that_is_not_known_is_refused(api: Any, path: str, name: str) -> None:
    """A misspelled one would be none, and everybody's events the answer. What might be somebody is not repeated."""
    answer = api.get(path, params={name: "ben@example.org"})

    assert answer.status_code == 422
    (wrong,) = answer.json()["errors"]
    assert wrong["message"].startswith("is not known here; there are ")
    assert wrong["where"] == ("query." if "@" in name else f"query.{name}")
    assert "@" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/events"])
def test_a_head_is_a_get_without_its_body(api: Any, path: str) -> None:
    """As RFC 9110 has it, and as probes ask; nobody learns more by it."""
    found, told = api.get(path), api.http.head(path, headers=api.headers("read"))

    assert (told.status_code, told.content) == (200, b"")
    assert told.headers["content-length"] == str(len(found.content)) != "0"
    assert api.http.head("/v1/events").status_code == 401


def test_operators_are_no_values(api: Any) -> None:
    """Neither in a query nor in a body."""
    assert api.get("/v1/events", params={"message_id[$ne]": "x", "limit": 1}).status_code == 422
    for body in ({"addresses": {"$gt": ""}}, {"addresses": [{"$ne": 1}]}, {"$where": "1"}):
        assert api.post("/v1/suppression/check", body).status_code == 422


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"address": "\\ud800@example.com", "note": "x"}', b"[" * 100_000]
)
def test_a_body_that_is_no_json_is_refused(api: Any, body: bytes) -> None:
    """Before anything is done."""
    headers = api.headers("suppress") | {"Content-Type": "application/json"}

    assert api.http.post("/v1/suppression", content=body, headers=headers).status_code in (400, 422)


def test_a_body_that_is_too_large_is_refused(serve_api: Any) -> None:
    """Whether it says so itself or goes on and on."""
    api = serve_api(limits=Limits(body=10_000))
    large = b'{"addresses": ["' + b"x" * 20_000 + b'"]}'
    headers = api.headers("suppress") | {"Content-Type": "application/json"}

    assert api.http.post("/v1/suppression/check", content=large, headers=headers).status_code == 413
    assert (
        api.http.post("/v1/suppression/check", content=iter([large[:9000], large[9000:]]), headers=headers).status_code
        == 413
    )


def test_a_bucket_fills_again() -> None:
    """At its rate, up to its size, for each key."""
    now = 0.0
    bucket = Buckets(2, 3, lambda: now)
    for _ in range(3):
        bucket.take("a")
    with pytest.raises(Refused) as refused:
        bucket.take("a")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    bucket.take("b")
    now = 0.5
    bucket.take("a")
    with pytest.raises(Refused):
        bucket.take("a")
    now = 100.0
    for _ in range(3):
        bucket.take("a")
    with pytest.raises(Refused):
        bucket.take("a")


def test_errors_are_problems(api: Any) -> None:
    """Of every kind, with a status in words."""
    for answer, status in (
        (api.get("/nowhere"), 404), (api.http.put("/v1/events"), 405), (api.get("/v1/events", None), 401),
        (api.get("/v1/audit"), 403), (api.get("/v1/events/x"), 404),
    ):  # fmt: skip
        told = answer.json()
        assert (answer.status_code, told["status"], answer.headers["content-type"]) == (
            status,
            status,
            "application/problem+json",
        )
        assert told["title"]


def test_a_store_that_is_away_is_told_so(api: Any, store: Any) -> None:
    """The process is alive, and not ready."""
    import asyncio

    import httpx
    from pymongo import AsyncMongoClient

    from sesevent import AsyncEventStore
    from sesevent.web import create_app
    from sesevent.web.access import NO_AUTH

    async def main() -> list[tuple[int, Any]]:
        gone = AsyncEventStore(AsyncMongoClient("mongodb://127.0.0.1:9/", serverSelectionTimeoutMS=300), database="x")
        transport = httpx.ASGITransport(create_app(gone, auth=NO_AUTH), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = [await client.get(path) for path in ("/healthz", "/readyz", "/v1/events?mask=true")]
        await gone.close()
        return [(one.status_code, one.json().get("retryable")) for one in answers]

    assert asyncio.run(main()) == [(200, None), (503, True), (503, True)]
