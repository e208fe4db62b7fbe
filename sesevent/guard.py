"""Between a sender and Amazon SES: nobody is mailed who may not be, and nobody is left out silently.

`Guard` answers before any sender, and wraps a boto3 client of SES or SESv2. What each of its calls
mails, and where that stands in a request, is one table: `LETTERS`. Of AWS it knows the shapes of
these requests and nothing else: it never imports boto3, and it sees no credentials.
Who may be mailed is the store's to say (:mod:`sesevent.suppression.decision`).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from email import message_from_bytes, policy
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar, cast

from sesevent.addresses import bare
from sesevent.arguments import several
from sesevent.errors import ConfigurationError, Suppressed
from sesevent.suppression.decision import Decision
from sesevent.suppression.facts import ALL_STREAMS

__all__ = ["LETTERS", "TOLD", "AsyncGuard", "Guard", "Guarded", "Mail", "addressed"]

TOLD: Final = "SesEventGuard"
"""What the guard adds to a response: ``{"refused": [decision, …]}``."""

C = TypeVar("C")
OnRefused = Callable[[list[Decision]], object]

_log = logging.getLogger("sesevent.guard")


class SuppressionList(Protocol):
    """What a guard asks of ``store.suppression``."""

    def check_many(
        self, addresses: Iterable[str], *, stream: str = ALL_STREAMS, tenant: str = ""
    ) -> Iterator[Decision]:
        """A decision for each address, in order."""
        ...

    def stream_for(self, configuration_set: str = "", tags: Mapping[str, str] = ...) -> str:
        """The stream of a mail, by the policy."""
        ...

    def tenant_for(self, tags: Mapping[str, str]) -> str:
        """The tenant whose mail it is, by the policy."""
        ...


class Store(Protocol):
    """What a guard needs of an `EventStore`."""

    @property
    def suppression(self) -> SuppressionList:
        """Whom one may mail."""
        ...


class AsyncSuppressionList(Protocol):
    """What a guard asks of an asyncio store's ``suppression``."""

    def check_many(
        self, addresses: Iterable[str] | AsyncIterable[str], *, stream: str = ALL_STREAMS, tenant: str = ""
    ) -> AsyncIterator[Decision]:
        """A decision for each address, in order."""
        ...

    def stream_for(self, configuration_set: str = "", tags: Mapping[str, str] = ...) -> str:
        """The stream of a mail, by the policy."""
        ...

    def tenant_for(self, tags: Mapping[str, str]) -> str:
        """The tenant whose mail it is, by the policy."""
        ...


class AsyncStore(Protocol):
    """What a guard needs of an `AsyncEventStore`."""

    @property
    def suppression(self) -> AsyncSuppressionList:
        """Whom one may mail."""
        ...


class Guarded(NamedTuple):
    """Recipients, parted into those that may be mailed and those that may not."""

    allowed: list[str]
    """As they were spelled, in order."""
    refused: list[Decision]
    """In order; each says why not."""


Request = dict[str, Any]
Place = tuple[Request, str]
"""A list of recipients: the object it stands in, and its name there."""
Asked = tuple[list[str], str, str]
"""Recipients, and the stream and the tenant of their mail."""


class Mail(NamedTuple):
    """One call of SES, and where in its request recipients stand. The caller's own objects are not touched."""

    request: Request
    """A copy, with the recipients of a raw message spelled out beside it."""
    letters: list[list[Place]]
    """For each letter of the call, its lists of recipients."""
    entries: tuple[str, str, str] | None = None
    """Where one call sends many letters: their name in the request, that of their results, and SES's word for
    a letter that failed."""

    raw: bytes | str | None = None
    """A message as a whole, which may say itself what a request leaves open."""

    @property
    def recipients(self) -> list[str]:
        """Everybody this call would mail, as spelled, in order."""
        return [person for letter in self.letters for person in _people(letter)]

    def labelled(self) -> list[tuple[list[str], str, dict[str, str]]]:
        """Letter by letter whom it goes to, its configuration set and its message tags.

        Tags of a request go before those in a message's headers, and tags of one letter before those of all, as at SES
        (https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html).
        """
        headers = _Labels("", {}) if self.raw is None else _labels_in(self.raw)
        tags = _tags_in(self.request, _TAGS) or headers.tags
        configuration_set = str(self.request.get("ConfigurationSetName") or headers.configuration_set)
        entries = self.request[self.entries[0]] if self.entries else [{}] * len(self.letters)
        return [
            (_people(letter), configuration_set, tags | _tags_in(entry, ("ReplacementTags",)))
            for letter, entry in zip(self.letters, entries, strict=True)
        ]

    def without(self, refused: Sequence[bool]) -> Mail:
        """The same without those *refused*, told in the order of `recipients`."""
        told = iter(refused)
        for letter in self.letters:
            for place, name in letter:
                place[name] = [person for person in place[name] if not next(told)]
                if not place[name]:
                    del place[name]
        return self

    def sent(self) -> tuple[Request, list[int]]:
        """What is left to send, and the positions of those letters that have nobody left."""
        empty = [
            at for at, letter in enumerate(self.letters) if letter and not any(name in place for place, name in letter)
        ]
        if self.entries is None or not empty:
            return self.request, empty
        name = self.entries[0]
        absent = set(empty)
        return self.request | {name: [entry for at, entry in enumerate(self.request[name]) if at not in absent]}, empty

    def answered(self, response: Request, empty: Sequence[int], refused: Sequence[Decision]) -> Request:
        """*response* with what was refused. Results of many letters keep the positions the caller knows."""
        if self.entries is not None and empty:
            _, results, failed = self.entries
            told = iter(response.get(results, ()))
            unsent = {"Status": failed, "Error": "not sent: sesevent refused every recipient"}
            absent = set(empty)
            response = response | {
                results: [dict(unsent) if at in absent else next(told, dict(unsent)) for at in range(len(self.letters))]
            }
        return response | {TOLD: {"refused": list(refused)}}


