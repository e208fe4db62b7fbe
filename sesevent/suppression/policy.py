"""What is made of the rules: a frozen, validated, versioned set of choices with safe defaults.

It can be loaded from a dictionary or a TOML file. Its version follows from its content, so that a
standing tells by which choices it was derived, and a change of policy cannot go unnoticed.
Next: :mod:`sesevent.suppression.standing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sesevent import addresses, jsontext
from sesevent.errors import ConfigurationError
from sesevent.suppression.facts import ALL_STREAMS, Fact
from sesevent.suppression.rules import RULES
from sesevent.tomltext import decode_toml

__all__ = ["DEFAULT_POLICY", "Effect", "Policy", "Step"]

TRANSACTIONAL: Final = "transactional"


_LONGEST: Final = timedelta(days=36_500)


class _Choices(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Effect(_Choices):
    """What a rule does."""

    action: Literal["suppress", "pause", "ignore"] = "suppress"
    """``suppress``: until it is answered. ``pause``: for *lasts* after the latest fact. ``ignore``: nothing."""
    lasts: timedelta | None = None
    """How long a pause is; how long a suppression holds, if it ends by itself."""
    except_streams: frozenset[str] = frozenset()
    """Streams that are sent to all the same, unless it is said of that very stream."""

    @model_validator(mode="after")
    def _a_pause_ends(self) -> Effect:
        if self.action == "pause" and self.lasts is None:
            raise ValueError("a pause needs to say how long it lasts")
        if self.lasts is not None and not timedelta(0) < self.lasts < _LONGEST:
            raise ValueError("must last longer than nothing, and less than a century")
        return self


class Step(_Choices):
    """From how many soft bounces on, and for how long, an address is left alone."""

    bounces: int = Field(ge=1)
    lasts: timedelta | None = Field(gt=timedelta(0), lt=_LONGEST)
    """None: until it is answered."""
    over: timedelta = timedelta(0)
    """The time over which they are spread, at least: a loop that tries again and again says no more than one try."""


_DAY: Final = timedelta(days=1)
_OWN_WISH: Final = Effect(except_streams=frozenset([TRANSACTIONAL]))

DEFAULT_EFFECTS: Final[dict[str, Effect]] = {
    "erased": Effect(),
    "manual": Effect(),
    "complaint": Effect(),
    # An opt-out is of what the person can do without: a password reset is asked for by the same person.
    "unsubscribed": _OWN_WISH,
    "unsubscribed-at-ses": _OWN_WISH,
    "complaint-possible": Effect(),
    "hard-bounce": Effect(),
    "imported": Effect(),
    "ses-list": Effect(),
    "soft-bounces": Effect(),  # how long is said by the steps
    "refused-by-recipient": Effect(action="pause", lasts=30 * _DAY, except_streams=frozenset([TRANSACTIONAL])),
}


class Policy(_Choices):
    """Choices by which facts become standings, and standings decisions."""

    name: str = "default"
    effects: Mapping[str, Effect] = Field(default=DEFAULT_EFFECTS)
    """By rule. Those left out are the defaults'."""
    soft_window: timedelta = Field(default=30 * _DAY, gt=timedelta(0), lt=_LONGEST)
    """Soft bounces older than this before the latest one do not count."""
    soft_steps: tuple[Step, ...] = (
        Step(bounces=3, lasts=_DAY),
        Step(bounces=4, lasts=3 * _DAY, over=_DAY),
        Step(bounces=5, lasts=7 * _DAY, over=3 * _DAY),
        Step(bounces=6, lasts=90 * _DAY, over=7 * _DAY),
    )
    """What several soft bounces since the last delivery lead to. The pauses grow."""
    ses_global_lasts: timedelta = Field(default=14 * _DAY, gt=timedelta(0), lt=_LONGEST)
    """How long Amazon's global list is taken to hold an address (https://docs.aws.amazon.com/ses/latest/dg/sending-email-global-suppression-list.html)."""
    streams: Mapping[str, str] = Field(default={})
    """Configuration set → stream."""
    stream_tag: str | None = None
    """A message tag that names the stream, where mails have one; it goes before the configuration set."""
    topics: Mapping[str, str] = Field(default={})
    """Topic of a contact list → stream. A topic that is not named is a stream of its own name."""
    tenant_tag: str | None = None
    """A message tag that names the tenant; without it there is one tenant only."""
    when_unavailable: Mapping[str, Literal["open", "closed"]] = Field(default={TRANSACTIONAL: "open"})
    """By stream: whether one may send (``open``) or not (``closed``) while the database cannot be asked.
    Streams that are not named: closed."""

    plus_tags: frozenset[str] = frozenset()
    """Domains at which ``jane+tag`` and ``jane`` are one mailbox, such as ``gmail.com``: what forbids mail to one
    spelling forbids it to all. Off unless named: RFC 5321 leaves the local part to the receiving host."""

    @field_validator("plus_tags", mode="after")
    @classmethod
    def _lower_case(cls, domains: frozenset[str]) -> frozenset[str]:
        return frozenset([addresses.normal(f"x@{domain.removeprefix('@')}").rpartition("@")[2] for domain in domains])

    @field_validator("effects", mode="after")
    @classmethod
    def _known_rules(cls, effects: Mapping[str, Effect]) -> Mapping[str, Effect]:
        unknown = sorted(effects.keys() - DEFAULT_EFFECTS.keys())
        if unknown:
            raise ValueError(
                f"no such rules: {', '.join(map(addresses.shown, unknown))}; there are {', '.join(DEFAULT_EFFECTS)}"
            )
        return DEFAULT_EFFECTS | dict(effects)

    @field_validator("soft_steps", mode="after")
    @classmethod
    def _growing(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if not all(_grows(earlier, later) for earlier, later in pairwise(steps)):
            raise ValueError("each step needs more bounces than the one before, and may not be shorter")
        return steps

    @cached_property
    def version(self) -> str:
        """The name, and a hash of every choice: equal for equal policies only."""
        content = jsontext.encode(_ordered(self.model_dump(mode="json", exclude={"name"})))
        return f"{self.name}-{blake2b(content.encode(), digest_size=4).hexdigest()}"

    def effect(self, rule: str) -> Effect:
        """What a rule does; nothing, if this policy does not know it."""
        return self.effects.get(rule) or Effect(action="ignore")

    def stream_of(self, fact: Fact) -> str:
        """The stream of the mail a fact is about."""
        return self.stream_for(fact.configuration_set, dict(fact.tags))

    def stream_for(self, configuration_set: str, tags: Mapping[str, str]) -> str:
        """The stream of a mail with this configuration set and these message tags."""
        tagged = tags.get(self.stream_tag) if self.stream_tag else None
        return tagged or self.streams.get(configuration_set) or ALL_STREAMS

    def stream_of_topic(self, topic: str) -> str:
        """The stream a topic of a contact list stands for."""
        return self.topics.get(topic, topic)

    def tenant_of(self, fact: Fact) -> str:
        """The tenant whose mail a fact is about; empty where there is one only."""
        return self.tenant_for(dict(fact.tags))

    def tenant_for(self, tags: Mapping[str, str]) -> str:
        """The tenant whose mail one with these message tags is; empty where there is one only."""
        return tags.get(self.tenant_tag, "") if self.tenant_tag else ""

    def mailbox(self, normal: str) -> str | None:
        """The mailbox that an address in normal form shares with other spellings; None where it shares none."""
        if normal.rpartition("@")[2] not in self.plus_tags:
            return None
        return addresses.untagged(normal) or normal

    def unavailable(self, stream: str) -> Literal["open", "closed"]:
        """What holds for *stream* while the database cannot be asked."""
        return self.when_unavailable.get(stream, "closed")

    @classmethod
    def load(cls, source: Mapping[str, Any] | str | Path) -> Policy:
        """A policy from a dictionary, or from a TOML file (its table ``policy``, where it has one).

        Spans are seconds, or ISO 8601 durations such as ``P30D``. Raises ConfigurationError with every
        problem.
        """
        choices = dict(source) if isinstance(source, Mapping) else _from_toml(Path(source))
        try:
            return cls.model_validate(choices)
        except ValidationError as error:
            told = [f"{'.'.join(map(addresses.shown, one['loc']))}: {one['msg']}" for one in error.errors()]
            which = "" if isinstance(source, Mapping) else f"in {source} "
            raise ConfigurationError(f"The policy {which}is wrong: {'; '.join(told)}.") from None


def _grows(earlier: Step, later: Step) -> bool:
    longer = later.lasts is None or (earlier.lasts is not None and later.lasts >= earlier.lasts)
    return later.bounces > earlier.bounces and later.over >= earlier.over and longer


def _from_toml(path: Path) -> dict[str, Any]:
    try:
        found = decode_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The policy's file {path} cannot be read ({type(error).__name__}).") from None
    beside = sorted(found.keys() - {"policy"}) if isinstance(found.get("policy"), dict) else []
    if beside:
        raise ConfigurationError(
            f"The policy's file {path} says more beside [policy], which would not hold: {', '.join(beside)}.",
            hint="Write everything below [policy], such as [policy.effects.complaint], or nothing.",
        )
    return dict(found.get("policy", found))


def _ordered(value: Any) -> Any:
    """The same for equal choices, whatever order their names and members were given in."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        members = [_ordered(member) for member in value]
        return sorted(members) if all(isinstance(member, str) for member in members) else members
    return value


DEFAULT_POLICY: Final = Policy()
"""What holds unless something else is configured."""

assert DEFAULT_EFFECTS.keys() == {rule.name for rule in RULES}  # noqa: S101  # each rule says what it does
