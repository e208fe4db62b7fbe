"""What the commands print, where, and how they exit."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from payloads import genuine, payload
from sesevent import testing


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """A file of one notification a line."""
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(sample) + "\n" for sample in testing.samples()), encoding="utf-8")
    return file


def test_parse_prints_one_object_an_event_without_a_database(sesevent: Any, events: Path) -> None:
    """With what every event has; nothing on stderr; exit status 0."""
    done = sesevent("parse", str(events), uri=None)
    told = lines(done.stdout)

    assert (done.returncode, done.stderr, len(told)) == (0, "", 24)
    assert {"type", "message_id", "timestamp", "recipients", "subject", "source"} <= set(told[0])
    assert (
        told[0]["type"], told[0]["recipients"], told[0]["timestamp"],
    ) == ("Send", ["ann@example.com"], "2024-05-01T09:00:00.000Z")  # fmt: skip


def test_parse_names_file_and_line_of_each_problem_and_goes_on(sesevent: Any, tmp_path: Path, events: Path) -> None:
    """The good lines are printed, the bad ones reported, the status is 1."""
    broken = tmp_path / "broken.jsonl"
    good = json.dumps(payload("Send"))
    broken.write_text(f'{good}\n\n{{"eventType":"Bounce","mail":1}}\n{{oops\n{good}\n', encoding="utf-8")
    done = sesevent("parse", str(broken), str(tmp_path / "absent"), str(events))

    assert (done.returncode, len(lines(done.stdout))) == (1, 26)
    assert f"{broken}:3: $.mail: is not an object" in done.stderr
    assert f"{broken}:4: $: is not JSON" in done.stderr
    assert f"{tmp_path / 'absent'}: cannot be read" in done.stderr


@pytest.mark.parametrize("indent", [None, 2])
def test_parse_reads_standard_input_and_pretty_printed_documents(sesevent: Any, indent: int | None) -> None:
    """One behind the other, however they are laid out."""
    text = "\n".join(json.dumps(payload(kind), indent=indent) for kind in ("Send", "Open"))
    done = sesevent("parse", "-", stdin=text)

    assert [event["type"] for event in lines(done.stdout)] == ["Send", "Open"]


def test_a_handshake_is_noted_and_is_no_problem(sesevent: Any) -> None:
    """It holds no event, but nothing is wrong with it."""
    done = sesevent("parse", "-", stdin='{"Type": "SubscriptionConfirmation", "Token": "t", "Message": "m"}')

    assert (done.returncode, done.stdout) == (0, "")
    assert "skipped: a control message" in done.stderr


def test_ingest_counts_and_a_second_time_nothing_doubles(sesevent: Any, events: Path) -> None:
    """The summary is one JSON object in a pipe."""
    first, second = (lines(sesevent("ingest", str(events)).stdout)[0] for _ in range(2))

    assert first == {"events": 24, "fresh": 24, "duplicates": 0, "skipped": 0, "failed": 0}
    assert (second["fresh"], second["duplicates"]) == (0, 24)


def test_ingest_names_the_line_of_what_it_could_not_read(sesevent: Any, tmp_path: Path) -> None:
    """Of the right one of several files."""
    one, two = tmp_path / "one", tmp_path / "two"
    good = json.dumps(payload("Send"))
    one.write_text(f"{good}\n{good}\n")
    two.write_text(f'{good}\n\n{{"a": 1}}\n')
    done = sesevent("ingest", str(one), str(two))

    assert done.returncode == 1
    assert f"{two}:3: $: is no SES event" in done.stderr


def test_ingest_streams_files_of_any_layout_packed_or_not(sesevent: Any, tmp_path: Path) -> None:
    """A document is told by its number where several stand on a line; harmed gzip by the line it came to."""
    good = [json.dumps(payload("Send", message_id=f"m-{n}")) for n in range(3)]
    (tmp_path / "joined").write_text(good[0] + '{"a": 1}' + good[1])
    (tmp_path / "packed.gz").write_bytes(gzip.compress("\n".join(good).encode()))
    (tmp_path / "harmed.gz").write_bytes(gzip.compress("\n".join(good).encode())[:-9])
    names = [str(tmp_path / name) for name in ("joined", "packed.gz", "harmed.gz")]
    done = sesevent("ingest", *names)

    (told,) = lines(done.stdout)

    assert (told["fresh"], told["skipped"], told["failed"], done.returncode) == (3, 0, 2, 1)
    assert f"{names[0]}:1: $[1]: is no SES event" in done.stderr
    assert f"{names[2]}:" in done.stderr
    assert "is cut off" in done.stderr


def test_ingest_options_for_aws_are_refused_for_files(sesevent: Any, events: Path) -> None:
    """They would do nothing."""
    done = sesevent("ingest", str(events), "--since", "2d")

    assert (done.returncode, done.stdout) == (2, "")
    assert "s3://" in done.stderr


def test_events_are_found_by_what_is_asked(sesevent: Any, events: Path) -> None:
    """All conditions together, by event time."""
    sesevent("ingest", str(events))
    found = lines(
        sesevent("events", "--type", "Bounce", "--since", "2024-05-01", "--until", "2024-05-01T12:00Z").stdout
    )

    assert [event["recipients"] for event in found] == [["ben@example.org"], ["hana@example.com"]]
    assert lines(sesevent("events", "--recipient", "BEN@example.org", "--since", "2h").stdout) == []
    assert len(lines(sesevent("events", "--recipient", "Ben <BEN@example.org>").stdout)) == 3
    assert sesevent("events", "--since", "whenever").returncode == 2


def test_the_timeline_of_a_mail(sesevent: Any, events: Path) -> None:
    """In order; status 1 where nothing is known of it."""
    sesevent("ingest", str(events))
    message_id = testing.send(to="ann@example.com")["mail"]["messageId"]
    done = sesevent("timeline", message_id)

    assert [event["type"] for event in lines(done.stdout)] == ["Send", "Delivery", "Open", "Click"]
    assert sesevent("timeline", "unknown").returncode == 1


BEN = {"sent": testing.payloads.SENT + timedelta(minutes=7), "subject": "Votre commande est arrivée 🎁"}


def test_the_status_of_mails(sesevent: Any, events: Path) -> None:
    """A line for each, ids also from standard input; status 1 where nothing is known of one."""
    sesevent("ingest", str(events))
    ids = [
        testing.send(to=to, **about)["mail"]["messageId"]
        for to, about in (("ann@example.com", {}), ("ben@example.org", BEN))
    ]
    done = sesevent("status", ids[0], "-", stdin=ids[1] + "\n")

    assert [(mail["message_id"], mail["state"]) for mail in lines(done.stdout)] == [
        (ids[0], "delivered"),
        (ids[1], "bounced"),
    ]
    assert [entry["effect"] for entry in lines(done.stdout)[1]["timeline"]] == [
        "unknown → sent", "sent → delivered", "delivered → bounced",
    ]  # fmt: skip
    assert (done.returncode, sesevent("status", ids[0], "unknown").returncode) == (0, 1)


def test_the_mails_of_a_person(sesevent: Any, events: Path) -> None:
    """A line for each; with --totals what they came to, and whether more may be sent."""
    sesevent("ingest", str(events))
    (mail,) = lines(sesevent("recipient", "Ben <BEN@example.org>").stdout)
    (told,) = lines(sesevent("recipient", "ben@example.org", "--totals").stdout)

    assert (mail["state"], mail["subject"], mail["sent_at"]) == ("bounced", BEN["subject"], "2024-05-01T09:07:00.000Z")
    assert (told["totals"]["states"], told["decision"]["allowed"]) == ({"bounced": 1}, False)
    assert lines(sesevent("recipient", "ben@example.org", "--until", "2020-01-01").stdout) == []


def test_suppression_check_answers_for_each_and_tells_by_its_status(sesevent: Any, events: Path) -> None:
    """3 if one may not be mailed, 0 if all may; addresses also from standard input."""
    sesevent("ingest", str(events))
    done = sesevent("suppression", "check", "ann@example.com", "-", stdin="ben@example.org\n")
    ann, ben = lines(done.stdout)

    assert (done.returncode, ann["allowed"], ben["allowed"], ben["rule"]) == (3, True, False, "hard-bounce")
    assert ben["evidence"]
    assert sesevent("suppression", "check", "ann@example.com").returncode == 0


def test_doctor_finds_missing_indexes_and_mends_them(sesevent: Any) -> None:
    """Status 1 before, 0 after."""
    sick, mended = sesevent("doctor"), sesevent("doctor", "--fix")

    assert (sick.returncode, mended.returncode) == (1, 0)
    assert "missing" in sick.stdout
    assert {"ok"} == {finding["level"] for finding in lines(mended.stdout)}


@pytest.mark.parametrize(
    ("uri", "said"),
    [("mongodb://127.0.0.1:1/", "did not answer in time"), ("nonsense", "begins with mongodb://")],
)
def test_a_server_that_cannot_be_used_is_one_clear_line(sesevent: Any, uri: str, said: str) -> None:
    """Exit status 2, no traceback, within the time-out."""
    started = time.monotonic()
    done = sesevent("events", "--uri", uri, "--timeout", "1")

    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - started < 20


def test_on_a_terminal_people_get_a_table_and_text_that_cannot_command_it(mongodb_uri: str, tmp_path: Path) -> None:
    """Escape sequences and direction marks in a subject are shown as replacement signs; markup is text."""
    hostile = payload("Send", commonHeaders={"subject": "\x1b[2J[red]\u202eevil"})
    (tmp_path / "one.json").write_text(json.dumps(hostile))
    command = f"""
