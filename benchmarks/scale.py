"""At size: what ten million events cost, and whether any question grows faster than its answer.

    python benchmarks/scale.py                      # 100 thousand, 1 million and 10 million events
    python benchmarks/scale.py --events 300000      # 100 thousand and 300 thousand

A month of events is stored at each size, received as any others, then rolled up, asked, erased from and archived. What
is done is not done again: with the same folder a second start goes on where the first one stopped, also after a
SIGKILL. Progress is told on stderr, and in the end tables; JSON lines go to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from harness import note
from scale_load import Log, load, require_room, roll_up, serving, sizes_up_to
from scale_measure import archive, ask_all, erase, server_of, weigh
from scale_report import gathered, tell
from scale_traffic import CHUNK

from sesevent.errors import ConfigurationError


def main(arguments: list[str]) -> int:
    """Load, ask, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("scale-data"), help="where the data is, and how far it is")
    parser.add_argument("--rounds", type=int, default=9, help="how often each question is asked")
    parser.add_argument("--only", default="", help="ask only questions with this in their name, and anew")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="mails that are stored between two notes of progress")
    parser.add_argument("--die-after", type=int, help="chunks, then SIGKILL: to try whether it goes on")
    parser.add_argument("--json", type=Path, help="a file to write everything into that was measured")
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    log, sizes = Log(asked.folder), sizes_up_to(asked.events)
    try:
        require_room(asked.folder, sizes, sum(one["events"] for size in sizes for one in log.lines("stored", size)))
        with serving(asked.folder) as uri:
            log.add("machine", **server_of(uri))
            for size in sizes:
                load(uri, size, log, asked.folder, asked.chunk, die_after=asked.die_after)
                roll_up(uri, size, log)
                weigh(uri, size, log)
            ask_all(uri, sizes, log, asked.rounds, asked.only)
            for size in sizes:
                erase(uri, size, log)
            keep(log, sizes, asked.json)  # an archive takes its time
            for size in sizes:
                archive(uri, size, log)
        tell(keep(log, sizes, asked.json))
    except ConfigurationError as error:
        note(str(error))
        return 2
    return 0


def keep(log: Log, sizes: list[int], file: Path | None) -> dict[str, Any]:
    """Write down everything that was measured so far."""
    told = gathered(log, sizes)
    if file is not None:
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
