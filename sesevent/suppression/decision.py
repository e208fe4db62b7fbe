"""May I send to this address? The standing, put into an answer that a program and a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sesevent import addresses
from sesevent.suppression.facts import ALL_STREAMS
from sesevent.suppression.policy import Policy
from sesevent.suppression.rules import rule_named
from sesevent.suppression.standing import Holding, Standing

__all__ = ["Decision", "concerns", "decide", "decide_no_address", "decide_without_store"]


@dataclass(frozen=True, repr=False)
class Decision:
    """The answer for one address on one stream. True as a condition where sending is allowed."""

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
    sentence: str = ""
    """The answer in words, for a person."""
    failed: Literal["open", "closed"] | None = None
    """How it was decided because the database could not be asked; None where it could."""
    tenant: str = ""
    holds_on: str = ALL_STREAMS
    """The stream on which the rule holds that decided; `*` for all."""

    def same_for(self, address: str) -> Decision:
        """The same answer for another address, in normal form: for a fraction of the price of making one."""
        told = vars(self).copy()
        told["address"] = address
        made = object.__new__(Decision)
        object.__setattr__(made, "__dict__", told)
        return made

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        answer = "allowed" if self.allowed else f"refused: {self.rule}"
        return f"<Decision {addresses.mask(self.address)} {answer}>"


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
    name, held_on, since, until, evidence, _ = holding
    rule = rule_named(name)
    reason, happened = (rule.reason, rule.sentence) if rule else (name, f"the rule {name} holds")
    return Decision(
        standing.address,
        allowed=False,
        reason=reason,
        rule=name,
        stream=stream,
        holds_on=held_on,
        since=since,
        until=until,
        evidence=evidence,
        policy_version=standing.policy_version,
        sentence=_sentence(holding, happened),
        tenant=standing.tenant,
    )


def decide_no_address(policy: Policy, text: str, stream: str) -> Decision:
    """The decision for what is not one address: nobody can say whom it would reach."""
    return Decision(
        text,
        allowed=False,
        reason="no_address",
        rule="no-address",
        stream=stream,
        policy_version=policy.version,
        sentence="This is not one e-mail address.",
    )


def decide_without_store(policy: Policy, address: str, stream: str) -> Decision:
    """The decision while the database cannot be asked: as the policy says for *stream*, and it says so."""
    failed = policy.unavailable(stream)
    so = "sent all the same" if failed == "open" else "not sent"
    return Decision(
        address,
        allowed=failed == "open",
        reason="unavailable",
        rule="store-unavailable",
        stream=stream,
        policy_version=policy.version,
        sentence=f"It cannot be told right now: by the policy such mail is {so}.",
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


def _allowed(standing: Standing, stream: str) -> Decision:
    known = "Nothing is known" if not standing.holdings else "Nothing that is known speaks"
    on = "" if stream == ALL_STREAMS else f" on the stream {stream}"
    return Decision(
        standing.address,
        allowed=True,
        stream=stream,
        policy_version=standing.policy_version,
        sentence=f"{known} against sending{on}.",
        tenant=standing.tenant,
    )


def _sentence(holding: Holding, happened: str) -> str:
    where = "" if holding.stream == ALL_STREAMS else f" on the stream {holding.stream}"
    ends = "" if holding.until is None else f", until {holding.until.isoformat(' ', 'minutes')[:16]} UTC"
    return f"Do not send{where}: {happened}, since {holding.since.isoformat()[:10]}{ends}."
