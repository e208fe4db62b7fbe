"""One-click unsubscribing: what outgoing mail says, and what a click is answered, whatever framework carries it.

`OneClick` makes the two headers of RFC 8058. Its links hold whom they are of, from which stream and on behalf of which
mail, sealed: encrypted and signed (HMAC-SHA-256, https://github.com/fernet/spec/blob/master/Spec.md) with a key that
the database does not know. So no address stands in a URL or in a log, nobody can make a link, and none need be kept.

Only a POST with the words of the RFC acts. A GET shows a page that asks: scanners follow links, and mailbox providers
fetch them (RFC 8058, section 1). What is answered follows from the link alone, never from what is known of a person.
The adapters in :mod:`sesevent.contrib` translate requests in and answers out.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import html
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

from sesevent import addresses, jsontext
from sesevent.errors import ConfigurationError, MissingExtra, SesEventError
from sesevent.sns.origin import Headers, header_pairs

__all__ = [
    "LARGEST", "Answer", "AsyncUnsubscribe", "OneClick", "OptOut", "Settings", "Unsubscribe", "Words", "new_key",
    "read_keys",
]  # fmt: skip

LARGEST: Final = 16 * 1024
"""Bytes of a body: the words of the RFC are 26."""
SECONDS: Final = 10.0
SHORTEST: Final = timedelta(days=60)
"""How long a link must work, at least: CASL section 11(2) says 60 days, CAN-SPAM (15 U.S.C. 7704(a)(3)) 30."""
_LONGEST_VALUE: Final = 870  # of a header in Amazon SES's API
_SHORTEST_KEY: Final = 32  # characters
_PURPOSE: Final = "unsubscribe"
_PARAMETER: Final = "t"
_NAME, _WORDS = "List-Unsubscribe", "One-Click"

_log = logging.getLogger("sesevent.unsubscribe")


def new_key() -> str:
    """A new key, as text: 256 random bits."""
    return secrets.token_urlsafe(32)


def read_keys(path: str | Path) -> list[str]:
    """The keys in a file, one on a line, the newest first. Raises ConfigurationError where there is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"The keys cannot be read: {told}.") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@dataclass(frozen=True, slots=True, repr=False)
class OptOut:
    """What a link stands for."""

    address: str
    """In normal form."""
    stream: str
    tenant: str = ""
    about: str = ""
    """The mail or campaign that bore the link."""
    made_at: datetime = datetime(1970, 1, 1, tzinfo=timezone.utc)
    """To the second."""

    def __repr__(self) -> str:
        return f"<OptOut {addresses.mask(self.address)} from {self.stream}>"


