"""Archives and rollups of somebody who is erased: rewritten, verifiable, and counted as before."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bson
import pytest

from sesevent import AsyncEventStore, EventStore, trusted
from sesevent.contrib.archive import Archive, Directory
from sesevent.errors import Held

from .test_privacy import ANN, BOB, HASH, NOW, RAWS, SENT, Killed, Steps, bounce_of_bob, keyed, naming, payloads

BEFORE = NOW - timedelta(days=1)


@pytest.fixture
def store(mongodb_uri: str, database: str) -> Iterator[Any]:
    with EventStore.connect(mongodb_uri, database=database, clock=lambda: NOW, timeout_seconds=60) as connected:
        connected.ensure_indexes()
        yield keyed(connected)


def fill(store: Any) -> None:
    store.receive_many(trusted(raw, because="a test's own") for raw in [*RAWS, bounce_of_bob()])


def archived(archive: Archive) -> dict[str, bytes]:
    return {
        str(row["_id"]): bson.encode(row)
        for part in archive.parts()
        for some in archive.documents(part)
        for row in some
    }


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_archives_are_rewritten_and_hold(store: Any, tables: Any, tmp_path: Path, kind: str) -> None:
    """Manifests, hashes and counts too; a part without the person stays what it was, to the byte."""
    fill(store)
    archive = Archive(store, Directory(tmp_path), kind=kind, part_events=3)
    archive.run(BEFORE)
    before, parts = archived(archive), {part.data: part for part in archive.parts()}
    told = store.privacy.erase(ANN, by="desk", archives=[archive], dry_run=True)
    assert archived(archive) == before
    done = store.privacy.erase(ANN, by="desk", archives=[archive])

    assert (done.events, done.archived, done.parts) == (0, 9, told.parts)
    assert told.archived == 9
    after = archived(archive)
    assert archive.verify().intact
    assert before.keys() == after.keys()
    assert not [row for row in after.values() if b"ann" in row.lower()]
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and ANN.encode() in file.read_bytes().lower()]
    for key, row in before.items():
        if b"ann.lee" not in row.lower():
            assert after[key] == row
    assert sum(part.data in parts for part in archive.parts()) == len(parts) - done.parts
    assert naming(tables, ANN) == []
    assert not store.suppression.check(ANN)


def test_an_archive_that_nobody_told_of_brings_nobody_back(store: Any, tables: Any, tmp_path: Path) -> None:
    """Nor does archiving and restoring again what is erased."""
    fill(store)
    archive = Archive(store, Directory(tmp_path))
    archive.run(BEFORE)
    store.privacy.erase(ANN, by="desk")
    assert archive.restore().fresh == 10
    assert naming(tables, ANN) == []
    archive.run(BEFORE)
    assert not [row for row in archived(archive).values() if b"ann.lee" in row.lower()], "what is in the log prevails"
    archive.restore()
    assert naming(tables, ANN) == []


def test_a_hold_keeps_what_is_archived(store: Any, tmp_path: Path) -> None:
    """Of a mail that is no longer in the log."""
    fill(store)
    archive = Archive(store, Directory(tmp_path))
    archive.run(BEFORE)
    before = archived(archive)
    held = store.keeping.hold("message", RAWS[0]["mail"]["messageId"], by="counsel", why="case 7")
    with pytest.raises(Held):
        store.privacy.erase(ANN, by="desk", archives=[archive])
    assert archived(archive) == before
    assert store.privacy.receipt(ANN).finished is None
    store.keeping.release(held.id, by="counsel", why="closed")
    assert store.privacy.erase(ANN, by="desk", archives=[archive]).archived == 9


def test_the_asyncio_store_takes_an_archive_of_a_blocking_one(
    store: Any, mongodb_uri: str, database: str, tables: Any, tmp_path: Path
) -> None:
    """It works in a thread."""
    fill(store)
    archive = Archive(store, Directory(tmp_path))
    archive.run(BEFORE)

    async def main() -> Any:
        async with AsyncEventStore.connect(mongodb_uri, database=database, clock=lambda: NOW) as own:
            keyed(own, colour="async")
            page = io.StringIO()
            counts = await own.privacy.export(ANN, page=page, by="desk", archives=[archive])
            return counts, page.getvalue(), await own.privacy.erase(ANN, by="desk", archives=[archive])

    counts, page, done = asyncio.run(main())
    assert (counts["events"], done.archived, done.finished) == (8, 9, NOW)
    assert ANN in page
    assert not [row for row in archived(archive).values() if b"ann.lee" in row.lower()]


def test_killed_anywhere_archives_too_are_done_by_doing_it_again(
    store: Any, tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each question to the database behind the first that is about the archive."""
    steps = Steps(monkeypatch)
    place = Directory(tmp_path)
    archive = Archive(store, place, part_events=4)

    def begin() -> None:
        for key in [*place.list("")]:
            place.delete(key)
        for name in tables.list_collection_names():
            tables[name].delete_many({})
        fill(store)
        archive.run(BEFORE)

    begin()
    steps.arm(-1)
    store.privacy.erase(ANN, by="desk", archives=[archive])
    for number in range(1, steps.count + 1):
        steps.arm(-1)
        begin()
        steps.arm(number)
        with pytest.raises(Killed):
            store.privacy.erase(ANN, by="desk", archives=[archive])
        steps.arm(-1)
        done = store.privacy.erase(ANN, by="desk", archives=[archive])
        assert archive.verify().intact
        assert not [row for row in archived(archive).values() if b"ann.lee" in row.lower()], number
        assert done.finished is not None
        assert naming(tables, ANN) == []


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def figures(store: Any) -> Any:
    window = (SENT - timedelta(days=1), NOW)
    return (
        store.analytics.timeseries(*window),
        store.analytics.by("provider", *window),
        store.analytics.by("campaign", *window),
        store.analytics.funnel(since=window[0], until=window[1]),
    )


