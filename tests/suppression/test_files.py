"""Suppression lists as files: what is understood, what is reported, what is written. Without a database."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesevent.errors import ConfigurationError, Problem
from sesevent.moments import UTC
from sesevent.suppression.decision import Decision
from sesevent.suppression.facts import Act
from sesevent.suppression.files import Exported, Row, exporting, opened, read

NOW = datetime(2024, 6, 1, tzinfo=UTC)
LIKE = Act(NOW, "", "suppress", "*", "import", "me", "an old list", None)
MAY = datetime(2024, 5, 1, tzinfo=UTC)


def rows(text: str | bytes, form: str | None = None) -> list[Row]:
    found = list(read(text.splitlines(keepends=True), LIKE, form))
    assert [one for one in found if isinstance(one, Problem)] == []
    return [one for one in found if isinstance(one, Row)]


def problems(text: str | bytes, form: str | None = None) -> dict[int | None, str]:
    return {
        one.line: one.message
        for one in read(text.splitlines(keepends=True), LIKE, form)
        if isinstance(one, Problem)
    }  # fmt: skip


def written(decisions: list[Decision], form: str) -> tuple[str, Exported]:
    file = io.StringIO()
    with exporting(file, form, None) as export:
        for decision in decisions:
            export.add(decision)
    return file.getvalue(), export.done


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com\nben@example.com\n",
        '"ann@example.com"\n"ben@example.com"\n',
        "Ann <ann@example.com>\n\n  ben@example.com  \n",
        "ann@example.com,BOUNCE\nben@example.com,COMPLAINT\n",
        "ann@example.com,\nben@example.com,\n",
        "email\nann@example.com\nben@example.com\n",
        "name;E-Mail\nAnn;ann@example.com\nBen;ben@example.com\n",
        "name,EmailAddress\n\"Doe, Ann\",ann@example.com\nBen,ben@example.com\n",
        "name\temail_address\nAnn\tann@example.com\nBen\tben@example.com\n",
        "sep=;\nADDRESS;name\nann@example.com;Ann\nben@example.com;Ben\n",
        '{"emailAddress": "ann@example.com", "reason": "BOUNCE"}\n{"EmailAddress": "ben@example.com"}\n',
        '{"address": "ann@example.com", "allowed": false}\r\n{"email": "ben@example.com", "more": [1]}\r\n',
        "'address,note\n'ann@example.com,x\n'ben@example.com,y\n".replace("'", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_list_in_any_usual_form_is_understood_by_its_content(text: str, mark: bytes) -> None:
    """As bytes or as text, with or without a byte order mark."""
    assert [row.address for row in rows(mark + text.encode())] == ["ann@example.com", "ben@example.com"]
    assert [row.address for row in rows((mark + text.encode()).decode())] == ["ann@example.com", "ben@example.com"]


def test_what_a_row_says_goes_before_what_was_given() -> None:
    """Under any usual name and case; what it does not say is as given."""
    (full, bare) = rows(
        "Email,Stream,Reason,Notes,Expires At,Created,Added By,Tenant\n"
        "a@x.org,marketing,BOUNCE,seen twice,2025-01-01,2024-05-01,crm,t-1\n"
        "b@x.org,,,,,,,\n"
    )

    end = datetime(2025, 1, 1, tzinfo=UTC)
    told = Act(MAY, "", "suppress", "marketing", "import", "crm", "BOUNCE: seen twice", end, "t-1")
    assert full == Row("a@x.org", told, True)
    assert bare == Row("b@x.org", LIKE, False)


def test_what_is_no_text_says_nothing() -> None:
    """JSON may hold a number or a list where words stand in other files."""
    odd = {"address": "a@x.org", "reason": 7, "note": ["x"], "stream": {}, "by": True, "tenant": 1.5}

    assert rows(json.dumps(odd)) == [Row("a@x.org", LIKE, False)]


# What other systems call what we need; the tests of `rows` above name the address.
HEADERS = {
    "stream": ("Stream",),
    "note": ("Reason", "cause", "STATUS", "type", "note", "Notes", "comment", "why", "description"),
    "until": ("until", "Expires", "expiry", "expires_at", "expiration"),
    "at": ("at", "since", "Date", "created", "created_at", "Added At", "LastUpdateTime", "timestamp", "time"),
    "by": ("by", "Added By"),
    "tenant": ("tenant", "TenantName"),
}


@pytest.mark.parametrize(("ours", "theirs"), [(ours, name) for ours, names in HEADERS.items() for name in names])
def test_columns_go_by_the_names_other_systems_give_them(ours: str, theirs: str) -> None:
    """In any case, with or without what stands between words."""
    value = "2024-05-01" if ours in ("at", "until") else "told"
    (row,) = rows(f"email,{theirs}\na@x.org,{value}\n")

    assert getattr(row.act, ours) == (MAY if ours in ("at", "until") else "told")
    assert row.dated == (ours == "at")


@pytest.mark.parametrize(
    "theirs", ["address", "Email", "E-Mail", "emailAddress", "mail", "recipient", "Subscriber", "user"]
)
def test_the_address_goes_by_many_names(theirs: str) -> None:
    """As a column and as a key."""
    assert [row.address for row in rows(f"name,{theirs}\nAnn,a@x.org\n")] == ["a@x.org"]
    assert [row.address for row in rows(json.dumps({theirs: "a@x.org"}))] == ["a@x.org"]


@pytest.mark.parametrize(
    ("reason", "act"),
    [(reason, "complaint") for reason in ("complaint", "Complained", "SPAM", "spamComplaint")]
    + [(reason, "unsubscribe") for reason in ("unsubscribed", "Unsubscribe", "OptOut")]
    + [("BOUNCE", "suppress"), ("", "suppress")],
)
def test_a_persons_own_word_is_taken_as_such(reason: str, act: str) -> None:
    """It needs an override to be undone, here as where it comes from."""
    assert [row.act.act for row in rows(f"email,reason\na@x.org,{reason}\n")] == [act]


def test_of_several_names_for_one_thing_the_first_goes() -> None:
    """In the order in which names are usual, not of the columns; an empty cell says nothing."""
    (one, other) = rows("email address,notes,note,email\nA@x.org,second,first,a@x.org\nc@x.org,second,,\n")

    assert (one.address, one.act.note) == ("a@x.org", "first")
    assert (other.address, other.act.note) == ("c@x.org", "second")


@pytest.mark.parametrize("head", ["Email 1,Email 2", "email,recipient", "E-Mail,e mail"])
def test_whoever_stands_beside_somebody_else_is_not_left_out(head: str) -> None:
    """A row that names two people is told, and neither is taken for the row."""
    told = list(read([f"{head}\n", "a@x.org,b@x.org\n", ",c@x.org\n", "d@x.org,D <D@X.org>\n"], LIKE))

    assert [one.address if isinstance(one, Row) else (one.line, one.message) for one in told] == [
        (2, "names several addresses: give each a row of its own"), "c@x.org", "d@x.org",
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["1893456000", "1893456000.0", "1893456000000", '"1893456000"', '"2030-01-01"'])
def test_an_end_in_numbers_is_in_seconds_or_milliseconds(value: str) -> None:
    """As other systems export it, with a fraction or without."""
    (row,) = rows(f'{{"email": "a@x.org", "until": {value}}}')
    assert row.act.until == datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("value", ["20301105", "12", "-1893456000", "1e300", "1e400", "true", "[]"])
def test_a_number_that_is_no_time_is_told(value: str) -> None:
    """It would be a time of 1970, and over long ago."""
    (problem,) = read([f'{{"email": "a@x.org", "until": {value}}}'], LIKE)
    assert isinstance(problem, Problem)
    assert problem.message.startswith("has a date that cannot be read")


def test_an_end_of_zero_is_none() -> None:
    """As where a column has no blanks."""
    (row,) = rows('{"email": "a@x.org", "until": 0}')
    assert row.act.until is None


def test_a_line_may_be_as_long_as_no_line_is() -> None:
    """And no longer."""
    padded = "a@x.org," + "x" * (65536 - len("a@x.org,") - 1)

    assert len(rows(f"email,note\n{padded}\n")) == 1
    assert problems(f"email,note\n{padded}xx\n")[2] == "is longer than any line of a list"


def test_a_cell_may_go_on_over_some_lines_only() -> None:
    """One that is not closed after twenty was not meant to be one."""
    assert len(rows('email,note\na@x.org,"' + "more\n" * 20 + '"\n')) == 1
    assert "never closed" in problems('email,note\na@x.org,"' + "more\n" * 21 + '"\n')[2]


def test_quotation_marks_in_pairs_are_a_cells_own() -> None:
    """It does not go on in the next line."""
    found = rows('email,note\na@x.org,"big" sale\nb@x.org,a "big" sale\nc@x.org,"6"" pipe"\n')

    assert [row.act.note for row in found] == ["big sale", 'a "big" sale', '6" pipe']


def test_a_day_ahead_may_be_another_time_zone() -> None:
    """More is a mistake."""
    assert len(rows(f"email,date\na@x.org,{(NOW + timedelta(days=1)).isoformat()}\n")) == 1
    assert "still to come" in problems(f"email,date\na@x.org,{(NOW + timedelta(days=1, seconds=1)).isoformat()}\n")[2]


def test_a_problem_with_a_date_says_which() -> None:
    """Both have one."""
    assert "(until when)" in problems("email,until\na@x.org,soon\n")[2]
    assert "(since when)" in problems("email,created\na@x.org,soon\n")[2]


def test_seconds_since_1970_have_nine_or_ten_digits() -> None:
    """More are milliseconds; fewer are no time of a list."""
    assert rows("email,created\na@x.org,999999999\n")[0].act.at == datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)
    assert rows("email,created\na@x.org,1714521600\n")[0].act.at == MAY


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_may_be_told_as_excel_tells_it(separator: str) -> None:
    """And is not taken for a row."""
    assert [row.act.note for row in rows(f"SEP={separator}\nemail{separator}note\na@x.org{separator}x\n")] == ["x"]


@pytest.mark.parametrize("value", ["2024-05-01", "2024-05-01T00:00:00.000Z", "1714521600", "1714521600000"])
def test_dates_are_read_as_mailers_write_them(value: str) -> None:
    """Seconds and milliseconds since 1970 too, as text or as numbers."""
    assert rows(f"email,created\na@x.org,{value}\n")[0].act.at == MAY
    if value.isdigit():
        assert rows(json.dumps({"email": "a@x.org", "created": int(value)}))[0].act.at == MAY


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a@x.org\nnobody\nb@x.org", 2, "no e-mail address"),
        ("a@x.org\na b@x.org\nb@x.org", 2, "no e-mail address"),
        ("a@x.org\n@x.org\nb@x.org", 2, "no e-mail address"),
        ("a@x.org\na@\nb@x.org", 2, "no e-mail address"),
        ("a@x.org\n" + "a" * 320 + "@x.org\nb@x.org", 2, "no e-mail address"),
        ("a@x.org\n" + "a" * 70000 + "\nb@x.org", 2, "longer than any line"),
        ("email,date\na@x.org,\nc@x.org,01/02/2024\nb@x.org,", 3, "date that cannot be read"),
        ("email,date\na@x.org,\nc@x.org,2030-01-01\nb@x.org,", 3, "still to come"),
        ("email,until\na@x.org,\nc@x.org,soon\nb@x.org,", 3, "date that cannot be read"),
        ('email,note\na@x.org,\n"c@x.org,never closed\nb@x.org,', 3, "never closed"),
        ("email,note\na@x.org,\n,empty\nb@x.org,", 3, "no e-mail address"),
        ('{"email": "a@x.org"}\n{oops\n{"email": "b@x.org"}', 2, "not a JSON object"),
        ('{"email": "a@x.org"}\n[1]\n{"email": "b@x.org"}', 2, "not a JSON object"),
        ('{"email": "a@x.org"}\n{"email": 5}\n{"email": "b@x.org"}', 2, "no e-mail address"),
        ('{"email": "a@x.org"}\n{"email": "c@x.org", "allowed": true}\n{"email": "b@x.org"}', 2, "may be mailed"),
        ("email,allowed\na@x.org,False\nc@x.org,True\nb@x.org,", 3, "may be mailed"),
    ],
)
def test_a_bad_line_is_reported_by_number_and_keeps_no_other_out(text: str, line: int, said: str) -> None:
    """And what stands in it is not quoted."""
    found = list(read(text.splitlines(), LIKE))
    (problem,) = [one for one in found if isinstance(one, Problem)]

    assert [one.address for one in found if isinstance(one, Row)] == ["a@x.org", "b@x.org"]
    assert (problem.path, problem.line) == ("$", line)
    assert said in problem.message
    assert "@" not in problem.message


def test_bytes_that_are_no_utf8_spoil_their_own_line() -> None:
    """Also where somebody smuggled them into text."""
    lines = [b"a@x.org\n", b"\xff@x.org\n", b"b@x.org\n"]
    smuggled = [line.decode("utf-8", "surrogateescape") for line in lines]

    for given_lines in (lines, smuggled):
        found = list(read(given_lines, LIKE))
        assert [type(one) for one in found] == [Row, Problem, Row]
        assert "not UTF-8" in found[1].message  # type: ignore[union-attr]


def test_what_no_line_can_be_read_of_is_one_problem() -> None:
    """Not one for each line."""
    assert list(problems("a@x.org\nb@x.org\n".encode("utf-16"))) == [1]
    assert "address" in problems("name,phone\nAnn,1\nBen,2\n")[1]
    assert list(read([], LIKE)) == []


def test_a_cell_may_hold_line_ends() -> None:
    """The row is one all the same, and the numbers stay right."""
    text = 'email,note\na@x.org,"first\nsecond ""line"""\nnobody,\nb@x.org,x\n'
    found = list(read(text.splitlines(keepends=True), LIKE))

    assert [one.act.note for one in found if isinstance(one, Row)] == ['first\nsecond "line"', "x"]
    assert [one.line for one in found if isinstance(one, Problem)] == [4]


