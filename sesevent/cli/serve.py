"""The HTTP API, the live stream and the webhook as a server: ``sesevent serve``."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from typing import Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import note
from sesevent.cli.signals import ended_by_signals
from sesevent.errors import ConfigurationError

__all__ = ["serve"]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8000,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Let everybody on this machine do everything; listens nowhere else.")
    ] = False,
    auth: Annotated[
        str | None,
        typer.Option(metavar="MODULE:NAME", help="Async function that says who asks.", show_default=False),
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="Serve the webhook, for this SNS topic; may be repeated.")
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(help="Serve the webhook, for topics of this AWS account; may be repeated.")
    ] = None,
    webhook_path: Annotated[str, typer.Option(help="Where the webhook is served.")] = "/ses",
    webhook_secret: Annotated[
        str | None,
        typer.Option(envvar="SESEVENT_WEBHOOK_SECRET", help="user:password that SNS must know.", show_default=False),
    ] = None,
    unsubscribe_url: Annotated[
        str | None,
        typer.Option(
            envvar="SESEVENT_UNSUBSCRIBE_URL",
            help="Serve one-click unsubscribing: where its links lead.",
            show_default=False,
        ),
    ] = None,
    unsubscribe_keys: options.UnsubscribeKeys = None,
    root_path: Annotated[str, typer.Option(help="Prefix under which a proxy serves it.")] = "",
    dashboard: Annotated[bool, typer.Option("--dashboard/--no-dashboard", help="Serve pages for people at /.")] = True,
    ses_list: Annotated[
        bool, typer.Option("--ses-list", help="Let admins compare with SES's list of the account boto3 is set up for.")
    ] = False,
    region: Annotated[str | None, typer.Option(help="With --ses-list: by default as boto3 is configured.")] = None,
    polling: Annotated[bool, typer.Option("--polling", help="The live stream looks again and again.")] = False,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
) -> None:
    """Serve the dashboard, the HTTP API, the live stream and, with --topic or --account, the webhook.

    It starts only where somebody can ask: make a token with `sesevent tokens create`. SIGTERM and Ctrl-C end it when
    the requests in hand are answered; live streams end at once. TLS belongs to the proxy before it.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    webhook: dict[str, Any] | None = None
    if topic or account:
        webhook = {"topics": topic, "accounts": account, "secret": webhook_secret}
    asyncio.run(
        _served(
            options.place(uri, database, collection, timeout),
            host=host,
            port=port,
            no_auth=no_auth,
            auth=None if auth is None else _named(auth),
            webhook=webhook,
            webhook_path=webhook_path,
            unsubscribe=None if unsubscribe_url is None else options.one_click(unsubscribe_url, unsubscribe_keys),
            root_path=root_path,
            polling=polling or None,
            dashboard=dashboard,
            ses_list=({"region_name": region} if region else {}) if ses_list else None,
        )
    )


async def _served(place: dict[str, Any], ses_list: dict[str, Any] | None, **settings: Any) -> None:
    from contextlib import ExitStack

    from sesevent.aio import AsyncEventStore
    from sesevent.web.server import Server, serve

    with ExitStack() as signals:

        def started(server: Server, port: int) -> None:
            note(f"listening at http://{settings['host']}:{port}")

            def stop() -> None:
                server.should_exit = True

            signals.enter_context(ended_by_signals(stop))

        async with AsyncEventStore.connect(**place) as store:
            account = None
            if ses_list is not None:
                from sesevent.contrib.ses_account import AsyncSesAccount

                account = AsyncSesAccount(store, **ses_list)
            await serve(store, on_start=started, ses_account=account, **settings)


def _named(text: str) -> Any:
    """The function that ``module:name`` names. The directory one is in counts, as for other servers."""
    module, colon, name = text.partition(":")
    if not colon:
        raise typer.BadParameter("an authentication is named MODULE:NAME")
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise ConfigurationError(f"There is no {text} to be imported.") from None
