"""The same SES event about somebody else: every place an address may stand in, found and written over.

A payload names people in lists, in headers, in links, in what servers said, and in fields that AWS has not invented
yet. So the walk looks at every text, and `PLACES` only says where a text is read in another way than a sentence is.
The result is JSON, has the fields it had, and parses as the same event. It does not know who is to be written over,
nor by what: that is an argument. Not seen are names without an address, and what a link hides in a code of its own.
Next: :mod:`sesevent.privacy.policy`, which says what is to become of whom.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from functools import lru_cache
from typing import Any, Final, Union
from urllib.parse import unquote

from sesevent import addresses, jsontext

__all__ = ["PLACES", "Replace", "Rewriter", "mailboxes_in", "people_in", "rewrite"]

Replace = Callable[[str], Union[str, None]]
"""What is to be written for an address, in normal form; None, or the same, where it stays."""

PEOPLE: Final = "people"
"""Mailboxes, several perhaps: of one that is written over the display name goes too."""
SENTENCE: Final = "sentence"
"""Words among which an address may stand: all others stay, since reasons are read from them."""
IDS: Final = "ids"
"""Ids that look like addresses and are none."""

PLACES: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "destination", "emailaddress", "recipients", "bouncedrecipients", "complainedrecipients",
            "delayedrecipients", "source", "from", "sender", "to", "cc", "bcc", "replyto", "reply-to", "returnpath",
            "return-path", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc", "delivered-to",
            "x-original-to", "errors-to", "disposition-notification-to",
        ),
        PEOPLE,
    ),
    **dict.fromkeys(
        ("diagnosticcode", "smtpresponse", "errormessage", "reason", "useragent", "link", "subject", "message"),
        SENTENCE,
    ),
    # RFC 5322 section 3.6.4: made of a host's name and something unique
    **dict.fromkeys(("messageid", "message-id", "references", "in-reply-to", "content-id", "resent-message-id"), IDS),
}  # fmt: skip
"""A field's or a header's name, in lower case → how its text is read. Any other: a mailbox if it is one, else words."""

_WHOLE_MAIL: Final = "content"  # of an inbound mail: MIME, which may say an address in as many ways as there are codes
_LONGEST: Final = 400  # characters before an @ that may belong to it, in a link with every sign encoded
_AT: Final = re.compile(r"@|%(?:25)*40", re.IGNORECASE)
_ENDS_LOCAL: Final = re.compile(r'[\s"(),:;<>\[\]\\@\x00-\x1f\x7f]')
_BREAK: Final = re.compile(r"[/?&=#|'{}!$`^*]|%(?:25)*(?:0[ad]|2[0236789cf]|3[a-f]|5[bd]|7[bcd])", re.IGNORECASE)
"""What may stand before an address in a link or between quotes; letters of some addresses too."""
_OF_LINKS: Final = frozenset("/?&#")
_DOMAIN: Final = re.compile(r"[\w\-]+(?:\.[\w\-]+)*|\[[0-9A-Fa-f.:]+\]")
_PARTS: Final = re.compile(r'((?:"(?:[^"\\]|\\.)*"|<[^<>]*>|[^,;"<]|["<])+)|([,;])')
_VERP_BEFORE: Final = "+-._="


def rewrite(text: str, replace: Replace) -> str:
    """A SES event, as JSON text, in which each address that *replace* tells something for is written over.

    It is written over wherever it stands: among recipients, in headers (where its display name goes too), in links and
    diagnostic texts (percent-encoded as well), as part of a return path (``bounces+ann=example.com@…``), in fields of
    any name. An inbound mail's ``content`` is left out where anything changed. Unchanged text is returned as it is.

    Raises ValueError, which does not quote it, for text that is not JSON.
    """
    whole = jsontext.decode(text)
    written = Rewriter(replace, people_in(whole)).written(whole)
    if written == whole:
        return text
    if isinstance(written, dict):
        written.pop(_WHOLE_MAIL, None)
    return jsontext.encode(written)


class Rewriter:
    """Writes over addresses in decoded payloads that concern the same people."""

    def __init__(self, replace: Replace, people: Iterable[str]) -> None:
        """*people*: the addresses, in normal form, that the payload names in fields of their own."""
        self._replace = replace
        self._new: dict[str, str] = {}
        self._people = {normal: normal.replace("@", "=", 1) for normal in people}

    def written(self, value: Any, name: str = "") -> Any:
        """A value of a field of this name, rewritten."""
        kind = type(value)
        if kind is str:
            if "@" not in value and "%" not in value and "=?" not in value:
                return value
            return self.text(value, PLACES.get(name.lower()))
        if kind is list:
            return [self.written(member, name) for member in value]
        if kind is not dict:
            return value
        if header := _header_name(value):
            return {
                key: self.text(member, PLACES.get(header)) if key == "value" else member
                for key, member in value.items()
            }
        return {self.text(key, SENTENCE) if "@" in key else key: self.written(member, key)
                for key, member in value.items()}  # fmt: skip

    def text(self, text: str, place: str | None) -> str:
        """A text, read as texts are in this place."""
        if "@" not in text and "%" not in text and "=?" not in text:
            return text
        if text[:1] in _OPENS and (nested := _nested(text)) is not None:
            written = Rewriter(self._replace, people_in(nested)).written(nested)
            return text if written == nested else jsontext.encode(written)
        if place is None:
            place = SENTENCE if mailbox_in(text) is None else PEOPLE
        if place == PEOPLE:
            return "".join([self._mailbox(part) for part in parts_of(text)])
        if place == IDS:
            return self._sentence(text, only_known=True)
        return self._sentence(text)

    def new(self, normal: str) -> str:
        """What is written for an address."""
        found = self._new.get(normal)
        if found is None:
            found = self._new[normal] = self._replace(normal) or normal
        return found

    def _mailbox(self, text: str) -> str:
        """One mailbox of a list: of one that is written over nothing else is left."""
        normal = mailbox_in(text)
        if normal is None:
            return self._sentence(text)
        if "=" in normal and self._of_return_path(normal) is not None:
            return self._sentence(text)
        new = self.new(normal)
        if new == normal:
            return self._sentence(text)  # a display name may be an address too
        before = text[: len(text) - len(text.lstrip())]
        return before + new + text[len(text.rstrip()) :]

    def _sentence(self, text: str, *, only_known: bool = False) -> str:
        if "=?" in text and (decoded := _decoded_words(text)) is not None:
            written = self._sentence(decoded, only_known=only_known)
            if written != decoded:
                return written
        done, written = 0, ""
        for at in _AT.finditer(text):
            if (domain := _DOMAIN.match(text, at.end())) is None:
                continue
            local = _local_before(text, done, at.start())
            start, new = self._found(local, at[0], domain[0], only_known=only_known)
            if new is not None:
                written += text[done : at.start() - len(local) + start] + new
                done = domain.end()
        return written + text[done:] if done else text

    def _found(self, local: str, sign: str, domain: str, *, only_known: bool) -> tuple[int, str | None]:
        """From where on in *local* something else is written, and what; None where all of it stays."""
        if "=" in local and (returned := self._of_return_path(local)) is not None:
            return 0, f"{returned}{sign}{domain}"
        starts = [0, *[one.end() for one in _BREAK.finditer(local)]]
        known = [
            (start, normal) for start in starts if (normal := _normal(local[start:], sign, domain)) in self._people
        ]
        if known:
            return self._signed(*known[0], sign)
        if only_known:
            return 0, None
        # Of nobody the event names: behind the last sign that a link, or a quotation, could end with.
        quoted = len(local) - len(local.lstrip("'`{|*"))
        start = starts[-1] if sign != "@" or not _OF_LINKS.isdisjoint(local) else quoted
        return self._signed(start, _normal(local[start:], sign, domain), sign) if local[start:] else (0, None)

    def _signed(self, start: int, normal: str, sign: str) -> tuple[int, str | None]:
        new = self.new(normal)
        return start, None if new == normal else new.replace("@", sign)

    def _of_return_path(self, local: str) -> str | None:
        """The local part of a return path that names a person of the event, written over; None of any other."""
        lowered = local.lower()
        for normal, folded in self._people.items():
            start = lowered.find(folded)
            if start > 0 and lowered[start - 1] in _VERP_BEFORE and (new := self.new(normal)) != normal:
                return local[:start] + new.replace("@", "=") + local[start + len(folded) :]
        return None


_OPENS: Final = frozenset("{[")


def _header_name(value: dict[str, Any]) -> str | None:
    """The name of a header, in lower case, where an object is one."""
    name = value.get("name")
    return name.lower() if type(name) is str and type(value.get("value")) is str else None


def _people_in(name: str, value: Any) -> Iterator[str]:
    """The addresses, in normal form, that stand where people are named."""
    if type(value) is dict:
        header = _header_name(value)
        if header:
            yield from _people_in(header, value["value"])
            return
        for key, member in value.items():
            yield from _people_in(key, member)
    elif type(value) is list:
        for member in value:
            yield from _people_in(name, member)
    elif type(value) is str and PLACES.get(name.lower()) == PEOPLE:
        yield from mailboxes_in(value)


@lru_cache(4096)  # each stands in a payload several times, and the sender's in all of them
def mailbox_in(text: str) -> str | None:
    """The address, in normal form, of a text that is one mailbox; None where it is none."""
    return addresses.normal(text) if addresses.is_one(text) else None


def mailboxes_in(text: str) -> list[str]:
    """The addresses, in normal form, in a header's text."""
    return [normal for part in parts_of(text) if (normal := mailbox_in(part)) is not None]