import sys; from sesevent.cli.output import print_rows
print_rows([{{"subject": {hostile["mail"]["commonHeaders"]["subject"]!r}}}], as_json=False)"""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", command], stdout=theirs, env=os.environ | {"TERM": "xterm"}):
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)

    text = shown.decode()
    assert "┏━" in text
    assert "\ufffd[2J[red]\ufffdevil" in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end of a terminal closes with an error
        return b""


def test_the_demo_shows_all_and_leaves_nothing(sesevent: Any, mongo_client: Any) -> None:
    """Every event stored, every person judged; its database is dropped."""
    done = sesevent("demo", "--events", "300")
    told = lines(done.stdout)

    assert done.returncode == 0
    assert re.search(r"\n(29\d|300) events stored, (\d) repeats recognised", done.stderr)
    assert sum("type" in row for row in told) == 24
    assert {"ben@example.org", "dave@example.com", "eve@example.net", "finn@example.net", "hana@example.com"} == {
        row["address"] for row in told if row.get("allowed") is False
    }
    assert [name for name in mongo_client.list_database_names() if name.startswith("sesevent_demo")] == []


@pytest.mark.skipif(os.environ.get("SESEVENT_MONGODB_URI") is not None, reason="this machine may have no mongod")
def test_ctrl_c_ends_the_demo_and_its_server(tmp_path: Path) -> None:
    """Status 130, no server and no data left."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "sesevent.cli", "demo"]
    with subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # A shell that runs us in the background has SIGINT ignored; a person at a terminal has not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as demo:
        while not (found := list(tmp_path.glob("*/mongod.lock"))):
            time.sleep(0.02)
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=30)

    assert found
    assert demo.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_parsing_from_the_command_line_loads_no_driver() -> None:
    """A database is not needed, so its driver is not loaded."""
    script = "import sys; from sesevent.cli.app import app; print('pymongo' in sys.modules, 'bson' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "False False"