def test_the_format_can_be_named() -> None:
    """Where the content would be taken for another; an unknown one is refused."""
    assert [row.address for row in rows("a@x.org\nDoe, Ann <ann@x.org>\n", "plain")] == ["a@x.org", "ann@x.org"]
    assert [row.act.note for row in rows("a@x.org,BOUNCE\n", "ses")] == ["BOUNCE"]
    assert [row.act.note for row in rows('{"emailAddress": "a@x.org", "reason": "COMPLAINT"}', "ses")] == ["COMPLAINT"]
    with pytest.raises(ConfigurationError, match="csv, jsonl, ses, plain"):
        list(read([], LIKE, "xls"))


HOLD = {
    "allowed": False, "reason": "hard_bounce", "rule": "hard-bounce", "since": MAY, "evidence": ("e-1",),
    "policy_version": "default-1",
}  # fmt: skip


def test_csv_is_written_for_people_and_spreadsheets() -> None:
    """A header, one decision on a line, no cell that a spreadsheet would calculate."""
    text, done = written([Decision("=cmd|calc@x.org", **HOLD, holds_on="@home", tenant="+t")], "csv")
    (row,) = csv.DictReader(io.StringIO(text))

    assert done == Exported(1)
    assert (row["address"], row["stream"], row["tenant"]) == ("'=cmd|calc@x.org", "'@home", "'+t")
    assert (row["since"], row["until"], row["rule"]) == ("2024-05-01T00:00:00.000Z", "", "hard-bounce")


