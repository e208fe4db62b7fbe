"""What importing costs, which a function that starts cold pays each time.

    python benchmarks/imports.py [--quick]

Each is imported by interpreters of its own, in turn with what it is measured against: something that people who have
this library have anyhow. Counted is the processor's time, from after the interpreter has started; bytecode is there.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from harness import Measure, report

ROOT = Path(__file__).resolve().parents[1]
EVENT = '{"eventType": "Open", "mail": {"messageId": "m", "destination": ["a@example.com"]}}'


class Contender(NamedTuple):
    """What is imported, and beside what."""

    name: str
    code: str
    baseline: str
    goal: str


CONTENDERS = (
    Contender("the front door", "import sesevent", "from pydantic import BaseModel", "≤ 0.2"),
    Contender("a first event parsed", f"import sesevent; sesevent.parse({EVENT!r})", "from pydantic import BaseModel",
              "≤ 3"),
    Contender("a first bounce classified", "from sesevent import classify; classify(diagnostic='550 5.1.1 unknown')",
              "from pydantic import BaseModel", "≤ 4"),
    Contender("a function of AWS Lambda and its store",
              "from sesevent import EventStore; from sesevent.contrib.aws_lambda import handler; handler(EventStore.connect)",
              "import pymongo", "≤ 3"),
)  # fmt: skip


def spent(code: str) -> float:
    """Seconds of the processor that it takes in an interpreter of its own."""
    script = f"import time; started = time.process_time()\n{code}\nprint(time.process_time() - started)"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def imports(rounds: int) -> list[Measure]:
    """Each contender against its baseline."""
    return [_measured(contender, rounds) for contender in CONTENDERS]


def _measured(contender: Contender, rounds: int) -> Measure:
    spent(contender.code), spent(contender.baseline)  # bytecode is written, files are in memory
    pairs = [(spent(contender.code), spent(contender.baseline)) for _ in range(rounds)]
    ratios = [ours / theirs for ours, theirs in pairs]
    mine, theirs = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    return Measure(f"importing: {contender.name}", f"`{contender.baseline}`", statistics.median(ratios), min(ratios),
                   max(ratios), contender.goal, mine, theirs, "ms of the processor")  # fmt: skip


if __name__ == "__main__":
    report(imports(3 if "--quick" in sys.argv[1:] else 15))
