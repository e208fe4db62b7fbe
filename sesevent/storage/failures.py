"""From what PyMongo raises to what this library raises: one table, for both drivers.

No message quotes the server's: it may hold a document's values.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pymongo import errors

from sesevent.errors import ConfigurationError, PositionLost, SesEventError, StoreError, StoreUnavailable

__all__ = ["DUPLICATE_KEY", "NO_STREAMS", "refused", "translate"]

DUPLICATE_KEY: Final = 11000

# https://www.mongodb.com/docs/manual/reference/error-codes/
_NOT_ALLOWED: Final = {13: "the user lacks the right", 18: "authentication failed", 8000: "authentication failed"}
_OUT_OF_SPACE: Final = (14031, 28)
# Time-outs, a server on its way down or no longer primary, lost races, cursors that were ended by others: the same
# may succeed later.
_PASSING: Final = (
    6, 7, 24, 43, 50, 64, 89, 91, 112, 133, 136, 175, 189, 234, 237, 262, 317, 462, 9001, 10058, 10107, 11600, 11601,
    11602, 13435, 13436,
)  # fmt: skip
_HISTORY_LOST: Final = (280, 286)
NO_STREAMS: Final = (20, 115, 136, 303, 40324, 40573)
"""How servers say that they have no change streams, when one is opened: a stand-alone mongod (40573), engines that
do not know them (20, 115, 303, 40324), and Amazon DocumentDB where they are not switched on (136)."""
_UNKNOWN_OPTION: Final = re.compile(r"Unknown option: (\w+)")
_TOO_OLD: Final = "wire version"  # PyMongo has no class of its own for it


def translate(error: Exception) -> SesEventError:
    """The error to raise in place of what PyMongo raised."""
    for kind, make in _TABLE:
        if isinstance(error, kind):
            made: SesEventError = make(error)
            if isinstance(made, StoreError) and isinstance(error, errors.OperationFailure):
                made.code = error.code
            return made
    return StoreError(f"MongoDB could not do it ({type(error).__name__}).")


def refused(error: errors.BulkWriteError) -> SesEventError:
    """The error for a bulk write that was refused for another reason than a taken key."""
    details = error.details or {}
    if details.get("writeConcernErrors"):
        return StoreUnavailable("The write was not confirmed as durable.", hint="It is safe to repeat.")
    first = next(entry for entry in details["writeErrors"] if entry["code"] != DUPLICATE_KEY)
    return _by_code(first.get("code"))


def _unreachable(_: Exception) -> SesEventError:
    hint = "Check that the server runs, the URI, and the network; sesevent doctor tells more."
    return StoreUnavailable("MongoDB did not answer in time.", hint=hint)


def _by_code(code: Any) -> SesEventError:
    if code in _NOT_ALLOWED:
        return ConfigurationError(
            f"MongoDB refused: {_NOT_ALLOWED[code]}.", hint="Give the user readWrite on the database, or check the URI."
        )
    if code in _OUT_OF_SPACE:
        return StoreUnavailable(
            "MongoDB has no disk space left.", hint="Nothing was acknowledged; it is safe to repeat."
        )
    if code in _HISTORY_LOST:
        return PositionLost(
            "What came after this position is no longer in MongoDB's log of changes (oplog).",
            hint="Go on with polling=True, which reads the rows themselves; or start anew, and catch up with "
            "store.events.between(). A larger oplog remembers longer.",
        )
    if code in _PASSING:
        return StoreUnavailable(
            f"MongoDB could not finish in time (code {code}).", hint="Nothing was acknowledged; it is safe to repeat."
        )
    return StoreError(f"MongoDB refused the operation (code {code}).")


def _configuration(error: Exception) -> SesEventError:
    if _TOO_OLD in str(error):
        return ConfigurationError("The MongoDB server is too old for this driver.", hint="Use MongoDB 4.2 or newer.")
    if (unknown := _UNKNOWN_OPTION.search(str(error))) is not None:
        return ConfigurationError(f"Neither a store nor PyMongo's client has an option {unknown[1]}.")
    return ConfigurationError("The MongoDB URI or an option is wrong.", hint=f"({type(error).__name__})")


def _encryption(error: Exception) -> SesEventError:
    """What PyMongo's encryption raised: the cause is the driver's or libmongocrypt's."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, errors.PyMongoError) and not isinstance(cause, errors.EncryptionError):
        return translate(cause)
    if "network error" in str(cause):  # libmongocrypt has no code for it
        return StoreUnavailable(
            "The key management service did not answer, or its certificate is not trusted.",
            hint="It is safe to repeat.",
        )
    return ConfigurationError(
        "The master key cannot be used: it is another than the one that data was encrypted with, or use is denied.",
        hint="Check the key that `encryption` names, its region, and the rights kms:Encrypt and kms:Decrypt.",
    )


_TABLE: Final[tuple[tuple[Any, Any], ...]] = (
    # First match wins; several of these are subclasses of the later ones.
    (errors.DocumentTooLarge, lambda _: StoreError("A document is larger than MongoDB's 16 MiB.")),
    (errors.EncryptionError, _encryption),
    (errors.ConfigurationError, _configuration),
    (errors.InvalidURI, _configuration),
    (errors.WriteConcernError, lambda _: StoreUnavailable("The write was not confirmed as durable.")),
    (errors.OperationFailure, lambda error: _by_code(error.code)),
    (errors.ConnectionFailure, _unreachable),  # ServerSelectionTimeoutError, AutoReconnect, NetworkTimeout
    (errors.ExecutionTimeout, _unreachable),
    (errors.WaitQueueTimeoutError, _unreachable),
    (ValueError, _configuration),  # what PyMongo's URI parser raises for a port that is no number
)
