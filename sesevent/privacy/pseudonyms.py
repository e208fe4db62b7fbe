"""A person's pseudonym: what an address is stored as, so that whoever has no key cannot say whose it is.

It is a keyed hash (HMAC, RFC 2104, with SHA-256) of the address in normal form, and looks like an address in normal
form: ``p.<key's id>.<32 hexadecimal digits>@<domain>``. So what is behind capture, suppression, status, figures by
provider, works on it as on any other; and whoever asks by the address is answered, since the keys say what it is stored
as. The domain stays, or goes with the rest, as the key says: of somebody with a domain of their own it tells enough.

Keys come from outside the database, and stay there. They overlap: the newest writes, the others still find.
Next: :mod:`sesevent.privacy.policy`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from sesevent import addresses
from sesevent.addresses import is_pseudonym
from sesevent.errors import ConfigurationError
from sesevent.macs import mac

__all__ = ["NOWHERE", "SHORTEST", "Key", "Pseudonyms", "keys_in", "noted", "written_key"]

SHORTEST: Final = 16
"""Bytes that a secret has at least: addresses can be guessed, so the key must not be (RFC 2104 section 3)."""
_ID: Final = re.compile(r"[a-z0-9]{1,12}")
NOWHERE: Final = "@pseudonym.invalid"  # RFC 2606 section 2: no mail can ever reach it
"""The domain of pseudonyms whose own is hidden."""
_ERASED: Final = "erased.invalid"
_REMEMBERED: Final = 65_536  # addresses, in memory: most of what comes is about people of whom something came before


@dataclass(frozen=True)
class Key:
    """A secret by which pseudonyms are made."""

    id: str
    """Up to twelve lower-case letters and digits, such as ``2024a``. It stands in the pseudonyms, and is no secret."""
    secret: bytes = field(repr=False)
    """At least `SHORTEST` random bytes; 32 are usual."""
    keep_domain: bool = True
    """Whether the domain stays readable. To change it, change the key: what a key made must be found by it."""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ConfigurationError("A key's id has up to twelve lower-case letters and digits.")
        if len(self.secret) < SHORTEST:
            raise ConfigurationError(
                f"The key {self.id} is too short: {SHORTEST} bytes are the least.",
                hint="sesevent privacy key makes one.",
            )

    @property
    def fingerprint(self) -> str:
        """By which a key is known in an audit; nothing follows from it."""
        return blake2b(self.secret, digest_size=8, person=b"fingerprint").hexdigest()

    def pseudonym(self, normal: str) -> str:
        """What an address, in normal form, is stored as."""
        domain = normal.rpartition("@")[2] if self.keep_domain else ""
        return f"p.{self.id}.{self._digest('', normal)}" + (f"@{domain}" if domain else NOWHERE)

    def erased(self, normal: str) -> str:
        """What is left of an erased person; not to be linked with the pseudonym without the key."""
        return f"e.{self.id}.{self._digest('erased', normal)}@{_ERASED}"

    def token(self, use: str, text: str) -> str:
        """What stands for a text that is no address, such as an IP address; equal for equal texts of one use."""
        return f"h.{self.id}.{self._digest(use, text)}"

    def _digest(self, use: str, normal: str) -> str:
        told = f"{use}\0{normal}".encode("utf-8", "surrogatepass")
        return mac(self.secret, told, "sha256")[:16].hex()


class Pseudonyms:
    """What people are stored as, by one key or several that overlap. The newest comes first, and writes."""

    def __init__(self, keys: Iterable[Key], *, writes: bool = True) -> None:
        """*writes*: whether new rows are stored under pseudonyms; else keys only find what is stored under some."""
        self.keys = tuple(keys)
        self.writes = writes
        ids = [key.id for key in self.keys]
        if not ids or len(set(ids)) < len(ids):
            raise ConfigurationError("Pseudonyms need a key, and each key an id of its own.")
        self.of_normal = lru_cache(_REMEMBERED)(self._made)
        """As `of`, of an address that is in normal form."""
        self._forms = lru_cache(_REMEMBERED)(self._all_forms)
        self._erased = lru_cache(_REMEMBERED)(self._all_erased)

    def of(self, address: str) -> str:
        """The pseudonym of an address, however it is spelled; what is a pseudonym already stays one."""
        return self.of_normal(addresses.normal(address))

    def stored(self, normal: str) -> str:
        """What an address, in normal form, is stored as from now on."""
        return self.of_normal(normal) if self.writes else normal

    def is_todays(self, name: str) -> bool:
        """Whether new rows are stored under a form such as this."""
        return name.startswith(f"p.{self.keys[0].id}.") if self.writes else not is_pseudonym(name)

    def forms(self, address: str) -> tuple[str, ...]:
        """Every form an address may be stored under; the first is the one that new rows have."""
        return self._forms(addresses.normal(address))

    def older(self, normal: str) -> tuple[str, ...]:
        """Forms from which an address moves to the one of today: by keys of smaller ids, and plain. None of these moves
        back, whoever has which key first.
        """
        if not self.writes or is_pseudonym(normal):
            return ()
        return (*[key.pseudonym(normal) for key in self.keys[1:] if key.id < self.keys[0].id], normal)

    def newer(self, normal: str) -> tuple[str, ...]:
        """Forms by keys of greater ids than today's: whoever has them first writes by them already."""
        return tuple([key.pseudonym(normal) for key in self.keys[1:] if key.id > self.keys[0].id])

    def erased(self, address: str) -> str:
        """What is left of an erased person, by the newest key."""
        return self.keys[0].erased(addresses.normal(address))

    def erased_forms(self, address: str) -> tuple[str, ...]:
        """The same by each key."""
        return self._erased(addresses.normal(address))

    def token(self, use: str, text: str) -> str:
        """What stands for a text that is no address, by the newest key: equal for equal texts of one use."""
        return self.keys[0].token(use, text)

    def tokens(self, use: str, text: str) -> tuple[str, ...]:
        """The same by each key: whoever has the text finds what it stands for."""
        return tuple([key.token(use, text) for key in self.keys])

    def _made(self, normal: str) -> str:
        return normal if is_pseudonym(normal) else self.keys[0].pseudonym(normal)

    def _all_erased(self, normal: str) -> tuple[str, ...]:
        return tuple([key.erased(normal) for key in self.keys])

    def _all_forms(self, normal: str) -> tuple[str, ...]:
        if is_pseudonym(normal):  # nobody can say whose it is, and so not what else it may be
            return (normal,)
        hidden = [key.pseudonym(normal) for key in self.keys]
        plain = [normal]
        return (*(hidden + plain if self.writes else plain + hidden), *self.erased_forms(normal))

    def __repr__(self) -> str:
        return f"<Pseudonyms by {', '.join(key.id for key in self.keys)}>"


