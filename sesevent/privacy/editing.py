"""How each part of a decoded event is shortened, hashed or left out: one function for each field of the policy.

What is left out is null: it was there, and was not kept. Edits happen in place, on a payload decoded for it. Addresses
are none of its business: they are written over wherever they stand (:mod:`sesevent.privacy.rewriting`).
Next: :mod:`sesevent.privacy.protection`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple, Union

from sesevent.privacy.policy import PrivacyPolicy
from sesevent.privacy.pseudonyms import Pseudonyms

__all__ = ["EDITS", "Editor", "object_in", "subject_in"]


class Editor(NamedTuple):
    """What is to be done, and by what it is done."""

    action: str
    policy: PrivacyPolicy
    pseudonyms: Pseudonyms | None

    def value(self, name: str, value: Any) -> Any:
        """What is stored of one value of a field."""
        if self.action == "pseudonymise" and self.pseudonyms is not None and isinstance(value, str):
            return self.pseudonyms.token(name, value)
        if self.action == "truncate" and isinstance(value, str):
            return SHORTENED[name](value)
        return None


@lru_cache(4096)  # readers open and follow more than one mail
def _network(text: str) -> str | None:
    """The network of an IP address: /24, or /48 of IPv6. None for what is no address."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # RFC 4291 section 2.5.5.2: cut at /48 it would say nothing
    network = ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False)
    return str(network.network_address)


def _without_query(text: str) -> str:
    """A link up to its query, without the name and password that some hold."""
    told = text.partition("#")[0].partition("?")[0].partition(";")[0]
    scheme, separator, rest = told.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else told


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0][:64] if text.strip() else ""


SHORTENED: Final[dict[str, Callable[[str], Union[str, None]]]] = {
    "ip_address": _network,
    "links": _without_query,
    "user_agent": _first_word,
}
"""What truncating leaves of a field's value."""


def object_in(value: Any) -> dict[str, Any]:
    """A value that should be an object; an empty one where it is none."""
    return value if type(value) is dict else {}


def subject_in(mail: dict[str, Any]) -> str | None:
    """The mail's subject, as `Essentials.subject` finds it."""
    found = object_in(mail.get("commonHeaders")).get("subject")
    if isinstance(found, str):
        return found
    values = [header.get("value") for header in _headers(mail) if _name(header) == "subject"]
    return values[0] if values and isinstance(values[0], str) else None


def _headers(mail: dict[str, Any]) -> Iterator[dict[str, Any]]:
    headers = mail.get("headers")
    return (header for header in (headers if type(headers) is list else ()) if type(header) is dict)


def _name(header: dict[str, Any]) -> str:
    return str(header.get("name")).lower()


def _bodies(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is particular to a kind of event, whatever AWS calls it."""
    return (value for name, value in payload.items() if name != "mail" and type(value) is dict)


def _subject(payload: dict[str, Any], editor: Editor) -> None:
    mail = object_in(payload.get("mail"))
    common = object_in(mail.get("commonHeaders"))
    if "subject" in common:
        common["subject"] = editor.value("subject", common["subject"])
    for header in _headers(mail):
        if _name(header) == "subject":
            header["value"] = editor.value("subject", header.get("value"))


_KEPT_HEADERS: Final = frozenset({"from", "subject", "date", "message-id", "messageid"})


def _all_headers(payload: dict[str, Any], _: Editor) -> None:
    mail = object_in(payload.get("mail"))
    if "headers" in mail:
        mail["headers"] = [header for header in _headers(mail) if _name(header) in _KEPT_HEADERS]
    if type(common := mail.get("commonHeaders")) is dict:
        mail["commonHeaders"] = {name: value for name, value in common.items() if name.lower() in _KEPT_HEADERS}


def _of_bodies(name: str, *keys: str, only: str | None = None) -> Callable[[dict[str, Any], Editor], None]:
    """An edit of these keys of what is particular to a kind; or of that kind's *only* whose body is named."""

    def edit(payload: dict[str, Any], editor: Editor) -> None:
        bodies = _bodies(payload) if only is None else iter([object_in(payload.get(only))])
        for body in bodies:
            for key in keys:
                if key in body:
                    body[key] = editor.value(name, body[key])

    return edit


def _of_readers(name: str, *keys: str) -> Callable[[dict[str, Any], Editor], None]:
    """The same of opens, clicks, and kinds to come: a complaint's user agent is the program that reports it."""
    edit = _of_bodies(name, *keys)

    def of_readers(payload: dict[str, Any], editor: Editor) -> None:
        edit({key: value for key, value in payload.items() if key != "complaint"}, editor)

    return of_readers


def _tags(payload: dict[str, Any], editor: Editor) -> None:
    tags = object_in(object_in(payload.get("mail")).get("tags"))
    for name, values in tags.items():
        if not editor.policy.keeps_tag(name):
            listed = values if type(values) is list else [values]
            tags[name] = [editor.value("tags", value) for value in listed] if editor.action == "pseudonymise" else None


def _diagnostics(payload: dict[str, Any], editor: Editor) -> None:
    _of_bodies("diagnostics", "smtpResponse", "diagnosticCode")(payload, editor)
    for body in _bodies(payload):
        for people in body.values():
            for person in people if type(people) is list else ():
                if type(person) is dict and "diagnosticCode" in person:
                    person["diagnosticCode"] = editor.value("diagnostics", person["diagnosticCode"])


def _content(payload: dict[str, Any], _: Editor) -> None:
    if "content" in payload:
        payload["content"] = None


EDITS: Final[dict[str, Callable[[dict[str, Any], Editor], None]]] = {
    "subject": _subject,
    "headers": _all_headers,
    "ip_address": _of_readers("ip_address", "ipAddress"),
    "user_agent": _of_readers("user_agent", "userAgent"),
    "links": _of_bodies("links", "link"),
    "link_tags": _of_bodies("link_tags", "linkTags"),
    "tags": _tags,
    "diagnostics": _diagnostics,
    "template_data": _of_bodies("template_data", "errorMessage", only="failure"),
    "content": _content,
}
"""Field → how it is edited in a decoded payload. Addresses are rewritten, and dead letters are no events."""
