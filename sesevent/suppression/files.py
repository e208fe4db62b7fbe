"""Suppression lists as files: read from what other systems write, and written for people, programs and Amazon SES.

A line is understood or reported, with its number and never with what stands in it, and no line
keeps another out. It knows no database: what is read are acts to be written down, what is written
are decisions. Nothing is held but the line at hand; a path is opened here because both faces need that.
Next: :mod:`sesevent.plans.lists`.
"""

from __future__ import annotations

import csv
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Union

from sesevent import addresses, csvtext, jsontext
from sesevent.errors import ConfigurationError, Problem
from sesevent.moments import format_moment, read_moment
from sesevent.suppression.decision import Decision
from sesevent.suppression.facts import Act

__all__ = [
    "READ_FORMATS",
    "WRITE_FORMATS",
    "Exported",
    "Row",
    "Source",
    "Target",
    "exporting",
    "opened",
    "read",
    "writing",
]

Source = Union[str, "PathLike[str]", Iterable[Union[str, bytes]]]
"""A path, an open file of text or bytes, or lines."""
Target = Union[str, "PathLike[str]", IO[str], IO[bytes]]
"""A path, or an open file of text or bytes."""

READ_FORMATS: Final = ("csv", "jsonl", "ses", "plain")
WRITE_FORMATS: Final = ("csv", "jsonl", "ses")


class Row(NamedTuple):
    """One address of a list, and what the list says about it."""

    address: str
    act: Act
    dated: bool
    """Whether the row itself says since when; else the act's time is that of the import."""


# ── Reading ──────────────────────────────────────────────────────────────────────────────────

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "address": ("address", "email", "emailaddress", "mail", "recipient", "subscriber", "user"),
    "stream": ("stream",),
    "reason": ("reason", "cause", "status", "type"),
    "note": ("note", "notes", "comment", "why", "description"),
    "until": ("until", "expires", "expiry", "expiresat", "expiration"),
    "at": ("at", "since", "date", "created", "createdat", "addedat", "lastupdatetime", "timestamp", "time"),
    "by": ("by", "addedby"),
    "tenant": ("tenant", "tenantname"),
    "allowed": ("allowed",),
}
"""What we need, and the names that columns and keys for it go by, in lower-case letters only. The first found goes."""

_LONGEST_LINE: Final = 65536  # no line of a list is; more would not fit into a document either
_ROW_LINES: Final = 20  # a quoted cell that is not closed by then was never meant to be one
_DELIMITERS: Final = ",;\t"
_SEPARATOR_HINT: Final = re.compile(r"\s*sep=([,;\t])\s*", re.IGNORECASE)  # Excel writes and obeys it
_SECONDS: Final = re.compile(r"[0-9]{9,10}")  # since 1970, as other mailers export them
_FIRST_SECOND: Final = 10**8  # of 1973…
_LAST_SECOND: Final = 10**11  # …and of the year 5138; as milliseconds they begin there
_AHEAD: Final = timedelta(days=1)  # other clocks and time zones


class _Line(NamedTuple):
    number: int
    text: str


_Fields = tuple[int, dict[str, Any]]  # of the row that begins on this line


def read(lines: Iterable[str | bytes], like: Act, format: str | None = None) -> Iterator[Row | Problem]:  # noqa: A002  # the word for it
    """What a list says, row by row, or what is wrong with a line.

    The format shows in the first line unless it is named. Where a row is silent it says what *like* says.
    """
    if format is not None and format not in READ_FORMATS:
        raise ConfigurationError(f"There is no format {format!r}; there are {', '.join(READ_FORMATS)}.")
    source = _texts(lines)
    for first in source:
        if isinstance(first, _Line):
            break
        yield first
    else:
        return
    for told in _fields(first, source, format):
        yield told if isinstance(told, Problem) else _row(*told, like)


