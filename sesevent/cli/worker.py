"""Workers that empty a queue: ``sesevent worker …``."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sesevent.cli import options
from sesevent.cli.output import for_people, print_counts, print_json, print_rows, progress
from sesevent.cli.signals import ended_by_signals
from sesevent.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sesevent.contrib.sqs import Counts
    from sesevent.verifier import Verifier

__all__ = ["app"]

app = typer.Typer(help="Receive what a queue holds, for as long as it runs.", no_args_is_help=True)

_DRAIN_WAIT = 2  # seconds: long enough for SQS to ask all its servers whether there is really nothing

Region = Annotated[str | None, typer.Option(help="Region; by default the queue's.", show_default=False)]
Endpoint = Annotated[str | None, typer.Option(help="Another address of SQS.", show_default=False)]


@app.command("sqs")
def sqs(
    queue_url: Annotated[str, typer.Argument(metavar="QUEUE_URL", help="The queue.")],
    pollers: Annotated[int, typer.Option(min=1, help="How many ask at once, for ten messages each.")] = 1,
    wait: Annotated[
        int | None, typer.Option(min=0, max=20, help="Seconds of a poll; 20, or 2 with --until-empty and --once.")
    ] = None,
    visibility: Annotated[
        int, typer.Option(min=1, help="Seconds that a message in hand is hidden from others; extended meanwhile.")
    ] = 60,
    topic: Annotated[
        list[str] | None, typer.Option(help="Believe only what this topic signed; may be given several times.")
    ] = None,
    account: Annotated[list[str] | None, typer.Option(help="Believe only topics of this AWS account.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End after one poll.")] = False,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="End when there is nothing left.")] = False,
    health_file: Annotated[Path | None, typer.Option(help="File to touch at each success.")] = None,
    health_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port for /healthz and /metrics.")] = None,
    health_host: Annotated[str, typer.Option(help="Address to listen at for them.")] = "127.0.0.1",
    every: Annotated[float, typer.Option(min=0, help="Seconds between two lines of counts in a pipe.")] = 60.0,
    region: Region = None,
    endpoint_url: Endpoint = None,
    uri: options.Uri = None,
    database: options.Database = None,
    collection: options.Collection = "ses_event",
    timeout: options.Timeout = 10.0,
    json: options.Json = False,
) -> None:
    """Receive from an SQS queue until told to stop; what is stored is deleted there.

    SIGTERM and Ctrl-C end it when what is in hand is done; a second one ends it at once. With --once and
    --until-empty the exit code is 1 if messages were left behind or not believed.
    """
    if once and until_empty:
        raise ConfigurationError("--once and --until-empty are two ways to end.", hint="Name one.")
    from sesevent.contrib.sqs import Worker

    with options.opened_store(uri, database, collection, timeout) as store:
        worker = Worker(
            store,
            queue_url,
            pollers=pollers,
            wait_seconds=wait if wait is not None else _DRAIN_WAIT if once or until_empty else 20,
            visibility_seconds=visibility,
            verifier=_verifier(topic, account),
            health_file=health_file,
            health_port=health_port,
            health_host=health_host,
            **_client_options(region, endpoint_url),
        )
        if once:
            worker.poll_once()
        else:
            with ended_by_signals(worker.stop), _told(every, json) as told:
                worker.run(until_empty=until_empty, on_progress=told)
    counts = worker.counts
    print_counts(_row(counts), as_json=json)
    left = counts.failed + counts.unproven + counts.refused + counts.released
    raise typer.Exit(1 if left and (once or until_empty) else 0)


@app.command("redrive")
def redrive(
    queue: Annotated[str, typer.Argument(metavar="QUEUE_ARN", help="SQS's dead-letter queue: its ARN, or its URL.")],
    to: Annotated[
        str | None, typer.Option(help="ARN of another queue than they came from.", show_default=False)
    ] = None,
    per_second: Annotated[
        int | None, typer.Option(min=1, max=500, help="At most so many messages.", show_default=False)
    ] = None,
    region: Region = None,
    endpoint_url: Endpoint = None,
    json: options.Json = False,
) -> None:
    """Have SQS move a dead-letter queue's messages back to where they came from; needs no database."""
    from sesevent.contrib.sqs import redrive as start

    task = start(queue, to=to, per_second=per_second, **_client_options(region, endpoint_url))
    print_rows([{"task": task}], as_json=json)


def _client_options(region: str | None, endpoint_url: str | None) -> dict[str, Any]:
    given = {"region_name": region, "endpoint_url": endpoint_url}
    return {name: value for name, value in given.items() if value is not None}


def _verifier(topics: list[str] | None, accounts: list[str] | None) -> Verifier | None:
    if not topics and not accounts:
        return None
    from sesevent.verifier import Verifier

    return Verifier(topics=topics, accounts=accounts, max_age=None)  # what was redriven is old


@contextmanager
def _told(seconds: float, json: bool) -> Iterator[Callable[[Counts], object]]:
    """Counts while it runs: on a terminal as they change, in a pipe every so often."""
    if for_people(json):
        with progress("stored") as shown:
            yield lambda counts: shown(counts.stored)
        return
    last = time.monotonic()

    def tell(counts: Counts) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            print_json(_row(counts))

    yield tell


def _row(counts: Counts) -> dict[str, int]:
    row: dict[str, Any] = asdict(counts)
    del row["last_success"]  # every line was printed at its own time
    return row | {"duplicates": counts.duplicates}
