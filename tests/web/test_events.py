"""Events over HTTP: found, paged, looked at, exported."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from web_fixtures import NOW, mail, take


def test_events_are_found_by_everything_the_store_finds_them_by(api: Any) -> None:
    """Each filter alone finds the one bounce among other events."""
    take(api.store, mail(to="ann@example.com", message_id="m-1", campaign="spring", configuration_set="main"))
    take(api.store, mail("delivery", to="bob@example.com", message_id="m-2"))
    for query in (
        {"message_id": "m-1"}, {"type": "Bounce"}, {"reason": "user_unknown"}, {"recipient": "Ann@Example.com"},
        {"tag": "campaign=spring"}, {"configuration_set": "main"}, {"until": f"{NOW + timedelta(1):%Y-%m-%d}"} | {"type": "Bounce"},
    ):  # fmt: skip
        found = api.get("/v1/events", params=query).json()["events"]

        assert [(one["type"], one["message_id"]) for one in found] == [("Bounce", "m-1")], query


def test_pages_hang_together(api: Any) -> None:
    """Behind the last row seen, however many come meanwhile; each event once."""
    take(api.store, *[mail(message_id=f"m-{number}", sent=NOW - timedelta(minutes=number)) for number in range(7)])
    seen, cursor = [], None
    while True:
        page = api.get("/v1/events", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [one["message_id"] for one in page["events"]]
        take(api.store, mail(message_id=f"later-{len(seen)}", sent=NOW))
        if (cursor := page["next"]) is None:
            break

    assert seen == [f"m-{number}" for number in range(7)]


@pytest.mark.parametrize("change", [{"type": "Send"}, {"newest_first": "false"}])
def test_a_cursor_belongs_to_its_question(api: Any, change: dict[str, str]) -> None:
    """Of another one it would lead nowhere sensible; so would one that was made up."""
    take(api.store, mail(message_id="m-1"), mail(message_id="m-2"))
    cursor = api.get("/v1/events", params={"limit": 1}).json()["next"]

    assert api.get("/v1/events", params={"limit": 1, "cursor": cursor} | change).status_code == 400
    assert api.get("/v1/events", params={"limit": 1, "cursor": cursor[:-2] + "xx"}).status_code == 400
    assert api.get("/v1/events", params={"limit": 1, "cursor": cursor}).status_code == 200


def test_questions_are_bounded(api: Any) -> None:
    """In rows and in time."""
    for query in ({"limit": 501}, {"limit": 0}, {"since": "1999-01-01T00:00:00Z"}, {"reason": "nonsense"}):
        assert api.get("/v1/events", params=query).status_code == 422, query
    too_long = {"since": "2020-01-01T00:00:00Z", "until": "2024-01-01T00:00:00Z"}
    assert api.get("/v1/events", params=too_long).status_code == 400
    assert api.get("/v1/events", params=too_long | {"message_id": "m"}).status_code == 400


def test_one_event_tells_why_and_what_to_do(api: Any) -> None:
    """And its payload to whom that may be shown."""
    take(api.store, mail(to="ann@example.com"))
    path = "/v1/events/" + api.get("/v1/events").json()["events"][0]["id"]
    told, masked = api.get(path, "read:pii").json(), api.get(path).json()

    assert told["failures"][0]["reason"] == "user_unknown"
    assert told["raw"]["bounce"]["bouncedRecipients"][0]["emailAddress"] == "ann@example.com"
    assert (masked["raw"], masked["failures"][0]["diagnostic"], masked["subject"]) == (None, None, None)
    assert masked["recipients"] == ["a…@example.com"]
    assert api.get("/v1/events/" + "0" * 24).status_code == 404


def test_an_answer_is_known_again_by_its_tag(api: Any) -> None:
    """Masked ones may be kept by a browser, and asked about; what is shown in clear is kept by nobody."""
    take(api.store, mail(message_id="m"))
    query = {"message_id": "m"}
    first = api.get("/v1/events", params=query)
    again = api.http.get(
        "/v1/events", params=query, headers=api.headers("read") | {"If-None-Match": first.headers["etag"]}
    )
    clear = api.get("/v1/events", "read:pii", params=query)

    assert (again.status_code, again.content) == (304, b"")
    assert ("etag" in clear.headers, clear.headers["cache-control"]) == (False, "no-store")


def test_exports_hold_everything_and_no_formula(api: Any) -> None:
    """As a table and as lines of JSON; masked for whom answers are masked."""
    take(api.store, *[mail(message_id=f"m-{n}", to="ann@example.com", subject="=1+1") for n in range(1200)])
    table = api.get("/v1/events/export", "read:pii")
    lines = api.get("/v1/events/export", params={"format": "ndjson"})
    rows = list(csv.DictReader(io.StringIO(table.text)))

    assert len(rows) == len({row["message_id"] for row in rows}) == 1200
    assert {row["subject"] for row in rows} == {"'=1+1"}
    assert {row["recipients"] for row in rows} == {"ann@example.com"}
    assert {tuple(json.loads(line)["recipients"]) for line in lines.text.splitlines()} == {("a…@example.com",)}
    assert re.match(r"text/csv", table.headers["content-type"])
    assert lines.headers["content-type"] == "application/x-ndjson"


def test_an_export_of_nothing_is_a_table_without_rows(api: Any) -> None:
    """With its head."""
    assert api.get("/v1/events/export").text.startswith("id,type,message_id,")
