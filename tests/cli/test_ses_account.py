"""``sesevent suppression sync``, against moto's server and by hand what it lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ses_api import SesApi, served_before_moto
from sesevent import testing, trusted

pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def server() -> Iterator[SesApi]:
    with served_before_moto() as api:
        yield api


@pytest.fixture
def api(server: SesApi) -> SesApi:
    server.reset()
    return server


@pytest.fixture
def sync(sesevent: Any, api: SesApi) -> Any:
    aws = {"AWS_ENDPOINT_URL": api.url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    return lambda *arguments: sesevent(
        "suppression", "sync", "--region", "eu-west-1", "--pause", "0", *arguments, **aws
    )


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_dry_run_prints_the_plan_and_the_real_one_the_counts(store: Any, sync: Any, api: SesApi) -> None:
    """Both ways; configuration sets that do not heed the list are noted."""
    api.lists("Theirs@Example.com", "COMPLAINT")
    api.heeded = ["COMPLAINT"]
    store.receive(trusted(testing.bounce(to="ours@example.com"), because="this test made it"))
    dry = sync("--dry-run")

    assert (dry.returncode, [(row["address"], row["does"], row["at_ses"]) for row in lines(dry.stdout)]) == (
        0, [("ours@example.com", "put", ["ours@example.com"]), ("theirs@example.com", "listed", ["Theirs@Example.com"])],
    )  # fmt: skip
    assert set(api.entries) == {"Theirs@Example.com"}
    done = sync()

    (counts,) = lines(done.stdout)
    assert (counts["region"], counts["entries"], counts["put"], counts["listed"]) == ("eu-west-1", 1, 1, 1)
    assert "the account does not heed the list for BOUNCE" in done.stderr
    assert set(api.entries) == {"Theirs@Example.com", "ours@example.com"}
    assert store.suppression.check("theirs@example.com").rule == "ses-list"


def test_one_way_is_one_way(store: Any, sync: Any, api: SesApi) -> None:
    """And both at once is none."""
    api.lists("theirs@example.com")
    store.receive(trusted(testing.bounce(to="ours@example.com"), because="this test made it"))
    assert lines(sync("--pull").stdout)[0]["put"] == 0
    assert set(api.entries) == {"theirs@example.com"}
    assert lines(sync("--push").stdout)[0]["put"] == 1

    refused = sync("--pull", "--push")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Name neither" in refused.stderr


def test_an_address_that_ses_refuses_is_named_and_shows_in_the_exit_status(store: Any, sync: Any, api: SesApi) -> None:
    """The others are done."""
    api.malformed = {"ours@example.com"}
    store.receive(trusted(testing.bounce(to=["ours@example.com", "also@example.com"]), because="this test made it"))
    done = sync()

    assert (done.returncode, lines(done.stdout)[0]["failed"], set(api.entries)) == (1, 1, {"also@example.com"})
    assert "refused to put ours@example.com" in done.stderr
