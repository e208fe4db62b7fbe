"""The API from the command line: tokens made and ended, a server that starts closed and ends when it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

httpx = pytest.importorskip("httpx")
pytest.importorskip("uvicorn")


def test_tokens_are_made_listed_and_revoked(sesevent: Any) -> None:
    """The text is shown once; revoking twice is told."""
    made = json.loads(
        sesevent("tokens", "create", "support", "--scope", "read", "--expires", "90d", "--by", "ann").stdout
    )
    listed = json.loads(sesevent("tokens", "list").stdout)

    assert made["token"].startswith(f"ses_{made['id']}_")
    assert (listed["name"], listed["scopes"], listed["usable"]) == ("support", ["read"], True)
    assert made["token"] not in json.dumps(listed)
    assert sesevent("tokens", "revoke", made["id"], "--by", "ann").returncode == 0
    assert sesevent("tokens", "revoke", made["id"], "--by", "ann").returncode == 1
    assert json.loads(sesevent("tokens", "list").stdout)["usable"] is False
    assert sesevent("tokens", "create", "x", "--scope", "everything").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "there is no token"),
        (["--no-auth", "--host", "0.0.0.0"], "only this machine"),
        (["--auth", "nowhere:nothing"], "nowhere:nothing"),
        (["--no-auth", "--port", "1"], "Nothing can listen"),
    ],
)
def test_a_server_that_would_be_open_or_useless_does_not_start(sesevent: Any, arguments: list[str], words: str) -> None:
    """And says what to do."""
    if "1" in arguments and os.geteuid() == 0:
        pytest.skip("root may listen anywhere")
    done = sesevent("serve", "--port", "0", *arguments)

    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_serves_until_it_is_told_to_stop(mongodb_uri: str, database: str, number: int) -> None:
    """Then it ends well, its live streams first."""
    command = [
        sys.executable,
        "-m",
        "sesevent.cli",
        "serve",
        "--no-auth",
        "--port",
        "0",
        "--uri",
        mongodb_uri,
        "--database",
        database,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = None
        while found is None and (line := process.stderr.readline()):
            found = re.search(r"listening at (\S+)", line)
        assert found is not None
        with httpx.stream("GET", f"{found[1]}/v1/stream", timeout=30) as stream:
            lines = stream.iter_lines()
            while next(lines) != ": here":
                pass
            assert httpx.get(f"{found[1]}/readyz", timeout=30).status_code == 200
            process.send_signal(number)
            assert "event: end" in list(lines)
        assert process.wait(30) == 0
        logged = process.stderr.read()
    assert "GET /readyz 200" in logged
    assert "Traceback" not in logged


@pytest.mark.in_clear("it starts processes of its own, which are told no key")
def test_a_server_lets_people_unsubscribe(store: Any, mongodb_uri: str, database: str, tmp_path: Any) -> None:
    """Where the links lead, below the prefix that a proxy takes off; and the log names neither link nor person."""
    from sesevent.unsubscribe import OneClick, new_key, read_keys

    keys = tmp_path / "keys"
    keys.write_text(new_key() + "\n")
    url = "https://mail.example.com/mail/leave"
    link = OneClick(url, read_keys(keys)).link("ann@example.com", stream="news")
    more = ["--unsubscribe-url", url, "--unsubscribe-keys", str(keys), "--root-path", "/mail"]
    place = ["--port", "0", "--uri", mongodb_uri, "--database", database]
    command = [sys.executable, "-m", "sesevent.cli", "serve", "--no-auth", *more, *place]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = None
        while found is None and (line := process.stderr.readline()):
            found = re.search(r"listening at (\S+)", line)
        assert found is not None
        here = link.replace("https://mail.example.com/mail", found[1])
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert httpx.get(here, timeout=30).status_code == 200
        assert httpx.post(here, content="List-Unsubscribe=One-Click", headers=form, timeout=30).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        logged = process.stderr.read()

    assert not store.suppression.check("ann@example.com", stream="news").allowed
    assert " POST ? 200 " in logged
    assert link.partition("t=")[2] not in logged
