"""The live stream: one watch for all, nothing missed, nobody waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from web_fixtures import Following, mail, take

pytestmark = pytest.mark.usefixtures("nothing_before")


def test_events_come_as_they_are_stored(api: Any) -> None:
    """As the search tells them; masked for whom they must be."""
    masked, clear = Following(api), Following(api, "read:pii")
    take(api.store, mail(to="ann@example.com", message_id="m-1"))

    assert masked.next()["recipients"] == ["a…@example.com"]
    assert clear.next()["recipients"] == ["ann@example.com"]
    assert [one.detail["route"] for one in api.store.audit.latest() if one.act == "unmasked"] == ["/v1/stream"]


@pytest.mark.parametrize(
    "query",
    [
        {"type": "Bounce"}, {"configuration_set": "wanted"}, {"campaign": "wanted"}, {"reason": "user_unknown"},
        {"recipient": "Ann@Wanted.example"}, {"recipient_domain": "wanted.example"}, {"tag": "kind=wanted"},
    ],
)  # fmt: skip
def test_a_client_gets_what_it_asks_for(api: Any, query: dict[str, str]) -> None:
    """And nothing else."""
    client = Following(api, **query)
    take(api.store, mail("delivery", to="bob@example.com", message_id="other"))
    take(
        api.store,
        mail(
            to="ann@wanted.example",
            message_id="m",
            configuration_set="wanted",
            campaign="wanted",
            tags={"kind": ["wanted"]},
        ),
    )

    assert client.next()["message_id"] == "m"


@pytest.mark.parametrize("polling", [None, True])
def test_who_comes_again_misses_nothing(serve_api: Any, polling: bool | None) -> None:
    """Whether the ring still holds it, or the log has to be read again; over a change stream and by looking."""
    api = serve_api(polling=polling, ring=5)
    client = Following(api)
    take(api.store, mail(message_id="m-0"))
    first = client.next()["sse"]
    client.leave()
    take(api.store, mail(message_id="m-1"), mail(message_id="m-2"))
    again = Following(api, after=first)
    assert {again.next()["message_id"] for _ in range(2)} == {"m-1", "m-2"}
    take(api.store, *[mail(message_id=f"m-{number}") for number in range(3, 23)])  # more than the ring holds
    late, seen = Following(api, after=first), set()
    until = time.monotonic() + 60
    while len(seen) < 22 and time.monotonic() < until:
        seen.add(late.next()["message_id"])
    take(api.store, mail(message_id="m-23"))

    assert seen == {f"m-{number}" for number in range(1, 23)}
    assert late.next()["message_id"] == "m-23"


def test_a_client_without_news_can_come_again_too(serve_api: Any) -> None:
    """A heartbeat tells where it stands."""
    api = serve_api(heartbeat=0.3)
    client = Following(api, type="Complaint")
    take(api.store, mail(message_id="m-1"))
    while client.next("comment") != "still here":
        pass
    place = client.last
    client.leave()
    take(api.store, mail("complaint", message_id="m-2"))

    assert Following(api, after=place, type="complaint").next()["message_id"] == "m-2"


def test_what_came_while_nobody_followed_is_told_to_who_comes_again(serve_api: Any) -> None:
    """The watch has ended with its last reader, and what its successor tells is not all."""
    api = serve_api(linger=0.1)
    client = Following(api)
    take(api.store, mail(message_id="m-1"))
    place = client.next()["sse"]
    client.leave()
    take(api.store, mail(message_id="m-2"))  # lets the client see that it is to leave
    assert client.ended.wait(20)
    time.sleep(2)
    take(api.store, mail(message_id="m-3"))
    other = Following(api)
    take(api.store, mail(message_id="m-4"))
    assert other.next()["message_id"] == "m-4"
    again = Following(api, after=place)

    assert [again.next()["message_id"] for _ in range(3)] == ["m-2", "m-3", "m-4"]


def test_who_does_not_know_where_it_stood_is_told(api: Any) -> None:
    """Before anything is sent."""
    headers = api.headers("read")
    for wrong in ("nonsense", "A" * 300):
        assert api.http.get("/v1/stream", headers=headers | {"Last-Event-ID": wrong}).status_code == 400


def test_a_reader_whom_the_ring_overtakes_is_let_go(serve_api: Any) -> None:
    """With a word, and misses nothing when it comes again."""
    import asyncio

    from sesevent import testing
    from sesevent.web.live import Hub, Wanted
    from sesevent.web.sealing import Sealer

    async def main() -> list[str]:
        from sesevent import trusted
        from web_fixtures import mail

        async with testing.async_memory_store() as store:
            hub = Hub(store, Sealer(store.tokens.sealing_key), polling=True, ring=3)

            async def welcome() -> bool:
                return True

            reading = hub.read(Wanted(), None, clear=True, welcome=welcome)
            got = [await anext(reading), await anext(reading)]
            for number in range(9):
                await store.receive(trusted(json.dumps(mail(message_id=f"m-{number}")), because="a test"))
            while hub._last < 9:
                await asyncio.sleep(0.1)
            got += [text async for text in reading]
            await hub.close()
            return got

    got = asyncio.run(main())

    assert got[-1].startswith("event: dropped\n")
    assert not any(text.startswith("id: ") and "data: " in text for text in got)


def test_a_stream_ends_when_its_token_does(serve_api: Any) -> None:
    """Within a heartbeat and what a token is known for."""
    api = serve_api(heartbeat=0.3)
    made = api.store.tokens.create("short", scopes=["read"])
    api.tokens["short"] = made.text
    client = Following(api, "short")
    api.store.tokens.revoke(made.token.id)

    assert "not known" in client.next("end")["detail"]
    assert client.ended.wait(10)


def test_a_server_that_stops_ends_its_streams_first(mongodb_uri: str, database: str, store: Any, tokens: Any) -> None:
    """It does not wait for them."""
    from web_fixtures import Api, serving

    with serving(mongodb_uri, database) as url:
        client = Following(Api(url, store, tokens))
        started = time.monotonic()
    assert time.monotonic() - started < 8
    assert "server stops" in client.next("end")["detail"]


SERVER = """
import asyncio, resource, sys
from sesevent import AsyncEventStore
from sesevent.web import Limits
from sesevent.web.server import serve
async def main():
    async with AsyncEventStore.connect(sys.argv[1], database=sys.argv[2]) as store:
        await serve(store, port=0, heartbeat=2.0, limits=Limits(burst=1000), on_start=lambda server, port: print(port, flush=True))
