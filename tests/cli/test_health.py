"""``sesevent health`` and ``sesevent doctor --aws``: what they print, and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ses_api import SesApi, served
from sesevent import testing, trusted

moto_server = pytest.importorskip("moto.server")
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}


@pytest.fixture(scope="module")
def api() -> Iterator[SesApi]:
    moto = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with served(f"http://{host}:{port}") as served_at:
        yield served_at
    moto.stop()


def test_a_probe_is_told_by_the_exit_code(sesevent: Any, store: Any) -> None:
    """0 where all is well, 1 where something wants looking at; a document of JSON says what."""
    well = sesevent("health")
    silent = sesevent("health", "--silence", "Delivery=2h")
    alive = sesevent("health", "--silence", "Delivery=2h", "--probe")

    assert (well.returncode, json.loads(well.stdout)["status"]) == (0, "ok")
    assert (silent.returncode, json.loads(silent.stdout)["status"]) == (1, "degraded")
    assert (alive.returncode, json.loads(alive.stdout)["status"]) == (0, "degraded")


def test_a_server_that_is_not_there_is_exit_code_two_and_told_in_time(sesevent: Any) -> None:
    """With the same document: no error, the answer to the question."""
    found = sesevent("health", "--timeout", "0.5", uri="mongodb://127.0.0.1:9")

    assert (found.returncode, json.loads(found.stdout)["status"]) == (2, "down")


def test_what_cannot_be_asked_is_refused(sesevent: Any, store: Any) -> None:
    """On standard error."""
    odd, wrong = sesevent("health", "--silence", "Delivery"), sesevent("health", uri="http://example.com")

    assert (odd.returncode, odd.stdout, wrong.returncode, wrong.stdout) == (2, "", 2, "")
    assert "Delivery=2h" in odd.stderr
    assert "mongodb://" in wrong.stderr


def test_the_doctor_looks_at_aws_too(sesevent: Any, store: Any, api: SesApi) -> None:
    """Where it is told to; health asks whether it answers."""
    store.receive(trusted(testing.bounce(), because="a test"))
    api.account = {"SendingEnabled": False, "ProductionAccessEnabled": False}
    api.sets = {"mute": {}}
    places = ["--aws", "--region", "eu-west-1", "--endpoint-url", api.url]
    doctor, health = sesevent("doctor", *places, **KEYS), sesevent("health", *places, **KEYS)
    found = [json.loads(line)["finding"] for line in doctor.stdout.splitlines()]

    assert doctor.returncode == 1
    assert "mute has no event destination" in found
    assert "paused for the whole account and region" in found
    assert [check["name"] for check in json.loads(health.stdout)["checks"]][-2:] == ["ses", "sns"]
