"""Is the set-up at AWS fit for its purpose? What to make of an account's answers, as rules over values. Pure.

`SetUp` is what was read; :mod:`sesevent.contrib.aws_setup` reads it. A rule that was not let to see what it needs is
silent: what could not be read is told once, by name of the permission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sesevent.addresses import mask
from sesevent.plans.doctor import Finding

__all__ = ["RULES", "ConfigurationSet", "Destination", "Identity", "SetUp", "Topic", "judge"]

KINDS: Final = {"BOUNCE": "Bounce", "COMPLAINT": "Complaint", "DELIVERY": "Delivery"}
"""What identities can notify of: event publishing's word → theirs."""
_NEEDED: Final = ("SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT")
"""Without these there is no rate, no message status, no suppression."""

# https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html
_LINES: Final = (("Bounces", "bounce", 0.05), ("Complaints", "complaint", 0.001))
_NEAR: Final = 0.6  # of a line
_ENOUGH: Final = 1000  # mails: below, a rate says little


class Destination(NamedTuple):
    """Where a configuration set sends events."""

    name: str
    enabled: bool
    kinds: frozenset[str]
    """In the API's words, such as ``BOUNCE``."""
    topic: str | None = None
    """The SNS topic; None of another kind of destination."""
    carries: bool = True
    """False where only numbers arrive there, as at CloudWatch."""


@dataclass(frozen=True)
class ConfigurationSet:
    """A configuration set."""

    destinations: tuple[Destination, ...] = ()
    sending: bool = True
    heeds: tuple[str, ...] | None = None
    """For which reasons it heeds the account's suppression list; None: as the account does."""

    def topics(self, kind: str) -> list[tuple[str, str]]:
        """Destinations that send this kind to SNS, with their topic."""
        return [(one.name, one.topic) for one in self.destinations if one.enabled and one.topic and kind in one.kinds]


@dataclass(frozen=True)
class Identity:
    """A verified identity: a domain or an address."""

    configuration_set: str | None = None
    """The one that mails have which name none."""
    topics: Mapping[str, str] = field(default_factory=dict)
    """Its notification topics, by the API's word for the kind."""


class Topic(NamedTuple):
    """An SNS topic's subscriptions."""

    confirmed: int = 0
    pending: int = 0
    exists: bool = True


@dataclass
class SetUp:
    """What is known of an account's set-up in one region."""

    region: str = ""
    account: Mapping[str, Any] | None = None
    """SES's GetAccount."""
    statistics: list[Mapping[str, Any]] | None = None
    """SES's GetSendStatistics: two weeks."""
    sets: dict[str, ConfigurationSet] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    topics: dict[str, Topic | None] = field(default_factory=dict)
    """By ARN; None where it could not be asked."""
    unread: list[str] = field(default_factory=list)
    """What could not be read, and why."""


def judge(setup: SetUp) -> list[Finding]:
    """Everything that the rules find; where they find nothing, that."""
    found = [Finding("warning", "aws", f"not looked at: {what}") for what in dict.fromkeys(setup.unread)]
    found += [finding for rule in RULES for finding in rule.find(setup)]
    if not found:
        counted = (
            f"{len(setup.sets)} configuration sets, {len(setup.identities)} identities, {len(setup.topics)} topics"
        )
        found.append(Finding("ok", "aws", f"{setup.region}: nothing to object to in {counted}"))
    return found


class Rule(NamedTuple):
    """Something to object to."""

    name: str
    find: Callable[[SetUp], Iterator[Finding]]
    why: str


# ── Does anything arrive? ────────────────────────────────────────────────────────────────────


def _no_destination(setup: SetUp) -> Iterator[Finding]:
    for name, one in setup.sets.items():
        working = [each for each in one.destinations if each.enabled and each.carries]
        off = [each.name for each in one.destinations if not each.enabled]
        if not working:
            said = f"{name} has no event destination" + (f" that is on (off: {', '.join(off)})" if off else "")
            yield Finding("error", "configuration set", said, "Add one to SNS, EventBridge or Firehose.")
            continue
        missing = [kind for kind in _NEEDED if not any(kind in each.kinds for each in working)]
        if missing:
            said = f"{name} does not tell of {', '.join(missing)}"
            yield Finding("warning", "configuration set", said, "Add them to its event destination.")


def _unrouted(setup: SetUp) -> Iterator[Finding]:
    bare = [_shown(name) for name, one in setup.identities.items() if not one.configuration_set and not one.topics]
    if bare:
        said = f"mail without a configuration set leaves no events: {_several(bare)}"
        yield Finding("warning", "identity", said, "Assign a default configuration set to them.")


def _topic_without_subscription(setup: SetUp) -> Iterator[Finding]:
    for arn, topic in setup.topics.items():
        if topic is None:
            continue
        if not topic.exists:
            yield Finding(
                "error", "topic", f"{arn} does not exist: what is sent there is lost", "Make it, or route anew."
            )
        elif not topic.confirmed:
            pending = f"; {topic.pending} wait to be confirmed" if topic.pending else ""
            remedy = "Subscribe your queue or endpoint; a confirmation is valid for three days."
            yield Finding("error", "topic", f"{arn} has no confirmed subscription{pending}", remedy)
        elif topic.pending:
            said = f"{arn}: {topic.pending} subscriptions wait to be confirmed"
            yield Finding("warning", "topic", said, "Confirm them, or subscribe again.")


# ── Does it arrive twice? ────────────────────────────────────────────────────────────────────