def _texts(lines: Iterable[str | bytes]) -> Iterator[_Line | Problem]:
    """Lines that are text and not empty."""
    for number, line in enumerate(lines, 1):
        if number == 1 and isinstance(line, bytes) and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            yield Problem("$", "the file is UTF-16; save it as UTF-8", 1)
            return
        try:
            text = _text(line)
        except ValueError as error:
            yield Problem("$", str(error), number)
            continue
        if text.strip():
            yield _Line(number, text)


def _text(line: str | bytes) -> str:
    if len(line) > _LONGEST_LINE:
        raise ValueError("is longer than any line of a list")
    text = jsontext.as_text(line).removeprefix("\ufeff").rstrip("\r\n")
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that somebody smuggled into text
        raise ValueError("is not UTF-8") from None
    return text


def _fields(first: _Line, rest: Iterator[_Line | Problem], named: str | None) -> Iterator[_Fields | Problem]:
    """The fields of each row under our own names, in whichever format."""
    hint = _SEPARATOR_HINT.fullmatch(first.text)
    if hint is not None:
        return _cells(rest, hint[1], headed=True)
    text = first.text.lstrip()
    lines = chain([first], rest)
    delimiter = max(_DELIMITERS, key=text.count)
    if named == "jsonl" or (named in (None, "ses") and text[:1] in "{["):
        return _objects(lines)
    if named == "plain" or (named is None and delimiter not in text and not _header([text])):
        return (line if isinstance(line, Problem) else (line.number, {"address": line.text}) for line in lines)
    return _cells(lines, delimiter, headed=named != "ses")


def _objects(lines: Iterator[_Line | Problem]) -> Iterator[_Fields | Problem]:
    for line in lines:
        yield line if isinstance(line, Problem) else _object(line)


