"""Tables for people on a terminal, JSON lines in a pipe: the one place that decides which.

Text from mails is shown as text: no markup, no control characters, nothing that turns the
writing direction.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sesevent.moments import format_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesevent.events.event import Event

__all__ = ["clean", "event_row", "for_people", "note", "print_counts", "print_json", "print_rows", "progress"]

# C0 and C1 controls, and Unicode's bidirectional ones: a terminal obeys the first, a reader's eye the second.
_UNSAFE = dict.fromkeys((*range(32), *range(127, 160), *range(8234, 8239), *range(8294, 8298)), "�")


def clean(value: object) -> str:
    """*value* as text that a terminal may be shown."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(clean(member) for member in value)
    return str(value).translate(_UNSAFE)


def for_people(as_json: bool) -> bool:
    """True where a person reads along."""
    return sys.stdout.isatty() and not as_json


def print_json(row: Mapping[str, Any], *, flush: bool = False) -> None:
    """One JSON object on a line."""
    print(json.dumps(row, ensure_ascii=False, default=_plain), flush=flush)


def print_counts(counts: Mapping[str, int], *, as_json: bool) -> None:
    """What became of some work, in numbers."""
    if for_people(as_json):
        print(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()))
    else:
        print_json(counts)


def print_rows(rows: Iterable[Mapping[str, Any]], *, as_json: bool, title: str = "") -> None:
    """Rows of equal keys, as a table or as JSON lines."""
    if not for_people(as_json):
        for row in rows:
            print_json(row)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left")
    for number, row in enumerate(rows):
        if not number:
            for name in row:
                table.add_column(name.replace("_", " "), overflow="fold")
        table.add_row(*[Text(clean(value)) for value in row.values()])
    Console().print(table if table.row_count else "nothing found")


def event_row(event: Event) -> dict[str, Any]:
    """What is told of an event."""
    return {
        "type": event.type,
        "message_id": event.message_id,
        "timestamp": event.timestamp,
        "recipients": [recipient.address for recipient in event.recipients],
        "recipients_certain": all(recipient.certain for recipient in event.recipients),
        "subject": event.subject,
        "source": event.source,
        "configuration_set": event.configuration_set,
        "tags": event.tags,
    }


def note(message: str) -> None:
    """Something about the work, beside its result."""
    print("\n".join(map(clean, message.split("\n"))), file=sys.stderr)


@contextmanager
def progress(label: str, *, silent: bool = False) -> Iterator[Any]:
    """A function to be told how many are done, and of what if that changes: shown on a terminal, silent elsewhere."""
    if silent or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,}"), TimeElapsedColumn())
    # Left alone, rich sends what is printed meanwhile to its own console: to standard error, past a pipe.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, of=label: bar.update(task, completed=done, description=of)


def _plain(value: Any) -> Any:
    return format_moment(value) if isinstance(value, datetime) else str(value)