def test_without_its_extra_the_command_names_it() -> None:
    """Not a traceback."""
    script = "import sys; sys.modules['typer'] = None; from sesevent.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "pip install 'sesevent[cli]'" in done.stderr


def test_the_generated_stream_is_the_same_for_the_same_seed_and_can_be_ingested(sesevent: Any) -> None:
    """JSON lines; as many as asked."""
    first, again, other = (sesevent("testing", "generate", "--events", "200", "--seed", seed).stdout for seed in "778")

    assert first == again != other
    assert len(first.splitlines()) == 200
    assert lines(sesevent("ingest", "-", stdin=first).stdout)[0]["failed"] == 0


def test_dead_letters_are_listed_shown_tried_again_and_purged(sesevent: Any, mongodb_uri: str, database: str) -> None:
    """By hand, from the command line."""
    from sesevent import EventStore, PayloadError

    with EventStore.connect(mongodb_uri, database=database) as store:
        for raw in (b"{one", b"{two"):
            with pytest.raises(PayloadError):
                store.receive(genuine(raw))
    listed = lines(sesevent("dead-letters", "list").stdout)
    one = next(row["id"] for row in listed if row["size"] == 4 and row["problems"])
    shown = lines(sesevent("dead-letters", "show", one).stdout)[0]

    assert len(listed) == 2
    assert shown["content"] in ("{one", "{two")
    assert sesevent("dead-letters", "show", "0" * 24).returncode == 1
    assert lines(sesevent("dead-letters", "retry").stdout) == [{"tried": 2, "settled": 0, "events": 0}]
    nothing_said = sesevent("dead-letters", "purge")
    assert (nothing_said.returncode, "--all" in nothing_said.stderr) == (2, True)
    for verb in ("retry", "purge"):
        absent = sesevent("dead-letters", verb, "0" * 24)
        assert (absent.returncode, "not there: 1" in absent.stderr) == (1, True)
    assert lines(sesevent("dead-letters", "purge", one).stdout) == [{"purged": 1}]
    assert lines(sesevent("dead-letters", "purge", "--before", "1h").stdout) == [{"purged": 0}]
    assert lines(sesevent("dead-letters", "purge", "--all").stdout) == [{"purged": 1}]
    assert sesevent("dead-letters", "list").stdout == ""


