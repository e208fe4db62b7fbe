"""The long session: every fault, round after round with another seed, until the rounds or the seconds are over.

    python tests/faults/run.py --rounds 5 --report faults.md

Each run is told when it is over; in the end all are told as a table. What is wrong is told with the seed
that it happened with, and ends in an exit code of 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # as pytest does

from faults import rig  # noqa: E402
from faults.rig import Fault, Outcome  # noqa: E402
from faults.table import FAULTS  # noqa: E402
from sesevent import local  # noqa: E402
from sesevent.local import ReplicaSet  # noqa: E402

_COLUMNS = {
    "fault": "fault",
    "runs": "runs",
    "caused": "times caused",
    "delivered": "deliveries",
    "acknowledged": "acknowledged",
    "stored": "different events",
    "refused": "writers refused",
    "missing": "missing",
    "duplicates": "duplicates",
    "different": "fields differing",
    "standings": "standings differing",
    "missed": "watchers missed",
}


def main(arguments: list[str]) -> int:
    """Run rounds, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no round after so many")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the others follow")
    parser.add_argument("--events", type=int, default=8000, help="in each stream")
    parser.add_argument("--only", action="append", choices=FAULTS, help="this fault; may be said again")
    parser.add_argument("--report", type=Path, help="write the table: as JSON to a .json, else as Markdown")
    asked = parser.parse_args(arguments)
    outcomes: dict[str, Outcome] = {}
    started, wrong = time.monotonic(), 0
    with local.replica_set() as servers:
        for number in range(asked.rounds):
            if time.monotonic() - started > asked.seconds:
                break
            for fault in (FAULTS[name] for name in asked.only or FAULTS):
                outcome = _one(fault, servers, asked.seed + number, asked.events)
                if outcome is None:
                    continue
                wrong += outcome.wrong
                if fault.name in outcomes:
                    outcomes[fault.name].add(outcome)
                else:
                    outcomes[fault.name] = outcome
    print(_markdown(outcomes))
    if asked.report is not None:
        as_json = json.dumps([asdict(outcome) for outcome in outcomes.values()], indent=1)
        asked.report.write_text(as_json if asked.report.suffix == ".json" else _markdown(outcomes), encoding="utf-8")
    return 1 if wrong else 0


def _one(fault: Fault, shared: ReplicaSet, seed: int, events: int) -> Outcome | None:
    started = time.monotonic()
    try:
        with _servers(fault, shared) as (servers, disk):
            # While a slow fault is being mended the writers go on: a longer stream meets the second one too.
            length = 3 if fault.seconds and not fault.own_disk else 1
            outcome = rig.run(fault, servers, seed=seed, events=events * length, times=_times(fault), disk=disk)
    except rig.NoDisk as error:
        _tell(f"{fault.name}: left out, {error}")
        return None
    verdict = f"WRONG: {asdict(outcome)}" if outcome.wrong else "nothing lost"
    _tell(f"seed {seed}, {fault.name}: {outcome.caused} times, {time.monotonic() - started:.1f} s, {verdict}")
    return outcome


def _times(fault: Fault) -> int:
    return 1 if fault.own_disk else 2 if fault.seconds else 5


@contextmanager
def _servers(fault: Fault, shared: ReplicaSet) -> Iterator[tuple[ReplicaSet, Path | None]]:
    if not fault.own_disk:
        yield shared, None
        return
    with rig.small_disk() as disk, local.replica_set(disk) as servers:
        yield servers, disk


def _markdown(outcomes: dict[str, Outcome]) -> str:
    lines = ["| fault | what is done, in the middle of a stream |", "|---|---|"]
    lines += [f"| {name} | {FAULTS[name].what} |" for name in outcomes]
    lines += ["", f"| {' | '.join(_COLUMNS.values())} |", "|---" * len(_COLUMNS) + "|"]
    for outcome in outcomes.values():
        cells = [
            "–" if (value := getattr(outcome, name)) is None else f"{value:,}" if isinstance(value, int) else value
            for name in _COLUMNS
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
