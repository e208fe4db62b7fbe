"""What the store keys, dates and files an event by, looked up once in its decoded payload.

These few values are checked when a payload is read, and everything wrong with them is reported at once;
:mod:`sesevent.events.event` says what that means for the rest. They are a light value of their own, because
storing an event asks for nothing else: an `Event` is made around them only for whoever wants one.
Next: :mod:`sesevent.events.event`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sesevent import addresses, jsontext
from sesevent.errors import PayloadError, Problem
from sesevent.moments import read_moment, written

__all__ = ["Essentials", "Kind", "NamedIn", "look_up", "problems_of", "tag_values"]


class NamedIn(NamedTuple):
    """Where a kind's payload names the people it concerns."""

    holder: str
    list: str
    key: str | None = None
    """The key of the address in each entry; None where the entries are the addresses."""


class Kind(NamedTuple):
    """Where a kind's payload holds its essentials."""

    body: str | None
    """The payload's key for what is particular to this kind."""
    named_in: NamedIn
    one_of: bool
    """True where SES means one of those it names and cannot say which."""
    known: bool = True
    """False for whatever SES adds next: it is dated by the one object beside the mail that holds a time."""


@dataclass(slots=True, repr=False, eq=False)
class Essentials:
    """The essentials of one event. Nobody changes them."""

    text: str
    """The payload exactly as received: JSON text."""
    essence: dict[str, Any]
    """*text* decoded, perhaps without the mail's headers (:mod:`sesevent.payloads`)."""
    type: str
    """SES's own word."""
    message_id: str
    """SES's id of the mail; empty where the payload holds none."""
    mail: dict[str, Any]
    body: str | None
    """The payload's key for what is particular to this kind."""
    own: dict[str, Any]
    """What stands there; empty where nothing does."""
    timestamp: datetime | None
    """When it happened, aware and in UTC."""
    when: object
    """The same as SES wrote it."""
    named: list[str]
    """Whom it concerns, as SES writes them."""
    guessed: bool
    """True where SES names several and means one of them."""
    _stamp: str | None = None
    _normals: list[str] | None = None

    @property
    def stamp(self) -> str:
        """The timestamp as it is stored; empty where there is none."""
        if self._stamp is None:
            self._stamp = "" if self.timestamp is None else written(self.timestamp, self.when)
        return self._stamp

    @property
    def normals(self) -> list[str]:
        """The addresses of those it concerns in normal form, each once."""
        if self._normals is None:
            named = self.named
            self._normals = (
                [addresses.normal(named[0])]
                if len(named) == 1
                else list(dict.fromkeys([addresses.normal(text) for text in named]))
            )
        return self._normals

    @property
    def took(self) -> int | None:
        """Milliseconds from the time of sending until it happened; None where SES does not tell both."""
        moment, sent = self.timestamp, self.mail.get("timestamp")
        if moment is None or not sent or not self.own.get("timestamp"):
            return None
        try:
            return (moment - read_moment(sent)) // _MILLISECOND
        except ValueError:  # a detail here, and no ground to refuse the event
            return None

    @property
    def subject(self) -> str | None:
        """The mail's subject, where the notification holds headers."""
        common = self.mail.get("commonHeaders")
        subject = common.get("subject") if isinstance(common, dict) else None
        return subject if isinstance(subject, str) else self._subject_header()

    def decoded(self) -> dict[str, Any]:
        """The payload with everything SES sent; what is more than 100 levels deep is None there."""
        return _decoded(self.text, self.essence)

    def _subject_header(self) -> str | None:
        headers = (self.decoded().get("mail") or {}).get("headers")
        for header in headers if isinstance(headers, list) else ():
            if isinstance(header, dict) and str(header.get("name")).lower() == "subject":
                value = header.get("value")
                return value if isinstance(value, str) else None
        return None


def tag_values(values: object) -> list[str]:
    """Values of one message tag: SES sends a list even for one."""
    if type(values) is list:
        if len(values) == 1 and type(values[0]) is str:
            return values
        return [value for value in values if type(value) is str]
    return [values] if isinstance(values, str) else []


