"""The normal form of an e-mail address, and how one is shown where it must not be readable.

Two forms, because two questions differ: ``bare`` is the address as the sender would write it
(display name gone, domain in lower case, RFC 5321 section 2.4 keeps the local part as it is);
``normal`` is the key by which this library compares and suppresses people: SES's suppression
list compares without regard to case, so the local part is lowered too, and an internationalised
domain is written in its ASCII form. It never raises: an address that is none stays as it came.
Next: :mod:`sesevent.events`.
"""

from __future__ import annotations

import re
import unicodedata
from email.utils import parseaddr

__all__ = ["bare", "is_one", "mask", "normal", "normal_of_one"]

# What nearly every address looks like: no display name, no quotes, ASCII, lower-case domain.
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]+@[a-z0-9.\-]*[a-z0-9\-]")
# What is longer is no address with a name, and its parsers, whose work grows with the square, never see it.
_LONGEST = 998  # characters: a line of a mail, RFC 5322 section 2.1.1
_LONGEST_LABEL = 63  # RFC 1035 section 2.3.4; its ASCII form is longer still
_MOST_COMMENTS = 10  # the standard library's parser calls itself for each that stands in another
_LONGEST_ADDRESS = 320  # RFC 3696, erratum 1690
_LOCAL = re.compile(r'"[^\x00-\x1f\x7f]+"|[^\s"(),:;<>@\[\]\x00-\x1f\x7f]+')
_DOMAIN = re.compile(r"[^\s\"(),:;<>@\x00-\x1f\x7f]+")
_QUOTED = re.compile(r'"[^"]*"')
_OTHERS = re.compile("[<>@;]")  # what a display name holds only where it is no display name alone
_COMMENT = re.compile(r"\([^()]*\)")  # RFC 5322 section 3.2.2, the usual ones
_SPACE = re.compile(r"\s")
_QUOTED_LOCAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+)*")


def bare(text: str) -> str:
    """The address alone: ``"Doe, Jane" <Jane@EXAMPLE.com.>`` becomes ``Jane@example.com``.

    Text that holds no address, or is too long for one, is returned stripped.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = text.strip()
    if len(text) > _LONGEST:
        return text
    spec = _without_display_name(text)
    local, at, domain = spec.rpartition("@")
    if not at or not local or not domain:
        return spec
    return f"{_plain_local(local)}@{_ascii_domain(domain)}"


def normal(text: str) -> str:
    """The form by which two spellings of one mailbox compare equal (see the module's docstring)."""
    if _PLAIN.fullmatch(text):
        return text.lower()
    return bare(text).lower()


def is_one(text: str) -> bool:
    """True where *text* is one mailbox, with or without a display name; not for two, for none, or for a part of one."""
    if _PLAIN.fullmatch(text):
        return len(text) <= _LONGEST_ADDRESS
    text = text.strip()
    spec = bare(text)
    bracketed = text.endswith(">") and "<" in text
    around = _QUOTED.sub("", text[: text.rindex("<")] if bracketed else _COMMENT.sub("", text).strip())
    if (
        len(spec) > _LONGEST_ADDRESS
        or not "".join(text.split()).isprintable()
        or (_OTHERS if bracketed else _SPACE).search(around)
    ):
        return False
    local, _, domain = spec.rpartition("@")
    return _LOCAL.fullmatch(local) is not None and _DOMAIN.fullmatch(domain) is not None


def normal_of_one(text: str) -> str | None:
    """The normal form where *text* is one mailbox, else None: both answers for the price of one."""
    if _PLAIN.fullmatch(text):
        return text.lower() if len(text) <= _LONGEST_ADDRESS else None
    return normal(text) if is_one(text) else None


def mask(text: str) -> str:
    """A form for people and logs that tells no one who it is: ``j…@example.com``."""
    local, at, domain = bare(text).rpartition("@")
    return f"{local[:1]}…@{domain}" if at else "…"


def _without_display_name(text: str) -> str:
    if text.endswith(">") and "<" in text:
        return text[text.rindex("<") + 1 : -1].strip()
    if (" " in text or "(" in text) and text.count("(") <= _MOST_COMMENTS:
        found = parseaddr(text)[1]
        return found if "@" in found else text
    return text


def _plain_local(local: str) -> str:
    """RFC 5321 section 4.1.2: quotes that are not needed make no different mailbox."""
    quoted = _QUOTED_LOCAL.fullmatch(local)
    if quoted is None:
        return local
    inner = re.sub(r"\\(.)", r"\1", quoted[1])
    return inner if _DOT_ATOM.fullmatch(inner) else local


def _ascii_domain(domain: str) -> str:
    domain = unicodedata.normalize("NFKC", domain).rstrip(".").lower()
    if domain.isascii():
        return domain
    return ".".join(_ascii_label(label) for label in re.split("[.\u3002]", domain))


def _ascii_label(label: str) -> str:
    """RFC 5891 section 4.4 without the registry's checks: whoever owns the domain passed them."""
    if label.isascii() or len(label) > _LONGEST_LABEL:
        return label
    return "xn--" + label.encode("punycode").decode("ascii")
