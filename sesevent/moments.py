"""The only reader and writer of timestamps. Everything it returns is aware and in UTC.

SES writes ``2017-08-05T00:41:02.669Z`` nearly always, but its documentation and real traffic
also hold numeric offsets, missing or six-digit fractions, a space for the ``T``, and (from SQS
and Firehose) epoch milliseconds. It knows nothing of events, and it never reads the clock.
Next: :mod:`sesevent.sns`, which is handed what AWS sent.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta, timezone

from dateutil import parser as dateutil_parser

__all__ = ["UTC", "format_moment", "read_moment", "read_span", "written"]

UTC = timezone.utc

if sys.version_info >= (3, 11):
    _from_iso = datetime.fromisoformat
else:

    def _from_iso(text: str) -> datetime:
        return datetime.fromisoformat(text[:-1] + "+00:00")  # Python 3.10 takes no Z


_EPOCH_MILLISECONDS = re.compile(r"[0-9]{12,14}")
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ZONE_NAME = re.compile(r" \([^()]*\)$")  # JavaScript's Date.toString() ends with one
# «GMT+0100» is an hour ahead of Greenwich; dateutil reads it the POSIX way, an hour behind.
_BEFORE_OFFSET = re.compile(r"(?:GMT|UTC)(?=[+-][0-9])")
# A date is required, and a whole one: dateutil fills gaps («May 2024», «Mon 2024») from another day, by
# default today's, so what it reads must not depend on which day that is.
_FILLERS = (datetime(2000, 1, 1), datetime(2001, 2, 2))  # noqa: DTZ001  # what has no zone is UTC
# «Sun 05/11/2023» is in November or in May, by who wrote it.
_DAY_OR_MONTH = re.compile(r"(?<![0-9])[0-9]{1,2}[/.\-][0-9]{1,2}[/.\-][0-9]{4}(?![0-9])")
_HAS_A_DATE = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}|[A-Za-z]{3}.*[0-9]{4}|[0-9]{4}/[0-9]{2}/[0-9]{2}")


def read_moment(value: object) -> datetime:
    """Read a timestamp as AWS or a Mongoose application writes it.

    Takes an ISO 8601 or RFC 5322 date as text, epoch milliseconds (text or number), or a
    datetime (naive ones are UTC, as the MongoDB driver gives them). Raises ValueError for
    everything else, without quoting the value.
    """
    if type(value) is str and value[-1:] == "Z":  # the form SES documents; all others take the slow road
        try:
            return _from_iso(value)
        except ValueError:
            return _read_odd_text(value)
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_milliseconds(value)
    if isinstance(value, str):
        return _read_odd_text(value)
    raise ValueError("is not a timestamp")


def read_span(text: str) -> timedelta | None:
    """Read a span as people type it: ``90s``, ``15m``, ``2h``, ``7d``, ``4w``; None where it is none.

    Raises OverflowError for more time than there is.
    """
    found = _SPAN.fullmatch(text)
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})


def format_moment(moment: datetime) -> str:
    """Write a moment as SES does, ``YYYY-MM-DDTHH:MM:SS.mmmZ``: such strings sort as times.

    Microseconds are cut, not rounded, so that no event moves into the next second.
    """
    if moment.tzinfo is not UTC:
        moment = _in_utc(moment)
    # A hand-made format: strftime("%Y") does not pad years before 1000 on every platform.
    return moment.isoformat("T", "milliseconds")[:23] + "Z"


def written(moment: datetime, text: object) -> str:
    """*moment* as `format_moment` writes it: that is *text*, from which it was read, where SES wrote it so."""
    if type(text) is str and len(text) == 24 and text[4:20:3] == "--T::." and text[23] == "Z" and text[11:13] != "24":
        return text
    return format_moment(moment)


def _read_odd_text(text: str) -> datetime:
    text = _BEFORE_OFFSET.sub("", _ZONE_NAME.sub("", text.strip()))
    if _EPOCH_MILLISECONDS.fullmatch(text):
        return _from_milliseconds(int(text))
    if len(text) > 48 or not _HAS_A_DATE.search(text) or _DAY_OR_MONTH.search(text):
        raise ValueError("is not a timestamp")
    try:
        read, again = [dateutil_parser.parse(text, default=filler, tzinfos=_zone) for filler in _FILLERS]
        if read != again:
            raise ValueError("is not a whole date")
        return _in_utc(read)
    except (ValueError, OverflowError, TypeError):  # dateutil raises all three on hostile text
        raise ValueError("is not a timestamp") from None


def _zone(name: str | None, offset: int | None) -> timezone | None:
    """The zone of a text, from its offset alone: what a zone's name means depends on who is asked."""
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name is None:
        return None  # no zone at all: UTC
    raise ValueError("names a time zone")


def _from_milliseconds(value: float) -> datetime:
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("is not a timestamp") from None


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is not a timestamp") from None
