"""One grammar for all commands, and every method of the store is reached by one, or has a reason why not."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sesevent import sync
from sesevent.cli import reference, settings
from sesevent.cli.app import EXIT_CODES, app
from sesevent.faces import analytics, audit, compliance, encryption, histories, migration, monitor, privacy, storage

ROOT = get_command(app)
COMMANDS = {" ".join(path): command for path, command in settings.commands(ROOT)}

NO_DATABASE = {
    "parse": "reads files",
    "classify": "reads replies",
    "demo": "has a database of its own, which is gone afterwards",
    "audit key": "makes a file",
    "encryption key": "makes a file",
    "privacy show": "reads a policy",
    "privacy key": "makes a key",
    "unsubscribe key": "makes a file",
    "unsubscribe headers": "asks nothing but the keys",
    "unsubscribe read": "asks nothing but the keys",
    "worker redrive": "asks SQS",
    "local start": "is about a server, and not what is in it",
    "local stop": "is about a server, and not what is in it",
    "local status": "is about a server, and not what is in it",
    "testing samples": "makes payloads",
    "testing generate": "makes payloads",
}
"""Commands that need none, and why."""
NO_TABLE = {
    "parse": "always JSON lines: `sesevent ingest -` reads them",
    "classify": "always JSON lines, or sentences with --explain",
    "suppression export": "writes a file whose form --format names",
    "audit key": "writes a file and tells nothing",
    "encryption key": "writes a file and tells nothing",
    "privacy export": "writes JSON, and a page with --html",
    "privacy key": "prints a key as processes are given it",
    "unsubscribe key": "writes a file and tells nothing",
    "audit export": "always JSON lines, with hashes over them",
    "testing samples": "always JSON lines: `sesevent ingest -` reads them",
    "testing generate": "always JSON lines: `sesevent ingest -` reads them",
    "serve": "answers over HTTP",
}
"""Commands without --json, and why."""
OTHER_MEANINGS = {
    ("suppression simulate", "policy"): "the policy that is tried, not the one that holds",
    ("health", "timeout"): "bounds all that is asked together: whoever probes does not wait longer",
    ("analytics timeseries", "by"): "what time is divided by, as in the library",
    ("analytics cohorts", "by"): "what time is divided by, as in the library",
}
"""Options that have the name of a common one, and mean something else."""
SAME_EVERYWHERE = {
    "since", "until", "limit", "after", "tag", "configuration_set", "recipient", "recipient_domain", "campaign",
    "region", "profile", "endpoint_url", "dry_run", "why", "note", "polling", "once",
}  # fmt: skip
"""Options of which each command has the same spelling and kind."""


def options_of(command: Any) -> dict[str, Any]:
    return {one.name: one for one in command.params if one.param_type_name == "option" and one.name != "help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_the_same_language(name: str) -> None:
    """Help for itself and each option, --json where rows are told, common options by their names and variables."""
    command = COMMANDS[name]
    options = options_of(command)

    assert command.help.strip()
    assert [option.name for option in command.params if not option.help] == []
    assert ("json" in options) == (name not in NO_TABLE)
    place = {"uri", "database", "collection", "timeout"}
    assert place <= set(options) if name not in NO_DATABASE else not place - {"uri"} & set(options)
    for common in settings.COMMON.keys() & options.keys():
        if (name, common) not in OTHER_MEANINGS:
            assert reference.is_common(options[common]), f"{name} --{common}"
            assert f"--{common}" in options[common].opts


def test_exceptions_are_exceptions() -> None:
    """A row about a command that is gone, or keeps to the rule by now, is taken out."""
    assert NO_DATABASE.keys() | NO_TABLE.keys() <= COMMANDS.keys()
    assert all(name in options_of(COMMANDS[command]) for command, name in OTHER_MEANINGS)
    assert not any(reference.is_common(options_of(COMMANDS[command])[name]) for command, name in OTHER_MEANINGS)


def test_an_option_is_spelled_alike_wherever_it_is() -> None:
    """And takes one value or several, but for flags nothing."""
    known: dict[str, set[tuple[str, bool]]] = {}
    for command in COMMANDS.values():
        for name, option in options_of(command).items():
            known.setdefault(name, set()).add(
                (settings.long_name(option) if len(option.opts) == 1 else "", option.is_flag)
            )
    for name in SAME_EVERYWHERE:
        assert {flag for _, flag in known[name]} in ({True}, {False}), name
        assert {spelled for spelled, _ in known[name]} <= {"", f"--{name.replace('_', '-')}"}, name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_there_and_an_unknown_option_is_refused(name: str, capsys: Any) -> None:
    """Exit codes 0 and 2."""
    codes = []
    for option in ("--help", "--no-such-option"):
        with pytest.raises(SystemExit) as left:
            ROOT.main([*name.split(), option], prog_name="sesevent")
        codes.append(left.value.code)

    assert codes == [0, 2]
    assert f"Usage: sesevent {name}" in " ".join(capsys.readouterr().out.split())


def test_the_reference_tells_every_command_option_and_exit_code() -> None:
    """It is printed from them."""
    text = reference.sections(ROOT)
    assert all(f"### sesevent {name}" in text for name in COMMANDS)
    sections = dict(zip(COMMANDS, text.split("### sesevent ")[1:], strict=True))
    for name, command in COMMANDS.items():
        assert [
            one.name for one in options_of(command).values() if f"`{settings.long_name(one)}`" not in sections[name]
        ] == []
    assert all(one.variable in reference.common_table() for one in settings.COMMON.values())
    assert all(f"| {code} | {means} |" in reference.exit_table(EXIT_CODES) for code, means in EXIT_CODES.items())


def test_the_shell_completes_commands_and_options(tmp_path: Path) -> None:
    """As bash asks for them, without a look at settings that may be wrong."""
    (tmp_path / "sesevent.toml").write_text("no TOML")
    for line, expected in (("sesevent supp", "suppression"), ("sesevent analytics ti", "timeseries"),
                           ("sesevent report --ht", "--html")):  # fmt: skip
        environment = os.environ | {
            "_SESEVENT_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1),
        }  # fmt: skip
        code = "import sys; sys.argv = ['sesevent']; from sesevent.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert expected in done.stdout.split(), done.stderr


def test_completion_can_be_shown() -> None:
    """For the shell that one sits at."""
    code = "import sys; sys.argv = ['sesevent', '--show-completion', 'bash']; from sesevent.cli import main; main()"
    environment = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert "_SESEVENT_COMPLETE=complete_bash" in done.stdout


REACHED = {
    "EventStore.adopt": "doctor",
    "EventStore.connect": "--uri",
    "EventStore.close": "(every command does)",
    "EventStore.ensure_indexes": "doctor",
    "EventStore.examine": "doctor",
    "EventStore.health": "health",
    "EventStore.on": "(handlers are functions; `watch` and `project` tell of events)",
    "EventStore.receive": "ingest",
    "EventStore.receive_each": "worker sqs",
    "EventStore.receive_many": "ingest",
    "EventStore.recipient": "recipient",
    "EventStore.reclassify": "reclassify",
    "EventStore.reindex": "reindex",
    "EventStore.record_handshake": "(the webhook's: nobody confirms a subscription by hand)",
    "EventStore.status": "status",
    "EventStore.status_many": "status",
    "EventStore.watch": "watch",
    "EventRepository.between": "events",
    "EventRepository.by_message_id": "events",
    "EventRepository.by_reason": "events",
    "EventRepository.by_type": "events",
    "EventRepository.find": "events",
    "EventRepository.for_recipient": "events",
    "EventRepository.get": "event",
    "EventRepository.timeline": "timeline",
    "SuppressionList.check": "suppression check",
    "SuppressionList.check_many": "suppression check",
    "SuppressionList.export": "suppression export",
    "SuppressionList.filter": "suppression check",
    "SuppressionList.history": "suppression history",
    "SuppressionList.import_": "suppression import",
    "SuppressionList.list": "suppression list",
    "SuppressionList.mirrored": "suppression sync",
    "SuppressionList.reactivate": "suppression reactivate",
    "SuppressionList.rebuild": "suppression rebuild",
    "SuppressionList.record": "suppression sync",
    "SuppressionList.resubscribe": "suppression resubscribe",
    "SuppressionList.simulate": "suppression simulate",
    "SuppressionList.stream_for": "(for code that is about to send; a policy's file says it to people)",
    "SuppressionList.tenant_for": "(likewise)",
    "SuppressionList.suppress": "suppression add",
    "SuppressionList.unsubscribe": "suppression unsubscribe",
    "DeadLetters.count": "report",
    "DeadLetters.get": "dead-letters show",
    "DeadLetters.list": "dead-letters list",
    "DeadLetters.purge": "dead-letters purge",
    "DeadLetters.retry": "dead-letters retry",
    "Bookmarks.read": "(of `ingest`, which goes on where it was)",
    "Bookmarks.write": "(of `ingest`, which goes on where it was)",
    "Monitor.acknowledge": "monitor acknowledge",
    "Monitor.budget": "monitor budget",
    "Monitor.evaluate": "monitor run",
    "Monitor.history": "monitor history",
    "Monitor.silence": "monitor silence",
    "Monitor.states": "monitor states",
    "Analytics.as_aws_reckons": "analytics aws",
    "Analytics.by": "analytics by",
    "Analytics.cohorts": "analytics cohorts",
    "Analytics.compare": "analytics compare",
    "Analytics.funnel": "analytics funnel",
    "Analytics.recount": "rollup recount",
    "Analytics.report": "report",
    "Analytics.roll_up": "rollup run",
    "Analytics.rollup_lag": "rollup status",
    "Analytics.summary": "analytics summary",
    "Analytics.tally": "(the sums behind `analytics summary`)",
    "Analytics.timeseries": "analytics timeseries",
    "Analytics.top_links": "analytics links",
    "Audit.anchor": "audit anchor",
    "Audit.entries": "audit export",
    "Audit.latest": "audit list",
    "Audit.note_change": "(for code that says at each start how it is set up)",
    "Compliance.hygiene": "compliance hygiene",
    "Compliance.record": "compliance record",
    "Storage.compact": "storage compact",
    "Storage.measure": "storage measure",
    "Storage.report": "storage report",
    "Audit.note": "(for code that does something: what commands do is noted by itself)",
    "Audit.verify": "audit verify",
    "Encrypting.encrypt_existing": "encryption apply",
    "Encrypting.new_data_key": "encryption new-key",
    "Encrypting.rotate": "encryption rotate",
    "Encrypting.shred": "encryption shred",
    "Encrypting.status": "encryption status",
    "Migration.inspect": "migrate",
    "Migration.run": "migrate",
    "Migration.undo": "migrate",
    "Privacy.erase": "privacy erase",
    "Privacy.export": "privacy export",
    "Privacy.readmit": "privacy readmit",
    "Privacy.receipt": "privacy receipts",
    "Privacy.receipts": "privacy receipts",
    "RecipientHistory.decision": "recipient",
    "RecipientHistory.first": "recipient",
    "RecipientHistory.to_list": "recipient",
    "RecipientHistory.totals": "recipient",
}
"""Method → the command that reaches it, or, in brackets, why there is none."""
FACES = (
    sync.EventStore, sync.EventRepository, sync.SuppressionList, sync.DeadLetters, sync.Bookmarks, monitor.Monitor,
    analytics.Analytics, audit.Audit, compliance.Compliance, encryption.Encrypting, histories.RecipientHistory,
    migration.Migration, privacy.Privacy, storage.Storage,
)  # fmt: skip


def test_whatever_the_store_can_do_a_person_can_ask_for() -> None:
    """A method that is added to the store is added here, with its command or the reason why there is none."""
    methods = {
        f"{face.__name__}.{name}"
        for face in FACES
        for name, member in inspect.getmembers(face)
        if not name.startswith("_") and callable(member)
    }
    assert methods == REACHED.keys()
    assert {told for told in REACHED.values() if told[0] not in "(-"} <= COMMANDS.keys()