_TAGS: Final = ("Tags", "EmailTags", "DefaultTags", "DefaultEmailTags")
_FIELDS: Final = ("ToAddresses", "CcAddresses", "BccAddresses")


def _one(request: Request) -> Mail:
    """One letter to one ``Destination``; of SESv2 the destination may be left to a raw message's own headers."""
    raw = request.get("Content", {}).get("Raw")
    destination = dict(request.get("Destination") or {})
    if raw is not None and not any(destination.get(name) for name in _FIELDS):
        destination["ToAddresses"] = _in_headers(raw.get("Data", b""))
    copy = request | {"Destination": destination}
    return Mail(copy, [_places(destination)], raw=None if raw is None else raw.get("Data", b""))


def _raw(request: Request) -> Mail:
    """One raw message. ``Destinations`` go before its headers, as at SES."""
    raw = request.get("RawMessage", {}).get("Data", b"")
    copy = request | {"Destinations": list(request.get("Destinations") or _in_headers(raw))}
    return Mail(copy, [[(copy, "Destinations")]], raw=raw)


def _many(name: str, results: str, failed: str) -> Callable[[Request], Mail]:
    def many(request: Request) -> Mail:
        entries = [entry | {"Destination": dict(entry.get("Destination") or {})} for entry in request.get(name, ())]
        letters = [_places(entry["Destination"]) for entry in entries]
        return Mail(request | {name: entries}, letters, (name, results, failed))

    return many


LETTERS: Final[dict[str, Callable[[Request], Mail]]] = {
    "send_email": _one,  # SES and SESv2 share the name, and where the destination stands
    "send_templated_email": _one,
    "send_raw_email": _raw,
    "send_bulk_templated_email": _many("Destinations", "Status", "Failed"),
    "send_bulk_email": _many("BulkEmailEntries", "BulkEmailEntryResults", "FAILED"),
}
"""The calls of SES and SESv2 that mail somebody, and how their requests say whom."""


def addressed(method: str, request: Request) -> Mail:
    """Whom a call mails. Raises ConfigurationError for a raw message whose recipients cannot be read."""
    return LETTERS[method](request)


def _people(letter: Sequence[Place]) -> list[str]:
    return [person for place, name in letter for person in several(place[name], name)]


class _Labels(NamedTuple):
    """What mail is known by."""

    configuration_set: str
    tags: dict[str, str]


def _tags_in(holder: Request, names: Iterable[str]) -> dict[str, str]:
    tags = [tag for name in names for tag in holder.get(name) or ()]
    return {tag["Name"]: tag["Value"] for tag in tags if "Name" in tag and "Value" in tag}


def _labels_in(data: bytes | str) -> _Labels:
    """What a message's own headers say: SES reads them where the request says nothing."""
    message = message_from_bytes(_content(data), policy=policy.compat32)
    told = ",".join(str(value) for value in message.get_all("X-SES-MESSAGE-TAGS", ()))
    pairs = (pair.partition("=") for pair in told.split(","))
    tags = {name.strip(): value.strip() for name, _, value in pairs if value.strip()}
    return _Labels(str(message.get("X-SES-CONFIGURATION-SET", "")).strip(), tags)


def _content(data: bytes | str) -> bytes:
    return data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)


def _places(destination: Request) -> list[Place]:
    return [(destination, name) for name in _FIELDS if destination.get(name)]


