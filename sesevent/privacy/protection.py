"""A policy and its keys, carried out on one event: its text, in which no more is readable than the policy lets be.

Two ways lead to the same text. The thorough one decodes, edits field by field, writes over addresses wherever they
stand and encodes. The quick one edits the text as it is, where that is simple. Neither keys, dates or files an event:
that is done of the original before. Next: :mod:`sesevent.storage.codec`, which makes a row of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from sesevent import jsontext
from sesevent.errors import ConfigurationError
from sesevent.events.essentials import Essentials
from sesevent.privacy import swift
from sesevent.privacy.editing import EDITS, Editor, object_in, subject_in
from sesevent.privacy.policy import FIELDS, PrivacyPolicy
from sesevent.privacy.pseudonyms import Key, Pseudonyms, keys_in, noted
from sesevent.privacy.rewriting import Rewriter, mailbox_in, mailboxes_in

__all__ = ["DROPPED", "Protected", "Protection"]

DROPPED: Final = "dropped@address.invalid"
"""What stands for an address that is left out."""


class Protected(NamedTuple):
    """An event as it may be stored."""

    text: str
    recipients: list[str]
    """Whom it concerns, each once, in the order they had."""
    subject: str | None
    link: str | None
    """The link that was followed."""
    tags: dict[str, Any] | None
    """The mail's message tags, where they changed."""


class _Chosen(NamedTuple):
    """A policy's choices for one kind of event."""

    actions: dict[str, str]
    edits: dict[str, Editor]
    """What is done besides writing over addresses."""
    rewrites: bool
    """Whether addresses are written over."""
    swift: bool
    """Whether addresses are written over as the quick way does it."""
    beyond: tuple[str, ...]
    """Edits that only the thorough way knows."""
    rare: bool
    """Whether nothing else is done: most events have no part that these edit."""


