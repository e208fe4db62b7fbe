"""Flags, environment, file: which goes first, what a wrong file says, and what is never shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forked import Forked
from sesevent.cli.settings import COMMON, masked

Run = Callable[..., Any]
VARIABLES = {one.variable for one in COMMON.values()} | {"SESEVENT_CONFIG", "SESEVENT_NOTIFY"}


@pytest.fixture
def run(tmp_path: Path, forked: Forked) -> Run:
    """The command in a folder and a home of its own."""

    def run(*arguments: str, **more: str) -> Any:
        clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        environment = clean | {"XDG_CONFIG_HOME": str(tmp_path / "home")} | more
        return forked.run(list(arguments), environment=environment, folder=tmp_path)

    return run


def told(done: Any) -> dict[str, tuple[Any, str]]:
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["option"]: (row["value"], row["origin"]) for row in rows}


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(run: Run, tmp_path: Path) -> None:
    """And each is shown with where it comes from."""
    (tmp_path / "sesevent.toml").write_text('database = "f"\ncollection = "f"\ntimeout = 3\n')
    found = told(run("config", "--database", "flag", SESEVENT_DATABASE="e", SESEVENT_COLLECTION="e"))

    assert found["--database"] == ("flag", "flag")
    assert found["--collection"] == ("e", "environment: SESEVENT_COLLECTION")
    assert found["--timeout"] == (3.0, "file: sesevent.toml")
    assert found["--tz"] == ("UTC", "default")


def test_every_common_option_has_its_variable(run: Run) -> None:
    """The value arrives, and is told to come from there."""
    values = dict.fromkeys(COMMON, "x") | {"timeout": "7", "json": "1", "uri": "mongodb://h/x"}
    found = told(run("config", **{COMMON[name].variable: value for name, value in values.items()}))

    assert {name: found[f"--{name.replace('_', '-')}"][1] for name in COMMON} == {
        name: f"environment: {one.variable}" for name, one in COMMON.items()
    }
    assert (found["--timeout"][0], found["--json"][0], found["--stream"][0]) == (7.0, True, "x")


def test_the_named_file_goes_before_that_of_the_folder_before_that_of_the_home(run: Run, tmp_path: Path) -> None:
    """One of them is read, and the others are not."""
    home = tmp_path / "home" / "sesevent"
    home.mkdir(parents=True)
    (home / "config.toml").write_text('tenant = "home"\nstream = "home"')
    assert told(run("config"))["--tenant"][0] == "home"
    (tmp_path / "sesevent.toml").write_text('tenant = "folder"')
    (tmp_path / "other.toml").write_text('tenant = "other"')
    (tmp_path / "third.toml").write_text('tenant = "third"')

    found = told(run("config"))
    assert (found["--tenant"][0], found["--stream"]) == ("folder", ("*", "default"))
    assert told(run("config", SESEVENT_CONFIG="other.toml"))["--tenant"] == ("other", "file: other.toml")
    assert told(run("--config", "third.toml", "config", SESEVENT_CONFIG="other.toml"))["--tenant"][0] == "third"


def test_a_table_holds_for_its_group_or_command_and_the_nearer_one_goes_first(run: Run, tmp_path: Path) -> None:
    """Help shows what holds."""
    (tmp_path / "sesevent.toml").write_text(
        'tz = "Asia/Tokyo"\n[analytics]\ntz = "Europe/Berlin"\n[analytics.by]\ntz = "Africa/Cairo"\nlimit = 7\n'
        '[dead-letters.list]\nlimit = 8\n[events]\nnewest-first = true\n'
    )  # fmt: skip
    text = {name: " ".join(run(*name.split(), "--help").stdout.split())
            for name in ("report", "analytics summary", "analytics by", "analytics links", "dead-letters list")}  # fmt: skip

    assert "default: Asia/Tokyo" in text["report"]
    assert "default: Europe/Berlin" in text["analytics summary"]
    assert "default: Africa/Cairo" in text["analytics by"]
    assert "default: 7" in text["analytics by"]
    assert "default: 20" in text["analytics links"]
    assert "default: 8" in text["dead-letters list"]
    assert told(run("config"))["analytics by --tz"] == ("Africa/Cairo", "file: sesevent.toml")


def test_a_commons_name_at_the_top_is_not_another_option_of_that_name(run: Run, tmp_path: Path) -> None:
    """`by` is who says so, and not what a series is by; `policy` is not the one that is simulated."""
    (tmp_path / "sesevent.toml").write_text('by = "ann"\npolicy = "p.toml"')
    assert "default: day" in " ".join(run("analytics", "timeseries", "--help").stdout.split())
    assert "Missing option" in run("suppression", "simulate").stderr


@pytest.mark.in_clear("it is told its settings by a file alone")
def test_settings_reach_the_command(run: Run, tmp_path: Path, store: Any, mongodb_uri: str, database: str) -> None:
    """A real store, named by the file alone; the policy lies beside the file."""
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "s.toml").write_text(f'uri = "{mongodb_uri}"\ndatabase = "{database}"\npolicy = "no.toml"\n')
    refused = run("--config", "conf/s.toml", "suppression", "check", "ann@example.com")
    (folder / "s.toml").write_text(f'uri = "{mongodb_uri}"\ndatabase = "{database}"\n[suppression]\nby = "file"\n')
    done = run("--config", "conf/s.toml", "suppression", "add", "ann@example.com")

    assert refused.returncode == 2
    assert "no.toml" in refused.stderr
    assert done.returncode == 0, done.stderr
    assert store.suppression.history("ann@example.com").acts[0].by == "file"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tiemout = 3", "tiemout is no option of every command"),
        ('timeout = "3"', "timeout must be a number"),
        ("json = 1", "json must be true or false"),
        ("database = true", "database must be a text"),
        ("policy = 1", "policy must be a text"),
        ("[events]\nlimit = true", "events.limit must be a whole number"),
        ("[events]\nlimit = -1", "events.limit is not accepted"),
        ('[events]\ntype = "Bounce"', "events.type must be a list of texts"),
        ("[events]\ntype = [1]", "events.type must be a text"),
        ("[events]\ncampaign = 1", "events.campaign is no option there"),
        ("[event-s]\nlimit = 1", "event-s is no command"),
        ("[analytics.sumary]\ntz = 'UTC'", "analytics.sumary is no command of sesevent analytics"),
        ("[analytics]\nfoo = 1", "analytics.foo is no option there"),
        ("x = ", "is no TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_file_and_key(run: Run, tmp_path: Path, text: str, words: str) -> None:
    """Whatever command is run: a setting that is ignored in silence looks like one that holds."""
    (tmp_path / "sesevent.toml").write_text(text)
    done = run("testing", "samples")

    assert done.returncode == 2
    assert words in done.stderr
    assert "sesevent.toml" in done.stderr


def test_a_value_of_the_wrong_type_is_not_quoted(run: Run, tmp_path: Path) -> None:
    """It may be a password at the wrong place."""
    (tmp_path / "sesevent.toml").write_text('timeout = "hunter2"')
    assert "hunter2" not in run("config").stderr


def test_a_named_file_must_be_there(run: Run) -> None:
    """Exit code 2."""
    done = run("--config", "none.toml", "config")
    assert (done.returncode, "none.toml cannot be read" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mongodb://ann:pw@h/x", "mongodb://ann:***@h/x"),
        ("mongodb+srv://ann:p%40w@h/?tlsCertificateKeyFilePassword=pw&tls=true",
         "mongodb+srv://ann:***@h/?tlsCertificateKeyFilePassword=***&tls=true"),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:pw", "mongodb://h/?authMechanismProperties=***"),
        ("mongodb://ann:p@w@h/x", "mongodb://ann:***@h/x"),
        ("slack://pw/pw", "slack://***"),
        ("ann:pw@h/x", "ann:***@h/x"),
        ("ses_event", "ses_event"),
    ],
)  # fmt: skip
def test_secrets_are_masked(text: str, shown: str) -> None:
    """In URIs of MongoDB what is secret; of others, all."""
    assert masked(text) == shown


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4))
def test_no_password_of_a_uri_is_shown(password: str) -> None:
    """However it is spelled."""
    secret = f"hunter2{password}"
    assert "hunter2" not in masked(f"mongodb://ann:{secret}@db.example.com/mail")


def test_config_shows_no_password(run: Run, tmp_path: Path) -> None:
    """Neither of the common options nor of single commands."""
    (tmp_path / "sesevent.toml").write_text(
        'uri = "mongodb://ann:hunter2@h/x"\n[monitor.run]\nnotify = ["slack://hunter2"]\n[events]\nuri = "mongodb://a:hunter2@h"'
    )
    done = run("config")
    assert "hunter2" not in done.stdout
    assert told(done)["monitor run --notify"][0] == ["slack://***"]