asyncio.run(main())
"""


@contextmanager
def served_apart(uri: str, database: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port and its process."""
    with subprocess.Popen([sys.executable, "-c", SERVER, uri, database], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def resident(pid: int) -> int:
    """Bytes of memory a process holds."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.in_clear("its server is a process that is told no key")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_two_hundred_idle_clients_cost_little(mongodb_uri: str, database: str, store: Any, tokens: Any) -> None:
    """Under 100 MB, and one watch and one look at their token for all of them; each of them hears what happens."""
    import asyncio

    headers = {"Authorization": f"Bearer {tokens['read']}"}

    async def first_event(client: httpx.AsyncClient, here: asyncio.Semaphore) -> str:
        async with client.stream("GET", "/v1/stream", headers=headers) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line == ": here":
                    here.release()
                if line.startswith("data: "):
                    return str(json.loads(line[6:])["message_id"])
        return ""

    async def main(port: int, pid: int) -> tuple[int, int, int, set[str]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=90, limits=limits) as client:
            here, asked = asyncio.Semaphore(0), store.client[database]
            tasks = [asyncio.ensure_future(first_event(client, here))]
            await here.acquire()
            before, alone = resident(pid), await asyncio.to_thread(questions, asked)
            tasks += [asyncio.ensure_future(first_event(client, here)) for _ in range(200)]
            for _ in range(200):
                await here.acquire()
            grown, together = resident(pid) - before, await asyncio.to_thread(questions, asked)
            await asyncio.to_thread(take, store, mail(message_id="m"))
            return grown, alone, together, set(await asyncio.gather(*tasks))

    with served_apart(mongodb_uri, database) as (port, pid):
        grown, alone, together, heard = asyncio.run(main(port, pid))

    assert heard == {"m"}
    assert grown < 100 * 2**20
    assert 0 < together <= alone + 6  # half as many as a second watch would ask
    print(f"200 idle clients: {grown / 2**20:.1f} MB, {alone} and {together} questions")  # noqa: T201  # for the report


def questions(database: Any, seconds: float = 4.0) -> int:
    """How often this test's database is asked while nothing happens; the server's own housekeeping is not counted."""
    database.command("profile", 2)
    try:
        time.sleep(seconds)
    finally:
        database.command("profile", 0)
    asked: int = database["system.profile"].count_documents({"op": {"$in": ["query", "getmore"]}})
    database["system.profile"].drop()
    return asked
