"""What the API, the live stream and the dashboard tell of rows whose key is lost: that, and all that is not personal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from bson import ObjectId

from sesevent import EventStore
from web_fixtures import Api, Following, mail, serving, take, words

pytest.importorskip("pymongocrypt")
from sesevent.contrib.encryption import Encryption, LocalKey

KEYS = Encryption(LocalKey(b"k" * 96), per_person=True)
ANN, BEN = "ann@example.com", "ben@example.org"

pytestmark = pytest.mark.usefixtures("nothing_before")


@pytest.fixture
def lost(mongodb_uri: str, database: str, store: Any, tokens: dict[str, str], tables: Any) -> Iterator[Api]:
    """A served store that encrypts, in which the key of one of two people is lost."""
    with EventStore.connect(mongodb_uri, database=database, encryption=KEYS) as encrypting:
        take(encrypting, mail(to=ANN, message_id="m-ann", tags={"stream": ["news"]}), mail(to=BEN, message_id="m-ben"))
        tables["ses_key"].delete_one({"keyAltNames": encrypting._collections["seals"].known.name(ANN)})
    with serving(mongodb_uri, database, encryption=KEYS, dashboard=True) as url:
        yield Api(url, store, tokens)


def test_rows_whose_key_is_lost_say_so_and_tell_the_rest(lost: Api) -> None:
    """In lists, alone, and in the story of a mail; other rows are as ever."""
    rows = {one["message_id"]: one for one in lost.get("/v1/events", "read:pii").json()["events"]}
    assert {name: row["unreadable"] for name, row in rows.items()} == {"m-ann": "key lost", "m-ben": None}
    assert rows["m-ben"]["recipients"] == [BEN]
    gone = rows["m-ann"]
    assert (gone["type"], gone["details"]["reason"], gone["subject"]) == ("Bounce", "user_unknown", None)
    assert gone["source"] in rows["m-ben"]["source"], "the sender's address, without a display name"
    assert gone["tags"]["stream"] == ["news"]
    assert gone["recipients"] == ["unreadable@erased.invalid"]

    for path in (f"/v1/events/{gone['id']}", "/v1/messages/m-ann", "/v1/messages/m-ann/events"):
        answer = lost.get(path, "read:pii")
        assert answer.status_code == 200, (path, answer.text)
        assert ANN not in answer.text
    assert lost.get(f"/v1/events/{gone['id']}", "read:pii").json()["unreadable"] == "key lost"


def test_the_live_stream_tells_such_rows_too(lost: Api, tables: Any) -> None:
    """And goes on behind them."""
    reader = Following(lost, role="read:pii")
    (row,) = tables["ses_event"].find({"MessageId": "m-ann"})
    tables["ses_event"].insert_one(row | {"_id": ObjectId()})
    (other,) = tables["ses_event"].find({"MessageId": "m-ben"})
    tables["ses_event"].insert_one(other | {"_id": ObjectId()})
    told = [reader.next("message") for _ in "12"]

    assert [(one["message_id"], one["unreadable"]) for one in told] == [("m-ann", "key lost"), ("m-ben", None)]
    assert told[1]["recipients"] == [BEN]


def test_pages_show_it(lost: Api) -> None:
    """An event's, a mail's, and lists."""
    form = {"token": lost.tokens["read:pii"], "next": "/"}
    signed_in = httpx.Client(
        base_url=lost.url, timeout=30, headers={"Origin": lost.url, "Sec-Fetch-Site": "same-origin"}
    )
    assert signed_in.post("/login", data=form).status_code in (200, 303)
    (gone,) = [one for one in lost.get("/v1/events", "read:pii").json()["events"] if one["unreadable"]]
    assert "key lost" in words(signed_in.get(f"/event/{gone['id']}")).text
    for path in ("/", "/explore", "/message/m-ann", "/bounces?reason=user_unknown"):
        answer = signed_in.get(path)
        assert answer.status_code == 200, path
        assert ANN not in answer.text
    signed_in.close()
