"""A database whose people only keys can tell, and a store that is told none: it must not guess whom one may mail."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from both import encrypted
from forked import Forked
from sesevent import AsyncEventStore, ConfigurationError, EventStore, StoreError, testing, trusted
from sesevent.plans import doctor
from sesevent.privacy.policy import PrivacyPolicy
from sesevent.privacy.protection import Protection
from sesevent.privacy.pseudonyms import Key

pytest.importorskip("pymongocrypt")
from sesevent.contrib.encryption import Encryption, LocalKey

WHO = "ann@example.com"
POLICY = PrivacyPolicy.of("everything", recipients="pseudonymise", others="pseudonymise")


def hidden(*keys: str) -> dict[str, Any]:
    """Under pseudonyms by these keys, the newest first."""
    return {"privacy": Protection(POLICY, [Key(name, name.encode() * 8) for name in keys])}


KINDS = {
    "encrypted": ({"encryption": Encryption(LocalKey(b"k" * 96))}, {}),
    "pseudonyms": (hidden("key1"), encrypted()),
    "pseudonyms by another key": (hidden("key1"), hidden("key2") | encrypted()),
}


@pytest.fixture(params=KINDS)
def without(request: pytest.FixtureRequest, mongodb_uri: str, database: str) -> dict[str, Any]:
    """What a store that does not know who is suppressed is connected with."""
    known, told = KINDS[request.param]
    place = {"uri": mongodb_uri, "database": database}
    with EventStore.connect(**place, **encrypted() | known) as store:
        store.receive(trusted(testing.bounce(to=WHO), because="a test"))
        assert not store.suppression.check(WHO)
    return place | told


def test_it_does_not_connect(without: dict[str, Any]) -> None:
    """Of either colour; what is missing is named, and who it is about is not."""
    with pytest.raises(ConfigurationError, match="who is suppressed would be mailed") as told:
        EventStore.connect(**without)
    assert WHO not in str(told.value)
    assert "--encryption" in str(told.value) or "--privacy-keys" in str(told.value)

    async def main() -> None:
        async with AsyncEventStore.connect(**without):
            pass

    with pytest.raises(ConfigurationError, match="who is suppressed would be mailed"):
        asyncio.run(main())


def test_figures_are_told_to_whoever_wants_no_more(without: dict[str, Any]) -> None:
    """Whoever says so; and the doctor says that it is so."""
    with EventStore.connect(**without, without_keys=True) as store:
        assert [event.type for event in store.events.between()] == ["Bounce"]
        assert ("error", "keys") in [(found.level, found.subject) for found in store.examine()]

    async def main() -> int:
        async with AsyncEventStore.connect(**without, without_keys=True) as store:
            return sum(found.subject == "keys" for found in await store.examine())

    assert asyncio.run(main()) == 1


def test_a_key_that_overlaps_is_enough(mongodb_uri: str, database: str) -> None:
    """Keys come and go one by one; nobody is told of a key that was given up long ago."""
    place = {"uri": mongodb_uri, "database": database} | encrypted()
    for keys in (["key1"], ["key2", "key1"], ["key2"], ["key3", "key2"]):
        with EventStore.connect(**place, **hidden(*keys)) as store:
            assert not [found for found in store.examine() if found.subject == "keys"]


def test_the_key_that_others_write_by_must_be_known(mongodb_uri: str, database: str) -> None:
    """Whoever knows older ones alone would not find whom the others met; and undoes nobody's word."""
    place = {"uri": mongodb_uri, "database": database} | encrypted()
    for keys in (["key1"], ["key1", "key2"], ["key1"], ["key2", "key1"]):
        with EventStore.connect(**place, **hidden(*keys)) as store:
            store.receive(trusted(testing.bounce(to=WHO, message_id="-".join(keys)), because="a test"))
    with pytest.raises(ConfigurationError):
        EventStore.connect(**place, **hidden("key1"))
    EventStore.connect(**place, **hidden("key1", "key2")).close()  # it knows the other
    with pytest.raises(ConfigurationError):
        EventStore.connect(**place, **hidden("key1"))
    with EventStore.connect(**place, **hidden("key2")) as store:
        assert not store.suppression.check(WHO)


def test_refused_once_it_is_refused_again(without: dict[str, Any]) -> None:
    """On asyncio what connects may be awaited twice."""

    async def main() -> None:
        connecting = AsyncEventStore.connect(**without)
        for _ in "12":
            with pytest.raises((ConfigurationError, StoreError)):
                await connecting

    asyncio.run(main())


def test_what_may_not_be_asked_hides_nothing_else() -> None:
    """Whoever may not read the trail is told of the encryption all the same."""
    asking = doctor.keys_missing(None, encrypts=False)
    next(asking)
    asking.send(1)
    with pytest.raises(StopIteration) as ended:
        asking.throw(ConfigurationError("not allowed"))
    assert [found.subject for found in ended.value.value] == ["keys"]


def test_keys_that_are_gone_can_be_given_up(mongodb_uri: str, database: str) -> None:
    """By whoever writes down that they are; the new ones are the ones in use then."""
    place, new = {"uri": mongodb_uri, "database": database} | encrypted(), hidden("key2")
    EventStore.connect(**place, **hidden("key1")).close()
    with EventStore.connect(**place, **new, without_keys=True) as store:
        store.audit.note("keys in use", "pseudonym keys", by="ben", why="destroyed", detail=new["privacy"].keys)
    EventStore.connect(**place, **new).close()
    with pytest.raises(ConfigurationError):
        EventStore.connect(**place, **hidden("key1"))


def test_the_command_is_no_exception(without: dict[str, Any], forked: Forked) -> None:
    """It asks for keys, unless it is told that figures are all that is asked."""
    place = {"SESEVENT_MONGODB_URI": without["uri"], "SESEVENT_DATABASE": without["database"]}
    refused = forked.run(["suppression", "check", WHO], environment=os.environ | place)
    figures = forked.run(["--without-keys", "events"], environment=os.environ | place)

    assert (refused.returncode, figures.returncode) == (2, 0)
    assert "who is suppressed would be mailed" in refused.stderr
    assert '"Bounce"' in figures.stdout
