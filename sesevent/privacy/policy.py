"""What becomes of each part of an event before it is stored: a frozen, validated, versioned set of choices.

One table (`FIELDS`) says which parts there are, what may be done with each, and why so; a policy chooses, for all kinds
of event or for one. Its version follows from its choices, so that a row tells by which it was made. It holds no key.
Next: :mod:`sesevent.privacy.protection`, which carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sesevent import jsontext
from sesevent.errors import ConfigurationError
from sesevent.tomltext import decode_toml

__all__ = ["ACTIONS", "FIELDS", "PRESETS", "Explained", "Field", "PrivacyPolicy"]

ACTIONS: Final = {
    "keep": "stored as it came; addresses in it are written over all the same",
    "truncate": "shortened to what figures need",
    "pseudonymise": "a keyed hash in its place: equal ones stay equal, and whoever has the key finds it",
    "encrypt": "stored, readable with a key only (extra `encryption`)",
    "drop": "left out: null in its place",
}
"""What may become of a part of an event."""


class Field(NamedTuple):
    """A part of an event that may tell of a person."""

    actions: tuple[str, ...]
    """What may be done with it; the first is what is done where nothing else is said."""
    words: str
    """What it is, and where it stands."""
    why: str
    """What it is good for, or why it needs care."""
    truncated: str = ""
    """What is left of it when it is truncated."""


FIELDS: Final[dict[str, Field]] = {
    "recipients": Field(
        ("keep", "pseudonymise", "encrypt"),
        "addresses of those a mail went to, in lists, headers, links, diagnostics, anywhere",
        "who may be mailed follows from them, so they cannot be dropped; a display name goes with its address",
    ),
    "others": Field(
        ("keep", "pseudonymise", "drop"),
        "any other address: Reply-To, whom a server names in a diagnostic, an inbound mail's sender; not the sender's "
        "own in From, Sender and the envelope, which is no stranger's",
        "a reply address may be a customer's, and a forwarded mailbox somebody's who never heard of you",
    ),
    "subject": Field(
        ("keep", "drop", "encrypt"), "`Subject`, and the header of that name", "may say what an order or a diagnosis is"
    ),
    "headers": Field(
        ("keep", "drop"),
        "all headers but From, Subject, Date and Message-ID",
        "hold what the sending program put there: names, numbers of customers, the IP address of a web form's visitor",
    ),
    "ip_address": Field(
        ("keep", "truncate", "pseudonymise", "drop", "encrypt"),
        "the reader's IP address, in opens and clicks; `sourceIp` and `remoteMtaIp` are servers' and stay",
        "personal data by the European Court of Justice, C-582/14",
        "the network: IPv4 /24, IPv6 /48",
    ),
    "user_agent": Field(
        ("keep", "truncate", "pseudonymise", "drop", "encrypt"),
        "the reader's program, in opens and clicks",
        "tells devices apart; whether it is a machine's is worked out before",
        "its first word, such as `Mozilla/5.0`",
    ),
    "links": Field(
        ("keep", "truncate", "pseudonymise", "drop", "encrypt"),
        "the link that was followed, in clicks",
        "query strings hold tokens, names, numbers of customers",
        "all before the query",
    ),
    "link_tags": Field(("keep", "drop"), "`linkTags` of clicks", "the sender's own words"),
    "tags": Field(
        ("keep", "pseudonymise", "drop"),
        "values of your own message tags; not of `campaign`, `template` and `ip_pool`, by which is counted",
        "a tag such as `user_id` names a person in your own database",
    ),
    "diagnostics": Field(
        ("keep", "drop", "encrypt"),
        "what servers answered (`diagnosticCode`, `smtpResponse`)",
        "why a mail failed can only be told anew as long as it is there; addresses in it are written over",
    ),
    "template_data": Field(
        ("keep", "drop"), "`errorMessage` of a rendering failure", "may quote what should have been filled in"
    ),
    "content": Field(("drop", "keep"), "the whole of an inbound mail", "what somebody wrote to you"),
    "dead_letters": Field(
        ("keep", "drop"),
        "text that is not understood: nobody can say what of it is personal",
        "what is kept can be tried again after an upgrade; what is dropped is counted, and gone",
    ),
}
"""Part → what may become of it."""

_EVERYWHERE: Final = frozenset({"recipients", "others", "dead_letters"})
"""Chosen once: a person must be the same person in all events."""
COUNTED_TAGS: Final = frozenset({"campaign", "template", "ip_pool", "ip-pool"})
"""Tags by which is counted; they name no person."""

_PRESETS: Final[dict[str, dict[str, str]]] = {
    "everything": {"content": "keep"},
    "transactional": {
        "recipients": "pseudonymise", "others": "pseudonymise", "subject": "drop", "ip_address": "truncate",
        "links": "truncate", "template_data": "drop",
    },
    "marketing": {
        "recipients": "pseudonymise", "others": "pseudonymise", "headers": "drop", "ip_address": "drop",
        "user_agent": "truncate", "links": "truncate", "tags": "pseudonymise", "template_data": "drop",
        "dead_letters": "drop",
    },
}  # fmt: skip
PRESETS: Final = {
    "everything": "What is stored without a policy: all of it, as it came.",
    "transactional": (
        "For mails that people asked for: receipts, passwords, notices. Support can still answer what became of a mail "
        "to an address, and why; what a mail was about is left out, since the subject often says it."
    ),
    "marketing": (
        "For newsletters and offers: subjects stay, since thousands get the same; of readers no more is kept than that "
        "they read, and of headers, text not understood and tags nothing that could name one."
    ),
}
"""Sets of choices to begin with, and whom they are for."""


class Explained(NamedTuple):
    """One row of what is stored, for documents and records of processing."""

    field: str
    type: str
    """The kind of event in SES's word; `*` for all."""
    action: str
    words: str
    """What the field is."""
    stored: str
    """What of it is stored."""
    why: str