class OneClick:
    """Makes links, and reads them. *keys* are secret texts of 32 characters or more, the newest first.

    The newest seals; links of the older ones still work, so to change the key put a new one before it, and take the
    old one away when its last mail is older than you want links to work. A lost key ends every link it made.
    """

    def __init__(
        self, url: str, keys: str | Iterable[str], *, lasts: timedelta | None = None, mailto: str | None = None
    ) -> None:
        """Take the *url* of the endpoint, which must be https; how long a link *lasts*, by default for ever.

        *mailto* is an address that also takes opt-outs, for receivers that know RFC 2369 only. Raises
        ConfigurationError for what no link may be made of, and MissingExtra without cryptography.
        """
        told = urlsplit(url)
        if told.scheme != "https" or not told.netloc or told.fragment or not url.isascii() or set(url) & set("<>, \t"):
            raise ConfigurationError(
                "An unsubscribe link is an absolute https URL without a fragment.", hint="RFC 8058, section 3.1."
            )
        if lasts is not None and lasts < SHORTEST:
            raise ConfigurationError("An unsubscribe link must work for 60 days, at least.", hint="CASL, CAN-SPAM.")
        if mailto is not None and (not addresses.is_one(mailto) or not mailto.isascii() or set(mailto) & set("<>, ")):
            raise ConfigurationError("mailto is one plain address that takes opt-outs.")
        self.url, self.lasts, self.mailto = url, lasts, mailto
        given = [keys] if isinstance(keys, str) else list(keys)
        if not given or any(len(key) < _SHORTEST_KEY for key in given):
            raise ConfigurationError(
                "Unsubscribe links need a key of 32 characters or more.",
                hint="Make one: sesevent unsubscribe key FILE.",
            )
        self._sealed = _sealing(given)
        self.fingerprints = tuple(hmac.digest(key.encode(), b"fingerprint", "sha256")[:6].hex() for key in given)
        """By which a key is told from another: for the audit trail."""

    @property
    def path(self) -> str:
        """Where the endpoint is, on its host."""
        return urlsplit(self.url).path or "/"

    def link(self, address: str, *, stream: str, tenant: str = "", about: str = "") -> str:
        """The link with which one person leaves a *stream* (`*`: all of them).

        *about* names the mail or campaign it is put into; it is written down when the link is followed, and must not
        name the person. Raises ConfigurationError where *address* is not one address.
        """
        if not addresses.is_one(address):
            raise ConfigurationError("What was given is not one e-mail address.", hint="A link is one person's.")
        if not stream:
            raise ConfigurationError("Say which stream the link is for; * stands for all of them.")
        told = jsontext.encode([_PURPOSE, addresses.normal(address), stream, tenant, about])
        token = self._sealed.encrypt(told.encode()).decode().rstrip("=")
        return f"{self.url}{'&' if '?' in self.url else '?'}{_PARAMETER}={token}"

    def headers(self, address: str, *, stream: str, tenant: str = "", about: str = "") -> dict[str, str]:
        """The headers of a mail to one person: as `link`; RFC 8058, section 3.1.

        A mail has one recipient then: whoever else saw it could unsubscribe that person. DKIM must sign both headers.
        """
        value = f"<{self.link(address, stream=stream, tenant=tenant, about=about)}>"
        if self.mailto is not None:
            value += f", <mailto:{self.mailto}?subject=unsubscribe>"
        if len(value) > _LONGEST_VALUE:
            raise ConfigurationError(
                f"The List-Unsubscribe header would be longer than {_LONGEST_VALUE} characters.",
                hint="Shorten *about*.",
            )
        return {_NAME: value, f"{_NAME}-Post": f"{_NAME}={_WORDS}"}

    def read(self, token: str, now: datetime | None = None) -> OptOut | None:
        """What a link, or its token, stands for; None where we did not make it, or it no longer works."""
        from cryptography.fernet import InvalidToken

        if "?" in token:
            token = _token_in(urlsplit(token).query)
        if not token.isascii() or len(token) > _LONGEST_VALUE:
            return None
        sealed = token.encode() + b"=" * (-len(token) % 4)
        moment = now or datetime.now(timezone.utc)
        try:
            text = self._sealed.decrypt(sealed)
            made = datetime.fromtimestamp(self._sealed.extract_timestamp(sealed), timezone.utc)
            purpose, address, stream, tenant, about = jsontext.decode(text.decode())
        except (InvalidToken, ValueError, TypeError, OverflowError, OSError):
            return None
        if purpose != _PURPOSE or (self.lasts is not None and moment > made + self.lasts):
            return None
        return OptOut(address, stream, tenant, about, made)

    def __repr__(self) -> str:
        return f"<OneClick {self.url} with {len(self.fingerprints)} keys>"


def _sealing(keys: list[str]) -> Any:
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError:
        raise MissingExtra("One-click unsubscribing", "verify") from None
    # Whatever else a key is used for, this use has one of its own.
    own = [hmac.digest(key.encode(), b"sesevent one-click unsubscribe", "sha256") for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in own])


def _token_in(query: str) -> str:
    return parse_qs(query, max_num_fields=20).get(_PARAMETER, [""])[0]


# ── the endpoint ────────────────────────────────────────────────────────────────────────────────────────────────────


