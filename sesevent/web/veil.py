"""What of an answer is masked: addresses wherever they stand, and what else tells who somebody is.

It works on the finished answer, by the names of its fields (`HIDDEN`) and by what looks like an address in any text or
key, so that an answer with something new in it is masked before anybody thought of it. It knows no route and no event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from sesevent.addresses import mask

__all__ = ["HIDDEN", "scrub", "veiled"]

HIDDEN: Final = {
    "subject": "may name the person, or what they bought",
    "raw": "the payload as SES sent it",
    "content": "what arrived, as it arrived",
    "diagnostic": "servers answer with names and addresses, in whatever form",
    "user_agent": "with the address of the network it tells one person from others",
    "ip_address": "personal data",
    "note": "people write names into notes",
    "why": "likewise",
    "matched": "the words of a server's answer",
}
"""Fields that are null without `read:pii`, and why."""

_LINKS: Final[tuple[str, ...]] = ("link",)
_PEOPLE: Final[tuple[str, ...]] = ("address", "recipient", "recipients", "people", "source")
"""Fields that hold an address and perhaps a name beside it, and nothing else."""

_LOCAL: Final = r"(?:\"[^\"\n]*\"|[^\s<>()\[\],:;\"@]+)"
_DOMAIN: Final = r"\[?[^\s<>()\[\],:;\"@]*\]?"
_ADDRESS: Final = re.compile(rf"{_LOCAL}(?:@|%40|&\#64;){_DOMAIN}", re.IGNORECASE)


def veiled(value: Any, name: str = "") -> Any:
    """A finished answer, masked."""
    if isinstance(value, str):
        return None if name in HIDDEN else _WAYS.get(name, scrub)(value)
    if isinstance(value, Mapping):
        if name in HIDDEN:
            return None
        return {scrub(key): veiled(member, key) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return None if name in HIDDEN else [veiled(member, name) for member in value]
    return value


def scrub(text: str) -> str:
    """A text with every address in it masked, also those that stand in a URL."""
    if "@" not in text and "%40" not in text and "&#64;" not in text:
        return text
    return _ADDRESS.sub(_masked, text)


def _person(text: str) -> str:
    return mask(text) if text else text


def _masked(found: re.Match[str]) -> str:
    return mask(re.sub("%40|&#64;", "@", found[0]))


def _without_query(link: str) -> str:
    """A link without what mailers put into it to know the person again."""
    try:
        parts = urlsplit(link)
        return scrub(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))
    except ValueError:
        return "…"


_WAYS: Final[dict[str, Callable[[str], str]]] = {
    **dict.fromkeys(_LINKS, _without_query),
    **dict.fromkeys(_PEOPLE, _person),
}