def test_json_lines_hold_everything_about_a_decision() -> None:
    """By the names of its fields."""
    text, _ = written([Decision("a@x.org", **HOLD, holds_on="marketing", until=NOW)], "jsonl")

    told = json.loads(text)
    assert told["evidence"] == ["e-1"]
    assert (told["since"], told["until"]) == ("2024-05-01T00:00:00.000Z", "2024-06-01T00:00:00.000Z")
    assert {"address", "allowed", "reason", "rule", "stream", "policy_version", "sentence", "tenant"} <= told.keys()


def test_for_amazon_ses_only_its_two_reasons_are_written() -> None:
    """In its own form: no header, no apostrophes. What it has no word for is counted."""
    reasons = ["hard_bounce", "complaint", "manual", "unsubscribed", "ses_list", None]
    decisions = [Decision(f"+{n}@x.org", **HOLD | {"reason": reason}) for n, reason in enumerate(reasons)]

    assert written(decisions, "ses") == ("+0@x.org,BOUNCE\n+1@x.org,COMPLAINT\n", Exported(2, 4))
    with pytest.raises(ConfigurationError, match="csv, jsonl, ses"):
        written([], "plain")


ADDRESS = st.builds(
    "{}{}@{}.org".format,
    st.sampled_from(["", "=", "+", "-", "＝", "'=", "''+", "'", "=1+1|'"]),
    st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~é-]{1,12}", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
)
CELL = st.one_of(
    st.text(max_size=20), st.sampled_from(["=1+1", "@SUM(A1)", "＋1", "-2", "\t=x", "'=x", "''-", 'a"b', "a,b;c\td"])
)
MOMENT = st.one_of(
    st.none(), st.integers(10**9, 1714521600).map(lambda at: datetime.fromtimestamp(at, UTC)),
)  # fmt: skip
DECISION = st.builds(
    Decision, ADDRESS, st.just(False), st.sampled_from(["hard_bounce", "manual"]), CELL, since=MOMENT, until=MOMENT,
    tenant=CELL, holds_on=st.one_of(CELL, st.just("*")),
)  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@given(decisions=st.lists(DECISION, max_size=5))
def test_what_is_exported_is_imported_again(form: str, decisions: list[Decision]) -> None:
    """Addresses, streams, reasons and dates, whatever the cells hold."""
    text, _ = written(decisions, form)
    found = rows(text.encode(), form)

    assert [(row.address, row.act.note, row.act.until) for row in found] == [
        (one.address, one.reason, one.until) for one in decisions
    ]
    assert [row.act.at for row in found] == [one.since or NOW for one in decisions]
    for name, theirs in (("stream", "holds_on"), ("tenant", "tenant")):
        assert [getattr(row.act, name) for row in found] == [
            _spaced(getattr(one, theirs), form) or getattr(LIKE, name) for one in decisions
        ]