def _in_headers(data: bytes | str) -> list[str]:
    """The recipients that a message names itself, none twice.

    Raises ConfigurationError where one cannot be read: who that is can be neither checked nor left out.
    """
    message = message_from_bytes(_content(data), policy=policy.default)
    try:
        headers = [header for name in ("To", "Cc", "Bcc") for header in message.get_all(name, ())]
        found = [_spelled(person.addr_spec) for header in headers for person in header.addresses]
        invalid = any("invalid address" in str(defect) for header in headers for defect in header.defects)
        odd = bool(message.defects) or invalid
        odd = odd or any(name.lower().startswith("resent-") for name in message.keys())  # noqa: SIM118  # not a mapping
    except (AttributeError, IndexError, LookupError, TypeError, ValueError):  # the parser's own on strange headers
        found, odd = [], True
    if odd or not found or not all("@" in person for person in found):
        raise ConfigurationError(
            "It cannot be told whom this raw message goes to.", hint="Name its recipients in the request as well."
        )
    return list(dict.fromkeys(found))


def _spelled(address: str) -> str:
    """An address as a request takes it: headers may hold UTF-8 as it is (RFC 6532), domains of any script too."""
    return bare(address.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


class _Rules:
    """What both guards know: on which stream, and what is done about those who are refused."""

    def __init__(
        self,
        stream: str,
        tenant: str,
        on_refused: OnRefused | None,
        refuse: Literal["drop", "raise"],
        raise_if_all: bool,
    ) -> None:
        if refuse not in ("drop", "raise"):
            raise ConfigurationError('refuse must be "drop" or "raise".')
        self.stream, self.tenant = stream, tenant
        self._on_refused, self._refuse, self._raise_if_all = on_refused, refuse, raise_if_all

    def asked(self, mail: Mail, suppression: SuppressionList | AsyncSuppressionList) -> Iterator[Asked]:
        """Whom a call mails, in order, by stream and tenant: the guard's own, else those the policy knows mail by."""
        whose = [(self._of(suppression, named, tags), people) for people, named, tags in mail.labelled()]
        for (stream, tenant), several_letters in groupby(whose, key=itemgetter(0)):
            yield [person for _, people in several_letters for person in people], stream, tenant

    def _of(
        self, suppression: SuppressionList | AsyncSuppressionList, configuration_set: str, tags: Mapping[str, str]
    ) -> tuple[str, str]:
        stream = suppression.stream_for(configuration_set, tags) if self.stream == ALL_STREAMS else self.stream
        return stream, self.tenant or suppression.tenant_for(tags)

    def part(self, asked: Sequence[str], decisions: Sequence[Decision]) -> Guarded:
        """Those who may be mailed, and why the others may not."""
        pairs = list(zip(asked, decisions, strict=True))
        guarded = Guarded([person for person, told in pairs if told], [told for _, told in pairs if not told])
        self._tell(guarded.refused, len(pairs))
        return guarded

    def reduce(self, mail: Mail, decisions: Sequence[Decision]) -> tuple[Request | None, list[int], list[Decision]]:
        """What is left of a call, None where nothing is; letters without anybody; and who was refused."""
        refused = [decision for decision in decisions if not decision]
        self._tell(refused, len(decisions))
        if refused and self._refuse == "raise":
            raise Suppressed(refused)
        request, empty = mail.without([not decision for decision in decisions]).sent()
        if refused and len(refused) == len(decisions):
            if self._raise_if_all:
                raise Suppressed(refused)
            return None, empty, refused
        return request, empty, refused

    def _tell(self, refused: list[Decision], asked: int) -> None:
        if not refused:
            return
        _log.info("%d of %d recipients may not be mailed on the stream %s", len(refused), asked, self.stream)
        if self._on_refused is not None:
            self._on_refused(refused)


class Guard:
    """Keeps senders from mailing whom they may not. Its twin for asyncio is `AsyncGuard`.

    *stream* is the stream of what is sent (`*`: the one by which the policy knows a letter's configuration
    set or tags, if it does), *tenant* whose mail it is (likewise by its tags). Who is refused is told to
    *on_refused*, before anything is sent, and counted in the log ``sesevent.guard``.

    *refuse* says what a wrapped client does: ``drop`` sends to the others, ``raise`` sends nothing if
    anybody is refused. Where nobody is left SES is not called and Suppressed is raised; with
    ``raise_if_all=False`` the response then holds the decisions and nothing of SES.
    """

    def __init__(
        self,
        store: Store,
        *,
        stream: str = ALL_STREAMS,
        tenant: str = "",
        on_refused: OnRefused | None = None,
        refuse: Literal["drop", "raise"] = "drop",
        raise_if_all: bool = True,
    ) -> None:
        self._store = store
        self._rules = _Rules(stream, tenant, on_refused, refuse, raise_if_all)

    def split(self, addresses: Iterable[str]) -> Guarded:
        """Part *addresses* into those that may be mailed, as they are spelled, and a decision for each other."""
        asked = list(several(addresses, "addresses"))
        return self._rules.part(asked, self._decide(asked))

    def require(self, address: str) -> Decision:
        """The decision for an address that may be mailed; raises Suppressed for one that may not."""
        guarded = self._rules.part([address], decisions := self._decide([address]))
        if guarded.refused:
            raise Suppressed(guarded.refused)
        return decisions[0]

    def wrap(self, client: C) -> C:
        """*client*, a boto3 client of SES or SESv2, with its sending calls guarded; all else is as before.

        The response of a guarded call holds, under ``SesEventGuard``, a decision for each recipient that
        was dropped. Letters of a bulk call that have nobody left are told as failed, in their place.
        """
        return cast("C", _Client(client, self._guarded))

    def _guarded(self, name: str, member: Callable[..., Request]) -> Callable[..., Request]:
        def send(**request: Any) -> Request:
            mail = addressed(name, request)
            asked = self._rules.asked(mail, self._store.suppression)
            decisions = [decision for some in asked for decision in self._decide(*some)]
            left, empty, refused = self._rules.reduce(mail, decisions)
            response = {} if left is None else member(**(left if refused else request))
            return mail.answered(response, empty, refused)

        return send

    def _decide(self, asked: list[str], stream: str | None = None, tenant: str | None = None) -> list[Decision]:
        stream, tenant = stream or self._rules.stream, tenant or self._rules.tenant
        return list(self._store.suppression.check_many(asked, stream=stream, tenant=tenant))


class AsyncGuard:
    """Keeps senders from mailing whom they may not. Its twin for blocking code is `Guard`.

    *stream* is the stream of what is sent (`*`: the one by which the policy knows a letter's configuration
    set or tags, if it does), *tenant* whose mail it is (likewise by its tags). Who is refused is told to
    *on_refused*, before anything is sent, and counted in the log ``sesevent.guard``.

    *refuse* says what a wrapped client does: ``drop`` sends to the others, ``raise`` sends nothing if
    anybody is refused. Where nobody is left SES is not called and Suppressed is raised; with
    ``raise_if_all=False`` the response then holds the decisions and nothing of SES.
    """

    def __init__(
        self,
        store: AsyncStore,
        *,
        stream: str = ALL_STREAMS,
        tenant: str = "",
        on_refused: OnRefused | None = None,
        refuse: Literal["drop", "raise"] = "drop",
        raise_if_all: bool = True,
    ) -> None:
        self._store = store
        self._rules = _Rules(stream, tenant, on_refused, refuse, raise_if_all)

    async def split(self, addresses: Iterable[str]) -> Guarded:
        """Part *addresses* into those that may be mailed, as they are spelled, and a decision for each other."""
        asked = list(several(addresses, "addresses"))
        return self._rules.part(asked, await self._decide(asked))

    async def require(self, address: str) -> Decision:
        """The decision for an address that may be mailed; raises Suppressed for one that may not."""
        guarded = self._rules.part([address], decisions := await self._decide([address]))
        if guarded.refused:
            raise Suppressed(guarded.refused)
        return decisions[0]

    def wrap(self, client: Any) -> Any:
        """*client*, of boto3 or of an asyncio kin of it, with its sending calls guarded and to be awaited.

        A blocking client's sending calls run in a thread; all other calls are as before. The response of a
        guarded call holds, under ``SesEventGuard``, a decision for each recipient that was dropped.
        """
        return _Client(client, self._guarded)

    def _guarded(self, name: str, member: Callable[..., Any]) -> Callable[..., Any]:
        async def send(**request: Any) -> Request:
            mail = addressed(name, request)
            asked = self._rules.asked(mail, self._store.suppression)
            decisions = [decision for some in asked for decision in await self._decide(*some)]
            left, empty, refused = self._rules.reduce(mail, decisions)
            response = {} if left is None else await _called(member, left if refused else request)
            return mail.answered(response, empty, refused)

        return send

    async def _decide(self, asked: list[str], stream: str | None = None, tenant: str | None = None) -> list[Decision]:
        stream, tenant = stream or self._rules.stream, tenant or self._rules.tenant
        told = self._store.suppression.check_many(asked, stream=stream, tenant=tenant)
        return [decision async for decision in told]


async def _called(member: Callable[..., Any], request: Request) -> Request:
    """What *member* answers: awaited where it is of asyncio, from a thread where it blocks."""
    answer: Request
    if inspect.iscoroutinefunction(member):
        answer = await member(**request)
        return answer
    outcome: Any = await asyncio.to_thread(member, **request)
    answer = await outcome if inspect.isawaitable(outcome) else outcome
    return answer


class _Client:
    """A client whose sending calls go through a guard."""

    def __init__(self, client: Any, guarded: Callable[[str, Callable[..., Any]], Callable[..., Any]]) -> None:
        self._client, self._guarded = client, guarded

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client, name)
        return self._guarded(name, member) if name in LETTERS else member
