"""The commands' names, and who carries them out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sesevent import __version__
from sesevent.cli import (
    analytics,
    archive,
    audit,
    bounces,
    compliance,
    config,
    dead_letters,
    demo,
    doctor,
    encryption,
    events,
    files,
    health,
    ingest,
    local,
    monitor,
    options,
    project,
    protection,
    renewal,
    report,
    retention,
    rights,
    rollup,
    serve,
    settings,
    status,
    storage,
    suppression,
    testing,
    tokens,
    unsubscribe,
    watch,
    worker,
)

__all__ = ["EXIT_CODES", "app"]

EXIT_CODES = {
    0: "done",
    1: "something in the input or set-up is wrong",
    2: "the command could not be carried out",
    3: "an address may not be mailed",
    4: "an alarm warns",
    5: "an alarm is critical",
    130: "interrupted",
    143: "terminated",
}

app = typer.Typer(
    help=f"Amazon SES events in MongoDB: what happened, and whom may you still mail?\n\nsesevent {__version__}",
    epilog="Exit codes: " + ", ".join(f"{code} {means}" for code, means in EXIT_CODES.items()) + ".",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"sesevent {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="SESEVENT_CONFIG",
            help="TOML file with settings; by default ./sesevent.toml, else ~/.config/sesevent/config.toml.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            envvar=options.POLICY_VARIABLE,
            help="TOML file with the suppression policy that every command follows.",
            show_default=False,
        ),
    ] = None,
    privacy: Annotated[
        str | None,
        typer.Option(
            envvar=options.PRIVACY_VARIABLE,
            help="TOML file with what is kept of people, which every command follows.",
            show_default=False,
        ),
    ] = None,
    privacy_keys: Annotated[
        str | None,
        typer.Option(
            envvar=options.KEYS_FILE_VARIABLE,
            help=f"File with the keys of pseudonyms, the newest first; else {options.KEYS_VARIABLE} holds them.",
            show_default=False,
        ),
    ] = None,
    encryption: Annotated[
        str | None,
        typer.Option(
            "--encryption",
            envvar=options.ENCRYPTION_VARIABLE,
            help="TOML file that names the master key of what is kept encrypted.",
            show_default=False,
        ),
    ] = None,
    without_keys: Annotated[
        bool,
        typer.Option(
            "--without-keys",
            envvar=options.WITHOUT_KEYS_VARIABLE,
            help="For figures alone: go on though people are kept encrypted or under pseudonyms, and no key is told.",
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    del version  # its callback has answered
    told = settings.read(settings.found(config))
    ctx.default_map = settings.handed_on(told, ctx.command, ctx)
    given = {"policy": policy, "privacy": privacy, "privacy_keys": privacy_keys, "encryption": encryption}
    files = {name: file or settings.file_of(told, name) for name, file in given.items()}
    ctx.obj = settings.Held(told, files)
    token = options.POLICY_FILE.set(files["policy"])
    ctx.call_on_close(lambda: options.POLICY_FILE.reset(token))
    kept = options.PRIVACY_FILES.set((files["privacy"], files["privacy_keys"]))
    ctx.call_on_close(lambda: options.PRIVACY_FILES.reset(kept))
    keyed = options.ENCRYPTION_FILE.set(files["encryption"])
    ctx.call_on_close(lambda: options.ENCRYPTION_FILE.reset(keyed))
    asked = options.WITHOUT_KEYS.set(without_keys)
    ctx.call_on_close(lambda: options.WITHOUT_KEYS.reset(asked))


app.command("demo")(demo.demo)
app.command("parse")(files.parse)
app.command("ingest")(ingest.ingest)
app.command("classify")(bounces.classify_lines)
app.command("reclassify")(bounces.reclassify)
app.command("events")(events.events)
app.command("event")(events.event)
app.command("timeline")(events.timeline)
app.command("status")(status.status)
app.command("recipient")(status.recipient)
app.command("watch")(watch.watch)
app.command("project")(project.project)
app.command("doctor")(doctor.doctor)
app.command("migrate")(renewal.migrate)
app.command("reindex")(renewal.reindex)
app.command("serve")(serve.serve)
app.command("report")(report.report)
app.command("health")(health.health)
app.command("config")(config.config)
app.add_typer(analytics.app, name="analytics")
app.add_typer(bounces.app, name="bounces")
app.add_typer(suppression.app, name="suppression")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(audit.app, name="audit")
app.add_typer(rollup.app, name="rollup")
app.add_typer(archive.app, name="archive")
app.add_typer(retention.app, name="retention")
app.add_typer(worker.app, name="worker")
app.add_typer(monitor.app, name="monitor")
rights.add_to(protection.app)
app.add_typer(protection.app, name="privacy")
app.add_typer(encryption.app, name="encryption")
app.add_typer(local.app, name="local")
app.add_typer(testing.app, name="testing")
app.add_typer(tokens.app, name="tokens")
app.add_typer(unsubscribe.app, name="unsubscribe")
app.add_typer(storage.app, name="storage")
app.add_typer(compliance.app, name="compliance")
