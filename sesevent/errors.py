"""Every error this library raises, in one tree.

::

    SesEventError                 carries: hint, retryable, http_status
    ├─ PayloadError               what arrived is not what AWS documents; lists every problem with its path
    ├─ UntrustedMessage           nothing proves that it comes from where it says; names the check it failed
    ├─ VerifierUnavailable        whether it is genuine cannot be told right now: try again
    ├─ StoreError                 MongoDB refused or failed
    │  ├─ StoreUnavailable        …or could not be reached in time: try again
    │  ├─ StoreConflict           …or other writers won every race for one document: try again
    │  └─ PositionLost            …or no longer knows what came after a watch's position
    ├─ AwsError                   an AWS service refused or failed; names the call and AWS's own code
    │  └─ AwsUnavailable          …or could not be reached, or asked for patience: try again
    ├─ ArchiveError               an archive cannot be written or read, or is not what it was
    ├─ Held                       something must be kept, and what was asked for would change it
    ├─ Suppressed                 a mail was not sent, because of whom it would have gone to; says why for each
    ├─ ConfigurationError         the caller must change something; names it
    └─ MissingExtra               an optional part is not installed; names the extra (also an ImportError)

Adapters decide by two attributes, never by class: ``retryable`` (leave the message on its
queue, or delete it) and ``http_status`` (what to answer SNS, which never retries a 4xx).

This module imports nothing, and no message it builds holds an address, a subject or a payload.
Next: :mod:`sesevent.ops`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = [
    "ArchiveError",
    "AwsError",
    "AwsUnavailable",
    "ConfigurationError",
    "Held",
    "MissingExtra",
    "PayloadError",
    "PositionLost",
    "Problem",
    "SesEventError",
    "StoreConflict",
    "StoreError",
    "StoreUnavailable",
    "Suppressed",
    "UntrustedMessage",
    "VerifierUnavailable",
]


class Problem(NamedTuple):
    """One thing that is wrong with a payload, and where."""

    path: str
    """JSON path into what was handed in, such as ``$.bounce.bouncedRecipients[0]``."""
    message: str
    """What is wrong there, without quoting the content."""
    line: int | None = None
    """1-based line, where the input was JSON lines."""

    def __str__(self) -> str:
        where = self.path if self.line is None else f"line {self.line}: {self.path}"
        return f"{where}: {self.message}"


class SesEventError(Exception):
    """Base of every error of this library. Catch this one to catch them all."""

    retryable: bool = False
    """True where the same call may succeed later without any change."""
    http_status: int = 500
    """The status an HTTP endpoint should answer with."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} {hint}")
        self.hint = hint


class PayloadError(SesEventError):
    """What arrived cannot be read as SES events.

    ``problems`` holds everything found, not only the first. The suggested status is 200: SNS
    drops a message for good on a 4xx, so a receiver keeps the bytes and acknowledges.
    """

    http_status = 200

    def __init__(self, problems: tuple[Problem, ...] | list[Problem]) -> None:
        self.problems = tuple(problems)
        listed = "; ".join(str(problem) for problem in self.problems[:5])
        more = len(self.problems) - 5
        super().__init__(listed if more <= 0 else f"{listed}; and {more} more")


class UntrustedMessage(SesEventError):
    """Nothing proves that a message comes from where it says: it is forged, stale, or not meant for us.

    SNS drops a message for good when it is answered so.
    """

    http_status = 403

    def __init__(self, check: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{check}: {message}", hint=hint)
        self.check = check
        """The check it failed: one of the names in `sesevent.sns.origin.CHECKS`."""


class VerifierUnavailable(SesEventError):
    """Whether a message is genuine cannot be told right now, mostly because a certificate cannot be had."""

    retryable = True
    http_status = 503


class StoreError(SesEventError):
    """MongoDB refused an operation or failed while performing it."""

    code: int | None = None
    """MongoDB's own code for it, where it gave one."""


class StoreUnavailable(StoreError):
    """MongoDB could not be reached, or did not answer, within the configured time-out."""

    retryable = True
    http_status = 503


class StoreConflict(StoreError):
    """Other writers changed the same document each time this one tried to."""

    retryable = True
    http_status = 503


class PositionLost(StoreError):
    """What came after a watch's position is no longer in the server's log of changes, the oplog."""


class AwsError(SesEventError):
    """An AWS service refused a call, or failed while performing it."""

    http_status = 502


class AwsUnavailable(AwsError):
    """An AWS service could not be reached, failed for the moment, or asked for patience too often."""

    retryable = True
    http_status = 503


class ArchiveError(SesEventError):
    """An archive cannot be written or read, or what is in it is not what was put there."""


class Held(SesEventError):
    """A hold keeps something as it is, and what was asked for would change it."""

    http_status = 409

    def __init__(self, message: str, holds: Iterable[str]) -> None:
        self.holds = tuple(holds)
        """The ids of the holds, where they can be told."""
        super().__init__(message, hint="store.keeping.holds() tells by whom and why; lift it first, or wait.")


class Suppressed(SesEventError):
    """A mail was not sent, because those it would have gone to may not be mailed.

    To be repeated only where the database could not be asked: then, and then only, it is ``retryable``
    and its status is 503.
    """

    http_status = 422

    def __init__(self, decisions: Iterable[Any]) -> None:
        self.decisions = tuple(decisions)
        """Why not: a `sesevent.Decision` for each recipient that was refused."""
        rules = sorted({str(decision.rule) for decision in self.decisions})
        super().__init__(f"{len(self.decisions)} recipients may not be mailed ({', '.join(rules)}); nothing was sent.")
        if any(decision.failed for decision in self.decisions):
            self.retryable, self.http_status = True, 503

    @property
    def decision(self) -> Any:
        """The first of them."""
        return self.decisions[0]


class ConfigurationError(SesEventError):
    """The call, a setting or the server's set-up has to be changed; the message says which."""


class MissingExtra(SesEventError, ImportError):
    """An optional part was used that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        hint = f"Install it with: pip install 'sesevent[{extra}]'"
        super().__init__(f"{feature} needs an optional part of sesevent.", hint=hint)
        self.extra = extra
