"""Trust as a type: what may be stored is a `VerifiedMessage`, and there are two doors to one.

`sesevent.verify` proves an SNS message by its signature and its topic; `trusted` is for what came
through a transport that proves the sender by itself (an SQS queue or a Lambda function that IAM
guards, a file of the operator's own), and asks for the reason. Neither looks at the SES event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sesevent.arguments import several
from sesevent.errors import ConfigurationError
from sesevent.sns.message import SnsFacts, UnverifiedMessage
from sesevent.sns.unwrap import Raw, unwrap
from sesevent.sns.wrappings import HANDSHAKES

__all__ = ["VerifiedMessage", "require_verified", "trusted", "trusted_each"]


_DOOR = object()


class VerifiedMessage:
    """Input whose origin is proven. Made by `verify` and `trusted` only."""

    __slots__ = ("_messages", "because", "raw")

    def __init__(
        self, raw: Raw, because: str, messages: list[UnverifiedMessage] | None = None, *, door: object = None
    ) -> None:
        if door is not _DOOR:
            raise TypeError("a VerifiedMessage is made by sesevent.verify() or sesevent.trusted()")
        self.raw = raw
        """What was handed in; of a verified SNS message, its decoded envelope."""
        self.because = because
        """What proves its origin."""
        self._messages = messages

    @property
    def messages(self) -> list[UnverifiedMessage]:
        """What is inside, unwrapped: as `sesevent.unwrap` tells it."""
        if self._messages is None:
            self._messages = unwrap(self.raw)
        return self._messages

    @property
    def sns(self) -> SnsFacts | None:
        """What the SNS envelope tells, where one message in one envelope was handed in."""
        return self.messages[0].sns if len(self.messages) == 1 else None

    @property
    def handshake(self) -> Mapping[str, str] | None:
        """The envelope, where this is an SNS handshake: an offered or ended subscription."""
        envelope = self.messages[0].envelope if len(self.messages) == 1 else None
        return envelope if envelope is not None and envelope.get("Type") in HANDSHAKES else None

    def __repr__(self) -> str:
        return f"<VerifiedMessage because {self.because}>"


def trusted(raw: Raw, *, because: str) -> VerifiedMessage:
    """Take *raw* for genuine, for a reason that the caller names, such as ``"the queue admits our topic only"``.

    Not for bytes that came over HTTP: whoever can reach the endpoint could write bounces, and so
    suppress whom they like. Use `sesevent.verify` there.

    Raises ConfigurationError where no reason is given.
    """
    if not because:
        raise ConfigurationError("trusted() needs a reason.", hint="Say in *because* what proves the sender.")
    return vouched(raw, because)


def trusted_each(raws: Iterable[Raw], *, because: str) -> Iterator[VerifiedMessage]:
    """`trusted`, for each of many, lazily: the messages of a batch, or the lines of an open file.

    Raises ConfigurationError where no reason is given, and for one text or mapping: `trusted` takes one.
    """
    if isinstance(raws, Mapping):
        raise ConfigurationError("What was handed in is one thing: trusted() takes it.")
    return (trusted(raw, because=because) for raw in several(raws, "raws"))


def vouched(raw: Raw, because: str, messages: list[UnverifiedMessage] | None = None) -> VerifiedMessage:
    """A verified message, for those in this package who have just proved it."""
    return VerifiedMessage(raw, because, messages, door=_DOOR)


def require_verified(message: object) -> VerifiedMessage:
    """*message*, if its origin is proven. Raises ConfigurationError for anything else."""
    if isinstance(message, VerifiedMessage):
        return message
    raise ConfigurationError(
        f"A store receives what is proven to be genuine, not {type(message).__name__}.",
        hint="Use sesevent.verify() for what came over HTTP, sesevent.trusted() for a guarded transport.",
    )
