"""The command, run as people run it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def sesevent(mongodb_uri: str, database: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``sesevent`` with these arguments, on the test's own database where it takes one."""

    def run(*arguments: str, stdin: str = "", uri: str | None = mongodb_uri, **more: Any) -> Any:
        environment = os.environ | {"SESEVENT_MONGODB_URI": uri or ""}
        if uri is None:
            del environment["SESEVENT_MONGODB_URI"]
        places = (
            ["--database", database]
            if arguments[0]
            in (
                "ingest",
                "events",
                "timeline",
                "doctor",
                "reclassify",
                "watch",
                "project",
                "status",
                "recipient",
                "health",
            )
            else []
        )
        if arguments[0] in (
            "suppression",
            "dead-letters",
            "bounces",
            "monitor",
            "analytics",
            "rollup",
            "archive",
            "retention",
            "tokens",
            "serve",
            "report",
            "event",
        ):
            places = ["--database", database]
        if arguments[:2] == ("worker", "sqs"):
            places = ["--database", database]
        if arguments[0] == "privacy" and arguments[1] not in ("show", "key"):
            places = ["--database", database]
        command = [sys.executable, "-m", "sesevent.cli", *arguments, *places]
        return subprocess.run(command, input=stdin, env=environment | more, capture_output=True, text=True, timeout=60)

    return run