def people_in(payload: Any) -> set[str]:
    """The addresses, in normal form, that stand in a payload where people are named."""
    return set(_people_in("", payload))


def parts_of(text: str) -> list[str]:
    """The mailboxes of a list, and what stands between them."""
    if "," not in text and ";" not in text:
        return [text]
    return [part[0] for part in _PARTS.finditer(text)]


def _nested(text: str) -> Any:
    """What JSON text says that stands in a text; None where it is none."""
    try:
        return jsontext.decode(text)
    except ValueError:
        return None


def _decoded_words(text: str) -> str | None:
    """A header's text with its encoded words (RFC 2047) decoded; None where there are none, or they are damaged."""
    try:
        decoded = str(make_header(decode_header(text)))
    except (MessageError, ValueError, LookupError):
        return None
    return decoded if decoded != text and "@" in decoded else None


def _local_before(text: str, begin: int, end: int) -> str:
    """What may be the local part that ends there: up to what cannot stand in one, or a quoted one."""
    head = text[max(begin, end - _LONGEST) : end]
    if head.endswith('"'):
        opening = head.rfind('"', 0, -1)
        return head[opening:] if opening >= 0 else ""
    stop = _ENDS_LOCAL.search(head[::-1])
    return head if stop is None else head[len(head) - stop.start() :]


def _normal(local: str, sign: str, domain: str) -> str:
    for _ in range(sign.count("25") + 1 if sign != "@" else 0):
        local = unquote(local)
    return addresses.normal(f"{local}@{domain}")
