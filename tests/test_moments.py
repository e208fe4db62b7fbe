"""Timestamps as AWS, and Mongoose applications, write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent import moments
from sesevent.moments import UTC, format_moment, read_moment

SPELLINGS = [
    ("2017-08-05T00:41:02.669Z", "2017-08-05T00:41:02.669Z"),
    ("2017-08-05T00:41:02Z", "2017-08-05T00:41:02.000Z"),
    ("2017-08-05T00:41:02.6Z", "2017-08-05T00:41:02.600Z"),
    ("2017-08-05T00:41:02.669999Z", "2017-08-05T00:41:02.669Z"),
    ("2017-08-05T00:41:02+00:00", "2017-08-05T00:41:02.000Z"),
    ("2012-05-25T14:59:38-07:00", "2012-05-25T21:59:38.000Z"),
    ("2018-10-08T14:05:45 +0000", "2018-10-08T14:05:45.000Z"),
    ("Wed, 7 Oct 2015 12:34:56 -0700", "2015-10-07T19:34:56.000Z"),
    ("Tue Nov 24 2026 10:00:00 GMT+0000 (Coordinated Universal Time)", "2026-11-24T10:00:00.000Z"),
    ("Tue Nov 24 2026 10:00:00 GMT+0100 (Central European Standard Time)", "2026-11-24T09:00:00.000Z"),
    ("2026-11-24 10:00 UTC-3", "2026-11-24T13:00:00.000Z"),
    ("1523456789123", "2018-04-11T14:26:29.123Z"),
    (1523456789123, "2018-04-11T14:26:29.123Z"),
    (datetime(2017, 8, 5, 0, 41, 2, 669000), "2017-08-05T00:41:02.669Z"),  # noqa: DTZ001  # as the driver gives them
]
NOT_ONE = [
    "", "nope", "12:30", "2026-11-24 10:00 CET", "2017-13-05T00:41:02.669Z", "2017-08-05T25:00:00Z", "٢٠١٧-08-05T00:41:02Z",
    "Sun 05/11/2023", "05/11/2023", "Sun 05.11.2023 10:00", "Sun 5-11-2023", "May 2024", "Mon 2024", "Nov 24 10:00 2024 or Fri", "MON0001", "9999-12-31T23:59:59-07:00", "0001-01-01T00:00:00+14:00", "2017" * 40, 10**30, float("nan"), True, None, [], {},
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), SPELLINGS)
def test_every_spelling_is_read_as_the_same_moment(written: object, meant: str) -> None:
    """What AWS documents, what its examples hold, what SQS and JavaScript write."""
    assert meant == format_moment(read_moment(written))


@pytest.mark.parametrize("value", NOT_ONE)
def test_what_is_no_timestamp_is_refused_without_being_quoted(value: object) -> None:
    """A ValueError that says so, never another exception, never the text."""
    with pytest.raises(ValueError, match=r"^is not a timestamp$"):
        read_moment(value)


@given(st.datetimes(timezones=st.just(UTC)))
def test_written_moments_sort_as_times_and_read_back(moment: datetime) -> None:
    """The form is a fixed width; milliseconds are kept, what is finer is cut."""
    written = format_moment(moment)

    assert len(written) == 24
    assert moment.replace(microsecond=moment.microsecond // 1000 * 1000) == read_moment(written)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_strings_sort_as_times(one: datetime, other: datetime) -> None:
    """So an index on the string serves questions about time."""
    if one <= other:
        assert format_moment(one) <= format_moment(other)


@given(st.text())
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    """Nothing but ValueError comes out, whatever goes in."""
    try:
        assert read_moment(text).tzinfo is not None
    except ValueError as error:
        assert str(error) == "is not a timestamp"


def test_an_offset_is_turned_into_utc() -> None:
    """Whoever formats gets UTC, whatever zone the moment came in."""
    assert format_moment(datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2020-01-01T00:00:00.000Z"


@given(st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1)), st.sampled_from(  # noqa: DTZ001  # its bounds are naive
    ["{:%Y-%m-%dT%H:%M:%S}.{ms:03}Z", "{:%Y-%m-%d %H:%M:%S}.{ms:03}Z", "{:%G-W%V-%u}T{:%H:%M:%S}.{ms:03}Z",
     "{:%Y-%m-%dT%H:%M:%S},{ms:03}Z", "{:%Y-%m-%dT%H:%M:%S}Z", "{:%Y-%m-%dT%H:%M:%S}.{ms:03}000Z",
     "{:%Y-%m-%dT%H:%M:%S}.{ms:03}+02:00"],
))  # fmt: skip
def test_what_stands_as_we_write_it_is_taken_as_it_is(moment: datetime, form: str) -> None:
    """And nothing else: whatever the text, what is written is what would be formatted."""
    text = form.format(moment, moment, ms=moment.microsecond // 1000)
    try:
        read = read_moment(text)
    except ValueError:
        return
    assert moments.written(read, text) == format_moment(read)


def test_midnight_that_is_told_as_the_end_of_a_day_is_written_as_the_beginning_of_the_next() -> None:
    """Newer Pythons read 24:00; taken as it stands it would sort before the day's other events."""
    assert moments.written(datetime(2024, 5, 2, tzinfo=UTC), "2024-05-01T24:00:00.000Z") == "2024-05-02T00:00:00.000Z"
