"""Whom may you mail? From the command line."""

from __future__ import annotations

import getpass
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from payloads import genuine
from sesevent import testing


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def command(sesevent: Any) -> Any:
    """``sesevent suppression`` with these arguments."""
    return lambda *arguments, **more: sesevent("suppression", *arguments, **more)


@pytest.fixture
def events(sesevent: Any) -> None:
    """One address bounced for good, one person complained."""
    made = [testing.bounce(to="gone@example.com"), testing.complaint(to="angry@example.com")]
    sesevent("ingest", "-", stdin="\n".join(map(json.dumps, made)))


def test_who_is_added_may_not_be_mailed_until_the_end_that_was_named(command: Any) -> None:
    """By the one who is logged in, unless another is named; on one stream or all."""
    added = command("add", "ann@example.com", "--note", "asked by phone", "--until", "30d")
    on_one = command("add", "-", "--stream", "marketing", "--by", "crm", stdin="ben@example.com\n\n")

    assert (added.returncode, lines(added.stdout)[0]["rule"]) == (0, "manual")
    assert lines(added.stdout)[0]["until"] is not None
    assert lines(on_one.stdout)[0]["stream"] == "marketing"
    assert command("check", "ann@example.com").returncode == 3
    assert command("check", "ben@example.com").returncode == 0
    assert command("check", "ben@example.com", "--stream", "marketing").returncode == 3
    assert getpass.getuser() in command("history", "ann@example.com").stdout
    assert "by crm" in command("history", "ben@example.com").stdout


@pytest.mark.parametrize("until", ["2001-01-01", "whenever", "99999999999d"])
def test_an_end_that_is_over_or_none_is_refused(command: Any, until: str) -> None:
    """And nothing is written down."""
    assert command("add", "ann@example.com", "--until", until).returncode == 2
    assert command("check", "ann@example.com").returncode == 0


def test_what_is_no_address_is_said_and_keeps_no_other_out(command: Any) -> None:
    """Exit status 1."""
    done = command("add", "nobody", "ann@example.com")

    assert (done.returncode, [row["address"] for row in lines(done.stdout)]) == (1, ["ann@example.com"])
    assert "nobody: is no e-mail address" in done.stderr


def test_who_unsubscribed_is_refused_on_the_stream_that_must_be_named(command: Any) -> None:
    """And on it alone."""
    done = command("unsubscribe", "ann@example.com", "--stream", "marketing", "--note", "by letter")

    assert (done.returncode, lines(done.stdout)[0]["reason"]) == (0, "unsubscribed")
    assert command("check", "ann@example.com", "--stream", "transactional").returncode == 0
    assert command("unsubscribe", "ann@example.com").returncode == 2


def test_a_reactivation_needs_a_reason_and_for_a_persons_own_word_an_override(command: Any, events: None) -> None:
    """One refusal keeps no other from being reactivated; status 3 tells of it, without the address."""
    some = command("reactivate", "angry@example.com", "gone@example.com", "--why", "they called")
    all_the_same = command("reactivate", "angry@example.com", "--why", "by letter", "--override")

    assert command("reactivate", "gone@example.com").returncode == 2
    assert (some.returncode, [row["allowed"] for row in lines(some.stdout)]) == (3, [True])
    assert "a…@example.com: This person reported a mail as unwanted. To mail it all the same: --override" in some.stderr
    assert "override=True" not in some.stderr
    assert (all_the_same.returncode, lines(all_the_same.stdout)[0]["allowed"]) == (0, True)


@pytest.mark.in_clear("sealed addresses are listed in the order of what they are sealed as")
def test_the_list_can_be_limited_continued_and_asked_by_rule_and_tenant(command: Any, events: None) -> None:
    """By address."""
    command("add", "ann@example.com", "--tenant", "t-1")

    def told(*arguments: str) -> list[str]:
        return [row["address"].partition("@")[0] for row in lines(command("list", *arguments).stdout)]

    assert told() == ["angry", "gone"]
    assert told("--limit", "1") == ["angry"]
    assert told("--after", "angry@example.com", "--limit", "0") == ["gone"]
    assert told("--rule", "hard-bounce") == ["gone"]
    assert told("--tenant", "t-1") == ["angry", "ann", "gone"]
    assert "there are erased, manual, complaint" in command("list", "--rule", "hard_bounce").stderr.replace("\n", " ")


