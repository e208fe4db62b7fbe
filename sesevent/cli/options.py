"""Options that several commands share, and what they mean."""

from __future__ import annotations

import getpass
import os
import re
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli.output import note
from sesevent.errors import ConfigurationError
from sesevent.moments import UTC, read_moment, read_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesevent.contrib.aws_setup import AwsSetUp
    from sesevent.contrib.encryption import Encryption
    from sesevent.privacy.protection import Protection
    from sesevent.suppression.decision import Decision
    from sesevent.suppression.policy import Policy
    from sesevent.sync import EventStore
    from sesevent.unsubscribe import OneClick

POLICY_VARIABLE = "SESEVENT_POLICY"

Uri = Annotated[str | None, typer.Option(envvar="SESEVENT_MONGODB_URI", help="MongoDB to use.", show_default=False)]
Database = Annotated[
    str | None, typer.Option(envvar="SESEVENT_DATABASE", help="Database; by default the URI's, else «cache».")
]
Collection = Annotated[str, typer.Option(envvar="SESEVENT_COLLECTION", help="Collection of the events.")]
Timeout = Annotated[
    float, typer.Option(envvar="SESEVENT_TIMEOUT", help="Seconds after which a silent server is given up.")
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="SES's word, such as Bounce; may be repeated.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", envvar="SESEVENT_JSON", help="JSON lines also on a terminal.")]
Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="However spelled; - reads lines.")]
Stream = Annotated[
    str, typer.Option(envvar="SESEVENT_STREAM", help="Stream of the mail; * is no particular one, or all.")
]
Tenant = Annotated[
    str,
    typer.Option(envvar="SESEVENT_TENANT", help="Tenant it concerns, where there are several.", show_default=False),
]
Tz = Annotated[
    str, typer.Option(envvar="SESEVENT_TZ", help="Time zone of dates, times and days, such as Europe/Berlin.")
]
Rule = Annotated[str | None, typer.Option(help="Only those this rule decides on, such as hard-bounce.")]
AwsRegion = Annotated[str | None, typer.Option("--region", help="With --aws: by default as boto3 is configured.")]
AwsProfile = Annotated[str | None, typer.Option("--profile", help="With --aws: of AWS's configuration.")]
AwsEndpoint = Annotated[str | None, typer.Option("--endpoint-url", help="With --aws: another address of AWS.")]
BucketRegion = Annotated[str | None, typer.Option(help="AWS region of the bucket.", show_default=False)]
BucketEndpoint = Annotated[str | None, typer.Option(help="Another address of S3.", show_default=False)]
By = Annotated[
    str | None,
    typer.Option(envvar="SESEVENT_BY", help="Who says so; by default your login name.", show_default=False),
]

UnsubscribeKeys = Annotated[
    str | None,
    typer.Option(
        envvar="SESEVENT_UNSUBSCRIBE_KEYS",
        metavar="FILE",
        help="Keys of unsubscribe links, one on a line, the newest first.",
        show_default=False,
    ),
]

PRIVACY_VARIABLE = "SESEVENT_PRIVACY"
KEYS_VARIABLE = "SESEVENT_PRIVACY_KEYS"
KEYS_FILE_VARIABLE = "SESEVENT_PRIVACY_KEYS_FILE"

ENCRYPTION_VARIABLE = "SESEVENT_ENCRYPTION"
WITHOUT_KEYS_VARIABLE = "SESEVENT_WITHOUT_KEYS"

POLICY_FILE: ContextVar[str | None] = ContextVar("policy", default=None)
"""The policy's file, where a flag or a settings file names it; else the environment is asked."""


PRIVACY_FILES: ContextVar[tuple[str | None, str | None]] = ContextVar("privacy", default=(None, None))
"""The files of the privacy policy and of its keys, likewise."""

ENCRYPTION_FILE: ContextVar[str | None] = ContextVar("encryption", default=None)
"""The file that names the master key, likewise."""

WITHOUT_KEYS: ContextVar[bool] = ContextVar("without_keys", default=False)
"""Whether a store may be opened whose people only keys can tell."""


@contextmanager
def opened_store(
    uri: str | None, database: str | None, collection: str, timeout: float, *, before: Sequence[str] = ()
) -> Iterator[EventStore]:
    """The store the options name; without a URI, the local server that runs by default.

    Every command follows the policy that --policy or SESEVENT_POLICY names: one that derived standings by another
    would undo the work of the rest. *before* are files that name other master keys, as --encryption does.
    """
    from sesevent.sync import EventStore

    with EventStore.connect(**place(uri, database, collection, timeout, before)) as store:
        yield store


def place(
    uri: str | None, database: str | None, collection: str, timeout: float, before: Sequence[str] = ()
) -> dict[str, Any]:
    """What a store of either colour is connected with."""
    return {
        "uri": uri or _local_uri(),
        "database": database,
        "collection": collection,
        "timeout_seconds": timeout,
        "policy": _policy(),
        "privacy": privacy(),
        "encryption": encryption(before),
        "without_keys": WITHOUT_KEYS.get(),
    }


