"""The archive: every event in at least one place whatever happens, and after the next run in exactly one."""

from __future__ import annotations

import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import bson
import pytest

from both import encrypted
from sesevent import ArchiveError, AwsUnavailable, ConfigurationError, EventStore, testing, trusted
from sesevent.contrib.archive import Archive, Bucket, Chosen, Directory, Place, place_at
from sesevent.contrib.archive import archiver as archiving
from sesevent.contrib.archive.columns import COLUMNS
from sesevent.contrib.archive.places import digest
from sesevent.drivers import sync as driver
from sesevent.errors import AwsError
from sesevent.retention import Retention

from .conftest import KEYS

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
NOW = START + timedelta(days=60, hours=3)
BEFORE = START + timedelta(days=30)


@pytest.fixture
def store(mongodb_uri: str, database: str) -> Iterator[Any]:
    with EventStore.connect(
        mongodb_uri, database=database, clock=lambda: NOW, timeout_seconds=60, **encrypted()
    ) as connected:
        connected.ensure_indexes()
        yield connected


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> Place:
    if request.param == "directory":
        return Directory(tmp_path / "archive")
    return bucket(request.getfixturevalue("moto_url"), database)


def bucket(url: str, database: str) -> Bucket:
    client = boto3.client("s3", endpoint_url=url, **KEYS)
    name = f"{database.replace('_', '-')}-{uuid.uuid4().hex[:6]}"  # a test may have the database of another
    client.create_bucket(Bucket=name)
    return Bucket(name, "old/events", client=client)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "archive")


def fill(store: Any, events: int = 300, seed: int = 1, every: float = 1500) -> None:
    """Some two days of events."""
    raws = testing.stream(events, seed=seed, start=START, mails_per_second=1 / every)
    store.receive_many((trusted(raw, because="a test's own") for raw in raws), batch_size=100)


def in_database(store: Any) -> dict[str, bytes]:
    """As it stands there: an archive holds what is encrypted as it is encrypted."""
    return {str(row["_id"]): bson.encode(row) for row in store._collections["ses_event"].find()}


def in_archive(archive: Archive) -> list[tuple[str, bytes]]:
    return [
        (str(document["_id"]), bson.encode(document))
        for part in archive.parts()
        for some in archive.documents(part)
        for document in some
    ]


def in_exactly_one(store: Any, archive: Archive, everything: dict[str, bytes]) -> None:
    archived, stored = in_archive(archive), in_database(store)
    assert len(dict(archived)) == len(archived)
    assert not dict(archived).keys() & stored.keys()
    assert dict(archived) | stored == everything


# ── there and back ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_what_was_archived_and_deleted_is_restored_identically(store: Any, place: Place, kind: str) -> None:
    """To the byte of every document, in several parts a day; and standings are what they were."""
    fill(store)
    everything, acts = in_database(store), standings(store)
    archive = Archive(store, place, kind=kind, part_events=70, by="ann")

    done = archive.run(BEFORE)
    assert in_database(store) == {}
    assert done.events == done.deleted == len(everything)
    assert done.parts > 3
    in_exactly_one(store, archive, everything)
    assert archive.verify().intact
    assert standings(store) == acts

    restored = archive.restore()
    assert (restored.events, restored.fresh) == (len(everything), len(everything))
    assert in_database(store) == everything
    assert archive.restore().fresh == 0  # twice is once
    assert standings(store) == acts

    again = archive.run(BEFORE)
    assert (again.parts, again.repeats, again.deleted) == (0, len(everything), len(everything))
    in_exactly_one(store, archive, everything)


def standings(store: Any) -> list[Any]:
    return list(store.suppression.list())


@pytest.mark.in_clear("what is put back is encrypted, as all that is written")
def test_rows_of_every_shape_come_back_as_they_were(store: Any, rows: Any, directory: Directory) -> None:
    """Those of a Mongoose application too: without Message, with an id of its own, with fields and types of its own."""
    strange: list[dict[str, Any]] = [
        {"_id": 7, "Type": "Notification", "Timestamp": "2024-05-01T10:00:00.000Z", "Message": '{"a": "\\u0000é😀"}'},
        {
            "_id": "text",
            "Timestamp": "2024-05-01T10:00:00.000Z",
            "Message": None,
            "more": {"n": bson.Int64(5), "x": 1.5},
        },
        {"_id": {"a": 1}, "Timestamp": "2024-05-01T11:00:00.000Z", "__v": 0, "Message": {"not": "text"}},
        {
            "Timestamp": "2024-05-01T11:30:00.000Z",
            "Type": 5,
            "derived": {"recipients": "one", "took": "long", "tags": 3},
        },
    ]
    rows.insert_many(strange)
    everything = {str(row["_id"]): bson.encode(row) for row in rows.find()}
    for kind in ("parquet", "ndjson"):
        archive = Archive(store, Directory(directory.root / kind), kind=kind)
        archive.run(BEFORE)
        in_exactly_one(store, archive, everything)
        assert rows.count_documents({}) == 0
        archive.restore()
        assert {str(row["_id"]): bson.encode(row) for row in rows.find()} == everything


def test_a_row_whose_time_cannot_be_told_stays(store: Any, rows: Any, directory: Directory) -> None:
    """It belongs to no day; and it does not keep those behind it from being found."""
    for stamp in ("2024/05/01", "1714561200000", "yesterday", "", None, "2023-99-99T", "2024-05-02T00:00:00.000Z"):
        rows.insert_one({"Type": "Send", "Timestamp": stamp, "Message": "x"})

    assert Archive(store, directory).run(BEFORE).deleted == 1
    assert rows.count_documents({}) == 6