def _spaced(text: str, form: str) -> str:
    """A cell of a CSV is on one line, and holds no NUL."""
    return (re.sub(r"[\r\n\x00]+", " ", text) if form == "csv" else text).strip()


@given(st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)), max_size=6))
def test_no_content_is_an_error(lines: list[bytes]) -> None:
    """Whatever is thrown at it, each line is a row, a problem, or a part of one."""
    for form in (None, "csv", "jsonl", "ses", "plain"):
        for one in read(lines, LIKE, form):
            assert isinstance(one, (Row, Problem))


def test_a_path_is_replaced_when_all_is_written(tmp_path: Path) -> None:
    """Until then, and after a failure, it is as it was; nothing else is left."""
    file = tmp_path / "list.csv"
    file.write_text("before")
    with suppress(ZeroDivisionError), exporting(file, "ses", None) as export:
        export.add(Decision("a@x.org", **HOLD))
        raise ZeroDivisionError
    assert (file.read_text(), list(tmp_path.iterdir())) == ("before", [file])

    with exporting(str(file), "ses", None) as export:
        export.add(Decision("a@x.org", **HOLD))
        assert file.read_text() == "before"
    assert (file.read_text(), list(tmp_path.iterdir())) == ("a@x.org,BOUNCE\n", [file])


