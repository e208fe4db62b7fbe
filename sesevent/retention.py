"""How long events are kept: a policy, as a value. It knows no database; what it says is done elsewhere.

Rules are read from the top, and the first one that speaks of an event decides about it. Ages are counted on the
calendar: what happened on 30 March is 13 months old on 30 April of the next year. Next:
:mod:`sesevent.faces.retention`, which does it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from dateutil.relativedelta import relativedelta

from sesevent.errors import ConfigurationError
from sesevent.tomltext import decode_toml

__all__ = ["Age", "Retention", "Rule", "Step", "StepKind", "read_age"]

StepKind = Literal["thin", "archive", "delete"]
"""``thin`` drops the `Message` and keeps what queries need; ``archive`` moves events; ``delete`` ends them."""

_PART: Final = re.compile(r"(\d{1,4}) ?(day|week|month|year)s?")
_NAMES: Final = {"types", "configuration_sets", "why", "keep", *get_args(StepKind)}


class Age(NamedTuple):
    """A span on the calendar."""

    text: str
    """As it was written: ``13 months``."""
    delta: relativedelta

    def before(self, now: datetime) -> datetime:
        """What happened before this is older. Raises ConfigurationError for more time than there is."""
        try:
            return now - self.delta
        except (ValueError, OverflowError):
            raise ConfigurationError(f"{self.text!r} is before the calendar begins.") from None


def read_age(text: str) -> Age:
    """Read ``90 days``, ``13 months`` or ``2 years 6 months``. Raises ConfigurationError for anything else, or 0."""
    delta, rest = relativedelta(), text.strip()
    while found := _PART.match(rest):
        delta += relativedelta(**{f"{found[2]}s": int(found[1])})  # type: ignore[arg-type]  # its names are ours
        rest = rest[found.end() :].strip()
    if rest or not delta:
        raise ConfigurationError(f"{text!r} is no age.", hint="It is such as 90 days, 13 months or 2 years 6 months.")
    return Age(text, delta)


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of some events, and why."""

    why: str
    """For those who ask: the law, the contract, the use."""
    types: tuple[str, ...] = ()
    """SES's words; none: of all types."""
    configuration_sets: tuple[str, ...] = ()
    thin: Age | None = None
    archive: Age | None = None
    delete: Age | None = None

    @property
    def steps(self) -> list[tuple[StepKind, Age]]:
        """What is done, the last first: what is to go need not be thinned. None: they are kept for good."""
        told = {"delete": self.delete, "archive": self.archive, "thin": self.thin}
        return [(kind, age) for kind in ("delete", "archive", "thin") if (age := told[kind]) is not None]


class Step(NamedTuple):
    """One thing to do."""

    rule: int
    """The number of its rule, from 1."""
    kind: StepKind
    before: datetime
    """To events that happened before this."""


@dataclass(frozen=True, slots=True)
class Retention:
    """A retention policy. What no rule speaks of is kept."""

    rules: tuple[Rule, ...]

    @classmethod
    def load(cls, path: str | Path) -> Retention:
        """A policy from a TOML file. Raises ConfigurationError for what is none."""
        try:
            return cls.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The retention policy cannot be read: {getattr(error, 'strerror', 'it is no text')}."
            ) from None

    @classmethod
    def loads(cls, text: str) -> Retention:
        """A policy from TOML text. Raises ConfigurationError that names the rule for what is none."""
        try:
            told = decode_toml(text)
        except ValueError as error:
            raise ConfigurationError(f"The retention policy is no TOML: {error}.") from None
        rules = told.pop("rule", None)
        if told or not isinstance(rules, list) or not rules:
            raise ConfigurationError("A retention policy has [[rule]]s, at least one, and nothing else.")
        return cls(tuple(_rule(number, one) for number, one in enumerate(rules, 1)))

    @property
    def version(self) -> str:
        """A hash of every rule, in order: equal for equal policies only."""
        return blake2b(repr([_told(rule) for rule in self.rules]).encode(), digest_size=4).hexdigest()

    def steps(self, now: datetime) -> Iterator[Step]:
        """What is to be done now, in order."""
        for number, rule in enumerate(self.rules, 1):
            for kind, age in rule.steps:
                yield Step(number, kind, age.before(now))


def _told(rule: Rule) -> tuple[object, ...]:
    ages = [(kind, age.delta.normalized()) for kind, age in rule.steps]
    return rule.why, rule.types, rule.configuration_sets, ages


def _rule(number: int, told: Any) -> Rule:
    where = f"Rule {number} of the retention policy"
    if not isinstance(told, Mapping) or told.keys() - _NAMES:
        raise ConfigurationError(f"{where} has something that no rule has; a rule has {', '.join(sorted(_NAMES))}.")
    ages = {kind: read_age(told[kind]) for kind in get_args(StepKind) if isinstance(told.get(kind), str)}
    if len(ages) != len(told.keys() & set(get_args(StepKind))) or bool(ages) == (told.get("keep") is True):
        raise ConfigurationError(f"{where} must say keep = true, or an age for thin, archive or delete.")
    if "archive" in ages and "delete" in ages:
        raise ConfigurationError(f"{where} archives and deletes: what is archived is no longer here to be deleted.")
    if not isinstance(told.get("why"), str) or not told["why"]:
        raise ConfigurationError(f"{where} must say why.")
    texts = {name: told.get(name, []) for name in ("types", "configuration_sets")}
    for name, value in texts.items():
        if (
            not isinstance(value, list)
            or not all(isinstance(one, str) for one in value)
            or (name in told and not value)
        ):
            raise ConfigurationError(f"{where}: {name} is a list of texts.")
    return Rule(told["why"], tuple(texts["types"]), tuple(texts["configuration_sets"]), **ages)
