"""Edits of a payload's text as it is: the same as decoding, editing and encoding it, at a fraction of the price.

Most texts are simple: addresses stand there plain, between quotes, commas or spaces. Each function here declines (None)
what it is not sure of, and the thorough way is taken. A test compares both ways on everything it can find.
Next: :mod:`sesevent.privacy.protection`.
"""

from __future__ import annotations

import re
from binascii import Error as NoBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from functools import lru_cache
from string import ascii_letters, digits
from typing import Any, Final

from sesevent import addresses, jsontext
from sesevent.events.essentials import tag_values

__all__ = ["any_may_hold", "is_simple", "may_hold", "sender_in", "swapped", "with_value", "without_subject"]

_LOCAL: Final = ascii_letters + digits + "._+-"
_HOST: Final = ascii_letters + digits + ".-"
_BEFORE: Final = frozenset('" ,;')
_AFTER: Final = frozenset('" ,;:>')
_HIDING: Final = ("\\u", "\\/", '"{', '"[')
"""Escapes, and JSON in a text, in which an address would stand between escaped quotes."""
_PERCENT: Final = re.compile(r"%(?:25)*40")
_ENCODED: Final = re.compile(r"=\?[^?]*\?([bBqQ])\?([^?]*)\?=")
_OWN_IDS: Final = re.compile(r"(?:(?!simulator)[a-z0-9\-]+\.)?amazonses\.com")  # as in sesevent.privacy.protection


def is_simple(text: str) -> bool:
    """Whether an address in a text can only stand there plain."""
    if "\\" in text and any(sign in text for sign in _HIDING):
        return False
    if "%" in text and _PERCENT.search(text):
        return False
    return (
        "?" not in text
        or "=?" not in text
        or not any(_word_may_hold(*word.groups()) for word in _ENCODED.finditer(text))
    )


def _word_may_hold(coding: str, word: str) -> bool:
    """Whether an encoded word (RFC 2047) may hold a part of an address."""
    if coding in "qQ":
        return "=40" in word or "@" in word
    try:
        return b"@" in a2b_base64(word)
    except NoBase64:
        return True


def may_hold(value: Any) -> bool:
    """Whether a value may hold an address."""
    return type(value) is str and ("@" in value or "%" in value)


def any_may_hold(tags: Mapping[str, Any]) -> bool:
    """Whether the sender's own message tags may."""
    for name, values in tags.items():
        if name[:4] != "ses:" and (may_hold(name) or any(map(may_hold, tag_values(values)))):
            return True
    return False


@lru_cache(1024)  # a sender has few
def sender_in(source: str) -> str:
    """The address in a source, in normal form."""
    return addresses.normal(source)


def swapped(text: str, named: Mapping[str, str], new: Callable[[str], str], sender: str) -> str | None:
    """A text in which every address but the sender's is another; None where one stands there in a way of its own.

    *named*: those whom the event names, as it spells them, and what is written for them; *new*: the same of others.
    """
    known = 0
    for old, written in named.items():
        if old in text:
            quoted = f'"{written}"'
            text = text.replace(f'"{old}"', quoted)
            known += text.count(quoted)
    parts = text.split(sender) if sender else [text]
    # Mostly nobody is left but them and the sender.
    if text.count("@") == known + len(parts) - 1 and _stands_alone(parts):
        return text
    return _one_by_one(text, new, sender)


def _stands_alone(parts: list[str]) -> bool:
    """Whether what a text was cut at is a whole address each time."""
    return _EITHER.issuperset([part[-1:] for part in parts[:-1]]) and _AFTER.issuperset(
        [part[:1] for part in parts[1:]]
    )


def _one_by_one(text: str, new: Callable[[str], str], sender: str) -> str | None:
    """The same, cut at each @, with what is around it looked at from both sides."""
    head, *tails = text.split("@")
    written: list[str] = []
    for piece in tails:
        before, tail = head.rstrip(_LOCAL), piece.lstrip(_HOST)
        local, domain = head[len(before) :], piece[: len(piece) - len(tail)]
        if not local or not domain or domain[-1] in ".-" or tail[:1] not in _AFTER:
            return None
        sign, address = before[-1:], f"{local}@{domain}"
        normal = address.lower()
        if (normal == sender and sign in _EITHER) or (sign == "<" and _is_id(before, domain)):
            written += (before, address)
        elif sign in _BEFORE and tail[:2] not in _COMMENT:
            written += (before, new(normal))
        else:
            return None
        head = tail
    written.append(head)
    return "".join(written)


_EITHER: Final = _BEFORE | {"<"}
_COMMENT: Final = (" (", " <")


def _is_id(before: str, domain: str) -> bool:
    """Whether what begins there is SES's own id of the mail."""
    return domain.endswith("amazonses.com") and _OWN_IDS.fullmatch(domain) is not None and before.endswith(_IDS)


_IDS: Final = ('"value":"<', '"value": "<', '"messageId":"<', '"messageId": "<')
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_COMMON_SUBJECT: Final = re.compile(rf'"subject": ?{_STRING}')
_HEADER_SUBJECT: Final = re.compile(rf'("name": ?"[Ss]ubject", ?"value"): ?{_STRING}')


def without_subject(text: str) -> str | None:
    """A text without the mail's subject; None where it may stand somewhere else too."""
    there = text.lower().count('"subject"')
    text, common = _COMMON_SUBJECT.subn('"subject":null', text)
    text, headers = _HEADER_SUBJECT.subn(r"\1:null", text)
    return text if common <= 1 and headers <= 1 and common + headers == there else None


def with_value(text: str, key: str, old: Any, new: Any) -> str | None:
    """A text in which a key that stands there once has another value; None where that is not sure."""
    if text.count(f'"{key}"') != 1:
        return None
    told, place = jsontext.encode(old), text.index(f'"{key}"') + len(key) + 2
    for colon in (":", ": "):
        if text.startswith(colon + told, place):
            return text[:place] + colon + jsontext.encode(new) + text[place + len(colon) + len(told) :]
    return None