@contextmanager
def unopened_store(uri: str | None, database: str | None, collection: str, timeout: float) -> Iterator[EventStore]:
    """The store the options name, of which it is not yet known whether its server is there."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    from sesevent.storage.connection import client_options
    from sesevent.storage.failures import translate
    from sesevent.sync import EventStore

    where = uri or _local_uri()
    try:
        client: MongoClient[Any] = MongoClient(where, **client_options(where, timeout, {}))
    except (PyMongoError, ValueError) as error:
        raise translate(error) from None
    with EventStore(
        client, database=database, collection=collection, policy=_policy(), privacy=privacy(), encryption=encryption()
    ) as store:
        yield store


def aws_setup(region: str | None, profile: str | None, endpoint_url: str | None) -> AwsSetUp:
    """The account to look at, as boto3 is configured for, or as the options say."""
    from sesevent.contrib.aws_setup import AwsSetUp

    named = {"region_name": region, "endpoint_url": endpoint_url}
    return AwsSetUp.of_profile(profile, **{name: value for name, value in named.items() if value is not None})


def moment(text: str | None) -> datetime | None:
    """A point in time: a date, or how long ago (``2h``, ``7d``)."""
    if text is None:
        return None
    try:
        span = read_span(text)
        return read_moment(text) if span is None else datetime.now(UTC) - span
    except (ValueError, OverflowError):
        raise _no_moment(text) from None


def moment_ahead(text: str | None) -> datetime | None:
    """A point in time to come: a date, or in how long (``12h``, ``30d``)."""
    if text is None:
        return None
    now = datetime.now(UTC)
    try:
        span = read_span(text)
        ahead = read_moment(text) if span is None else now + span
    except (ValueError, OverflowError):
        raise _no_moment(text) from None
    if ahead <= now:
        raise typer.BadParameter(f"{text!r} is over already")
    return ahead


def seconds(text: str) -> float:
    """How long a pause is: ``30s``, ``5m``, or a number of seconds."""
    found = _PAUSE.fullmatch(text)
    pause = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if pause <= 0:
        raise typer.BadParameter(f"{text!r} is no span such as 30s or 5m")
    return pause


_PAUSE = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def author(by: str | None) -> str:
    """Who says so: as named, or whoever is logged in."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        raise typer.BadParameter("say who you are: --by NAME") from None


def each_line(texts: list[str]) -> Iterator[str]:
    """Each of them, such as addresses, those on standard input included where one is ``-``."""
    for text in texts:
        if text == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield text


def decision_row(decision: Decision, *, short: bool) -> dict[str, Any]:
    """What is told of a decision."""
    told: dict[str, Any] = {"address": decision.address, "allowed": decision.allowed, "reason": decision.reason}
    if short:
        return told | {"since": decision.since, "sentence": decision.sentence}
    names = ("rule", "stream", "since", "until", "evidence", "policy_version", "sentence", "failed", "tenant")
    return told | {name: getattr(decision, name) for name in names}


def tag(text: str | None) -> tuple[str, str | None] | None:
    """A message tag: ``NAME`` or ``NAME=VALUE``."""
    if text is None:
        return None
    name, equals, value = text.partition("=")
    return name, value if equals else None


def one_click(url: str, keys: str | None) -> OneClick:
    """What makes and reads unsubscribe links."""
    from sesevent.unsubscribe import OneClick, read_keys

    if keys is None:
        raise ConfigurationError("Unsubscribe links need keys.", hint="Give --unsubscribe-keys FILE.")
    return OneClick(url, read_keys(keys))


def _no_moment(text: str) -> typer.BadParameter:
    return typer.BadParameter(f"{text!r} is neither a date nor a span such as 2h or 7d")


def _policy() -> Policy:
    from sesevent.suppression.policy import DEFAULT_POLICY, Policy

    named = POLICY_FILE.get() or os.environ.get(POLICY_VARIABLE)
    return Policy.load(named) if named else DEFAULT_POLICY


def privacy() -> Protection | None:
    """What is kept of people, as files or the environment say; None where neither does."""
    named, keys_file = PRIVACY_FILES.get()
    named, keys = named or os.environ.get(PRIVACY_VARIABLE), os.environ.get(KEYS_VARIABLE, "")
    keys_file = keys_file or os.environ.get(KEYS_FILE_VARIABLE)
    if not (named or keys or keys_file):
        return None
    from sesevent.privacy.protection import Protection

    return Protection.load(named, keys=keys, keys_file=keys_file)


def encryption(before: Sequence[str] = ()) -> Encryption | None:
    """What encrypts, as a file says that is named by --encryption or SESEVENT_ENCRYPTION; None where neither is."""
    named = ENCRYPTION_FILE.get() or os.environ.get(ENCRYPTION_VARIABLE)
    if not named:
        return None
    from sesevent.contrib.encryption import Encryption

    told = Encryption.load(named)
    return replace(told, others=tuple([Encryption.load(one).master for one in before]))


def _local_uri() -> str:
    from sesevent import local

    running: Any = local.status()
    if running is None:
        raise ConfigurationError(
            "No MongoDB is named.", hint="Give --uri, set SESEVENT_MONGODB_URI, or run: sesevent local start"
        )
    note(f"using the local server at {running.uri}")
    return str(running.uri)


def span(text: str) -> timedelta:
    """A span of time: ``60s``, ``5m``."""
    found = read_span(text)
    if not found:
        raise typer.BadParameter(f"{text!r} is no span such as 60s or 5m")
    return found