class Protection:
    """What a store keeps of people: a policy, and the keys it needs. Handed to ``connect(privacy=…)``."""

    def __init__(self, policy: PrivacyPolicy | None = None, keys: Iterable[Key] = ()) -> None:
        """*keys*: the newest first. Raises ConfigurationError where the policy needs one and there is none."""
        self.policy = policy or PrivacyPolicy()
        given = tuple(keys)
        if self.policy.needs_keys and not given:
            raise ConfigurationError(
                "The privacy policy makes pseudonyms, and there is no key for them.",
                hint="Make one with sesevent privacy key, and keep it outside the database.",
            )
        self.hides = self.policy.action("recipients") == "pseudonymise"
        """Whether people are stored under pseudonyms."""
        self.pseudonyms = Pseudonyms(given, writes=self.hides) if given else None
        self._chosen: Callable[[str], _Chosen] = lru_cache(64)(self._choose)

    @classmethod
    def load(
        cls,
        policy: Mapping[str, Any] | str | Path | None = None,
        *,
        keys: str = "",
        keys_file: str | Path | None = None,
    ) -> Protection:
        """From a policy's file (`PrivacyPolicy.load`), and keys in a text or in a file of their own, the newest first.

        Raises ConfigurationError, which quotes no key, for what cannot be read.
        """
        made = PrivacyPolicy() if policy is None else PrivacyPolicy.load(policy)
        return cls(made, keys_in(keys) if keys_file is None else keys_in(_text_of(Path(keys_file)), str(keys_file)))

    @property
    def keys(self) -> Mapping[str, str]:
        """Id → fingerprint of each key."""
        return {} if self.pseudonyms is None else noted(self.pseudonyms.keys)

    @property
    def keeps_dead_letters(self) -> bool:
        """Whether text that is not understood may be kept."""
        return self.policy.action("dead_letters") == "keep"

    def protect(self, event: Essentials) -> Protected | None:
        """An event as it may be stored; None where that is as it came."""
        chosen = self._chosen(event.type)
        if not chosen.edits and not chosen.rewrites:
            return None
        if chosen.rare and not _has_more(event, chosen.beyond):
            return None
        quick = self._quickly(event, chosen) if chosen.swift else None
        return quick or self._thoroughly(event, chosen)

    def _choose(self, kind: str) -> _Chosen:
        actions = {name: self.policy.action(name, kind) for name in FIELDS}
        edits = {name: Editor(actions[name], self.policy, self.pseudonyms)
                 for name in EDITS if actions[name] in _CHANGES}  # fmt: skip
        alike = actions["recipients"] == actions["others"] == "pseudonymise"
        rewrites = not _CHANGES.isdisjoint((actions["recipients"], actions["others"]))
        beyond = tuple(edits.keys() - _DONE.keys() - _OF_MAIL)
        return _Chosen(actions, edits, rewrites, alike, beyond, not rewrites and len(beyond) == len(edits))

    def _thoroughly(self, event: Essentials, chosen: _Chosen) -> Protected | None:
        before = event.decoded()
        recipients, senders = set(event.normals).union(_named(before, _TO)), set(_named(before, _FROM))
        rewriter = Rewriter(self._instead(event, recipients, senders, chosen.actions), recipients | senders)
        payload = rewriter.written(before) if chosen.rewrites else event.decoded()
        for name, editor in chosen.edits.items():
            EDITS[name](payload, editor)
        if payload == before:
            return None
        mail, body = object_in(payload.get("mail")), object_in(payload.get(event.body or ""))
        people = [rewriter.new(normal) for normal in event.normals] if chosen.rewrites else event.normals
        link, tags = body.get("link"), mail.get("tags")
        return Protected(
            jsontext.encode(payload),
            list(dict.fromkeys(people)),
            subject_in(mail),
            link if isinstance(link, str) else None,
            tags if type(tags) is dict and tags != event.mail.get("tags") else None,
        )

    def _instead(
        self, event: Essentials, recipients: Set[str], senders: Set[str], actions: Mapping[str, str]
    ) -> Callable[[str], str | None]:
        """What is written for an address of this event; None where it stays."""
        inbound = event.type == "Received"  # whose sender is a stranger

        def instead(normal: str) -> str | None:
            if normal not in recipients and ((normal in senders and not inbound) or is_of_ses(normal)):
                return None
            action = actions["recipients" if normal in recipients else "others"]
            if action == "pseudonymise" and self.pseudonyms is not None:
                return self.pseudonyms.of_normal(normal)
            return DROPPED if action == "drop" else None

        return instead

    def _quickly(self, event: Essentials, chosen: _Chosen) -> Protected | None:
        """The same, where a text is simple; None where it may not be."""
        mail, subject, link = event.mail, event.subject, event.own.get("link")
        source, tags = mail.get("source"), mail.get("tags")
        if self.pseudonyms is None or event.body is None or event.body == "receipt":
            return None
        if chosen.beyond and _has_more(event, chosen.beyond):
            return None
        if swift.may_hold(subject) or swift.may_hold(link) or (type(tags) is dict and swift.any_may_hold(tags)):
            return None
        sender = swift.sender_in(source) if type(source) is str else ""
        named = self._named(event, sender)
        if named is None:
            return None
        text, changed = _with_mail(event, chosen.edits)
        if text is None or not swift.is_simple(text):
            return None
        written = swift.swapped(text, named, self.pseudonyms.of_normal, sender)
        for name, editor in chosen.edits.items():
            if written is None:
                return None
            if name == "subject":
                written, subject = swift.without_subject(written), None
            elif (key := _DONE.get(name)) is None or (event.body == "complaint" and key != "link"):
                continue
            elif key not in event.own:
                written = None if f'"{key}"' in written else written
            else:
                new = editor.value(name, event.own[key])
                written = swift.with_value(written, key, event.own[key], new)
                link = new if name == "links" else link
        if written is None or written is event.text:
            return None
        people = [self.pseudonyms.of_normal(normal) for normal in event.normals]
        return Protected(written, people, subject, link if isinstance(link, str) else None, changed)

    def _named(self, event: Essentials, sender: str) -> dict[str, str] | None:
        """What is written for those whom an event names, as it spells them; None where one cannot be read, or is the
        sender.
        """
        to, of = event.mail.get("destination"), self.pseudonyms.of_normal if self.pseudonyms is not None else str
        named: dict[str, str] = {}
        for text in event.named if to == event.named or type(to) is not list else [*event.named, *to]:
            if text not in named:
                plain = type(text) is str and _AS_COMPARED.fullmatch(text)
                normal = text if plain else mailbox_in(text) if type(text) is str else None
                if normal is None or normal == sender or '"' in text or "\\" in text:
                    return None
                named[text] = of(normal)
        return named