def _object(line: _Line) -> _Fields | Problem:
    try:
        found = jsontext.decode(line.text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return Problem("$", "is not a JSON object on a line of its own", line.number)
    return line.number, _ours(found)


def _cells(lines: Iterator[_Line | Problem], delimiter: str, *, headed: bool) -> Iterator[_Fields | Problem]:
    columns: list[str] | None = None if headed else []
    for record in _records(lines, delimiter):
        if isinstance(record, Problem):
            yield record
            continue
        number, cells = record
        if columns is None:
            columns = _header(cells)
            if columns:
                continue
            if not any("@" in cell for cell in cells):
                yield Problem("$", "holds neither an address nor the name of a column for it, such as address", number)
                return
        yield (
            number,
            _ours(dict(zip(columns, map(csvtext.unescaped, cells), strict=False))) if columns else _unheaded(cells),
        )


def _header(cells: list[str]) -> list[str]:
    """The columns' names, if this is a header with one for the address."""
    return cells if any(_plain_name(cell) in _NAMES["address"] for cell in cells) else []


def _unheaded(cells: list[str]) -> dict[str, Any]:
    """``address,REASON``: what Amazon SES imports (https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html)."""
    told = [csvtext.unescaped(cell) for cell in cells]
    return dict(zip(("address", "reason"), told, strict=False))


def _records(lines: Iterator[_Line | Problem], delimiter: str) -> Iterator[tuple[int, list[str]] | Problem]:
    """Rows of cells. A quoted cell may go on over some lines; one that is never closed spoils its own line only."""
    ahead: deque[_Line | Problem] = deque()
    while True:
        line = ahead.popleft() if ahead else next(lines, None)
        if line is None:
            return
        yield line if isinstance(line, Problem) else _record(line, ahead, lines, delimiter)


def _record(
    line: _Line, ahead: deque[_Line | Problem], lines: Iterator[_Line | Problem], delimiter: str
) -> tuple[int, list[str]] | Problem:
    """One row. What is read beyond it and does not belong to it stays in *ahead*."""
    text, taken = line.text, 0
    while (cells := _parsed(text, delimiter)) is None:
        if taken == len(ahead) and (more := next(lines, None)) is not None:
            ahead.append(more)
        following = ahead[taken] if taken < min(len(ahead), _ROW_LINES) else None
        if not isinstance(following, _Line):
            return Problem("$", "holds a quotation mark that is never closed", line.number)
        text, taken = f"{text}\n{following.text}", taken + 1
    for _ in range(taken):
        ahead.popleft()
    return line.number, cells


def _parsed(text: str, delimiter: str) -> list[str] | None:
    """The cells of a row; None where a quoted cell goes on behind it."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        if text.count('"') % 2:
            return None
        try:
            return next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            return []


def _ours(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields we know, under our own names."""
    found: dict[str, list[Any]] = {}
    for name, value in told.items():
        if value not in (None, ""):
            found.setdefault(_plain_name(name), []).append(value)
    several = {ours: [value for name in names for value in found.get(name, ())] for ours, names in _NAMES.items()}
    fields = {ours: values[0] for ours, values in several.items() if values}
    return fields | ({_SEVERAL: True} if _are_people(several["address"]) else {})


def _are_people(values: list[Any]) -> bool:
    """Whether these are the addresses of more than one."""
    if len(values) < 2:  # as the name says
        return False
    return len({addresses.normal(one) for one in values if isinstance(one, str) and addresses.is_one(one)}) > 1


_SEVERAL: Final = "several"
"""What tells of a row that it names more than one person."""


def _plain_name(name: str) -> str:
    return re.sub("[^a-z]", "", name.casefold())


def _row(number: int, fields: Mapping[str, Any], like: Act) -> Row | Problem:
    try:
        return _understood(fields, like)
    except ValueError as error:
        return Problem("$", str(error), number)


def _understood(fields: Mapping[str, Any], like: Act) -> Row:
    """Raises ValueError with what is wrong, without quoting it."""
    if _SEVERAL in fields:
        raise ValueError("names several addresses: give each a row of its own")
    if str(fields.get("allowed", "")).lower() == "true":
        raise ValueError("says that the address may be mailed")
    at = _moment(fields, "at")
    if at is not None and at > like.at + _AHEAD:
        raise ValueError("has a date that is still to come")
    note = ": ".join([text for name in ("reason", "note") if (text := _told(fields, name))])
    act = like._replace(
        act=_OWN_WORD.get(_told(fields, "reason").casefold(), like.act),
        at=at or like.at,
        stream=_told(fields, "stream") or like.stream,
        by=_told(fields, "by") or like.by,
        note=note or like.note,
        until=_moment(fields, "until") or like.until,
        tenant=_told(fields, "tenant") or like.tenant,
    )
    return Row(_address(fields.get("address")), act, at is not None)


_OWN_WORD: Final = {
    "complaint": "complaint", "complained": "complaint", "spam": "complaint", "spamcomplaint": "complaint",
    "unsubscribed": "unsubscribe", "unsubscribe": "unsubscribe", "optout": "unsubscribe",
}  # fmt: skip
"""Reasons that are the person's own word: such a row needs an override to be undone, as here."""


def _told(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _moment(fields: Mapping[str, Any], name: str) -> datetime | None:
    value = fields.get(name)
    if value in (None, 0) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, (int, float)):
            return read_moment(_milliseconds(value))
        return read_moment(int(value) * 1000 if _SECONDS.fullmatch(value.strip()) else value)
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"has a date that cannot be read ({'until' if name == 'until' else 'since'} when)") from None


def _milliseconds(value: float) -> float:
    """Of a number that is either seconds or milliseconds since 1970. Raises ValueError for what is neither: a date that
    is written as a number, such as 20301105, would be one of 1970.
    """
    if not _FIRST_SECOND <= value < 1000 * _LAST_SECOND:
        raise ValueError("is not a timestamp")
    return value * 1000 if value < _LAST_SECOND else value