def test_a_history_is_a_story_in_order(command: Any, events: None) -> None:
    """What happened, what was said, and what followed."""
    command("reactivate", "gone@example.com", "--why", "a new mailbox", "--by", "support")
    rows = lines(command("history", "Gone@example.com").stdout)

    assert [row["what"] for row in rows] == ["event", "decision", "act", "decision"]
    assert rows[0]["told"].startswith("A mail bounced: user_unknown (hard); Amazon SES says Permanent/General")
    assert rows[1]["told"].startswith("Do not send: mail to this address bounced for good, since")
    assert rows[2]["told"] == (
        "A person decided that the address may be mailed again (by support, from cli): «a new mailbox»"
    )
    assert rows[3]["told"] == "Nothing known speaks against sending."
    unknown = command("history", "nobody@example.com")
    assert (unknown.returncode, unknown.stdout, unknown.stderr) == (1, "", "nothing is known of this address\n")


def test_lists_are_imported_and_a_second_time_say_nothing_new(command: Any, tmp_path: Path) -> None:
    """Lines that are not understood are named by file and number, and counted; so is a file that is not there."""
    file = tmp_path / "list.csv"
    file.write_text("email;reason\nann@example.com;BOUNCE\nnobody;\n")
    first = command("import", str(file), "-", str(tmp_path / "absent"), stdin="ben@example.com\n")
    second = command("import", str(file), "-", "--by", "another", stdin="ben@example.com\n")

    assert first.returncode == 1
    assert lines(first.stdout) == [{"read": 2, "recorded": 2, "changed": 2, "failed": 2}]
    assert f"{file}:3: holds no e-mail address where one is expected" in first.stderr
    assert "absent: The list's file cannot be used: No such file or directory." in first.stderr
    assert lines(second.stdout) == [{"read": 2, "recorded": 0, "changed": 0, "failed": 1}]
    assert command("check", "ann@example.com", "ben@example.com").returncode == 3
    assert command("import", "-", "--format", "xls").returncode == 2


@pytest.mark.in_clear("sealed addresses are listed in the order of what they are sealed as")
def test_the_list_is_exported_to_a_file_or_standard_output(command: Any, events: None, tmp_path: Path) -> None:
    """As CSV, JSON lines, or for Amazon SES, which takes two reasons only."""
    command("add", "=ann@example.com")
    file = tmp_path / "list.csv"
    to_file, for_ses = command("export", str(file)), command("export", "--format", "ses")

    assert (to_file.returncode, to_file.stdout, to_file.stderr) == (0, "", "3 written\n")
    assert [line.partition(",")[0] for line in file.read_text().splitlines()] == [
        "address", "'=ann@example.com", "angry@example.com", "gone@example.com",
    ]  # fmt: skip
    assert for_ses.stdout == "angry@example.com,COMPLAINT\ngone@example.com,BOUNCE\n"
    assert for_ses.stderr == "2 written, 1 skipped: SES takes hard bounces and complaints only\n"
    told = lines(command("export", "-", "--format", "jsonl", "--rule", "hard-bounce").stdout)
    assert [row["address"] for row in told] == ["gone@example.com"]
    assert command("export", "--format", "xls").returncode == 2


@pytest.fixture
def lenient(tmp_path: Path) -> str:
    """A policy by which a complaint does not concern the stream «transactional»."""
    file = tmp_path / "lenient.toml"
    file.write_text('[policy]\nname = "lenient"\n[policy.effects.complaint]\nexcept_streams = ["transactional"]\n')
    return str(file)