def _two_destinations(setup: SetUp) -> Iterator[Finding]:
    for name, one in setup.sets.items():
        twice: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for kind in sorted({kind for each in one.destinations for kind in each.kinds}):
            ways = tuple(one.topics(kind))
            if len(ways) > 1:
                twice.setdefault(ways, []).append(kind)
        for ways, kinds in twice.items():
            topics = sorted({topic for _, topic in ways})
            to = f"the same topic {topics[0]}" if len(topics) == 1 else f"{len(topics)} topics"
            names = " and ".join(destination for destination, _ in ways)
            said = f"{name} sends {', '.join(kinds)} twice, by {names}, to {to}"
            yield Finding("warning", "routed twice", said, "Keep one: each event is stored once, and received twice.")


def _set_and_identity(setup: SetUp) -> Iterator[Finding]:
    for name, identity in setup.identities.items():
        for sets, kinds in _doubled(identity, setup).items():
            words = ", ".join(KINDS[kind] for kind in kinds)
            its_own = sets == (identity.configuration_set,)
            whose = f"its configuration set {sets[0]}" if its_own else f"mail that names {_several(list(sets))}"
            said = f"{_shown(name)} notifies a topic of {words}; by {whose} they are told once more"
            remedy = "Keep the configuration set's, which tells more; clear the identity's notification topic."
            yield Finding("warning", "routed twice", said, remedy)


def _doubled(identity: Identity, setup: SetUp) -> dict[tuple[str, ...], list[str]]:
    """Configuration sets that send what the identity notifies of, and the kinds: its own, or any that mail may name."""
    own = identity.configuration_set
    candidates = [own] if own is not None and own in setup.sets else list(setup.sets)
    found: dict[tuple[str, ...], list[str]] = {}
    for kind in identity.topics:
        sets = tuple(name for name in candidates if setup.sets[name].topics(kind))
        if sets:
            found.setdefault(sets, []).append(kind)
    return found


# ── May it be sent? ──────────────────────────────────────────────────────────────────────────


def _paused(setup: SetUp) -> Iterator[Finding]:
    if setup.account is not None and setup.account.get("SendingEnabled") is False:
        yield Finding("error", "sending", "paused for the whole account and region", "See AWS's mail about it.")
    paused = [name for name, one in setup.sets.items() if not one.sending]
    if paused:
        yield Finding("warning", "sending", f"paused for {_several(paused)}", "Switch it on, if it was not meant.")


def _sandbox(setup: SetUp) -> Iterator[Finding]:
    if setup.account is not None and setup.account.get("ProductionAccessEnabled") is False:
        said = "the account is in the sandbox: only verified addresses are mailed"
        yield Finding("warning", "sending", said, "Ask AWS for production access.")


def _reputation(setup: SetUp) -> Iterator[Finding]:
    standing = (setup.account or {}).get("EnforcementStatus")
    if standing == "PROBATION":
        yield Finding(
            "error", "reputation", "AWS has the account under review", "Mend what its mail names, and answer it."
        )
    elif standing == "SHUTDOWN":
        yield Finding("error", "reputation", "AWS has stopped the account's sending", "Answer AWS's mail.")
    sent = sum(point.get("DeliveryAttempts", 0) for point in setup.statistics or ())
    if sent < _ENOUGH:
        return
    for counted, word, line in _LINES:
        rate = sum(point.get(counted, 0) for point in setup.statistics or ()) / sent
        if rate >= line * _NEAR:
            said = f"{word} rate {rate:.2%} of {sent:,} mails in two weeks; AWS reviews accounts at {line:.1%}"
            remedy = (
                "See: sesevent events --type Bounce" if word == "bounce" else "See: sesevent events --type Complaint"
            )
            yield Finding("error" if rate >= line else "warning", "reputation", said, remedy)


def _suppression(setup: SetUp) -> Iterator[Finding]:
    who: list[tuple[str, tuple[str, ...] | None]] = [(name, one.heeds) for name, one in setup.sets.items()]
    if setup.account is not None:
        heeded = (setup.account.get("SuppressionAttributes") or {}).get("SuppressedReasons") or ()
        who.insert(0, ("the account", tuple(heeded)))
    for name, heeds in who:
        ignored = [reason for reason in ("BOUNCE", "COMPLAINT") if heeds is not None and reason not in heeds]
        if ignored:
            said = f"{name} does not heed SES's suppression list for {' and '.join(ignored)}"
            yield Finding("warning", "suppression", said, "Switch it on: it is the last line behind yours.")


RULES: Final = (
    Rule("no destination", _no_destination, "a configuration set without one sends mail of which nothing is heard"),
    Rule("identity without route", _unrouted, "a mail that names no set has its identity's, or none"),
    Rule("topic without subscription", _topic_without_subscription, "SNS takes the event and gives it to nobody"),
    Rule(
        "two destinations", _two_destinations, "each costs a message and a write, and more work to find it is the same"
    ),
    Rule("set and identity", _set_and_identity, "both families tell of the same bounce, in different detail"),
    Rule("paused", _paused, "SES refuses the mail; no event tells"),
    Rule("sandbox", _sandbox, "mail to anybody else is refused"),
    Rule("reputation", _reputation, "AWS stops accounts beyond its lines"),
    Rule("suppression", _suppression, "SES mails whom it knows to bounce"),
)
"""What is objected to, in order."""


def _shown(identity: str) -> str:
    return mask(identity) if "@" in identity else identity


def _several(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