def test_events_are_asked_for_by_type_however_written_and_by_reasons_that_exist(sesevent: Any) -> None:
    """A reason that does not exist would silently find nothing."""
    sesevent("ingest", "-", stdin=sesevent("testing", "samples").stdout)
    bounces = lines(sesevent("events", "--type", "bounce").stdout)
    wrong = sesevent("events", "--reason", "nonsense")

    assert {row["type"] for row in bounces} == {"Bounce"}
    assert (wrong.returncode, "user_unknown" in wrong.stderr) == (2, True)


def test_what_cannot_be_used_is_told_in_a_sentence(sesevent: Any, mongodb_uri: str, tmp_path: Path) -> None:
    """Neither a name nor a directory ends in a traceback."""
    file = tmp_path / "file"
    file.touch()
    named = sesevent("local", "status", "--directory", str(file))
    started = sesevent("local", "start", "--directory", str(file))
    forbidden = subprocess.run(
        [sys.executable, "-m", "sesevent.cli", "events", "--uri", mongodb_uri, "--database", "not allowed."],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert named.returncode == 1
    for done in (started, forbidden):
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "does not allow" in forbidden.stderr


def test_a_terminal_that_knows_only_ascii_is_shown_escapes(sesevent: Any) -> None:
    """Text that is no ASCII ends no command."""
    done = sesevent("classify", "--explain", stdin="550 5.1.1 Benutzer ungültig\n", PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_demo_that_is_terminated_leaves_no_database(mongodb_uri: str) -> None:
    """On a server of one's own it would stay there for good."""
    from pymongo import MongoClient

    environment = os.environ | {"SESEVENT_MONGODB_URI": mongodb_uri}
    command = [sys.executable, "-m", "sesevent.cli", "demo", "--events", "200000"]
    with MongoClient[Any](mongodb_uri) as client:

        def demos() -> set[str]:
            return {name for name in client.list_database_names() if name.startswith("sesevent_demo_")}

        others = demos()
        demo = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not demos() - others and time.monotonic() < deadline:
                time.sleep(0.05)
            own = demos() - others
            demo.terminate()
            assert demo.wait(60) == 143
        finally:
            demo.kill()
        assert own
        assert not own & demos()


def test_one_event_is_shown_whole(store: Any, sesevent: Any) -> None:
    """By the id that `sesevent events` tells; exit code 1 where there is none."""
    said = testing.bounce(message_id="m-1", to="ann@example.com")
    store.receive(genuine(said))
    (listed,) = [json.loads(line) for line in sesevent("events").stdout.splitlines()]
    done, none = sesevent("event", listed["id"]), sesevent("event", "0" * 24)

    assert json.loads(done.stdout) == listed | {"payload": said}
    assert (none.returncode, none.stdout) == (1, "")