def written_key(key: Key) -> str:
    """A key as `keys_in` reads it: ``2024a:<base64>``, and ``:no-domain`` where the domain goes."""
    secret = base64.urlsafe_b64encode(key.secret).decode("ascii").rstrip("=")
    return f"{key.id}:{secret}" + ("" if key.keep_domain else ":no-domain")


def keys_in(text: str, source: str = "") -> tuple[Key, ...]:
    """The keys in a text, the newest first, between commas, spaces or lines. A line that begins with # is a remark.

    Raises ConfigurationError, which quotes none of it, for what is no key.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    words = " ".join(lines).replace(",", " ").split()
    return tuple([_key_in(word, number, source) for number, word in enumerate(words, 1)])


def _key_in(word: str, number: int, source: str) -> Key:
    id_, _, rest = word.partition(":")
    secret, _, option = rest.partition(":")
    try:
        standard = secret.rstrip("=").replace("-", "+").replace("_", "/")
        decoded = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded or option not in ("", "no-domain"):
        where = f" of {source}" if source else ""
        raise ConfigurationError(
            f"Key {number}{where} cannot be read.",
            hint="A key is id:secret, the secret in base64: sesevent privacy key.",
        )
    return Key(id_, decoded, keep_domain=not option)


def noted(keys: Iterable[Key]) -> Mapping[str, str]:
    """What an audit may say of keys: which there are, and nothing that follows from a secret."""
    return {key.id: key.fingerprint for key in keys}
