"""How a store connects: the settings both faces share. It opens nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import pymongo
from bson.codec_options import CodecOptions
from pymongo import ReadPreference, WriteConcern
from pymongo.client_options import ClientOptions
from pymongo.errors import InvalidName

from sesevent.arguments import given
from sesevent.errors import ConfigurationError
from sesevent.moments import UTC
from sesevent.storage.layout import COLLECTIONS, DATABASE, EVENTS, UNFINISHED
from sesevent.storage.operations import SEALS

__all__ = [
    "DURABLE",
    "Encrypts",
    "Settings",
    "client_options",
    "collections_of",
    "seals_of",
    "settings_of",
    "utc_now",
    "within",
]

DURABLE: Final = WriteConcern(w="majority", j=True)
"""Acknowledged by a majority of the members, and in their journals: it survives any one of them."""

_NEWEST: Final = ReadPreference.PRIMARY
"""Whatever the URI prefers: standings that were derived from what a secondary knows would miss facts for good."""

_CODEC: Final[CodecOptions[Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


class Settings(NamedTuple):
    """What a client was told, as far as it matters here."""

    timeout_seconds: float | None
    """The most that one operation takes; None where nothing bounds it."""
    connections: float
    """The most to one server; infinite where nothing bounds them."""
    retry_writes: bool
    encrypted: bool
    authenticated: bool
    durable: bool
    """Writes are acknowledged by a majority, and journaled."""


def settings_of(client: Any, write_concern: WriteConcern) -> Settings | None:
    """What *client* was told; None of one in memory."""
    options = getattr(client, "options", None)
    if not isinstance(options, ClientOptions):
        return None
    pool, concern = options.pool_options, write_concern.document
    return Settings(
        options.timeout,
        pool.max_pool_size,
        options.retry_writes,
        pool._ssl_context is not None,
        pool._credentials is not None,
        concern.get("w") == "majority" and concern.get("j") is True,
    )


class Encrypts(Protocol):
    """What a store is told to encrypt with: `sesevent.contrib.encryption.Encryption`."""

    def bound_to(self, client: Any, database: Any) -> Any:
        """What does so for a store over a client."""


def seals_of(encryption: Encrypts | None, privacy: Any, client: Any, collections: Mapping[str, Any]) -> dict[str, Any]:
    """What encrypts, to stand among a store's collections.

    Raises ConfigurationError where the privacy policy wants something encrypted, and nothing is there to do so.
    """
    if encryption is not None:
        return {SEALS: encryption.bound_to(client, collections[EVENTS].database)}
    if privacy is not None and (wanted := privacy.policy.encrypted_fields):
        raise ConfigurationError(
            f"The privacy policy has {', '.join(sorted(wanted))} encrypted, and the store is told no key.",
            hint="Give it encryption=Encryption(…), or on the command line --encryption FILE.",
        )
    return {}


def utc_now() -> datetime:
    """The clock of a store that is given no other. Nothing below the faces calls it."""
    return datetime.now(UTC)


def client_options(uri: str, timeout_seconds: float, options: Mapping[str, Any]) -> dict[str, Any]:
    """PyMongo's options: no call takes longer than *timeout_seconds*, finding a server included.

    Raises ConfigurationError for what cannot be a URI: PyMongo would take it for a host name.
    """
    if not given(uri, "The MongoDB URI").startswith(("mongodb://", "mongodb+srv://")):
        raise ConfigurationError("The MongoDB URI is wrong.", hint="It begins with mongodb:// or mongodb+srv://.")
    if timeout_seconds <= 0:
        raise ConfigurationError("timeout_seconds must be more than 0.")
    milliseconds = int(timeout_seconds * 1000)
    ours: dict[str, Any] = {"timeoutMS": milliseconds, "serverSelectionTimeoutMS": milliseconds}
    if "appname=" not in uri.lower():
        ours["appname"] = "sesevent"
    return ours | dict(options)


def collections_of(
    client: Any, database: str | None, events_collection: str, write_concern: WriteConcern
) -> dict[str, Any]:
    """The collections of a store, by the names that operations use.

    Whatever the URI says of reading, they ask the primary: what follows from what was just written must see it.
    Raises ConfigurationError for a name that MongoDB does not allow, and for what is no client.
    """
    if isinstance(client, str):
        raise ConfigurationError("A store is made of a client.", hint="Of a URI, connect() makes one.")
    names = {name: name for name in COLLECTIONS} | {EVENTS: events_collection}
    names[UNFINISHED] = UNFINISHED.replace(EVENTS, events_collection)
    try:
        found = client[database] if database else client.get_default_database(DATABASE)
        return {
            name: found.get_collection(
                actual, codec_options=_CODEC, read_preference=_NEWEST, write_concern=write_concern
            )
            for name, actual in names.items()
        }
    except InvalidName as error:
        raise ConfigurationError(f"MongoDB does not allow that name: {error}.") from None


def within(seconds: float | None) -> AbstractContextManager[object]:
    """Everything asked of MongoDB inside, together, takes no longer than this; None: no such bound."""
    return nullcontext() if seconds is None else pymongo.timeout(seconds)