def look_up(kind: Kind, word: str, text: str, payload: dict[str, Any]) -> Essentials:
    """The essentials of an event of this *kind*; *word* is SES's name of it.

    Raises PayloadError with every problem; paths start at the payload.
    """
    body, (holder, people, key), one_of, known = kind
    try:
        mail = payload.get("mail") or _EMPTY
        own = (payload.get(body) if body else None) or _EMPTY if known else _lone_dated_object(_decoded(text, payload))
        when = own.get("timestamp") or mail.get("timestamp")
        timestamp = read_moment(when) if when else None
        named = _addresses((mail if holder == "mail" else own).get(people), key)
        message_id = mail.get("messageId") or ""
        if named is not None and type(message_id) is str:
            guessed = one_of and len(named) > 1
            return Essentials(text, payload, word, message_id, mail, body, own, timestamp, when, named, guessed)
    except (AttributeError, ValueError):
        pass  # something is not what it should be; the thorough reader below says what
    raise PayloadError(problems_of(payload, body, people, key))


_EMPTY: Final[dict[str, Any]] = {}
_MILLISECOND: Final = timedelta(milliseconds=1)


def _addresses(entries: Any, key: str | None) -> list[str] | None:
    """The addresses in a list of people; None where something in it is not as documented."""
    if type(entries) is not list:
        return None if entries else []
    if len(entries) == 1 and type(entries[0]) is str:  # nearly always
        return entries
    found = [entry if type(entry) is str else entry.get(key) for entry in entries]
    for text in found:
        if type(text) is not str:
            return None
    return found


def _decoded(text: str, essence: dict[str, Any]) -> dict[str, Any]:
    try:
        whole = jsontext.decode(text)
    except ValueError:  # too deep, in a part that reading the essence skipped
        whole = essence
    raw: dict[str, Any] = jsontext.settled(whole)
    return raw


def _lone_dated_object(raw: dict[str, Any]) -> dict[str, Any]:
    """The one object beside the mail, if it holds a time."""
    objects = [value for key, value in raw.items() if key != "mail" and isinstance(value, dict)]
    return objects[0] if len(objects) == 1 and _is_moment(objects[0].get("timestamp")) else {}


def _is_moment(value: object) -> bool:
    try:
        read_moment(value)
    except ValueError:
        return False
    return True


# ── What is wrong, for an event of which the quick look only said that something is ──────────


def problems_of(payload: dict[str, Any], body: str | None, people: str, key: str | None) -> list[Problem]:
    """Everything that is wrong with the essentials in a payload."""
    found: list[Problem] = []
    if type(payload.get("eventType") or payload.get("notificationType")) is not str:
        found.append(Problem("$", "has neither eventType nor notificationType as text"))
    for name in ("mail", body):
        holder = payload.get(name) if name else None
        if type(holder) is dict:
            found += _object_problems(holder, f"$.{name}", people, key)
        elif holder:
            found.append(Problem(f"$.{name}", "is not an object"))
    return found


def _object_problems(holder: dict[str, Any], path: str, people: str, key: str | None) -> list[Problem]:
    found = []
    if type(holder.get("messageId") or "") is not str:
        found.append(Problem(f"{path}.messageId", "is not text"))
    if reason := _moment_problem(holder.get("timestamp")):
        found.append(Problem(f"{path}.timestamp", reason))
    entries = holder.get(people)
    if type(entries) is list:
        bad = [position for position, entry in enumerate(entries) if not _is_address(entry, key)]
        found += [Problem(f"{path}.{people}[{position}]", "holds no address") for position in bad]
    elif entries:
        found.append(Problem(f"{path}.{people}", "is not a list"))
    return found


def _is_address(entry: object, key: str | None) -> bool:
    return type(entry.get(key) if isinstance(entry, dict) else entry) is str


def _moment_problem(value: Any) -> str | None:
    try:
        if value:
            read_moment(value)
    except ValueError as reason:
        return str(reason)
    return None
