"""The record of processing as a document: what article 30 of the GDPR asks for, in its order. Without a database."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from sesevent.analytics.processing import HELD, Kept, ProcessingRecord, Who

RECORD = ProcessingRecord(
    datetime(2025, 6, 1, 23, tzinfo=timezone.utc), "Example Ltd", "contract", "database `mails`",
    (Kept("ses_event", "people who are mailed", "address|subject", "to know\nwhat became of it", ("a year", "then thinned"), 1234567),),
    ({"field": "ip address", "action": "truncate"}, {"field": "subject", "action": "<drop>"}),
    (Who("token desk", "read"),), ("Amazon Web Services",), ("TLS", "disks are encrypted"), ("name a contact",),
)  # fmt: skip


def section(record: ProcessingRecord, head: str) -> list[str]:
    """The lines below a heading."""
    return record.to_markdown().partition(f"## {head}\n\n")[2].partition("\n\n")[0].splitlines()


def test_it_says_when_who_and_on_what_ground() -> None:
    """Article 30(1)(a) and (b); what nobody said is left to be filled in."""
    text = RECORD.to_markdown()

    assert text.startswith("# Record of processing")
    assert "As configured on 2025-06-01." in text
    for line in ("**Controller:** Example Ltd", "**Legal basis:** contract", "**Where:** database `mails`"):
        assert line in text
    assert text.endswith("contact\n")
    unknown = replace(RECORD, controller="", legal_basis="").to_markdown()
    assert "**Controller:** …" in unknown
    assert "**Legal basis:** …" in unknown


def test_each_section_is_there_in_order() -> None:
    """Open points last, and only where there are some."""
    heads = [line.removeprefix("## ") for line in RECORD.to_markdown().splitlines() if line.startswith("## ")]

    assert heads == [
        "What is kept, why, and how long", "What of an event is stored", "Who may see it", "To whom it is handed on",
        "How it is protected", "Still open",
    ]  # fmt: skip
    assert "Still open" not in replace(RECORD, open_points=()).to_markdown()


def test_tables_hold_what_is_told_whatever_is_in_it() -> None:
    """A bar, a line's end or a tag in a cell does not break the table."""
    assert section(RECORD, "What is kept, why, and how long") == [
        "| where | about | what | why | how long | now |",
        "| --- | --- | --- | --- | --- | --- |",
        r"| ses_event | people who are mailed | address\|subject | to know what became of it | a year; then thinned | 1,234,567 |",
    ]
    assert section(RECORD, "What of an event is stored") == [
        "| field | action |", "| --- | --- |", "| ip address | truncate |", "| subject | &lt;drop> |",
    ]  # fmt: skip
    assert section(RECORD, "Who may see it") == ["| who | what |", "| --- | --- |", "| token desk | read |"]


@pytest.mark.parametrize(
    ("head", "lines"),
    [("To whom it is handed on", ["- Amazon Web Services"]), ("How it is protected", ["- TLS", "- disks are encrypted"]),
     ("Still open", ["- name a contact"])],
)  # fmt: skip
def test_lists_hold_a_line_for_each(head: str, lines: list[str]) -> None:
    """Or a place to fill in."""
    assert section(RECORD, head) == lines
    assert section(replace(RECORD, recipients=(), measures=()), "How it is protected") == ["- …"]


def test_without_a_privacy_policy_it_says_that_everything_is_stored() -> None:
    """In a sentence, where else the fields stand."""
    (line,) = section(replace(RECORD, capture=()), "What of an event is stored")

    assert line.startswith("Everything")
    assert section(replace(RECORD, capture=RECORD.capture[:1]), "What of an event is stored")[0] == "| field | action |"


def test_it_is_json_too() -> None:
    """Everything in it."""
    told = json.loads(json.dumps(RECORD.to_dict()))

    assert told["kept"][0]["documents"] == 1234567
    assert told["capture"][1] == {"field": "subject", "action": "<drop>"}
    assert (told["controller"], told["open_points"], told["who"]) == (
        "Example Ltd", ["name a contact"], [{"name": "token desk", "may": "read"}],
    )  # fmt: skip


def test_each_collection_says_whom_it_is_about_what_for_and_how_long() -> None:
    """The record of processing prints it."""
    for name, held in HELD.items():
        assert name.startswith("ses_")
        assert set(re.findall(r"ses_\w+", " ".join(held))) <= HELD.keys()  # «as ses_event»
        assert all(words and words[0].islower() for words in held), name
        assert held.until.startswith(("for good", "until ", "as ")), name
