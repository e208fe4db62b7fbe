"""What is too much: rules as values, and a table of defaults that lie below the lines of AWS.

AWS reviews an account at 5 % bounces and at 0.1 % complaints, and pauses it at 10 % and 0.5 %:
https://docs.aws.amazon.com/ses/latest/dg/faqs-enforcement.html
A rule is told before that. Next: :mod:`sesevent.monitoring.readings`, which measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sesevent import addresses
from sesevent.errors import ConfigurationError
from sesevent.monitoring.figures import Scope
from sesevent.monitoring.readings import READINGS
from sesevent.tomltext import decode_toml

__all__ = ["AWS_BOUNCES", "AWS_COMPLAINTS", "DEFAULT_RULES", "Rule", "Rules", "load_rules"]

AWS_BOUNCES: Final = 0.05
"""Share of bounces from which on AWS reviews an account; from twice as much on it may pause it."""
AWS_COMPLAINTS: Final = 0.001
"""Share of complaints from which on AWS reviews an account; from five times as much on it may pause it."""

_ALL_MAILS: Final = Scope()
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is measured of which mails, from where on it is too much, and what to do then.

    Raises ConfigurationError with every problem of its values.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    """Its own among the rules: an alarm is found by it."""
    measure: str
    """What is read: a name in `sesevent.monitoring.readings.READINGS`."""
    warn: float | None
    """From here on it is a warning, in the measure's unit; None: never."""
    critical: float | None
    """From here on it is critical; None: never."""
    window: timedelta = _HOUR
    """The time before now that is looked at."""
    min_volume: int = 0
    """With fewer in the denominator nothing can be told: `no_data`."""
    min_count: int = 1
    """With fewer in the numerator all is well: one bounce is no trend."""
    confident_below: int = 0
    """With fewer in the denominator than this, Wilson's lower bound has to reach the line, and not the rate alone."""
    surge: float = 0.0
    """The measure also has to be so many times what is usual; 0: that does not matter."""
    usual: timedelta = _DAY
    """The time before the window that tells what is usual."""
    recover: float = 0.8
    """An alarm ends below this share of the line that began it, so that a value at the line does not flap."""
    cooldown: timedelta = _HOUR
    """Nobody is told twice of the same state within this time."""
    remind: timedelta | None = _DAY
    """While it lasts, people are told again after so long, until somebody acknowledges it; None: never."""
    review: float | None = None
    """The line from which on AWS reviews the account, where there is one."""
    scope: Scope = _ALL_MAILS
    """The mails that are looked at; all, by default."""
    hint: str = ""
    """What to do, for whoever is told."""
    why: str = ""
    """Why the lines are where they are."""

    def __post_init__(self) -> None:
        problems = [told for wrong, told in _PROBLEMS if wrong(self)]
        if problems:
            raise ConfigurationError(f"The rule {self.name!r} is wrong: {'; '.join(problems)}.")

    @property
    def id(self) -> str:
        """The name of its alarm: the rule's, and for some mails only a hash of which."""
        return f"{self.name}:{self.scope.key}" if self.scope.key else self.name

    @property
    def lines(self) -> tuple[tuple[str, float], ...]:
        """The states it may bring about, the worst first, each with its line."""
        lines = (("critical", self.critical), ("warn", self.warn))
        return tuple((state, line) for state, line in lines if line is not None)


Rules = Sequence[Rule]


def _are_lines_wrong(rule: Rule) -> bool:
    values = [line for _, line in rule.lines]
    return any(not line > 0 for line in values) or sorted(values, reverse=True) != values