def _has_more(event: Essentials, beyond: tuple[str, ...]) -> bool:
    """Whether this event has a part that only the thorough way edits."""
    return any(name not in _ONLY_IN or event.body in _ONLY_IN[name] for name in beyond)


def _with_mail(event: Essentials, edits: Mapping[str, Editor]) -> tuple[str | None, dict[str, Any] | None]:
    """An event's text with its mail's headers and tags edited, and the tags where they changed; no text where it is
    not sure where they stand.
    """
    if _OF_MAIL.isdisjoint(edits):
        return event.text, None
    text: str | None = event.text
    tags = event.mail.get("tags")
    mail = dict(event.mail) | ({"tags": dict(tags)} if type(tags) is dict else {})
    for name in _OF_MAIL & edits.keys():
        EDITS[name]({"mail": mail}, edits[name])
    for key, old in event.mail.items():
        if text is not None and mail[key] != old:
            text = swift.with_value(text, key, old, mail[key])
    return text, mail["tags"] if type(tags) is dict and mail["tags"] != tags else None


_CHANGES: Final = frozenset({"truncate", "pseudonymise", "drop"})
_DONE: Final[dict[str, str | None]] = {
    "subject": None,
    "ip_address": "ipAddress",
    "user_agent": "userAgent",
    "links": "link",
}
"""What the quick way edits, and under which key of a kind's own part."""
_OF_MAIL: Final = frozenset({"headers", "tags"})
"""What it edits of the mail."""
_ONLY_IN: Final = {
    "link_tags": ("click",), "template_data": ("failure",), "content": ("receipt",),
    "diagnostics": ("bounce", "delivery", "deliveryDelay"),
}  # fmt: skip
"""In which kinds of event there is what only the thorough way edits."""
_TO: Final = frozenset({"destination", "to", "cc", "bcc"})
_FROM: Final = frozenset({"source", "from", "sender", "returnpath", "return-path"})
_AS_COMPARED: Final = re.compile(r"[a-z0-9._+\-]+@[a-z0-9.\-]*[a-z0-9]")
"""An address that is spelled as it is compared, as most are."""
_OF_SES: Final = re.compile(r"(?:(?!simulator)[a-z0-9\-]+\.)?amazonses\.com")


def is_of_ses(normal: str) -> bool:
    """True for a host of SES's own, which stands in message ids and return paths; its simulator's people are people."""
    return _OF_SES.fullmatch(normal.rpartition("@")[2]) is not None


def _named(payload: dict[str, Any], where: frozenset[str]) -> Iterator[str]:
    """The addresses, in normal form, that a mail names in these fields and headers."""
    mail = object_in(payload.get("mail"))
    told: list[tuple[Any, Any]] = [*mail.items(), *object_in(mail.get("commonHeaders")).items()]
    headers = mail.get("headers")
    told += [(header.get("name"), header.get("value")) for header in (headers if type(headers) is list else ())
             if type(header) is dict]  # fmt: skip
    for name, value in told:
        if str(name).lower() in where:
            for text in value if type(value) is list else [value]:
                if type(text) is str:
                    yield from mailboxes_in(text)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The keys' file {path} cannot be read ({type(error).__name__}).") from None
