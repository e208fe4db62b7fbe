"""The stories of a mail's status: of one mail, of many, and of all the mails of one person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from sesevent import addresses
from sesevent.analytics.status import STATES, MessageStatus, RecipientStatus, status_of
from sesevent.errors import ConfigurationError
from sesevent.moments import format_moment
from sesevent.ops import Plan, ask
from sesevent.storage import happenings, reads
from sesevent.storage.operations import Document
from sesevent.storage.reads import Cursor, EventQuery

__all__ = [
    "AT_ONCE", "Letter", "Letters", "LettersQuery", "Totals", "letters_to", "next_letters", "of_many", "of_one",
    "totals",
]  # fmt: skip

AT_ONCE: Final = 100  # mails in one question: some five hundred rows
_PAGE: Final = 200  # rows about a person in one question


def of_one(message_id: str) -> Plan[MessageStatus]:
    """What became of one mail; `unknown` where no event of it is stored."""
    return next((yield from of_many([message_id])))


def of_many(message_ids: Sequence[str]) -> Plan[Iterator[MessageStatus]]:
    """What became of each of these mails, in their order: one question, and another where there are older rows."""
    rows = yield from _rows_of(message_ids)
    return (_status(message_id, rows.get(message_id, ())) for message_id in message_ids)


def _status(message_id: str, rows: Sequence[Document]) -> MessageStatus:
    return status_of(message_id, map(happenings.happened_in, rows))


def _rows_of(message_ids: Sequence[str]) -> Plan[dict[str, list[Document]]]:
    """The rows of each of these mails, those of older shapes as if they were ours."""
    if not message_ids:
        return {}
    rows = yield from ask(happenings.about_messages(list(dict.fromkeys(message_ids))))
    older = [row for row in rows if happenings.is_older(row)]
    if older:
        whole = yield from ask(happenings.whole_rows(older))
        rows = [row for row in rows if not happenings.is_older(row)] + [happenings.completed(row) for row in whole]
    found: dict[str, list[Document]] = defaultdict(list)
    for row in rows:
        found[happenings.message_of(row) or ""].append(row)
    return found


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """One mail to one person."""

    message_id: str
    status: RecipientStatus
    """What became of it for this person."""
    mail: MessageStatus
    """What became of it for everybody, with its timeline."""
    cursor: Cursor
    """Where it stands: hand it as *after* to continue behind it."""

    @property
    def subject(self) -> str | None:
        """The mail's subject."""
        return self.mail.subject

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent; None where no event tells."""
        return self.mail.sent_at

    def to_dict(self) -> dict[str, Any]:
        """What a list of mails shows, in values that JSON knows."""
        sent_at = None if self.sent_at is None else format_moment(self.sent_at)
        return {
            "message_id": self.message_id, "sent_at": sent_at, "subject": self.subject, "source": self.mail.source,
            "campaign": self.mail.campaign, "configuration_set": self.mail.configuration_set,
        } | self.status.to_dict()  # fmt: skip

    def __repr__(self) -> str:
        return f"<Letter {self.message_id} {self.status.state}>"


class LettersQuery(NamedTuple):
    """Which mails of a person are asked for, and where to continue."""

    normal: str
    events: EventQuery
    limit: int | None = None
    """At most so many mails; None for all."""
    forms: tuple[str, ...] = ()
    """What the person may be stored as, where that is not the address alone."""


class Letters(NamedTuple):
    """Some mails of a person, and the question that continues them; None at the end."""

    letters: list[Letter]
    rest: LettersQuery | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What the mails of one person came to."""

    mails: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    """How many of them are in which state."""
    opens: int = 0
    """Those of people; of mails to several nobody knows whose, so they are left out."""
    machine_opens: int = 0
    clicks: int = 0
    machine_clicks: int = 0
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything, in values that JSON knows."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        moments = {name: format_moment(value) for name, value in told.items() if isinstance(value, datetime)}
        return told | moments | {"states": dict(self.states)}


def letters_to(
    address: str,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    after: Cursor | None = None,
    forms: tuple[str, ...] = (),
) -> LettersQuery:
    """The question which mails a person was sent, the newest first."""
    forms = forms or (addresses.normal(address),)
    events = reads.event_query(reads.of_recipient(forms), since=since, until=until, newest_first=True, after=after)
    if limit is not None and limit < 0:
        raise ConfigurationError("limit must not be negative.")
    return LettersQuery(addresses.normal(address), events, limit, forms)


def next_letters(query: LettersQuery) -> Plan[Letters]:
    """The next mails of a person, the newest first: perhaps none, and yet not the end.

    A mail stands where the first thing known of it for this person stands, mostly its Send. So later events move
    nothing, and nothing needs to be remembered from page to page to tell each mail once.
    """
    if query.limit == 0:
        return Letters([], None)
    rows = yield from ask(replace(query.events.page(_PAGE), projection=happenings.FIELDS))
    ids = [found for row in rows if (found := happenings.message_of(row)) is not None]
    of = yield from _rows_of(ids)
    firsts = {message_id: _first_about(query.forms, of[message_id]) for message_id in dict.fromkeys(ids)}
    letters = [
        _letter(message_id, query, of[message_id], row)
        for row in rows
        if (message_id := happenings.message_of(row)) is not None and row["_id"] == firsts[message_id]
    ][: query.limit]
    left = None if query.limit is None else query.limit - len(letters)
    if len(rows) < _PAGE or left == 0:
        return Letters(letters, None)
    return Letters(letters, query._replace(events=replace(query.events, after=_cursor(rows[-1])), limit=left))


def totals(query: LettersQuery) -> Plan[Totals]:
    """What the mails of one person came to, in bounded memory."""
    whole = Totals()
    rest: LettersQuery | None = query
    while rest is not None:
        letters, rest = yield from next_letters(rest)
        whole = _added(whole, letters)
    return whole


def _added(whole: Totals, letters: Sequence[Letter]) -> Totals:
    found = Counter(whole.states)
    found.update(letter.status.state for letter in letters)
    sent = [at for at in (whole.first_sent_at, whole.last_sent_at, *[letter.sent_at for letter in letters]) if at]
    return Totals(
        whole.mails + len(letters),
        {state: found[state] for state in STATES if found[state]},
        whole.opens + sum(letter.status.opens for letter in letters),
        whole.machine_opens + sum(letter.status.machine_opens for letter in letters),
        whole.clicks + sum(letter.status.clicks for letter in letters),
        whole.machine_clicks + sum(letter.status.machine_clicks for letter in letters),
        min(sent, default=None),
        max(sent, default=None),
    )


def _letter(message_id: str, query: LettersQuery, rows: Sequence[Document], row: Document) -> Letter:
    mail = _status(message_id, rows)
    own = next(one for form in query.forms for one in mail.recipients if one.address == form)
    return Letter(message_id, replace(own, address=query.normal), mail, _cursor(row))


def _first_about(forms: tuple[str, ...], rows: Sequence[Document]) -> Any:
    """The id of the first row that is found by one of these; rows that have no `derived` yet are not."""
    about = [
        row
        for row in rows
        if row.get("adopted", True) and not set(forms).isdisjoint(row["derived"].get("recipients", ()))
    ]
    return min(about, key=happenings.place_of)["_id"]


def _cursor(row: Document) -> Cursor:
    return row.get("Timestamp"), row["_id"]