_PROBLEMS: Final = (
    (lambda rule: not rule.name or ":" in rule.name or "@" in rule.name, "its name is empty, or holds `:` or `@`"),
    (lambda rule: rule.measure not in READINGS, f"no such measure; there are {', '.join(READINGS)}"),
    (lambda rule: not rule.lines, "it has neither a `warn` nor a `critical` line"),
    (_are_lines_wrong, "its lines must be more than 0, and `critical` not below `warn`"),
    (lambda rule: not 0 < rule.recover <= 1, "`recover` is a share: more than 0, and at most 1"),
    (lambda rule: not timedelta(0) < rule.window <= 90 * _DAY, "its window must be of 1 second to 90 days"),
    (lambda rule: not timedelta(0) < rule.usual <= 90 * _DAY, "`usual` must be of 1 second to 90 days"),
    (lambda rule: rule.cooldown < timedelta(0), "`cooldown` must not be negative"),
    (lambda rule: rule.remind is not None and rule.remind < max(rule.cooldown, _MINUTE),
     "`remind` must not be shorter than `cooldown`, nor than a minute"),
    (lambda rule: min(rule.min_volume, rule.min_count, rule.confident_below, rule.surge) < 0, "a minimum is negative"),
    (lambda rule: rule.measure in READINGS and not rule.scope.told.keys() <= set(READINGS[rule.measure].scopes),
     "its measure cannot be told apart by what the scope names"),
)  # fmt: skip


DEFAULT_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "bounce-rate", "aws_bounce", 0.02, 0.04, window=6 * _HOUR, min_volume=50, min_count=3, confident_below=1000,
        review=AWS_BOUNCES,
        hint="Stop the campaign or import that bounces most, and check where its addresses come from.",
        why="AWS advises less than 2 %, and reviews at 5 %. Of fewer than 1,000 mails a few bounces prove nothing.",
    ),
    Rule(
        "complaint-rate", "aws_complaint", 0.0005, 0.0008, window=_DAY, min_volume=500, min_count=2,
        confident_below=5000, review=AWS_COMPLAINTS,
        hint="Find the campaign people complain about; see that it was asked for, and that leaving it takes one click.",
        why="AWS reviews at 0.1 %. Complaints come late and seldom, so they are looked at over a day.",
    ),
    Rule(
        "rejects", "reject", 0.001, 0.01, min_volume=20, min_count=2, confident_below=1000,
        hint="SES found a virus in what you sent: look at attachments, and at who may add them.",
        why="There should be none; each is a mail with malware that SES did not send.",
    ),
    Rule(
        "rendering-failures", "rendering_failure", 0.005, 0.05, min_volume=20, min_count=3, confident_below=200,
        hint="A template and its data do not fit: see the errorMessage of the Rendering Failure events.",
        why="Nobody gets these mails, and whoever called SES was told that all is well.",
    ),
    Rule(
        "delay-surge", "delay", 0.1, 0.3, min_volume=50, min_count=5, surge=3.0,
        hint="A provider asks SES to come back later: see by provider and delay type, and send to it more slowly.",
        why="Some delays are usual, so it takes three times the share of the day before.",
    ),
    Rule(
        "delivery-latency", "delivery_latency", 900.0, 3600.0, min_volume=50,
        hint="Mails arrive, but late: see by provider; codes and links that expire may be stale when they are read.",
        why="95 of 100 mails are usually there within seconds. Greylisting alone takes minutes.",
    ),
    Rule(
        "silence", "silence", 0.5, 0.9, window=30 * _MINUTE, min_volume=20,
        hint="SES takes the mails, and of what becomes of them nothing is heard. See AWS's health page, and whether "
        "the event destination names Delivery and Bounce.",
        why="Nearly every mail is delivered or bounces within minutes.",
    ),
    Rule(
        "events-stopped", "events_stopped", 50.0, 500.0, window=15 * _MINUTE,
        hint="Either nothing is sent, or events do not arrive: see the sending service, then the subscription, the "
        "queue and the worker.",
        why="So many events came in the same stretch of time a week ago. A night, or a small sender, takes longer to "
        "miss as many.",
    ),
    Rule(
        "lag", "lag", 600.0, 3600.0,
        hint="What you see is old: start more workers, and see why roll-ups fail.",
        why="Suppression is as late as the events are: until then one mails people who just bounced.",
    ),
    Rule(
        "dead-letters", "dead_letters", 5.0, 100.0, min_count=5,
        hint="See `sesevent dead-letters list`: something is sent here that is no SES event, or AWS changed something.",
        why="A stray message is no news; a stream of them are events that nobody counts.",
    ),
)  # fmt: skip
"""What is watched unless something else is said."""