def test_only_what_is_chosen_goes(store: Any, directory: Directory) -> None:
    """By type, by configuration set, and up to a time."""
    fill(store)
    everything = in_database(store)
    archive = Archive(store, directory)
    archive.run(START + timedelta(days=1, hours=6), chosen=Chosen(("Open",), ("marketing",)))

    gone = [bson.decode(row) for key, row in everything.items() if key not in in_database(store)]
    assert {row["Type"] for row in gone} == {"Open"}
    assert {row["derived"]["configurationSet"] for row in gone} == {"marketing"}
    assert max(row["Timestamp"] for row in gone) < "2024-05-02T06"
    left = [bson.decode(row) for row in in_database(store).values()]
    assert not [
        row for row in left
        if row["Type"] == "Open" and row["derived"]["configurationSet"] == "marketing" and row["Timestamp"] < "2024-05-02T06"
    ]  # fmt: skip


def test_a_store_without_a_server_is_archived_as_any_other(directory: Directory) -> None:
    """For tests of your own."""
    store = testing.memory_store()
    fill(store, 60)
    everything = {str(event.id): bson.encode(event.document) for event in store.events.between()}
    archive = Archive(store, directory)
    done = archive.run(BEFORE)

    assert (done.events, done.deleted, store.events.between().to_list()) == (len(everything), len(everything), [])
    assert dict(in_archive(archive)) == everything


# ── late, repeated, richer ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.in_clear("what arrives again is encrypted anew, at the same time by this clock: it is taken for changed")
def test_late_events_of_an_archived_day_become_a_further_part(store: Any, place: Place) -> None:
    """And what arrives again is deleted here: the archive has it."""
    fill(store)
    archive = Archive(store, place)
    archive.run(BEFORE)
    everything = dict(in_archive(archive))
    first = list(archive.parts())

    fill(store)  # all of it once more, received anew
    late = testing.payloads.send(message_id="late", sent=START + timedelta(hours=5))
    store.receive(trusted(late, because="a test's own"))
    done = archive.run(BEFORE)

    assert (done.parts, done.events, done.repeats) == (1, 1, len(everything))
    assert [part for part in archive.parts() if part in first] == first
    assert in_database(store) == {}
    assert len(in_archive(archive)) == len(everything) + 1
    assert everything.items() <= dict(in_archive(archive)).items()  # as it was received first
    assert archive.verify().intact


def test_what_event_publishing_tells_replaces_what_an_identity_notification_told(
    store: Any, directory: Directory
) -> None:
    """In the archive as in the database, whichever came first."""
    about: dict[str, Any] = {"message_id": "m", "sent": START, "to": "ann@example.com"}
    told = testing.payloads.delivery(**about)
    published = trusted(told, because="a test's own")
    other = {key: value for key, value in told.items() if key != "eventType"} | {"notificationType": "Delivery"}
    archive = Archive(store, directory)
    store.receive(trusted(other, because="a test's own"))
    store.receive(trusted(testing.payloads.send(**about), because="a test's own"))
    archive.run(BEFORE)
    store.receive(published)
    richer = in_database(store)
    assert len(richer) == 1
    archive.run(BEFORE)

    archived = dict(in_archive(archive))
    assert len(archived) == len(in_archive(archive)) == 2
    assert richer.items() <= archived.items()
    assert archive.verify().intact
    assert [part.number for part in archive.parts()] == [2, 3]


# ── killed, raced, lied to ──────────────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


class Steps:
    """Counts calls to the place and to the database, and kills behind one of them: that is before the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Any) -> None:
        self._one = threading.Lock()
        self.begin()
        real = driver._outcome
        monkeypatch.setattr(driver, "_outcome", lambda *given: self._step(lambda: real(*given)))
        for name in ("put", "claim", "get", "read", "list", "delete", "head"):
            monkeypatch.setattr(place, name, self._counted(getattr(place, name)))

    def begin(self, kill_at: int = 0) -> None:
        """Count from here on, and kill behind this step."""
        self.count, self._kill_at, self._dead = 0, kill_at, False

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: self._step(lambda: call(*given))

    def _step(self, call: Callable[[], Any]) -> Any:
        with self._one:
            if self._dead:
                raise Killed  # nothing is cleared up, and its other threads are dead too
            self.count += 1
            killed = self._dead = self.count == self._kill_at
        answer = call()
        if killed:
            raise Killed
        return answer


@pytest.mark.parametrize("late", [False, True])
def test_killed_between_any_two_steps_every_event_is_somewhere_and_then_in_one_place(
    store: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Behind each call to the place or the database; also where a day was archived before."""
    steps = Steps(monkeypatch, directory)
    archive = Archive(store, directory, part_events=6)
    fill(store, 9, every=600)
    everything = in_database(store)

    def begin() -> None:
        """Everything in the database, nothing in the archive; or some there, and some of that here again."""
        archive.restore()
        for key in [*directory.list("")]:
            directory.delete(key)
        if late:
            archive.run(BEFORE, chosen=Chosen(("Delivery",)))
            archive.restore()

    begin()
    steps.begin()
    archive.run(BEFORE)
    total = steps.count
    assert total > 20
    for number in range(1, total + 1):
        steps.begin()
        begin()
        steps.begin(number)
        with pytest.raises(Killed):
            archive.run(BEFORE)
        steps.begin()
        assert dict(in_archive(archive)).keys() | in_database(store).keys() == everything.keys(), number
        archive.run(BEFORE)
        in_exactly_one(store, archive, everything)
        assert in_database(store) == {}
        data = list(directory.list("events/"))
        assert sorted(part.data for part in archive.parts()) == data, "no file that nobody counts"


