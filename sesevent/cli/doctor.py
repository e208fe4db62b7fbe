"""Is everything fit for its purpose? ``sesevent doctor``."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from sesevent import __version__
from sesevent.cli import options
from sesevent.cli.output import print_rows, progress
from sesevent.errors import SesEventError

if TYPE_CHECKING:
    from sesevent.plans.doctor import Finding

__all__ = ["doctor"]

_PACKAGES = ("mongoengine", "pymongo", "pydantic", "python-dateutil")
_OPTIONAL = {"orjson": "fast", "msgspec": "fast", "fiftyone": "local", "cryptography": "verify"}


def doctor(
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
    fix: Annotated[bool, typer.Option("--fix", help="Create missing indexes, adopt older rows.")] = False,
    polling: Annotated[
        bool, typer.Option("--polling", help="With --fix: also the indexes of watches that must poll.")
    ] = False,
    aws: Annotated[
        bool, typer.Option("--aws", help="Look at SES and SNS too: routes, subscriptions, sending.")
    ] = False,
    region: Annotated[
        str | None, typer.Option(help="With --aws: the region; by default as boto3 is configured.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="With --aws: the profile of AWS's configuration.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="With --aws: another address of AWS.")] = None,
) -> None:
    """Look at versions, connection, server, indexes and rows; say what is missing and how to mend it.

    With --aws also at the account's SES and SNS: that needs no database, and the permissions that the how-to lists.
    """
    from sesevent.plans.doctor import Finding

    findings = _installed()
    try:
        with options.opened_store(uri, database, collection, timeout) as store:
            if fix:
                store.ensure_indexes(polling=polling)
                with progress("rows adopted") as told:
                    store.adopt(on_progress=told)
            findings += store.examine()
    except SesEventError as error:
        findings.append(Finding("error", "connection", str(error)))
    if aws:
        findings += _at_aws(region, profile, endpoint_url)
    print_rows((finding._asdict() for finding in findings), as_json=json)
    raise typer.Exit(1 if any(finding.level == "error" for finding in findings) else 0)


def _at_aws(region: str | None, profile: str | None, endpoint_url: str | None) -> list[Finding]:
    from sesevent.plans.doctor import Finding

    try:
        return options.aws_setup(region, profile, endpoint_url).examine()
    except SesEventError as error:
        return [Finding("error", "aws", str(error))]


def _installed() -> list[Finding]:
    from sesevent.plans.doctor import Finding

    told = [f"sesevent {__version__}", f"Python {platform.python_version()}"]
    told += [f"{name} {_version(name)}" for name in _PACKAGES]
    absent = sorted({extra for package, extra in _OPTIONAL.items() if find_spec(package) is None})
    found = f"not installed: {', '.join(absent)}" if absent else "all that matter here are installed"
    parts = Finding("ok", "extras", found)
    return [Finding("ok", "versions", ", ".join(told)), parts]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
