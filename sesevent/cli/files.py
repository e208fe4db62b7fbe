"""Files of payloads: ``parse`` shows what they say. Next: :mod:`sesevent.cli.ingest`, which stores it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from sesevent.cli.output import event_row, note, print_json
from sesevent.errors import PayloadError, Problem
from sesevent.plans.parse import read_message
from sesevent.sns.message import UnverifiedMessage
from sesevent.sns.pieces import Piece, pieces, unpacked
from sesevent.sns.unwrap import unwrap

Files = Annotated[list[str], typer.Argument(metavar="FILES…", help="Files of payloads; - is standard input.")]


def parse(files: Files) -> None:
    """Show the events in files as JSON lines; needs no database.

    Takes SNS notifications, SES events, lists of them, JSON lines, one document behind the other.
    """
    wrong = sum(_parse_file(name) for name in files)
    raise typer.Exit(1 if wrong else 0)


def _parse_file(name: str) -> int:
    """Print a file's events; returns how many problems it had."""
    unread: list[str] = []
    wrong = 0
    for piece in pieces_of(name, unread):
        for message in unwrap(piece.text):
            problems = _show(message)
            wrong += len(problems)
            for problem in problems:
                report(name, problem._replace(path=piece.path + problem.path[1:]), piece.before)
            if message.kind in ("control", "foreign"):
                skipped = f"skipped: a {message.kind} message holds no event"
                report(name, Problem(piece.path + message.place.path[1:], skipped, message.place.line), piece.before)
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


def pieces_of(name: str, unread: list[str]) -> Iterator[Piece]:
    """The pieces of a file. One that cannot be read, or not to its end, is noted, and told in *unread*."""
    try:
        with open(name, "rb") if name != "-" else sys.stdin.buffer as file:
            yield from pieces(unpacked(file))
    except OSError as error:
        unread.append(name)
        note(f"{name}: cannot be read: {error.strerror or type(error).__name__}")
    except PayloadError as error:  # gzip is harmed
        unread.append(name)
        report(name, error.problems[0], 0)


def report(name: str, problem: Problem, before: int) -> None:
    """Tell of a problem in a piece of a file."""
    line = before + (problem.line or 1)
    note(f"{name}:{line}: {problem.path}: {problem.message}")
