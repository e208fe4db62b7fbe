"""Alarms: ``sesevent monitor …``."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import clean, for_people, note, print_json, print_rows
from sesevent.cli.signals import ended_by_signals
from sesevent.errors import SesEventError
from sesevent.moments import UTC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sesevent.faces.monitor import Evaluation, Monitor, Notifier
    from sesevent.monitoring.alarms import Alarm, AlarmEntry
    from sesevent.monitoring.rules import Rule

__all__ = ["app"]

app = typer.Typer(help="Be warned before AWS acts: bounces, complaints, delays, silence.", no_args_is_help=True)

EXIT = {"warn": 4, "critical": 5}
"""Exit codes of one evaluation, by the worst state."""

RulesFile = Annotated[
    Path | None, typer.Option("--rules", help="TOML file with rules; the defaults, if none.", show_default=False)
]
AlarmId = Annotated[str, typer.Argument(metavar="ALARM", help="As «sesevent monitor states» names it.")]
Why = Annotated[str, typer.Option(help="Why so.")]


@app.command("run")
def run(
    every: Annotated[str, typer.Option(help="How often: 30s, 5m.")] = "60s",
    once: Annotated[bool, typer.Option("--once", help="Evaluate once, and end.")] = False,
    notify: Annotated[
        list[str] | None,
        typer.Option(help="Apprise URL of a service to tell; may be repeated.", envvar="SESEVENT_NOTIFY"),
    ] = None,
    rules: RulesFile = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Evaluate alarms until told to stop, and tell services of what changes; a line for each change.

    Any number may run at once, with the same services: each change is told by one of them. Without --notify
    nobody is told, and nothing is taken from those who tell. SIGTERM and Ctrl-C end it after what is in hand, with exit
    code 0. While MongoDB is away it goes on trying, and the services are told of that too.

    Exit codes with --once: 0 all is well, 1 a service could not be told, 4 something warns, 5 something is critical;
    where several hold, the largest.
    """
    seconds, chosen = options.seconds(every), _rules(rules)
    notifiers = [_notifier(url) for url in notify or ()]
    with options.opened_store(uri, database, collection, timeout) as store:
        if once:
            done = store.monitor.evaluate(chosen, notify=notifiers)
            _report(done, json)
            raise typer.Exit(max(EXIT.get(done.worst, 0), 1 if done.failures else 0))
        ended = threading.Event()
        if for_people(json):
            note(f"{len(chosen)} rules, every {seconds:g} s; Ctrl-C ends it")
        with ended_by_signals(ended.set):
            _run(store.monitor, chosen, notifiers, seconds, ended, json)


