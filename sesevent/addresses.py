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
from collections.abc import Sequence
from email.utils import parseaddr

__all__ = ["PSEUDONYM", "bare", "is_one", "is_pseudonym", "mask", "normal", "normals_of", "shown", "untagged"]

# What nearly every address looks like: no display name, no quotes, ASCII, lower-case domain.
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]+@[a-z0-9.\-]*[a-z0-9\-]")
_PLAIN_LINES = re.compile(rf"(?:{_PLAIN.pattern}\n)+")
# What is longer is no address with a name, and its parsers, whose work grows with the square, never see it.
_LONGEST = 998  # characters: a line of a mail, RFC 5322 section 2.1.1
_LONGEST_LABEL = 63  # RFC 1035 section 2.3.4; its ASCII form is longer still
_MOST_COMMENTS = 10  # the standard library's parser calls itself for each that stands in another
_LONGEST_ADDRESS = 320  # RFC 3696, erratum 1690
_LOCAL = re.compile(r'"[^\x00-\x1f\x7f]+"|[^\s"(),:;<>@\[\]\x00-\x1f\x7f]+')
_DOMAIN = re.compile(r"[^\s\"(),:;<>@\x00-\x1f\x7f]+")
# RFC 5321 sections 2.3.5 and 4.1.3, and RFC 6531: names of hosts in any script, and literals.
_HOST = re.compile(r"[A-Za-z0-9_\-.\u00a1-\U0010ffff]+|\[[^\s\[\]]+\]")
_QUOTED = re.compile(r'"[^"]*"')
_OTHERS = re.compile("[<>@;]")  # what a display name holds only where it is no display name alone
_COMMENT = re.compile(r"\([^()]*\)")  # RFC 5322 section 3.2.2, the usual ones
_SPACE = re.compile(r"\s")
_LABEL = re.compile(r"[a-z0-9_\-\u00a1-\U0010ffff]+")
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
    local, _, domain = _without_display_name(text).rpartition("@")
    domain = _ascii_domain(domain)
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return text  # whatever it is, it stays what it is: to take something out of it could be taken further
    return f"{_plain_local(local)}@{domain}"


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
    return _LOCAL.fullmatch(local) is not None and _HOST.fullmatch(domain) is not None


def normals_of(texts: Sequence[str]) -> list[str | None]:
    """The normal form of each text that is one mailbox, None for each that is not: `is_one` and `normal` in one."""
    joined = "\n".join(texts) + "\n"  # nearly always one look at all of them is enough
    if _PLAIN_LINES.fullmatch(joined) and max(map(len, texts)) <= _LONGEST_ADDRESS:
        found = joined.lower().split("\n")[:-1]
        if len(found) == len(texts):  # else one of them holds lines of its own
            return [*found]
    return [normal(text) if is_one(text) else None for text in texts]


def untagged(normal: str) -> str | None:
    """The address before its ``+tag`` (RFC 5233 calls it subaddressing); None where it has none.

    Whether both are one mailbox is for the provider to say, and for nobody to guess.
    """
    local, plus, tag_and_domain = normal.partition("+")
    _, at, domain = tag_and_domain.rpartition("@")
    return f"{local}@{domain}" if plus and at and local and not local.startswith('"') and "@" not in local else None


def mask(text: str) -> str:
    """A form for people and logs that tells no one who it is: ``j…@example.com``."""
    local, at, domain = bare(text).rpartition("@")
    return f"{local[:1]}…@{domain}" if at else "…"


def shown(name: str | int) -> str:
    """What an error may say of a name that somebody gave to something: where it may be an address, that is masked."""
    return mask(name) if isinstance(name, str) and ("@" in name or "%" in name) else str(name)


def _without_display_name(text: str) -> str:
    if text.endswith(">") and "<" in text:
        return text[text.rindex("<") + 1 : -1].strip()
    if (" " in text or "(" in text) and text.count("(") <= _MOST_COMMENTS:
        found = parseaddr(text)[1].strip()
        return found if "@" in found else text
    return text


def _plain_local(local: str) -> str:
    """RFC 5321 section 4.1.2: quotes that are not needed make no different mailbox. Nor do signs that are put together
    of others (RFC 6532 section 3.1: NFC).
    """
    quoted = _QUOTED_LOCAL.fullmatch(local)
    if quoted is None:
        return local if local.isascii() else unicodedata.normalize("NFC", local)
    inner = re.sub(r"\\(.)", r"\1", quoted[1])
    return inner if _DOT_ATOM.fullmatch(inner) else local


def _ascii_domain(domain: str) -> str:
    composed = unicodedata.normalize("NFKC", domain).rstrip(".").lower()
    if _SPACE.search(composed):  # out of one sign it made a space and another: that was no domain
        return domain.lower()
    domain = composed
    if domain.isascii():
        return domain
    return ".".join(_ascii_label(label) for label in re.split("[.\u3002]", domain))


def _ascii_label(label: str) -> str:
    """RFC 5891 section 4.4 without the registry's checks: whoever owns the domain passed them."""
    if label.isascii() or len(label) > _LONGEST_LABEL or not _LABEL.fullmatch(label):
        return label
    return "xn--" + label.encode("punycode").decode("ascii")


PSEUDONYM = r"[pe]\.[a-z0-9]{1,12}\.[0-9a-f]{32}@"
"""How a keyed hash in place of an address begins, as a regular expression."""
_PSEUDONYM = re.compile(PSEUDONYM + r"[^@]+")


def is_pseudonym(normal: str) -> bool:
    """True for what a key made of an address, or of an erased person's (`sesevent.privacy.pseudonyms`)."""
    return normal[1:2] == "." and _PSEUDONYM.fullmatch(normal) is not None