def test_a_restore_that_was_killed_between_any_two_steps_is_done_by_doing_it_again(
    store: Any, rows: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive stays whole, and what is in the database is what was archived."""
    steps = Steps(monkeypatch, directory)
    archive = Archive(store, directory, part_events=4)
    fill(store, 9, every=600)
    everything = in_database(store)
    archive.run(BEFORE)
    steps.begin()
    archive.restore()
    total = steps.count
    assert total > 10
    for number in range(1, total + 1):
        rows.delete_many({})
        steps.begin(number)
        with pytest.raises(Killed):
            archive.restore()
        steps.begin()
        assert in_database(store).items() <= everything.items(), number
        assert dict(in_archive(archive)) == everything
        archive.restore()
        assert in_database(store) == everything


POLICY = Retention.loads("""
[[rule]]
why = "of use for a season"
types = ["Open", "Click"]
thin = "10 days"
delete = "1 month"
[[rule]]
why = "asked back for a year"
archive = "1 month"
""")


def test_a_retention_job_that_was_killed_between_any_two_steps_is_done_by_doing_it_again(
    store: Any, rows: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing goes that the policy keeps, nothing is half there, and in the end all is as the policy says."""
    steps = Steps(monkeypatch, directory)
    archive = Archive(store, directory)
    fill(store, 12, every=600)
    young = testing.stream(6, seed=3, start=NOW - timedelta(days=12), mails_per_second=1 / 600)
    store.receive_many(trusted(raw, because="a test's own") for raw in young)
    before = list(rows.find())

    def begin() -> None:
        for key in [*directory.list("")]:
            directory.delete(key)
        rows.delete_many({})
        rows.insert_many(before)

    def held() -> dict[str, Any]:
        return {str(row["_id"]): row for row in rows.find()} | {
            key: bson.decode(row) for key, row in in_archive(archive)
        }

    store.retention.run(POLICY, archive=archive)  # that a policy is followed is noted once
    begin()
    steps.begin()
    store.retention.run(POLICY, archive=archive)
    total = steps.count
    shall = held()
    assert 0 < len(shall) < len(before)
    assert {row["Type"] for row in shall.values() if row.get("thin")} <= {"Open", "Click"} & {
        row["Type"] for row in before
    }
    assert total > 30
    for number in range(1, total + 1):
        begin()
        steps.begin(number)
        with pytest.raises(Killed):
            store.retention.run(POLICY, archive=archive)
        steps.begin()
        assert held().keys() >= shall.keys(), number
        store.retention.run(POLICY, archive=archive)
        assert held() == shall, number
        in_exactly_one(store, archive, {key: bson.encode(row) for key, row in shall.items()})


@pytest.mark.parametrize("step", [timedelta(days=3650), timedelta(days=-3650)])
def test_a_clock_that_steps_deletes_nothing_early(
    store: Any, rows: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    """The database server's clock has a say too: the earlier one decides what is old enough."""
    now = datetime.now(timezone.utc)
    raws = testing.stream(20, start=now - timedelta(days=20), mails_per_second=1 / 600)
    store.receive_many(trusted(raw, because="a test's own") for raw in raws)
    before = rows.count_documents({})
    monkeypatch.setattr(store.retention, "_clock", lambda: now + step)
    done = store.retention.run(POLICY, archive=Archive(store, directory))
    assert [one.events for one in done if one.kind != "thin"] == [0, 0]
    assert rows.count_documents({}) == before


def test_two_archivers_at_once_archive_each_event_once(
    mongodb_uri: str, database: str, place: Place, store: Any
) -> None:
    """Whoever finds a number taken begins again."""
    fill(store, 400)
    everything = in_database(store)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with EventStore.connect(
                mongodb_uri, database=database, clock=lambda: NOW, timeout_seconds=60, **encrypted()
            ) as own:
                Archive(own, place, part_events=40).run(BEFORE)
        except Exception as error:  # noqa: BLE001  # looked at below
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert failed == []
    archive = Archive(store, place)
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)
    assert in_database(store) == {}
    assert archive.verify().intact


def test_a_number_that_another_took_meanwhile_is_found_taken(
    store: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another archiver comes between reading back and claiming: this one begins again, and archives nothing twice."""
    fill(store, 60)
    everything = in_database(store)
    real, raced = directory.claim, []

    def claim(key: str, content: bytes) -> bool:
        if not raced:
            raced.append(key)
            Archive(store, Directory(directory.root)).run(BEFORE)
        return real(key, content)

    monkeypatch.setattr(directory, "claim", claim)
    archive = Archive(store, directory)
    archive.run(BEFORE)
    assert raced
    in_exactly_one(store, archive, everything)


def test_an_event_that_changes_while_it_is_archived_is_not_lost(
    store: Any, rows: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the comparison: it is archived as it is now. Before the deletion: it stays, and the next run sees to it."""
    fill(store, 40)
    archive = Archive(store, directory)
    victim = rows.find_one(sort=[("Timestamp", 1)])["_id"]
    real_get, real_claim = directory.get, directory.claim

    def change(value: int) -> None:
        rows.update_one({"_id": victim}, {"$set": {"derived.changed": value}})

    changes = iter([1])
    monkeypatch.setattr(directory, "get", lambda *given: (real_get(*given), [change(one) for one in changes])[0])
    archive.run(BEFORE)
    assert in_database(store) == {}
    (kept,) = [bson.decode(row) for key, row in in_archive(archive) if key == str(victim)]
    assert kept["derived"]["changed"] == 1

    archive.restore()
    for key in [*directory.list("")]:
        directory.delete(key)
    monkeypatch.setattr(directory, "claim", lambda *given: (real_claim(*given), change(2))[0])
    assert archive.run(BEFORE).left == 1
    assert in_database(store).keys() == {str(victim)}
    monkeypatch.undo()
    archive.run(BEFORE)
    assert in_database(store) == {}
    (kept,) = [bson.decode(row) for key, row in in_archive(archive) if key == str(victim)]
    assert kept["derived"]["changed"] == 2


@pytest.mark.parametrize(
    "wrongly",
    [lambda some: some[1:], lambda some: [*some, some[0]], lambda some: [{**some[0], "Subject": "x"}, *some[1:]]],
    ids=["one less", "one twice", "one otherwise"],
)
def test_what_was_written_wrongly_never_counts(
    store: Any, directory: Directory, wrongly: Callable[[list[Any]], list[Any]]
) -> None:
    """A fault of the writer is found in what it wrote, before anything is deleted."""
    fill(store, 20)
    everything = in_database(store)
    archive = Archive(store, directory)
    kind = archive._kind
    archive._kind = kind._replace(write=lambda file, several: kind.write(file, map(wrongly, several)))
    with pytest.raises(ArchiveError):
        archive.run(BEFORE)

    assert in_database(store) == everything
    assert list(directory.list("")) == []


@pytest.mark.parametrize("lie", ["half", "other"])
def test_a_place_that_gives_back_something_else_is_found_out(
    store: Any, place: Place, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """What it says it holds counts for nothing, what it gives back does."""
    fill(store, 60)
    everything = in_database(store)
    real = place.get

    def get(key: str, to: Path) -> None:
        real(key, to)
        content = to.read_bytes()
        to.write_bytes(content[: len(content) // 2] if lie == "half" else content[:-9] + b"other" + content[-4:])

    monkeypatch.setattr(place, "get", get)
    archive = Archive(store, place)
    with pytest.raises(ArchiveError, match="Nothing was deleted"):
        archive.run(BEFORE)
    assert in_database(store) == everything
    assert list(archive.parts()) == []
    monkeypatch.undo()
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)


@pytest.mark.parametrize("call", ["put", "claim", "get", "delete", "list"])
def test_a_call_that_was_done_and_timed_out_costs_nothing(
    store: Any, place: Place, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Its answer was lost: what it did is found, or swept away, by the next run."""
    fill(store, 40)
    everything = in_database(store)
    archive = Archive(store, place)
    real, calls = getattr(place, call), [0]

    def lost(*given: Any) -> Any:
        calls[0] += 1
        answer = real(*given)
        if calls[0] == 1:
            raise AwsUnavailable("It timed out.")
        return answer

    if call == "delete":  # which only happens where something must be swept away
        place.put("events/day=2024-05-01/000001-0.parquet", Path(__file__), digest(Path(__file__)))
    monkeypatch.setattr(place, call, lost)
    # A manifest that is there is found by the run itself, which goes on.
    with nullcontext() if call == "claim" else pytest.raises(AwsUnavailable):
        archive.run(BEFORE)
    assert dict(in_archive(archive)).keys() | in_database(store).keys() == everything.keys()
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)
    assert sorted(part.data for part in archive.parts()) == list(place.list("events/"))
    assert archive.verify().intact


def test_an_s3_that_never_answers_is_not_waited_for(store: Any) -> None:
    """It is told as what may be tried again; nothing was deleted."""
    config = boto3.session.Config(retries={"max_attempts": 0}, read_timeout=0.5)
    fill(store, 5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        there = place_at("s3://bucket/x", endpoint_url=url, config=config, **KEYS)
        with pytest.raises(AwsUnavailable):
            Archive(store, there).run(BEFORE)
    assert len(in_database(store)) == 5


def test_half_a_multipart_upload_is_nothing(store: Any, moto_url: str, database: str) -> None:
    """Parts are put as a whole; what somebody began under the same name counts for nobody, and stops nobody."""
    s3 = bucket(moto_url, database)
    fill(store, 40)
    everything = in_database(store)
    for key in ("events/day=2024-05-01/000001-0.parquet", "manifests/2024-05-01/000001.json"):
        begun = s3._client.create_multipart_upload(**s3._at(key))
        s3._client.upload_part(**s3._at(key), UploadId=begun["UploadId"], PartNumber=1, Body=b"half")
    archive = Archive(store, s3)
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)
    assert archive.verify().intact


@pytest.mark.parametrize("lie", ["nothing", "half", "other"])
def test_a_place_that_lies_about_success_is_found_out(
    store: Any, place: Place, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """It stored nothing, a half or something else: no event is deleted, and the next run is whole."""
    fill(store, 60)
    everything = in_database(store)
    real = place.put

    def put(key: str, file: Path, checksum: str) -> None:
        if lie == "nothing":
            return
        content = file.read_bytes()
        changed = content[: len(content) // 2] if lie == "half" else content[:-9] + b"other" + content[-4:]
        file.with_name("changed").write_bytes(changed)
        from sesevent.contrib.archive.places import digest

        real(key, file.with_name("changed"), digest(file.with_name("changed")))

    monkeypatch.setattr(place, "put", put)
    archive = Archive(store, place)
    with pytest.raises(ArchiveError, match="Nothing was deleted"):
        archive.run(BEFORE)
    assert in_database(store) == everything
    assert list(archive.parts()) == []
    monkeypatch.undo()
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)


def test_s3_refuses_what_arrives_otherwise_than_it_was_sent(moto_url: str, database: str, tmp_path: Path) -> None:
    """The checksum goes with it."""
    (tmp_path / "file").write_bytes(b"content")
    s3 = bucket(moto_url, database)
    sent: list[dict[str, Any]] = []
    s3._client.meta.events.register("before-call.s3.PutObject", lambda params, **_: sent.append(params["headers"]))
    from sesevent.contrib.archive.places import digest

    s3.put("key", tmp_path / "file", digest(tmp_path / "file"))
    assert sent[0]["x-amz-checksum-sha256"]


@pytest.mark.parametrize(("status", "error"), [(503, AwsUnavailable), (403, ConfigurationError), (400, AwsError)])
def test_where_s3_refuses_nothing_is_deleted(
    store: Any, moto_url: str, database: str, status: int, error: type
) -> None:
    """It says which call, and whether to try again; the next run is whole."""
    fill(store, 40)
    everything = in_database(store)
    s3 = bucket(moto_url, database)
    client = boto3.client("s3", endpoint_url=moto_url, config=boto3.session.Config(retries={"max_attempts": 1}), **KEYS)
    s3._client = client

    def refuse(**_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        class Raw:
            def stream(self, **_: Any) -> Iterator[bytes]:
                yield b"<Error><Code>Refused</Code><Message>no</Message></Error>"

        return AWSResponse("http://s3.example", status, {}, Raw())

    client.meta.events.register("before-send.s3.PutObject", refuse)
    with pytest.raises(error):
        Archive(store, s3).run(BEFORE)
    assert in_database(store) == everything
    client.meta.events.unregister("before-send.s3.PutObject", refuse)
    archive = Archive(store, s3)
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)


def test_where_s3_cannot_be_reached_it_says_so(store: Any) -> None:
    """And may be tried again."""
    config = boto3.session.Config(retries={"max_attempts": 0}, connect_timeout=1)
    there = place_at("s3://bucket/x", endpoint_url="http://127.0.0.1:9", config=config, **KEYS)
    fill(store, 5)
    with pytest.raises(AwsUnavailable):
        Archive(store, there).run(BEFORE)
    assert len(in_database(store)) == 5


def test_an_answer_of_s3_that_was_lost_is_no_other_archiver(moto_url: str, database: str) -> None:
    """boto3 asks again, and finds its own manifest there."""
    s3 = bucket(moto_url, database)
    assert s3.claim("manifest", b"ours")
    assert s3.claim("manifest", b"ours")
    assert not s3.claim("manifest", b"theirs")
    assert s3.read("manifest") == b"ours"


def test_a_full_disk_is_told(store: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deleted, nothing counts, nothing half-done stays."""
    fill(store, 20)
    everything = in_database(store)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sesevent.contrib.archive.places.os.fsync", full)
    with pytest.raises(ArchiveError, match="No space left"):
        Archive(store, directory).run(BEFORE)
    assert in_database(store) == everything
    assert [each for each in directory.root.rglob("*") if each.is_file()] == []


@pytest.mark.parametrize(
    ("what", "room"), [("part", 0), ("part", 1000), ("part", 10_000), ("manifest", 0), ("manifest", 100)]
)
def test_a_disk_that_is_full_at_any_byte_is_told(
    store: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch, what: str, room: int
) -> None:
    """Nothing is deleted, nothing counts, and when there is room again the next run is whole."""
    fill(store, 60)
    everything = in_database(store)
    real = Path.open

    def opened(self: Path, mode: str = "r", **named: Any) -> Any:
        file = real(self, mode, **named)
        written.append(mode == "xb")  # first a part, then its manifest
        return Full(file, room) if written[-1] and sum(written) == (1 if what == "part" else 2) else file

    written: list[bool] = []
    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(ArchiveError, match="No space left"):
        Archive(store, directory).run(BEFORE)
    monkeypatch.undo()
    archive = Archive(store, directory)
    assert in_database(store) == everything
    assert list(archive.parts()) == []
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)
    assert list(directory.list("events/")) == [part.data for part in archive.parts()]


class Full:
    """A file on a disk with room for so many bytes."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self._room = file, room

    def write(self, content: bytes) -> int:
        self._file.write(content[: self._room])
        if len(content) > self._room:
            self._file.flush()
            raise OSError(28, "No space left on device")
        self._room -= len(content)
        return len(content)

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.mark.skipif(sys.platform == "win32", reason="files are bounded as POSIX does it")
@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_no_room_for_temporary_files_is_told(store: Any, place: Place, kind: str) -> None:
    """Where the kernel itself refuses: nothing is deleted, nothing counts."""
    import resource

    fill(store, 60)
    everything = in_database(store)
    archive = Archive(store, place, kind=kind)
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, allowed[1]))
    try:
        with pytest.raises(ArchiveError, match="temporary file"):
            archive.run(BEFORE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert in_database(store) == everything
    archive.run(BEFORE)
    in_exactly_one(store, archive, everything)


# ── what verify finds ───────────────────────────────────────────────────────────────────────────────────────────────


def test_verify_names_the_part_that_is_gone_or_was_changed(store: Any, directory: Directory) -> None:
    """And restoring from it fails, rather than give back something else."""
    fill(store)
    archive = Archive(store, directory)
    archive.run(BEFORE)
    first, second, *_ = archive.parts()
    file = directory.root / first.data
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    (directory.root / second.data).unlink()

    found = archive.verify()
    assert [flaw.key for flaw in found.flaws] == [first.data, second.data]
    with pytest.raises(ArchiveError, match="SHA-256"):
        archive.restore()


def test_verify_finds_an_event_that_is_there_twice_and_a_manifest_that_lies(store: Any, directory: Directory) -> None:
    """Parts are compared with what is said of them."""
    fill(store, 30)
    archive = Archive(store, directory)
    archive.run(BEFORE)
    first = next(archive.parts())
    twice = archiving.replace(first, number=2)
    directory.claim(archiving.manifest_key(first.day, 2), twice.content())
    assert [flaw.words for flaw in archive.verify().flaws] == ["an event is in the archive twice"]
    directory.delete(archiving.manifest_key(first.day, 2))
    directory.claim(archiving.manifest_key(first.day, 2), archiving.replace(twice, rows=1, data=first.data).content())
    assert len(archive.verify().flaws) == 2


# ── holds, audit, rollups ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.in_clear("it looks at what MongoDB holds")
def test_what_is_held_stays(store: Any, directory: Directory) -> None:
    """A person's, a mail's and a campaign's events, until the hold is lifted; the audit knows who and why."""
    fill(store)
    everything = {key: bson.decode(row) for key, row in in_database(store).items()}
    person = next(row["derived"]["recipients"][0] for row in everything.values() if row["Type"] == "Bounce")
    mail = next(row["MessageId"] for row in everything.values())
    put = [
        store.keeping.hold("address", person.upper(), by="counsel", why="case 7"),
        store.keeping.hold("message", mail, by="counsel", why="case 7"),
        store.keeping.hold("campaign", "spring", by="counsel", why="case 8"),
    ]
    archive = Archive(store, directory)
    archive.run(BEFORE)

    held = {
        key
        for key, row in everything.items()
        if person in row["derived"]["recipients"]
        or row["MessageId"] == mail
        or row["derived"].get("campaign") == "spring"
    }
    assert in_database(store).keys() == held
    assert [entry.subject for entry in store.audit.latest() if entry.act == "hold"] == [one.id for one in put[::-1]]
    assert not [entry for entry in store.audit.latest() if person in str(entry)]
    for one in put:
        assert store.keeping.release(one.id, by="counsel", why="closed")
    archive.run(BEFORE)
    assert in_database(store) == {}


def test_the_audit_tells_of_each_part(store: Any, directory: Directory) -> None:
    """Written, deleted here, restored: with its checksum and how many."""
    fill(store, 40)
    archive = Archive(store, directory, by="ann")
    archive.run(BEFORE)
    archive.restore()
    part = next(archive.parts())
    told = {entry.act: entry for entry in store.audit.latest()}
    assert set(told) == {"archive written", "archive deleted here", "archive restored"}
    assert {entry.detail["sha256"] for entry in told.values()} == {part.sha256}
    assert told["archive deleted here"].detail["deleted"] == part.rows
    assert {entry.by for entry in told.values()} == {"ann"}
    assert store.audit.verify().intact


def counted(store: Any, since: datetime, until: datetime) -> Any:
    return store.analytics.timeseries(since, until, by="hour"), store.analytics.summary(since, until)


def test_rollups_keep_what_they_counted_of_archived_days(store: Any, directory: Directory) -> None:
    """Whatever comes later: a late event, a repeat, a roll-up, a recount with repair, a restore."""
    fill(store)
    store.analytics.roll_up()
    window = (START, START + timedelta(days=6))
    before = counted(store, *window)
    archive = Archive(store, directory)
    archive.run(BEFORE)
    assert counted(store, *window) == before

    fill(store)
    store.receive(trusted(testing.payloads.send(message_id="late", sent=START + timedelta(hours=5)), because="a test"))
    assert store.analytics.roll_up().hours == 0
    assert store.analytics.recount(START, NOW).repaired == 0
    assert counted(store, *window) == before
    archive.run(BEFORE)
    archive.restore()
    store.analytics.roll_up()
    store.analytics.recount(START, NOW)
    assert counted(store, *window) == before
    assert store.analytics.rollup_lag().dirty == 0


def test_a_day_that_was_not_counted_yet_is_counted_before_it_goes(store: Any, directory: Directory) -> None:
    """Where rollups are kept."""
    fill(store, 20)
    store.analytics.roll_up()
    fill(store)
    window = (START, START + timedelta(days=6))
    before = counted(store, *window)
    Archive(store, directory).run(BEFORE)
    assert counted(store, *window) == before


# ── changed ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def forgotten(document: dict[str, Any]) -> dict[str, Any]:
    text = bson.encode(document).lower()
    return document if b"ann@example.com" not in text else {"_id": document["_id"], "Timestamp": document["Timestamp"]}


def fill_with_ann(store: Any, events: int = 300, mails: int = 3) -> dict[str, bytes]:
    fill(store, events)
    for number in range(mails):
        about = {"to": ["Ann@example.com", "ben@example.com"], "message_id": f"m{number}"}
        told = testing.payloads.send(sent=START + timedelta(days=number), **about)
        store.receive(trusted(told, because="a test's own"))
    return in_database(store)


@pytest.mark.in_clear("it looks for a person's text, of which nothing is told")
def test_what_is_archived_of_a_person_is_changed_wherever_it_is_and_nothing_else(store: Any, place: Place) -> None:
    """Parts without the person stay as they are; dry, it is only counted; twice is once."""
    everything = fill_with_ann(store)
    archive = Archive(store, place, part_events=50)
    archive.run(BEFORE)
    before = list(archive.parts())

    asked: list[str] = []

    def change(document: dict[str, Any]) -> dict[str, Any]:
        asked.append(str(document["_id"]))
        return forgotten(document)

    dry = archive.change(change, texts=["ann@EXAMPLE.com"], dry_run=True)
    assert (dry.parts, dry.rewritten, dry.changed, dry.removed) == (len(before), 3, 3, 0)
    assert len(asked) == 3
    assert list(archive.parts()) == before
    assert archive.change(change, texts=["ann@EXAMPLE.com"]) == dry
    archived = dict(in_archive(archive))
    assert archived == {key: bson.encode(forgotten(bson.decode(row))) for key, row in everything.items()}
    assert archive.verify().intact
    assert len([part for part in archive.parts() if part in before]) == len(before) - 3
    assert archive.change(change, texts=["ann@EXAMPLE.com"]).rewritten == 0

    gone = archive.change(lambda _: None, since=START, until=START)
    assert gone.removed == len(
        [row for row in map(bson.decode, everything.values()) if row["Timestamp"] < "2024-05-02"]
    )
    assert archive.verify().intact


@pytest.mark.in_clear("it looks for a person's text, of which nothing is told")
def test_a_change_that_was_killed_is_done_by_doing_it_again(
    store: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between every two steps: no event is lost, and each is as it was or as it shall be."""
    steps = Steps(monkeypatch, directory)
    everything = fill_with_ann(store, 6, 1)
    archive = Archive(store, directory)
    archive.run(BEFORE)
    files = {key: directory.read(key) for key in directory.list("")}
    shall = {key: bson.encode(forgotten(bson.decode(row))) for key, row in everything.items()}
    steps.begin()
    archive.change(forgotten, texts=["ann@example.com"])
    total = steps.count
    assert total > 10
    for number in range(1, total + 1):
        steps.begin()
        for key in [*directory.list("")]:
            directory.delete(key)
        for key, content in files.items():
            directory.claim(key, content)
        steps.begin(number)
        with pytest.raises(Killed):
            archive.change(forgotten, texts=["ann@example.com"])
        steps.begin()
        assert all(row in (everything[key], shall[key]) for key, row in in_archive(archive))
        assert len(in_archive(archive)) == len(everything)
        archive.change(forgotten, texts=["ann@example.com"])
        assert dict(in_archive(archive)) == shall
        assert len(in_archive(archive)) == len(everything)


@pytest.mark.in_clear("it looks for a person's text, of which nothing is told")
def test_a_change_reaches_what_comes_to_a_day_meanwhile(
    store: Any, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archiver that works at the same time takes the number of the part that was to be: both go on."""
    everything = fill_with_ann(store)
    Archive(store, directory).run(BEFORE, chosen=Chosen(("Send",)))
    real, raced = directory.claim, []

    def claim(key: str, content: bytes) -> bool:
        if not raced:
            raced.append(key)
            Archive(store, Directory(directory.root)).run(BEFORE)
        return real(key, content)

    monkeypatch.setattr(directory, "claim", claim)
    archive = Archive(store, directory)
    archive.change(forgotten, texts=["ann@example.com"])
    assert raced
    shall = {key: bson.encode(forgotten(bson.decode(row))) for key, row in everything.items()}
    assert dict(in_archive(archive)) == shall
    assert len(in_archive(archive)) == len(everything)


# ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_sql_is_answered_from_the_archive_and_the_database_together(store: Any, place: Place, kind: str) -> None:
    """Each event once, also where it is in both."""
    fill(store)
    kinds = sorted((row["Type"], row["derived"].get("took")) for row in map(bson.decode, in_database(store).values()))
    archive = Archive(store, place, kind=kind, part_events=100)
    archive.run(START + timedelta(days=1))
    archive.restore(START, START)
    assert in_archive(archive)
    with archive.query("SELECT type, took_ms FROM events") as answer:
        assert answer.columns == ["type", "took_ms"]
        assert sorted(answer, key=str) == sorted(kinds, key=str)
    with archive.query("SELECT count(*) FROM events", since=START, until=START) as answer:
        ((number,),) = answer
    assert number == sum(1 for row in map(bson.decode, in_database(store).values()) if row["Timestamp"] < "2024-05-02")


def test_days_are_those_of_utc_whatever_zone_they_are_asked_in(store: Any, directory: Directory) -> None:
    """Of what is archived and of what is not: the same question has one answer before and after."""
    begin = datetime(2024, 5, 1, tzinfo=timezone.utc)
    for hour in range(0, 72, 6):
        raw = testing.send(message_id=f"m-{hour}", sent=begin + timedelta(hours=hour))
        store.receive(trusted(raw, because="a test's own"))
    asked = datetime(2024, 5, 3, 1, tzinfo=timezone(timedelta(hours=2)))  # the second of May, in UTC
    archive = Archive(store, directory)

    def days() -> list[tuple[str]]:
        with archive.query("SELECT strftime(happened_at, '%d') FROM events", since=asked, until=asked) as answer:
            return list(answer)

    before = days()
    archive.run(begin + timedelta(days=9))
    assert before == days() == [("02",)] * 4


@pytest.mark.in_clear("columns of what is encrypted hold what is encrypted")
def test_every_column_tells_what_the_event_does(store: Any, directory: Directory) -> None:
    """In the words of the schema."""
    about: dict[str, Any] = {
        "to": ["ann@example.com", "Ben@Example.org"],
        "sent": START,
        "campaign": "spring",
        "message_id": "m",
    }
    for payload in (
        testing.payloads.bounce(bounced="ann@example.com", **about),
        testing.payloads.complaint(complained="ann@example.com", **about),
        testing.payloads.click(link="https://example.com/x", after=timedelta(seconds=5), **about),
    ):
        store.receive(trusted(payload, because="a test's own"))
    archive = Archive(store, directory)
    archive.run(BEFORE)
    with archive.query("SELECT * FROM events ORDER BY type") as answer:
        names = answer.columns
        bounce, click, complaint = (dict(zip(names, row, strict=True)) for row in answer)
    assert names == [column.name for column in COLUMNS]
    assert (bounce["type"], bounce["message_id"], bounce["campaign"]) == ("Bounce", "m", "spring")
    assert (bounce["recipients"], bounce["recipient_domains"]) == (["ann@example.com"], ["example.com"])
    assert (bounce["bounce_type"], bounce["bounce_reasons"]) == ("Permanent", ["user_unknown"])
    assert complaint["complaint_type"] == "abuse"
    assert (click["link"], click["took_ms"]) == ("https://example.com/x", 5000)
    assert click["received_at"] == NOW
    assert click["happened_at"] == START + timedelta(seconds=5)


@pytest.mark.in_clear("columns of what is encrypted hold what is encrypted")
def test_the_files_open_in_duckdb_as_they_are(store: Any, directory: Directory) -> None:
    """With the day as a column, and nothing of ours."""
    duckdb = pytest.importorskip("duckdb")
    fill(store)
    told = [bson.decode(row) for row in in_database(store).values()]
    Archive(store, directory, part_events=70).run(BEFORE)
    files = f"read_parquet('{directory.root}/events/*/*.parquet', hive_partitioning = true)"
    found = duckdb.sql(
        f"SELECT id, CAST(day AS VARCHAR), type, recipients, message, happened_at FROM {files}"
    ).fetchall()
    assert sorted(row[:5] for row in found) == sorted(
        (str(row["_id"]), row["Timestamp"][:10], row["Type"], row["derived"]["recipients"], row["Message"])
        for row in told
    )
    assert {row[5].astimezone(timezone.utc) for row in found} == {
        row["derived"]["at"].replace(tzinfo=timezone.utc) for row in told
    }


def test_what_is_no_sql_is_told(store: Any, directory: Directory) -> None:
    """As something to change."""
    with pytest.raises(ConfigurationError, match="DuckDB"):
        Archive(store, directory).query("SELEC nonsense")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{other}')",
        "SELECT * FROM '{other}'",
        "SELECT * FROM read_text('{folder}/../{name}')",
        "COPY events TO '{other}.parquet'",
        "ATTACH '{other}.db'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "LOAD httpfs",
    ],
)
def test_a_question_reaches_no_other_file_unless_it_may(
    store: Any, directory: Directory, tmp_path: Path, sql: str
) -> None:
    """It may be somebody else's; nor may it allow itself more."""
    fill(store)
    other = tmp_path / "other.csv"
    other.write_text("word\nsecret\n", encoding="utf-8")
    archive = Archive(store, directory)
    with pytest.raises(ConfigurationError, match="DuckDB") as told:
        archive.query(sql.format(other=other, folder=directory.root, name=other.name))
    assert "secret" not in str(told.value)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("other")] == ["other.csv"]


def test_a_question_may_read_and_write_files_where_that_is_said(
    store: Any, directory: Directory, tmp_path: Path
) -> None:
    """A list of one's own beside the events, and an answer in a file."""
    fill(store)
    mine, copied = tmp_path / "mine.csv", tmp_path / "copied.csv"
    mine.write_text("type,word\nBounce,came back\n", encoding="utf-8")
    archive = Archive(store, directory)
    joined = f"SELECT DISTINCT word FROM events JOIN read_csv('{mine}') USING (type)"
    with archive.query(joined, local_files=True) as answer:
        assert list(answer) == [("came back",)]
    archive.query(f"COPY ({joined}) TO '{copied}'", local_files=True).close()
    assert copied.read_text(encoding="utf-8").split("\n")[:2] == ["word", "came back"]


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "s3:///x"])
def test_what_is_no_place_is_told(url: str) -> None:
    """With what would be one."""
    with pytest.raises(ConfigurationError, match="s3://bucket"):
        place_at(url)
