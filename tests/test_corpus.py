"""Real payloads, as AWS documents them and as public test suites hold them, read to what their index expects."""

from __future__ import annotations

from typing import Any

from both import CORPUS
from sesevent import PayloadError, parse
from sesevent.moments import format_moment


def test_every_payload_parses_to_its_expectation(corpus: dict[str, list[dict[str, str]]]) -> None:
    """Type, message id, recipients and event time of each event are those an independent reader found."""
    wrong = [name for name, rows in corpus.items() if not _agrees(name, rows)]

    assert wrong == []


def test_no_payload_raises_anything_else(corpus: dict[str, list[dict[str, str]]]) -> None:
    """A wrapping that is not read yet is a PayloadError, never another exception."""
    for name in corpus:
        try:
            parse((CORPUS / name).read_bytes())
        except PayloadError as error:
            assert error.problems


def _agrees(name: str, rows: list[dict[str, str]]) -> bool:
    expected = [
        (row["event_type"], row["ses_message_id"], row["recipients"], row["timestamp"])
        for row in rows
        if row["event_type"] and row["family"] != "sns"
    ]
    return expected == [_told(event) for event in parse((CORPUS / name).read_bytes())]


def _told(event: Any) -> tuple[str, str, str, str]:
    recipients = ",".join(recipient.address for recipient in event.recipients)
    return event.type, event.message_id, recipients, format_moment(event.timestamp) if event.timestamp else ""