@app.command("states")
def states(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Every alarm, as it was evaluated last."""
    with options.opened_store(uri, database, collection, timeout) as store:
        rows = [_alarm_row(alarm) for alarm in store.monitor.states()]
    print_rows(rows, as_json=json)


@app.command("history")
def history(
    alarm: Annotated[str | None, typer.Argument(metavar="[ALARM]", help="Only of this one.")] = None,
    since: Annotated[str | None, typer.Option(help="A date, or how long ago: 2h, 7d.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the last first.")] = 50,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """What became of alarms, and whether people were told."""
    with options.opened_store(uri, database, collection, timeout) as store:
        found = store.monitor.history(alarm, since=options.moment(since), limit=limit)
    print_rows([_entry_row(entry) for entry in found], as_json=json)


@app.command("budget")
def budget(
    rules: RulesFile = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """How far AWS's review lines are, and when they are reached if it goes on so."""
    from sesevent.monitoring.texts import amount, span

    with options.opened_store(uri, database, collection, timeout) as store:
        found = store.monitor.budget(_rules(rules))
    rows = [
        {
            "rule": one.rule,
            "line": amount(one.line, "share"),
            "rate": None if one.standing.rate is None else amount(one.standing.rate, "share"),
            "of": one.standing.denominator,
            "now": None if one.present.rate is None else amount(one.present.rate, "share"),
            "left": one.left,
            "reached_in": None if one.reached_in is None else span(one.reached_in),
        }
        for one in found
    ]
    print_rows(rows, as_json=json)


@app.command("acknowledge")
def acknowledge(
    alarm: AlarmId,
    why: Why,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Say that an alarm is known: until its state changes nobody is reminded."""
    with options.opened_store(uri, database, collection, timeout) as store:
        kept = store.monitor.acknowledge(alarm, by=options.author(by), why=why)
    print_rows([_alarm_row(kept)], as_json=json)


@app.command("silence")
def silence(
    alarm: AlarmId,
    why: Why,
    until: Annotated[str, typer.Option(help="A date, or in how long: 2h, 1d.")],
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Have nobody told of an alarm for a while; what still holds then is told then."""
    moment = options.moment_ahead(until)
    assert moment is not None  # noqa: S101  # there is a text
    with options.opened_store(uri, database, collection, timeout) as store:
        kept = store.monitor.silence(alarm, until=moment, by=options.author(by), why=why)
    print_rows([_alarm_row(kept)], as_json=json)


@app.command("unsilence")
def unsilence(
    alarm: AlarmId,
    why: Why,
    by: options.By = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """End an alarm's silence before its time; what holds is told at the next evaluation."""
    with options.opened_store(uri, database, collection, timeout) as store:
        kept = store.monitor.silence(alarm, until=datetime.now(UTC), by=options.author(by), why=why)
    print_rows([_alarm_row(kept)], as_json=json)


def _run(
    monitor: Monitor,
    rules: Sequence[Rule],
    notifiers: Sequence[Notifier],
    seconds: float,
    ended: threading.Event,
    json: bool,
) -> None:
    """Evaluate again and again; what passes by itself is waited for."""
    outage = _Outage(notifiers)
    while not ended.is_set():
        began = time.monotonic()
        try:
            _report(monitor.evaluate(rules, notify=notifiers), json)
        except SesEventError as error:
            if not error.retryable:
                raise
            outage.failed(error)
        else:
            outage.passed()
        ended.wait(max(0.0, seconds - (time.monotonic() - began)))


class _Outage:
    """Tells of it when alarms cannot be evaluated: then no other alarm can go off, and that must not look like peace.

    Of this process alone: what several agree on is kept in the database that is away.
    """

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = notifiers
        self._failures = 0

    def failed(self, error: SesEventError) -> None:
        """Once more; the third time in a row people are told."""
        self._failures += 1
        note(f"not evaluated: {type(error).__name__}")
        if self._failures == _PATIENCE:
            self._tell("critical", "ok")

    def passed(self) -> None:
        """It works."""
        if self._failures >= _PATIENCE:
            self._tell("ok", "critical")
        self._failures = 0

    def _tell(self, state: Any, before: Any) -> None:
        from sesevent.monitoring.alarms import AlarmEntry
        from sesevent.monitoring.figures import Scope

        now = datetime.now(UTC)
        hint = "MongoDB does not answer the monitor: no other alarm can go off until it does." if state != "ok" else ""
        entry = AlarmEntry(
            f"monitor@{now:%Y%m%dT%H%M%S}", "monitor", "monitor", Scope(), now, "changed", before, state, hint=hint
        )
        for notifier in self._notifiers:
            try:
                notifier(entry)
            except Exception as error:  # noqa: BLE001, PERF203  # whatever it is, the others are told
                note(f"a notifier could not tell: {type(error).__name__}")


_PATIENCE = 3  # evaluations in a row that fail


def _report(done: Evaluation, json: bool) -> None:
    """What this process was the first to see, and who could not be told of something."""
    from sesevent.monitoring.texts import text_of, title_of

    for entry in done.entries:
        if for_people(json):
            told = f"{clean(entry.at)}  {title_of(entry)}"
            print(f"{told}\n{text_of(entry)}\n" if entry.tell else told, flush=True)
        else:
            print_json(_entry_row(entry) | {"title": title_of(entry), "text": text_of(entry)}, flush=True)
    for failure in done.failures:
        note(f"{failure.notifier} could not tell {failure.entry}: {type(failure.error).__name__}")


def _alarm_row(alarm: Alarm) -> dict[str, Any]:
    reading = alarm.reading
    return {
        "alarm": alarm.id,
        "scope": str(alarm.scope),
        "state": alarm.state,
        "since": alarm.since,
        "value": None if reading is None else reading.value,
        "count": None if reading is None else reading.count,
        "volume": None if reading is None else reading.volume,
        "evaluated": alarm.at,
        "acknowledged": None if alarm.acknowledged is None else alarm.acknowledged.by,
        "silenced_until": None if alarm.silenced is None else alarm.silenced.until,
    }


def _entry_row(entry: AlarmEntry) -> dict[str, Any]:
    reading = entry.reading
    return {
        "at": entry.at,
        "alarm": entry.alarm,
        "what": entry.what,
        "before": entry.before,
        "state": entry.state,
        "value": None if reading is None else reading.value,
        "line": entry.line,
        "notified": entry.notified,
        "by": entry.by or None,
        "why": entry.why or None,
    }


def _rules(file: Path | None) -> Sequence[Rule]:
    from sesevent.monitoring.rules import DEFAULT_RULES, load_rules

    return DEFAULT_RULES if file is None else load_rules(file)


def _notifier(url: str) -> Callable[[AlarmEntry], object]:
    from sesevent.contrib.apprise import AppriseNotifier

    return AppriseNotifier(url)
