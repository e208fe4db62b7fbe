"""Why did it bounce? From the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sesevent import testing

FULL = "smtp; 552 5.2.2 mailbox full"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_classify_reads_replies_or_json_lines_and_writes_json_lines(sesevent: Any, tmp_path: Path) -> None:
    """Mixed, from several files or standard input; without a database."""
    file = tmp_path / "replies"
    file.write_text(f'{FULL}\n\n{{"status": "5.1.1", "diagnostic": null, "bounce_type": "Permanent"}}\n')
    told = lines(sesevent("classify", str(file), "-", stdin="550 user unknown\n", uri=None).stdout)

    assert [row["reason"] for row in told] == ["mailbox_full", "user_unknown", "user_unknown"]
    assert {"reason", "fault", "bounce_class", "recommendation", "rule", "confidence", "matched", "span"} <= set(
        told[0]
    )
    start, end = told[0]["span"]
    assert FULL[start:end] == told[0]["matched"]


def test_classify_explains_in_sentences(sesevent: Any) -> None:
    """For people: what, whose fault, by which rule, and what to do."""
    told = sesevent("classify", "--explain", stdin=FULL).stdout

    assert "mailbox_full (soft)" in told
    assert "whose fault: recipient" in told
    assert "do      " in told


def test_classify_names_the_line_it_cannot_read(sesevent: Any, tmp_path: Path) -> None:
    """And goes on."""
    done = sesevent("classify", "-", str(tmp_path / "absent"), stdin='{"status": 5}\n{oops\n550 user unknown')

    assert (done.returncode, len(lines(done.stdout))) == (1, 1)
    assert "-:1: is not a JSON object of texts" in done.stderr
    assert "-:2: is not a JSON object of texts" in done.stderr
    assert "absent:0: cannot be read" in done.stderr


def test_the_failures_of_one_mail_are_explained_person_by_person(sesevent: Any) -> None:
    """And rows can be told anew."""
    bounce = testing.bounce(to=["ann@example.com", "ben@example.com"], message_id="m-7")
    bounce["bounce"]["bouncedRecipients"] = [
        {"emailAddress": "ann@example.com", "diagnosticCode": FULL},
        {"emailAddress": "ben@example.com", "diagnosticCode": "smtp; 550 5.1.1 user unknown"},
    ]
    sesevent("ingest", "-", stdin=json.dumps(bounce))
    told = lines(sesevent("bounces", "explain", "m-7").stdout)

    assert [(row["recipient"], row["reason"]) for row in told] == [
        ("ann@example.com", "mailbox_full"), ("ben@example.com", "user_unknown"),
    ]  # fmt: skip
    assert sesevent("bounces", "explain", "other").returncode == 1
    assert [row["message_id"] for row in lines(sesevent("events", "--reason", "mailbox_full").stdout)] == ["m-7"]
    assert lines(sesevent("reclassify").stdout) == [{"rows": 0, "standings": 0}]
