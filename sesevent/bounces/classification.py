"""What is said of one bounce: the value `sesevent.bounces.classify` returns.

It holds the diagnostic it was made from, so that the words which decided can be shown on request;
its repr holds neither, since a diagnostic may name the recipient.
Next: :mod:`sesevent.bounces.engine`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

__all__ = ["Classification", "Verdict"]

_LONGEST_WAIT: Final = 24 * 3600


class Verdict(NamedTuple):
    """Everything about a classification that does not depend on the very text. Few exist, and they are shared."""

    reason: str
    fault: str
    bounce_class: str
    recommendation: str
    advice: str
    rule: str
    evidence: str
    confidence: float
    provider: str | None
    retry_after: int | None


class Classification(NamedTuple):
    """Why a mail bounced, whose fault it is, and what to do about it. Immutable, and cheap to make."""

    verdict: Verdict
    diagnostic: str | None = None
    """The diagnostic as given, where its words decided."""
    hit: tuple[int, int] | None = None
    """Which of the diagnostic's signs decided; `span` makes offsets of them."""

    @property
    def reason(self) -> str:
        """Why: a name of the taxonomy, such as ``user_unknown``."""
        return self.verdict.reason

    @property
    def fault(self) -> str:
        """Whose fault: one of `sesevent.bounces.taxonomy.FAULTS`."""
        return self.verdict.fault

    @property
    def bounce_class(self) -> str:
        """What it says of the address: one of `sesevent.bounces.taxonomy.BOUNCE_CLASSES`."""
        return self.verdict.bounce_class

    @property
    def permanent(self) -> bool:
        """True where this address will not work again."""
        return self.verdict.bounce_class == "hard"

    @property
    def recommendation(self) -> str:
        """What to do, in a word: one of `sesevent.bounces.taxonomy.RECOMMENDATIONS`."""
        return self.verdict.recommendation

    @property
    def advice(self) -> str:
        """What to do, as a sentence for a person."""
        return self.verdict.advice

    @property
    def rule(self) -> str:
        """The id of the rule, code or SES word that decided."""
        return self.verdict.rule

    @property
    def evidence(self) -> str:
        """The kind of evidence that decided: a row of `sesevent.bounces.priority.PRIORITY`."""
        return self.verdict.evidence

    @property
    def confidence(self) -> float:
        """How far to rely on the reason, from 0 to 1: the evidence's own figure, moved by a code that (dis)agrees."""
        return self.verdict.confidence

    @property
    def provider(self) -> str | None:
        """Who runs the server that answered, where its words give it away."""
        return self.verdict.provider

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait before the next attempt; None where trying again is of no use."""
        return self.verdict.retry_after

    @property
    def span(self) -> tuple[int, int] | None:
        """Where in the diagnostic the words stand that decided; None where no words did."""
        if self.diagnostic is None or self.hit is None:
            return None
        from sesevent.bounces.engine import the_engine  # only needed by who asks, and it imports this module

        return the_engine().alphabet.locate(self.diagnostic, *self.hit)

    @property
    def matched(self) -> str | None:
        """The words that decided, as the server wrote them. They may hold an address: mind where they are shown."""
        span = self.span
        return None if span is None or self.diagnostic is None else self.diagnostic[span[0] : span[1]]

    def backoff(self, attempt: int = 0, random_fraction: float = 0.5) -> float | None:
        """Seconds to wait before attempt number *attempt* (0 is the first retry), doubled each time, a day at most.

        *random_fraction*, from 0 to 1, is the caller's random number: the wait lies between a half and one and a
        half times the plain value, so that many senders do not come back at once.
        """
        base = self.verdict.retry_after
        if base is None:
            return None
        waited = min(float(base) * 2.0 ** min(max(attempt, 0), 20), float(_LONGEST_WAIT))
        return waited * (0.5 + min(max(random_fraction, 0.0), 1.0))

    def as_dict(self) -> dict[str, Any]:
        """Every field but the diagnostic, as plain values; `span` included."""
        return {**self.verdict._asdict(), "permanent": self.permanent, "span": self.span}

    def __repr__(self) -> str:
        kept = self.verdict
        return (
            f"Classification(reason={kept.reason!r}, bounce_class={kept.bounce_class!r}, fault={kept.fault!r}, "
            f"recommendation={kept.recommendation!r}, rule={kept.rule!r}, confidence={kept.confidence})"
        )