class Answer(NamedTuple):
    """An HTTP response; its headers say what it is."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()


class Words(NamedTuple):
    """What the page says. It is text, and never markup."""

    language: str = "en"
    title: str = "Unsubscribe"
    ask: str = "Do you want to receive no more mails of this kind?"
    button: str = "Unsubscribe"
    done: str = "You are unsubscribed. You need do nothing more."
    broken: str = "This link does not work: it is incomplete, or it has expired."
    later: str = "That could not be written down just now. Please try again in a minute."
    streams: Mapping[str, str] = MappingProxyType({})
    """What a stream is called where a person reads it; one that is not named is not shown."""


class Store(Protocol):
    """What the endpoint needs of an `EventStore` or `AsyncEventStore`."""

    @property
    def suppression(self) -> Any:
        """Its suppression list."""

    @property
    def audit(self) -> Any:
        """Its audit trail."""


@dataclass(frozen=True)
class Settings:
    """What both colours of the endpoint are told."""

    one_click: OneClick
    words: Words = field(default_factory=Words)
    timeout_seconds: float = SECONDS
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)

    def asked(self, method: str, query: str) -> OptOut | Answer:
        """What a request is about, if it is one that may act; else its answer. Nothing else was read by then."""
        if method not in ("GET", "HEAD", "POST"):
            return _page(self.words, 405, self.words.broken, more=(("Allow", "GET, HEAD, POST"),))
        try:
            told = self.one_click.read(_token_in(query), self.clock())
        except ValueError:  # more parameters than any link of ours has
            told = None
        if told is None:
            return _page(self.words, 404, self.words.broken)
        if method == "POST":
            return told
        return _page(self.words, 200, self.words.ask, kind=told.stream, button=True)

    def answered(self, done: bool, told: OptOut) -> Answer:
        """The answer to who asked to be unsubscribed."""
        if done:
            return _page(self.words, 200, self.words.done, kind=told.stream)
        return _page(self.words, 503, self.words.later, more=(("Retry-After", "60"),))

    def not_asked(self, told: OptOut) -> Answer:
        """The answer to a POST without the words of the RFC: the page that asks."""
        return _page(self.words, 400, self.words.ask, kind=told.stream, button=True)

    @property
    def keys(self) -> dict[str, Any]:
        """What the audit trail is told of the keys."""
        return {"fingerprints": list(self.one_click.fingerprints)}


def said(body: bytes, content_type: str) -> bool:
    """Whether a body says ``List-Unsubscribe=One-Click``, in either form of RFC 8058, section 3.2."""
    if len(body) > LARGEST:
        return False
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
        whole = message_from_bytes(head + body, policy=policy.HTTP)
        for part in whole.iter_parts() if whole.is_multipart() else ():
            if part.get_param("name", header="content-disposition") == _NAME:
                return str(part.get_payload()).strip() == _WORDS
        return False
    try:
        return parse_qs(body.decode("ascii"), max_num_fields=20).get(_NAME) == [_WORDS]
    except ValueError:
        return False


def content_type(headers: Headers) -> str:
    """What a body says it is."""
    return next((value for name, value in header_pairs(headers) if name == "content-type"), "")


class Unsubscribe:
    """The endpoint for blocking code, over an `EventStore`."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.settings = settings
        self._store = store
        self._keys_noted = False

    def answer(self, method: str, query: str, body: Callable[[], bytes], headers: Headers) -> Answer:
        """Do what is asked, if it is asked as it must be, and say what is to be answered."""
        told = self.settings.asked(method, query)
        if isinstance(told, Answer):
            return told
        if not said(body(), content_type(headers)):
            return self.settings.not_asked(told)
        try:
            self._store.suppression.unsubscribe(**_act(told))
        except SesEventError as error:
            _log.error("an unsubscription was not written down: %s", type(error).__name__)
            return self.settings.answered(False, told)
        self._note_keys()
        return self.settings.answered(True, told)

    def _note_keys(self) -> None:
        if self._keys_noted:
            return
        try:
            self._store.audit.note_change("keys in use", _KEYS, detail=self.settings.keys)
            self._keys_noted = True
        except SesEventError as error:  # the person's word is written down: that is what was asked
            _log.error("the keys in use were not written down: %s", type(error).__name__)


class AsyncUnsubscribe:
    """The endpoint for asyncio, over an `AsyncEventStore`."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.settings = settings
        self._store = store
        self._keys_noted = False

    async def answer(self, method: str, query: str, body: Callable[[], Awaitable[bytes]], headers: Headers) -> Answer:
        """Do what is asked, if it is asked as it must be, and say what is to be answered."""
        told = self.settings.asked(method, query)
        if isinstance(told, Answer):
            return told
        try:
            content = await asyncio.wait_for(body(), self.settings.timeout_seconds)
            if not said(content, content_type(headers)):
                return self.settings.not_asked(told)
            await asyncio.wait_for(self._store.suppression.unsubscribe(**_act(told)), self.settings.timeout_seconds)
        except (SesEventError, asyncio.TimeoutError) as error:
            _log.error("an unsubscription was not written down: %s", type(error).__name__)
            return self.settings.answered(False, told)
        await self._note_keys()
        return self.settings.answered(True, told)

    async def _note_keys(self) -> None:
        if self._keys_noted:
            return
        try:
            await self._store.audit.note_change("keys in use", _KEYS, detail=self.settings.keys)
            self._keys_noted = True
        except SesEventError as error:  # the person's word is written down: that is what was asked
            _log.error("the keys in use were not written down: %s", type(error).__name__)


_KEYS: Final = "unsubscribe links"


def _act(told: OptOut) -> dict[str, Any]:
    return {
        "address": told.address, "stream": told.stream, "origin": "one-click", "by": "the recipient",
        "note": told.about, "tenant": told.tenant, "once": True,
    }  # fmt: skip


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────

_STYLE: Final = (
    "body{font:18px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:32em;padding:0 1em}"
    "button{font:inherit;padding:.5em 1.5em;cursor:pointer}:root{color-scheme:light dark}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; "
                                "base-uri 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),  # the address bar holds the link
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("X-Robots-Tag", "noindex, nofollow"),
)  # fmt: skip


def _page(
    words: Words,
    status: int,
    text: str,
    *,
    kind: str = "",
    button: bool = False,
    more: tuple[tuple[str, str], ...] = (),
) -> Answer:
    language, title, sentence = (html.escape(one) for one in (words.language, words.title, text))
    named = html.escape(words.streams.get(kind, ""))
    form = (
        # To where the page was: the link, whatever a proxy made of its path.
        f'<form method="post"><input type="hidden" name="{_NAME}" value="{_WORDS}">'
        f"<button>{html.escape(words.button)}</button></form>"
    )
    return Answer(
        status,
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1><p>{sentence}</p>{f'<p><strong>{named}</strong></p>' if named else ''}"
        f"{form if button else ''}</main></body></html>\n",
        (*_HEADERS, *more),
    )