@dataclass(frozen=True)
class PrivacyPolicy:
    """Choices by which events are protected before they are stored. Without one everything is kept as it came.

    Made of a preset, mostly: ``PrivacyPolicy.of("transactional", subject="keep")``.
    """

    actions: Mapping[str, str] = field(default_factory=dict)
    """Field (`FIELDS`) → action. Those left out: the field's first action."""
    by_type: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """SES's word for a kind of event → choices that hold for it alone, such as ``{"Open": {"ip_address": "drop"}}``."""
    kept_tags: frozenset[str] = frozenset()
    """Message tags that stay whatever becomes of the others, such as one that names a stream or a tenant."""
    name: str = "own"

    def __post_init__(self) -> None:
        problems = [*_problems("", self.actions)]
        for kind, choices in self.by_type.items():
            problems += _problems(f"{kind}: ", choices)
            problems += [f"{kind}: {one} is chosen for all kinds" for one in sorted(_EVERYWHERE & choices.keys())]
        if problems:
            raise ConfigurationError(f"The privacy policy is wrong: {'; '.join(problems)}.")
        frozen = {kind: MappingProxyType(dict(choices)) for kind, choices in self.by_type.items()}
        object.__setattr__(self, "actions", MappingProxyType(dict(self.actions)))
        object.__setattr__(self, "by_type", MappingProxyType(frozen))
        object.__setattr__(self, "kept_tags", frozenset(self.kept_tags))

    @classmethod
    def of(
        cls,
        preset: str,
        by_type: Mapping[str, Mapping[str, str]] | None = None,
        kept_tags: Iterable[str] = (),
        **actions: str,
    ) -> PrivacyPolicy:
        """A preset (`PRESETS`), with other *actions* for some fields.

        Raises ConfigurationError for a preset, a field or an action there is none of.
        """
        if preset not in _PRESETS:
            raise ConfigurationError(f"There is no preset {preset!r}; there are {', '.join(_PRESETS)}.")
        return cls(_PRESETS[preset] | actions, by_type or {}, frozenset(kept_tags), preset)

    @classmethod
    def load(cls, source: Mapping[str, Any] | str | Path) -> PrivacyPolicy:
        """A policy from a dictionary, or from a TOML file (its table ``privacy``, where it has one).

        ``preset`` names what to begin with, a field's name what is done with it, and a table below ``events`` what is
        done for one kind of event. Raises ConfigurationError with every problem.
        """
        told = dict(source) if isinstance(source, Mapping) else _from_toml(Path(source))
        preset, by_type, kept = told.pop("preset", "everything"), told.pop("events", {}), told.pop("kept_tags", ())
        if not isinstance(by_type, Mapping) or not all(isinstance(one, Mapping) for one in by_type.values()):
            raise ConfigurationError("The privacy policy is wrong: events is a table of tables.")
        if isinstance(kept, str) or not all(isinstance(one, str) for one in kept):
            raise ConfigurationError("The privacy policy is wrong: kept_tags is a list of names.")
        return cls.of(str(preset), by_type, kept, **told)

    @cached_property
    def version(self) -> str:
        """The name, and a hash of every choice: equal for equal choices only."""
        chosen = {one: self.action(one) for one in FIELDS}
        of_types = {kind: dict(sorted(self.by_type[kind].items())) for kind in sorted(self.by_type)}
        content = jsontext.encode([chosen, of_types, sorted(self.kept_tags)])
        return f"{self.name}-{blake2b(content.encode(), digest_size=4).hexdigest()}"

    def keeps_tag(self, name: str) -> bool:
        """Whether the values of a message tag stay, whatever becomes of others: SES's own, and those of figures."""
        return name[:4] == "ses:" or name in COUNTED_TAGS or name in self.kept_tags

    def action(self, name: str, kind: str = "*") -> str:
        """What becomes of a field, in events of a kind."""
        chosen = self.by_type.get(kind, {}).get(name) or self.actions.get(name)
        return chosen or FIELDS[name].actions[0]

    @cached_property
    def encrypted_fields(self) -> frozenset[str]:
        """Fields that are to be encrypted, in some kind of event at least."""
        return frozenset(
            [one for one in FIELDS for kind in ("*", *self.by_type) if self.action(one, kind) == "encrypt"]
        )

    @cached_property
    def needs_keys(self) -> bool:
        """Whether it cannot be carried out without a key for pseudonyms."""
        return any(self.action(one, kind) == "pseudonymise" for one in FIELDS for kind in ("*", *self.by_type))

    def explain(self) -> list[Explained]:
        """What is stored by this policy, row by row: for all kinds of event, then what differs for some."""
        rows = [self._row(one, "*") for one in FIELDS]
        return rows + [self._row(one, kind) for kind in self.by_type for one in self.by_type[kind]]

    def _row(self, name: str, kind: str) -> Explained:
        told, action = FIELDS[name], self.action(name, kind)
        stored = told.truncated if action == "truncate" else ACTIONS[action]
        return Explained(name, kind, action, told.words, stored, told.why)


def _problems(where: str, choices: Mapping[str, Any]) -> list[str]:
    found = []
    for name, action in choices.items():
        if name not in FIELDS:
            found.append(f"{where}there is no field {name!r}; there are {', '.join(FIELDS)}")
        elif action not in FIELDS[name].actions:
            found.append(f"{where}{name} can be {', '.join(FIELDS[name].actions)}, and not {action!r}")
    return found


def _from_toml(path: Path) -> dict[str, Any]:
    try:
        found = decode_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The privacy policy's file {path} cannot be read ({type(error).__name__}).") from None
    return dict(found.get("privacy", found))