@pytest.mark.parametrize("who", [ANN, BOB])
@pytest.mark.parametrize("rolled", [False, True])
def test_counts_stay_what_they_were_by_rollups_and_by_the_log(store: Any, tables: Any, who: str, rolled: bool) -> None:
    """By provider, too. Hours in which a domain went are counted again; recounting finds no difference."""
    fill(store)
    if rolled:
        store.analytics.roll_up()
    before = figures(store)
    store.privacy.erase(who, by="desk")
    assert figures(store) == before
    if rolled:
        store.analytics.roll_up()
        assert figures(store) == before
        found = store.analytics.recount(SENT - timedelta(days=1), NOW)
        assert (found.differences, found.hours > 0) == ((), True)
        assert b"example.org" not in b"".join(bson.encode(row) for row in tables["ses_rollup"].find()) or who == ANN


def test_what_is_derived_can_be_derived_again(store: Any, rows: Any) -> None:
    """From `Message` as it is now: to the same as was left."""
    from sesevent.storage.codec import legacy_derived

    fill(store)
    store.privacy.erase(ANN, by="desk")
    store.privacy.erase(BOB, by="desk")
    for row in rows.find():
        assert legacy_derived(row) == row["derived"]


# ── export ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_export_tells_everything_that_is_held_and_hides_others(store: Any, tmp_path: Path) -> None:
    """Events here and archived, facts, acts, standings, dead letters, holds, and the audit trail of it."""
    fill(store)
    store.suppression.unsubscribe(ANN, stream="news", by="ann", note="by phone")
    with pytest.raises(Exception, match="JSON"):
        store.receive(trusted(f'{{"to": "{ANN}, {BOB}"', because="a test's own"))
    store.keeping.hold("address", ANN, by="counsel", why="case 7")
    store.keeping.hold("message", RAWS[3]["mail"]["messageId"], by="counsel", why="case 8")
    counts = store.privacy.export(ANN, tmp_path / "ann.json", page=tmp_path / "ann.html", by="desk", why="request 7")
    assert counts == {
        "standings": 2, "events": 8, "said": 2, "dead_letters": 1, "holds": 1, "audit": 3, "erasures": 0,
        "unreadable": 0,
    }  # fmt: skip
    told = json.loads((tmp_path / "ann.json").read_text("utf-8"))
    assert {name: len(told[name]) for name in counts} == counts
    assert told["about"] == ANN
    assert [one["type"] for one in told["events"]][:2] == ["Send", "Delivery"]
    assert told["events"][0]["event"]["mail"]["destination"] == [
        "Ann Lee <Ann.Lee@Gmail.com>", "someone.else@hidden.invalid",
    ]  # fmt: skip
    assert "news@shop.example.com" in str(told["events"][0]["event"]), "who wrote is told"
    for file in ("ann.json", "ann.html"):
        assert BOB not in (tmp_path / file).read_text("utf-8")
    entry = store.audit.latest(limit=1)[0]
    assert (entry.act, entry.by, entry.why, entry.subject) == ("personal data exported", "desk", "request 7", HASH)


def test_what_is_archived_and_here_is_told_once(store: Any, tmp_path: Path) -> None:
    """As after a restore."""
    fill(store)
    archive = Archive(store, Directory(tmp_path))
    archive.run(BEFORE)
    archive.restore(SENT, SENT)
    store.privacy.export(ANN, paper := io.StringIO(), by="desk", archives=[archive])
    assert len(json.loads(paper.getvalue())["events"]) == 8


def test_a_page_shows_text_as_text(store: Any) -> None:
    """Nothing that comes from mails is markup, or turns the direction of reading; and nothing is fetched."""
    bad = "</title><script>alert(1)</script>\u202e\x00&"
    store.receive(
        trusted(payloads.send(to=ANN, subject=bad, campaign="<b>", source="<i>@x.org"), because="a test's own")
    )
    store.suppression.suppress(ANN, by="<u>", note="'\"><img src=x>")
    page = io.StringIO()
    store.privacy.export(ANN, page=page, by="desk")
    text = page.getvalue()
    for part in ("<script", "<b>", "<i>", "<u>", "<img", "\u202e", "\x00"):
        assert part not in text
    assert "&lt;script&gt;" in text
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert "http://" not in text.replace(bad, "")
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")


def test_nobody_of_whom_nothing_is_held_gets_empty_papers(store: Any) -> None:
    """And they are whole; but it is told that somebody asked."""
    paper, page = io.StringIO(), io.BytesIO()
    counts = store.privacy.export("nobody@example.com", paper, page=page, by="desk")
    assert counts.pop("audit") == 1
    assert set(counts.values()) == {0}
    assert all(json.loads(paper.getvalue())[name] == [] for name in counts)
    assert page.getvalue().count(b"Nothing.") == len(counts)


def test_an_export_that_fails_leaves_what_was_there(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is replaced when all is written."""
    fill(store)
    (tmp_path / "ann.json").write_text("before")
    steps = Steps(monkeypatch)
    steps.arm(6)
    with pytest.raises(Killed):
        store.privacy.export(ANN, tmp_path / "ann.json", by="desk")
    assert [file.name for file in tmp_path.iterdir()] == ["ann.json"]
    assert (tmp_path / "ann.json").read_text() == "before"
