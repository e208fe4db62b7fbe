"""What every test may ask for: a real MongoDB, a database of its own, the shared corpus."""

from __future__ import annotations

import csv
import os
import uuid
from collections.abc import Generator, Iterator
from typing import Any

import hypothesis
import pytest
from nothing_personal import listened, personal_in

from both import CORPUS, Stores, encrypted, in_memory, on_a_server
from forked import Forked

# How fast a machine is, or how busy, says nothing about the code.
hypothesis.settings.register_profile(
    "any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any speed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "says_personal(why): logs or raises what a person could be known by, on purpose")
    config.addinivalue_line("markers", "in_clear(why): left out where the fixtures' stores encrypt")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where stores encrypt, tests that ask for rows in the clear are left out; in memory nothing is encrypted."""
    if not encrypted():
        return
    for item in items:
        mark = item.get_closest_marker("in_clear")
        if mark is not None and "memory-" not in item.name:
            item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """No log line and no error of any test says an address or a subject; the mark `says_personal` has the reason."""
    with listened() as said:
        result = yield
    told = [f"{where} says {found}" for where, text in said if (found := personal_in(text)) is not None]
    if told and item.get_closest_marker("says_personal") is None:
        pytest.fail("; ".join(dict.fromkeys(told)))
    return result


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """A replica set of this run's own, or the one that SESEVENT_MONGODB_URI names."""
    given = os.environ.get("SESEVENT_MONGODB_URI")
    if given:
        yield given
        return
    from sesevent import local

    with local.server() as uri:
        yield uri


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    """What starts commands, and has imported them already."""
    started = Forked()
    yield started
    started.end()


@pytest.fixture(scope="session")
def mongo_client(mongodb_uri: str) -> Iterator[Any]:
    from pymongo import MongoClient

    with MongoClient(mongodb_uri, tz_aware=True) as client:
        yield client


@pytest.fixture
def database(request: pytest.FixtureRequest, mongo_client: Any, handed_on: HandedOn) -> Iterator[str]:
    """The name of a database that only this test uses; where a store is asked for it may have the store's indexes."""
    asked = set(request.fixturenames)
    indexed = {"store", "with_store"} & asked and "nothing_before" not in asked
    name = handed_on.take() if indexed else f"sesevent_test_{uuid.uuid4().hex[:12]}"
    yield name
    if not (indexed and handed_on.emptied(name)):
        mongo_client.drop_database(name)


@pytest.fixture(scope="session")
def handed_on(mongodb_uri: str, mongo_client: Any) -> HandedOn:
    """The databases that tests hand on."""
    return HandedOn(mongodb_uri, mongo_client)


@pytest.fixture
def nothing_before() -> None:
    """For tests that follow what happens: in the server's log there is nothing of their database from other tests."""


class HandedOn:
    """Databases whose indexes are made already: to make them takes longer than most tests do."""

    def __init__(self, uri: str, client: Any) -> None:
        self._uri, self._client, self._free = uri, client, list[str]()
        self._usual: dict[str, Any] | None = None

    def take(self) -> str:
        return self._free.pop() if self._free else f"sesevent_test_{uuid.uuid4().hex[:12]}"

    def emptied(self, name: str) -> bool:
        """Empty a database for another test. False where it has not what `ensure_indexes` makes, and nothing else."""
        if self._usual is None:
            self._usual = self._made_by_a_store()
        database = self._client[name]
        for collection in database.list_collection_names():
            if collection in self._usual:
                database[collection].delete_many({})
            else:
                database.drop_collection(collection)
        if usual := self._shape(name) == self._usual:
            self._free.append(name)
        return usual

    def _made_by_a_store(self) -> dict[str, Any]:
        from sesevent import EventStore

        name = f"sesevent_test_{uuid.uuid4().hex[:12]}"
        with EventStore.connect(self._uri, database=name) as store:
            store.ensure_indexes()
        shape = self._shape(name)
        self._client.drop_database(name)
        return shape

    def _shape(self, name: str) -> dict[str, Any]:
        """The collections with their options and indexes."""
        database = self._client[name]
        options = {told["name"]: told.get("options") for told in database.list_collections()}
        return {one: (told, database[one].index_information()) for one, told in options.items()}


@pytest.fixture
def store(mongodb_uri: str, database: str) -> Iterator[Any]:
    from sesevent import EventStore

    with EventStore.connect(mongodb_uri, database=database, **encrypted()) as connected:
        connected.ensure_indexes()
        yield connected


@pytest.fixture
def tables(request: pytest.FixtureRequest) -> Any:
    """The test's raw collections, by name, wherever its store keeps them."""
    if "with_store" in request.fixturenames:
        return request.getfixturevalue("with_store").tables
    return request.getfixturevalue("mongo_client")[request.getfixturevalue("database")]


@pytest.fixture
def rows(tables: Any) -> Any:
    """The raw collection of events."""
    return tables["ses_event"]


@pytest.fixture(params=[f"{place}-{colour}" for place in ("server", "memory") for colour in ("sync", "async")])
def with_store(request: pytest.FixtureRequest) -> Stores:
    """The same behaviour is asked of both colours, over a real MongoDB and in memory."""
    place, colour = request.param.split("-")
    return {"server": on_a_server, "memory": in_memory}[place](colour, request)


@pytest.fixture(scope="session")
def corpus() -> dict[str, list[dict[str, str]]]:
    """File name → what its index expects of each event in it."""
    index = CORPUS / "index.tsv"
    if not index.exists():
        pytest.skip("the shared corpus is not on this machine")
    rows: dict[str, list[dict[str, str]]] = {}
    with index.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            rows.setdefault(row["file"], []).append(row)
    return rows


@pytest.fixture
def odm(mongodb_uri: str, database: str) -> Iterator[None]:
    """mongoengine's connection `cache`, on the test's database."""
    import mongoengine

    from sesevent import SesEvent

    mongoengine.connect(database, alias="cache", host=mongodb_uri, tz_aware=True, uuidRepresentation="standard")
    SesEvent.bind()
    yield
    mongoengine.disconnect("cache")
    SesEvent.bind()
