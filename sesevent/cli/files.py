"""Files of payloads: ``parse`` shows what they say, ``ingest`` stores it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from sesevent.cli import options
from sesevent.cli.output import event_row, for_people, note, print_json, progress
from sesevent.errors import PayloadError, Problem
from sesevent.plans.parse import read_message
from sesevent.sns.message import UnverifiedMessage
from sesevent.sns.pieces import Piece, pieces
from sesevent.sns.trust import VerifiedMessage, trusted
from sesevent.sns.unwrap import unwrap

Files = Annotated[list[str], typer.Argument(metavar="FILES…", help="Files of payloads; - is standard input.")]


def parse(files: Files) -> None:
    """Show the events in files as JSON lines; needs no database.

    Takes SNS notifications, SES events, lists of them, JSON lines, one document behind the other.
    """
    wrong = sum(_parse_file(name) for name in files)
    raise typer.Exit(1 if wrong else 0)


def ingest(
    files: Files,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Store the events in files; what is stored already stays as it is."""
    unread: list[str] = []
    places: list[tuple[int, str, int]] = []
    with options.opened_store(uri, database, collection, timeout) as store, progress("stored") as told:
        items = _all_pieces(files, unread, places)
        summary = store.receive_many(items, on_progress=lambda so_far: told(so_far.events), dead_letters=False)
    for problem in summary.problems:
        _report(*_placed(problem, places))
    if summary.failed > len(summary.problems):
        note(f"… and more: {summary.failed} things could not be read")
    counts = {
        "events": summary.events, "fresh": summary.fresh, "duplicates": summary.duplicates,
        "skipped": summary.skipped, "failed": summary.failed + len(unread),
    }  # fmt: skip
    if for_people(json):
        print(", ".join(f"{name} {count:,}" for name, count in counts.items()))
    else:
        print_json(counts)
    raise typer.Exit(1 if counts["failed"] else 0)


def _parse_file(name: str) -> int:
    """Print a file's events; returns how many problems it had."""
    unread: list[str] = []
    wrong = 0
    for piece in _pieces(name, unread):
        for message in unwrap(piece.text):
            problems = _show(message)
            wrong += len(problems)
            for problem in problems:
                _report(name, problem, piece.before)
            if message.kind in ("control", "foreign"):
                skipped = f"skipped: a {message.kind} message holds no event"
                _report(name, Problem(message.place.path, skipped, message.place.line), piece.before)
    return wrong + len(unread)


def _show(message: UnverifiedMessage) -> tuple[Problem, ...]:
    """Print the event in a message; returns what is wrong with it."""
    if message.kind != "event":
        return () if message.problem is None else (message.problem,)
    try:
        print_json(event_row(read_message(message)))
    except PayloadError as error:
        return error.problems
    return ()


def _pieces(name: str, unread: list[str]) -> Iterator[Piece]:
    """A file, line by line where its first line is a document by itself; else whole."""
    try:
        with open(name, "rb") if name != "-" else sys.stdin.buffer as lines:
            yield from pieces(lines)
    except OSError as error:
        unread.append(name)
        note(f"{name}: cannot be read: {error.strerror or type(error).__name__}")


def _all_pieces(
    files: Iterable[str], unread: list[str], places: list[tuple[int, str, int]]
) -> Iterator[VerifiedMessage]:
    """Every piece of every file; *places* learns where each file's pieces begin in the sequence.

    Only where lines are skipped is there more than one entry for a file.
    """
    position = 0
    for name in files:
        expected = None
        for piece in _pieces(name, unread):
            if piece.before != expected:
                places.append((position, name, piece.before))
            expected = piece.before + 1
            position += 1
            yield trusted(piece.text, because="the operator named the file")


def _placed(problem: Problem, places: list[tuple[int, str, int]]) -> tuple[str, Problem, int]:
    """The file, the problem with its path inside the piece, and the line before the piece."""
    number, _, path = problem.path[2:].partition("]")
    position = int(number)
    start, name, before = [place for place in places if place[0] <= position][-1]
    return name, problem._replace(path=f"${path}"), before + position - start


def _report(name: str, problem: Problem, before: int) -> None:
    line = before + (problem.line or 1)
    note(f"{name}:{line}: {problem.path}: {problem.message}")