_FILE_KEYS: Final = frozenset({"rules", "defaults", "off"})
_NEVER: Final = ("warn", "critical", "remind", "review")
_RULE: Final = TypeAdapter(Rule)


def load_rules(source: Mapping[str, Any] | str | Path) -> tuple[Rule, ...]:
    """Rules from a dictionary, or from a TOML file (its table ``monitor``, where it has one).

    Each of ``rules`` is a default one with changes, where its name is that of a default; or another one's copy with
    changes, where it names that as ``like``; or else a rule of its own. ``off`` names defaults that are left out, and
    ``defaults = false`` leaves out all that are not named. Spans are seconds, or ISO 8601 durations such as ``PT6H``;
    ``false`` stands for a line, or a reminder, that is not wanted.

    Raises ConfigurationError with every problem.
    """
    told = dict(source) if isinstance(source, Mapping) else _from_toml(Path(source))
    which = "" if isinstance(source, Mapping) else f" in {source}"
    known = {rule.name: rule for rule in DEFAULT_RULES}
    problems = _problems_of_file(told)
    rules: dict[str, Rule] = {}
    if not problems:
        left_out = known.keys() if told.get("defaults", True) is False else set(told.get("off", ()))
        rules = {name: rule for name, rule in known.items() if name not in left_out}
        for number, changes in enumerate(told.get("rules", ()), start=1):
            rule = _changed(changes, known)
            if isinstance(rule, str):
                problems.append(f"rules, number {number}: {rule}")
            else:
                known[rule.name] = rules[rule.name] = rule
    if problems:
        raise ConfigurationError(f"The rules{which} are wrong: {'; '.join(problems)}.")
    return tuple(rules.values())


def _problems_of_file(told: Mapping[str, Any]) -> list[str]:
    problems = [f"no such setting: {addresses.shown(name)}" for name in sorted(told.keys() - _FILE_KEYS)]
    problems += [
        f"{name}: must be a list" for name in ("off", "rules") if not isinstance(told.get(name, []), (list, tuple))
    ]
    if not problems:
        names = {rule.name for rule in DEFAULT_RULES}
        problems += [f"off: no such rule: {addresses.shown(name)}" for name in told.get("off", ()) if name not in names]
    return problems


def _changed(changes: Mapping[str, Any], known: Mapping[str, Rule]) -> Rule | str:
    """The rule, or what is wrong with it."""
    try:
        return _made(dict(changes), known)
    except (ConfigurationError, ValidationError, TypeError, ValueError) as error:
        return _said(error)


def _made(changes: dict[str, Any], known: Mapping[str, Rule]) -> Rule:
    name, like = changes.get("name"), changes.pop("like", None)
    if like is not None and like not in known:
        raise ValueError(f"like: no such rule: {addresses.shown(like)}")
    base = known.get(name if like is None else like)  # type: ignore[arg-type]  # whatever it is, it is no name then
    told = {} if base is None else {field.name: getattr(base, field.name) for field in fields(Rule)}
    if base is not None:
        told["scope"] = base.scope.told
    changes |= {name: None for name in _NEVER if changes.get(name) is False}  # TOML knows no None
    return _RULE.validate_python({"warn": None, "critical": None} | told | changes)


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(addresses.shown, one['loc']))}: {one['msg']}" for one in error.errors())
    return str(error)


def _from_toml(path: Path) -> dict[str, Any]:
    try:
        found = decode_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The rules' file {path} cannot be read ({type(error).__name__}).") from None
    return dict(found.get("monitor", found))
