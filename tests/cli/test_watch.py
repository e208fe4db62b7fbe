"""New events on the command line: a line for each, until it is told to stop."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest

from payloads import genuine, payload
from sesevent import testing
from sesevent.cli.watch import _wanted

pytestmark = pytest.mark.usefixtures("nothing_before")

WATCH = [sys.executable, "-m", "sesevent.cli", "watch"]


def bounce(number: int | str, to: str = "ann@example.com") -> Any:
    return genuine(payload("Bounce", message_id=f"m-{number}", to=to))


@contextmanager
def watching(uri: str, database: str, *arguments: str, **settings: Any) -> Iterator[Any]:
    """The command, once its watch has begun: a name is written down then."""
    from pymongo import MongoClient

    command = [*WATCH, "--uri", uri, "--database", database, "--name", "crm", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
    # A shell that runs us in the background has SIGINT ignored; a person at a terminal has not.
    with (
        MongoClient(uri) as client,
        subprocess.Popen(command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **pipes) as process,
    ):
        try:
            while process.poll() is None and not client[database]["ses_watch"].count_documents({}):
                pass
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("polling", [(), ("--polling",)], ids=["stream", "polling"])
@pytest.mark.in_clear("it starts processes of its own, which are told no key")
def test_in_a_pipe_each_event_is_a_line_at_once_and_a_signal_ends_it_cleanly(
    store: Any, sesevent: Any, mongodb_uri: str, database: str, number: int, polling: tuple[str, ...]
) -> None:
    """Exit status 0, nothing on standard error, and the next time goes on behind the last line."""
    store.ensure_indexes(polling=True)
    with watching(mongodb_uri, database, *polling) as process:
        store.receive(bounce(1))
        told = json.loads(process.stdout.readline())
        process.send_signal(number)
        rest, problems = process.communicate(timeout=30)

    assert (told["message_id"], told["type"], told["recipients"]) == ("m-1", "Bounce", ["ann@example.com"])
    assert (process.returncode, rest, problems) == (0, "", "")
    store.receive(bounce(2))
    again = sesevent("watch", "--name", "crm", "--idle", "3", *polling)
    assert [json.loads(line)["message_id"] for line in again.stdout.splitlines()] == ["m-2"]


def test_it_ends_after_so_many_or_when_nothing_comes(store: Any, sesevent: Any) -> None:
    """And what it showed counts as done."""
    sesevent("watch", "--name", "crm", "--idle", "0.1")
    for number in range(3):
        store.receive(bounce(number))
    first, second = (sesevent("watch", "--name", "crm", "--limit", "2", "--idle", "3") for _ in range(2))

    assert [json.loads(line)["message_id"] for line in first.stdout.splitlines()] == ["m-0", "m-1"]
    assert [json.loads(line)["message_id"] for line in second.stdout.splitlines()] == ["m-2"]
    assert (first.returncode, second.returncode) == (0, 0)


def test_only_the_types_that_are_asked_for_however_spelled(store: Any, sesevent: Any) -> None:
    """As `sesevent events` takes them."""
    before = datetime.now(timezone.utc).isoformat()  # not an hour ago: a busy server's log need not reach so far
    store.receive(bounce(1))
    store.receive(genuine(payload("Open", message_id="m-2")))
    done = sesevent("watch", "--since", before, "--type", "OPEN", "--limit", "1", "--idle", "60")

    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["Open"]


MAILS: tuple[dict[str, Any], ...] = (
    {"to": "bob@sub.example.org"},
    {"to": "ann@example.com"},
    {"to": ["cy@example.org", "dan@example.edu"]},
    {"to": "eve@example.net", "campaign": "spring"},
    {"to": "eve@example.edu", "configuration_set": "bulk"},
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"recipient": "Ann <ann@EXAMPLE.com>"}, [1]),
        ({"domain": "Example.ORG"}, [2]),
        ({"domain": "@example.edu"}, [2, 4]),
        ({"campaign": "spring"}, [3]),
        ({"configuration_set": "bulk"}, [4]),
        ({"domain": "example.edu", "configuration_set": "bulk"}, [4]),
        ({"domain": "example.com", "campaign": "spring"}, []),
        ({}, [0, 1, 2, 3, 4]),
    ],
)
def test_all_conditions_must_hold(store: Any, asked: dict[str, str], found: list[int]) -> None:
    """Addresses and domains however they are spelled; a sub-domain is another."""
    for place, mail in enumerate(MAILS):
        store.receive(genuine(testing.bounce(message_id=f"m-{place}", **mail)))
    nothing = dict.fromkeys(("recipient", "domain", "campaign", "configuration_set"))
    kept = filter(_wanted(store, **{**nothing, **asked}), store.events.between())

    assert sorted(stored.message_id for stored in kept) == [f"m-{place}" for place in found]


def test_only_the_mails_that_are_asked_for(store: Any, sesevent: Any) -> None:
    """The limit counts what is shown."""
    before = datetime.now(timezone.utc).isoformat()
    for place, mail in enumerate(MAILS):
        store.receive(genuine(testing.bounce(message_id=f"m-{place}", **mail)))
    asked = ("--domain", "example.net", "--campaign", "spring", "--type", "bounce")
    done = sesevent("watch", "--since", before, *asked, "--limit", "1", "--idle", "30")

    assert [json.loads(line)["message_id"] for line in done.stdout.splitlines()] == ["m-3"], done.stderr


def test_what_a_filter_leaves_out_counts_as_seen(store: Any, sesevent: Any) -> None:
    """A watch of the same name goes on behind it, whatever it asks for."""
    sesevent("watch", "--name", "crm", "--idle", "0.1")
    for number in range(2):
        store.receive(bounce(number))
    filtered = sesevent("watch", "--name", "crm", "--campaign", "none", "--idle", "3")
    again = sesevent("watch", "--name", "crm", "--idle", "3")

    assert (filtered.stdout, again.stdout) == ("", "")


@pytest.mark.in_clear("it starts processes of its own, which are told no key")
def test_on_a_terminal_addresses_are_masked_unless_asked_for(store: Any, mongodb_uri: str, database: str) -> None:
    """One line an event, and no control characters of strangers."""
    for options, shown in (((), "a…@example.com"), (("--show-addresses",), "ann@example.com")):
        ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
        settings = {"stdout": theirs, "text": False, "env": environment}
        with watching(mongodb_uri, database, *options, "--limit", "1", **settings) as process:
            os.close(theirs)
            store.receive(bounce(f"\x1b[2J{len(options)}"))
            text = read_all(ours).decode()
            process.wait(30)

        assert shown in text
        assert ("ann@" in text) == bool(options)
        assert "\x1b[2J" not in text
        assert "\x1b[31mBounce" in text
        assert text.count("\n") == 1


def read_all(descriptor: int) -> bytes:
    shown = b""
    try:
        while chunk := os.read(descriptor, 4096):
            shown += chunk
    except OSError:  # the other end of a terminal closes with an error
        pass
    os.close(descriptor)
    return shown


def test_whoever_stops_reading_ends_it(store: Any, sesevent: Any, mongodb_uri: str, database: str) -> None:
    """As `head` does: no complaint, and the line that was not read comes again."""
    with watching(mongodb_uri, database) as process:
        process.stdout.close()
        store.receive(bounce(1))

        process.wait(30)
        assert process.stderr.read() == ""
    again = sesevent("watch", "--name", "crm", "--idle", "3")
    assert [json.loads(line)["message_id"] for line in again.stdout.splitlines()] == ["m-1"]


def test_the_doctor_makes_the_index_of_polling_where_it_is_asked(sesevent: Any) -> None:
    """Not by itself: it costs each insert."""
    assert sesevent("watch", "--name", "crm", "--polling", "--idle", "0.1").returncode == 0
    before, after = (sesevent("doctor", "--fix", *more).stdout for more in ((), ("--polling",)))

    assert "sesevent doctor --fix --polling" in before
    assert "sesevent doctor --fix --polling" not in after
