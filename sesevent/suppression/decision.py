"""May I send to this address? The standing, put into an answer that a program and a person can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, Literal

from sesevent import addresses
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.suppression.policy import Policy
from sesevent.suppression.rules import rule_named
from sesevent.suppression.standing import Holding, Standing

NO_ADDRESS: Final = "no-address"

__all__ = ["Decision", "concerns", "decide", "decide_no_address", "decide_without_store"]


@dataclass(frozen=True, repr=False)
class Decision:
    """The answer for one address on one stream. True as a condition where sending is allowed."""

    # All but the address is in a dictionary that equal answers share: of most of a million addresses nothing is known.
    __slots__ = ("__dict__", "address")

    address: str
    """In normal form."""
    allowed: bool
    reason: str | None = None
    """Why not: ``complaint``, ``hard_bounce``, ``ses_list``, ``unsubscribed``, …"""
    rule: str | None = None
    """The name of the rule that decided."""
    stream: str = ALL_STREAMS
    """The stream that was asked for; `*` where none was named."""
    since: datetime | None = None
    until: datetime | None = None
    """When it ends by itself; None: not before something answers it."""
    evidence: tuple[str, ...] = ()
    """Ids of the events and acts that prove it."""
    policy_version: str = ""
    failed: Literal["open", "closed"] | None = None
    """How it was decided because the database could not be asked; None where it could."""
    tenant: str = ""
    holds_on: str = ALL_STREAMS
    """The stream on which the rule holds that decided; `*` for all."""

    @property
    def sentence(self) -> str:
        """The answer in words, for a person."""
        if self.failed is not None:
            so = "sent all the same" if self.failed == "open" else "not sent"
            return f"It cannot be told right now: by the policy such mail is {so}."
        if self.rule == NO_ADDRESS:
            return "This is not one e-mail address."
        if self.allowed:
            return f"Nothing known speaks against sending{_on(self.stream)}."
        rule = rule_named(self.rule or "")
        happened = rule.sentence if rule else f"the rule {self.rule} holds"
        since = "" if self.since is None else f", since {self.since.isoformat()[:10]}"
        ends = "" if self.until is None else f", until {self.until.isoformat(' ', 'minutes')[:16]} UTC"
        return f"Do not send{_on(self.holds_on)}: {happened}{since}{ends}."

    def same_for(self, address: str) -> Decision:
        """The same answer for another address, in normal form: for a fraction of the price of making one."""
        made = _new(Decision)
        _put_address(made, address)
        _put_rest(made, self.__dict__)
        return made

    def __reduce__(self) -> tuple[type[Decision], tuple[object, ...]]:
        return Decision, tuple([getattr(self, told.name) for told in fields(self)])

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        answer = "allowed" if self.allowed else f"refused: {self.rule}"
        return f"<Decision {addresses.mask(self.address)} {answer}>"


_new: Final = object.__new__
_put_address: Final[Callable[[Decision, str], None]] = vars(Decision)["address"].__set__
_put_rest: Final[Callable[[Decision, dict[str, object]], None]] = vars(Decision)["__dict__"].__set__


def decide(policy: Policy, standing: Standing, stream: str, now: datetime) -> Decision:
    """Whether one may send to the address of *standing* on *stream* at *now*, and why not.

    The strongest rule that holds decides. `*` asks for a mail of no particular stream: what holds on
    one stream only does not concern it.
    """
    for holding in standing.holdings:
        if concerns(policy, holding, stream, now):
            return _refused(standing, holding, stream)
    return _allowed(standing, stream)


def _refused(standing: Standing, holding: Holding, stream: str) -> Decision:
    rule = rule_named(holding.rule)
    return Decision(
        standing.address,
        allowed=False,
        reason=rule.reason if rule else holding.rule,
        rule=holding.rule,
        stream=stream,
        since=holding.since,
        until=holding.until,
        evidence=holding.evidence,
        policy_version=standing.policy_version,
        tenant=standing.tenant,
        holds_on=holding.stream,
    )


def decide_no_address(policy: Policy, text: str, stream: str) -> Decision:
    """The decision for what is not one address: nobody can say whom it would reach."""
    return Decision(
        text,
        allowed=False,
        reason="no_address",
        rule=NO_ADDRESS,
        stream=stream,
        policy_version=policy.version,
    )


def decide_without_store(policy: Policy, address: str, stream: str) -> Decision:
    """The decision while the database cannot be asked: as the policy says for *stream*, and it says so."""
    failed = policy.unavailable(stream)
    return Decision(
        address,
        allowed=failed == "open",
        reason="unavailable",
        rule="store-unavailable",
        stream=stream,
        policy_version=policy.version,
        failed=failed,
    )


def concerns(policy: Policy, holding: Holding, stream: str, now: datetime) -> bool:
    """Whether a holding forbids a mail on *stream* at *now*."""
    return (
        holding.stream in (ALL_STREAMS, stream)
        and (holding.until is None or now < holding.until)
        and stream not in holding.lifted
        and (holding.stream == stream or stream not in policy.effect(holding.rule).except_streams)
    )


def _on(stream: str) -> str:
    return "" if stream == ALL_STREAMS else f" on the stream {stream}"


def _allowed(standing: Standing, stream: str) -> Decision:
    return Decision(
        standing.address,
        allowed=True,
        stream=stream,
        policy_version=standing.policy_version,
        tenant=standing.tenant,
    )
