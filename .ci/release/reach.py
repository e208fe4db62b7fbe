"""How much of each room its own tests reach, lines and branches: ``nox -s coverage``.

    python .ci/release/reach.py                 # every room
    python .ci/release/reach.py events sns      # these
    python .ci/release/reach.py --missing sns   # and what is not reached

A room is answered for by its own tests alone: that those of another room pass through it proves nothing. Which
tests those are is one table. The exit code is 1 where a room, or a module of one, is reached less than the table asks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 90
"""Percent of lines and branches, together, that a room's own tests reach."""


class Row(NamedTuple):
    """The tests that answer for a room."""

    tests: tuple[str, ...]
    enough: int = ENOUGH
    why: str = ""
    """Why less is asked of it."""


ROOMS: dict[str, Row] = {
    "addresses.py": Row(("test_addresses.py",)),
    "aio.py": Row(("faces", "storage")),
    "analytics": Row(("analytics",)),
    "arguments.py": Row(("test_arguments.py",)),
    "audit.py": Row(("test_audit.py", "faces/test_audit.py")),
    "bounces": Row(("bounces",)),
    "cache.py": Row(("faces/test_cache.py",)),
    "cli": Row(("cli",)),
    "contrib": Row(("contrib",)),
    "csvtext.py": Row(("suppression/test_files.py", "analytics/test_results.py")),
    "drivers": Row(("faces", "test_group_commit.py")),
    "errors.py": Row(("test_house.py", "contrib/test_absent.py", "faces/test_connect.py")),
    "events": Row(("events", "testing/test_payloads.py")),
    "faces": Row(("faces", "analytics", "privacy")),
    "group_commit.py": Row(("test_group_commit.py",)),
    "guard.py": Row(("test_guard.py",)),
    "hooks.py": Row(("faces/test_hooks.py",)),
    "jsontext.py": Row(("test_jsontext.py",)),
    "jsonvalues.py": Row(("test_jsonvalues.py",)),
    "local.py": Row(("test_local.py",)),
    "macs.py": Row(("test_macs.py",)),
    "moments.py": Row(("test_moments.py",)),
    "monitoring": Row(("monitoring",)),
    "ops.py": Row(("faces", "plans")),
    "payloads.py": Row(("events", "fuzz")),
    "plans": Row(("plans", "faces")),
    "privacy": Row(("privacy",)),
    "retention.py": Row(("test_retention.py",)),
    "sns": Row(("sns",)),
    "storage": Row(("storage", "faces")),
    "suppression": Row(("suppression",)),
    "sync.py": Row(("faces", "storage")),
    "testing": Row(("testing",)),
    "tomltext.py": Row(("suppression/test_policy.py", "cli/test_settings.py")),
    "unsubscribe.py": Row(("test_unsubscribe.py",)),
    "verifier.py": Row(("test_certificates.py", "sns")),
    "vitals.py": Row(("faces/test_health.py",)),
    "web": Row(("web",)),
    "webhook.py": Row(("test_webhook.py",)),
}


class Reached(NamedTuple):
    """How far the tests came in one module."""

    module: str
    percent: float
    missing: str


def rooms() -> list[str]:
    """What the package is made of."""
    named = {"py.typed", "__init__.py", "__pycache__", "version.py"}
    return sorted(one.name for one in (ROOT / "sesevent").iterdir() if one.name not in named)


def reached(room: str, directory: Path) -> list[Reached]:
    """Each module of a room as its tests reach it. Raises CalledProcessError where they fail."""
    environment = os.environ | {"COVERAGE_FILE": str(directory / "data")}
    tests = [str(ROOT / "tests" / one) for one in ROOMS[room].tests]
    coverage = [sys.executable, "-m", "coverage"]
    for command in (
        [*coverage, "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        [*coverage, "combine", "--quiet"],
        [*coverage, "json", "--quiet", "-o", str(directory / "told.json")],
    ):
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=sys.stderr)
    return list(of_room(room, json.loads((directory / "told.json").read_text(encoding="utf-8"))))


def of_room(room: str, told: dict[str, Any]) -> Iterator[Reached]:
    """The modules of a room, as coverage's report in JSON tells them."""
    start = f"sesevent/{room}"
    for name, file in told["files"].items():
        module = name[name.rindex("sesevent/") :]
        if module == start or module.startswith(f"{start}/"):
            branches = [f"{a}→{b}" for a, b in file.get("missing_branches", ()) if a not in file["missing_lines"]]
            yield Reached(
                module, file["summary"]["percent_covered"], ", ".join([*map(str, file["missing_lines"]), *branches])
            )


def too_little(room: str, found: list[Reached]) -> list[Reached]:
    """Modules that are reached less than is asked."""
    return [one for one in found if one.percent < ROOMS[room].enough]


def main() -> int:
    """Tell room by room."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("rooms", nargs="*", choices=[*ROOMS, []], default=list(ROOMS))
    asked.add_argument("--missing", action="store_true", help="tell lines and branches that are not reached")
    given = asked.parse_args()
    wrong = 0
    print("| module | reached by its own tests |\n|---|---|")
    for room in given.rooms:
        with tempfile.TemporaryDirectory() as directory:
            found = reached(room, Path(directory))
        few = too_little(room, found)
        wrong += len(few)
        for one in found:
            mark = " **too little**" if one in few else ""
            lines = f": {one.missing}" if given.missing and one.missing else ""
            print(f"| `{one.module}` | {one.percent:.0f} %{mark}{lines} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