@pytest.mark.parametrize("make", [io.StringIO, io.BytesIO])
def test_an_open_file_of_text_or_bytes_is_written_and_read(make: Any) -> None:
    """And left open."""
    file = make()
    with exporting(file, "ses", None) as export:
        export.add(Decision("é@x.org", **HOLD))
    file.seek(0)
    with opened(file) as lines:
        assert [one.address for one in read(lines, LIKE)] == ["é@x.org"]  # type: ignore[union-attr]
    assert not file.closed


def test_a_file_that_cannot_be_used_is_said_clearly(tmp_path: Path) -> None:
    """Without its path."""
    with pytest.raises(ConfigurationError, match="No such file"), opened(tmp_path / "absent"):
        raise AssertionError
    with pytest.raises(ConfigurationError, match="No such file"), exporting(tmp_path / "no" / "where", "csv", None):
        raise AssertionError


def test_what_is_written_has_these_columns() -> None:
    """In this order, for people; a program reads them by name."""
    text, _ = written([], "csv")

    assert text == "address,stream,reason,rule,since,until,tenant,sentence\n"


def test_json_lines_hold_the_stream_it_holds_on_and_nothing_of_how_it_was_asked() -> None:
    """Which is of the moment."""
    text, _ = written([Decision("a@x.org", **HOLD, holds_on="news", stream="asked")], "jsonl")

    assert json.loads(text)["stream"] == "news"
    assert not {"failed", "holds_on"} & json.loads(text).keys()
    assert json.loads(text)["sentence"].startswith("Do not send on the stream news")
    assert text.endswith("}\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_takes_what_comes(tmp_path: Path) -> None:
    """It cannot be replaced, and must not be removed."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read_there = pool.submit(pipe.read_text)
        with exporting(pipe, "ses", None) as export:
            export.add(Decision("a@x.org", **HOLD))
        assert read_there.result(30) == "a@x.org,BOUNCE\n"
    assert list(tmp_path.iterdir()) == [pipe]


def test_progress_is_told_each_five_hundred() -> None:
    """Skipped ones included."""
    told: list[int] = []
    with exporting(io.StringIO(), "ses", told.append) as export:
        for n in range(1200):
            export.add(Decision(f"{n}@x.org", **HOLD | {"since": NOW + timedelta(n)}))

    assert told == [500, 1000]