def test_a_policy_is_tried_before_it_is_switched_on(command: Any, events: None, lenient: str) -> None:
    """Who would be decided otherwise is told; nothing is changed."""
    done = command("simulate", "--policy", lenient)
    (change,) = lines(done.stdout)

    assert (done.returncode, change["address"], change["stream"]) == (0, "angry@example.com", "transactional")
    assert (change["before"]["rule"], change["after"]["allowed"]) == ("complaint", True)
    assert re.fullmatch(r"decisions that change under the policy lenient-[0-9a-f]+: 1\n", done.stderr)
    assert command("simulate", "--policy", lenient, "--stream", "marketing").stdout == ""
    assert command("simulate", "--policy", lenient, "--since", "1h").stdout == ""
    assert command("simulate", "--policy", lenient + ".absent").returncode == 2
    assert command("check", "angry@example.com", "--stream", "transactional").returncode == 3


def test_every_command_follows_the_policy_that_is_set(command: Any, events: None, lenient: str) -> None:
    """Once it is, a rebuild brings the standings under it; a second one has nothing to do."""
    rebuilt = [lines(command("rebuild", SESEVENT_POLICY=lenient).stdout)[0]["changed"] for _ in range(2)]
    told = command("check", "angry@example.com", "--stream", "transactional", SESEVENT_POLICY=lenient)

    assert rebuilt == [2, 0]
    assert (told.returncode, lines(told.stdout)[0]["policy_version"][:8]) == (0, "lenient-")
    assert command("list", SESEVENT_POLICY=lenient + ".absent").returncode == 2


def test_on_a_terminal_there_are_tables_and_text_commands_nothing(mongodb_uri: str, database: str) -> None:
    """An address with an escape sequence in it is shown as text."""
    from sesevent import EventStore

    with EventStore.connect(mongodb_uri, database=database) as store:
        store.receive(genuine(testing.bounce(to="\x1b[2Jann@example.com")))  # as a report may have it

    def shown(*arguments: str) -> str:
        return _on_a_terminal([*arguments, "--uri", mongodb_uri, "--database", database])

    assert "┏━" in shown("list")
    for arguments in (["list"], ["export"], ["history", "\x1b[2Jann@example.com"], ["check", "\x1b[2Jann@example.com"]):
        assert "\x1b[2J" not in shown(*arguments)


@pytest.mark.in_clear("it starts processes of its own, which are told no key")
def test_rows_go_to_the_pipe_while_progress_is_shown_on_the_terminal(
    mongodb_uri: str, database: str, events: None, lenient: str, tmp_path: Path
) -> None:
    """Only standard error is a terminal here."""
    place = ["--uri", mongodb_uri, "--database", database]
    for arguments in (["simulate", "--policy", lenient], ["export", "--format", "jsonl"]):
        file = tmp_path / "out"
        with file.open("w") as out:
            shown = _on_a_terminal([*arguments, *place], stdout=out)
        assert "angry@example.com" in file.read_text()
        assert "angry@example.com" not in shown


def _on_a_terminal(arguments: list[str], stdout: Any = None) -> str:
    """What a person sees; where *stdout* goes elsewhere, only standard error."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sesevent.cli", "suppression", *arguments]
    with subprocess.Popen(
        command, stdout=stdout or theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "200"}
    ):
        os.close(theirs)
        told = b""
        while chunk := _read(ours):
            told += chunk
    os.close(ours)
    return told.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end of a terminal closes with an error
        return b""


def test_who_asked_for_it_again_is_mailed_again(sesevent: Any) -> None:
    """On that stream; exit code 3 while another stream's word, or a bounce, still holds."""
    sesevent("suppression", "unsubscribe", "ann@example.com", "--stream", "news")
    sesevent("suppression", "add", "ben@example.com")
    again = sesevent("suppression", "resubscribe", "ann@example.com", "--stream", "news", "--by", "ann")
    still = sesevent("suppression", "resubscribe", "ben@example.com", "--stream", "news")

    assert (again.returncode, json.loads(again.stdout)["allowed"]) == (0, True)
    assert (still.returncode, json.loads(still.stdout)["allowed"]) == (3, False)