def _address(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if text[:1] == text[-1:] == '"':  # a plain list whose lines are quoted
        text = text[1:-1]
    if not addresses.is_one(text):
        raise ValueError("holds no e-mail address where one is expected")
    return addresses.bare(text)


# ── Writing ──────────────────────────────────────────────────────────────────────────────────

_COLUMNS: Final = ("address", "stream", "reason", "rule", "since", "until", "tenant", "sentence")
_SES_REASONS: Final = {"hard_bounce": "BOUNCE", "complaint": "COMPLAINT"}
"""The two reasons Amazon SES knows."""


class Exported(NamedTuple):
    """What became of an export."""

    written: int
    skipped: int = 0
    """Decisions that the format has no words for: SES's knows bounces and complaints only."""


@contextmanager
def exporting(
    target: Target,
    format: str,  # noqa: A002
    on_progress: Callable[[int], object] | None,
) -> Iterator[_Export]:
    """What decisions are added to, to be written to *target* one by one. A path is replaced when all is written."""
    if format not in WRITE_FORMATS:
        raise ConfigurationError(f"There is no format {format!r}; there are {', '.join(WRITE_FORMATS)}.")
    with writing(target) as write:
        if format == "csv":
            write(csvtext.line(_COLUMNS))
        yield _Export(write, _LINES[format], on_progress)


class _Export:
    def __init__(
        self,
        write: Callable[[str], object],
        line: Callable[[Decision], str],
        on_progress: Callable[[int], object] | None,
    ) -> None:
        self._write, self._line, self._on_progress = write, line, on_progress
        self.done = Exported(0)

    def add(self, decision: Decision) -> None:
        """Write one decision, or count it as skipped."""
        line = self._line(decision)
        written, skipped = self.done
        self.done = Exported(written + 1, skipped) if line else Exported(written, skipped + 1)
        self._write(line)
        if self._on_progress is not None and not sum(self.done) % 500:
            self._on_progress(sum(self.done))


def _as_csv(decision: Decision) -> str:
    cells = [getattr(decision, "holds_on" if name == "stream" else name) for name in _COLUMNS]
    return csvtext.line([csvtext.escaped(_cell(cell)) for cell in cells])


def _as_json(decision: Decision) -> str:
    names = [told.name for told in fields(decision) if told.name not in ("failed", "holds_on")]
    told = {name: getattr(decision, name) for name in names}
    told |= {"stream": decision.holds_on, "sentence": decision.sentence}
    plain = {name: format_moment(value) if isinstance(value, datetime) else value for name, value in told.items()}
    return jsontext.encode(plain) + "\n"


def _as_ses(decision: Decision) -> str:
    """No apostrophe before a formula here: SES would take it for a part of the address."""
    reason = _SES_REASONS.get(decision.reason or "")
    return csvtext.line([decision.address, reason]) if reason else ""


_LINES: Final[dict[str, Callable[[Decision], str]]] = {"csv": _as_csv, "jsonl": _as_json, "ses": _as_ses}


def _cell(value: object) -> str:
    text = format_moment(value) if isinstance(value, datetime) else str(value or "")
    # A row is a line, also for tools that know no quotes; and no CSV of Python 3.10 holds a NUL.
    return re.sub(r"[\r\n\x00]+", " ", text)


# ── Files ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def opened(source: Source) -> Iterator[Iterable[str | bytes]]:
    """The lines of *source*; closed again if it was opened here."""
    if not isinstance(source, (str, PathLike)):
        yield source
        return
    with _reported(), open(source, "rb") as lines:
        yield lines


@contextmanager
def writing(target: Target) -> Iterator[Callable[[str], object]]:
    """A function that writes text to *target*, which is never seen half written where it is a file by path."""
    if not isinstance(target, (str, PathLike)):
        yield _writer(target)
        return
    path = Path(target)
    whole = path.exists() and not path.is_file()  # a pipe or a device takes what comes
    partial = path if whole else path.with_name(f"{path.name}.{os.getpid()}.part")
    with _reported():
        try:
            with open(partial, "w", encoding="utf-8", newline="") as file:
                yield file.write
            if not whole:
                partial.replace(path)
        finally:
            if not whole:
                partial.unlink(missing_ok=True)


def _writer(target: Any) -> Callable[[str], object]:
    if hasattr(target, "encoding"):  # every file of text has it, also those that wrap another
        return target.write  # type: ignore[no-any-return]
    return lambda text: target.write(text.encode())


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        told = error.strerror or type(error).__name__
        raise ConfigurationError(f"The list's file cannot be used: {told}.") from error
