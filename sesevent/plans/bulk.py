"""Many things at once: cut into batches, prepared, stored, counted. Shared by both faces' pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from datetime import datetime
from itertools import islice
from operator import itemgetter
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Union

from sesevent.arguments import several
from sesevent.errors import Problem
from sesevent.events.event import Event
from sesevent.events.parse import EVENT_CLASSES
from sesevent.ops import Plan
from sesevent.plans.receive import Prepared, Redelivery, Seen, Summary, prepare, store
from sesevent.sns.trust import VerifiedMessage
from sesevent.suppression.policy import Policy

if TYPE_CHECKING:
    from sesevent.privacy.protection import Protection

__all__ = [
    "ASKING",
    "BATCH",
    "STORING",
    "Batch",
    "Done",
    "Items",
    "Kinds",
    "add",
    "at_once",
    "batches",
    "prepare_batch",
    "store_batch",
]

T = TypeVar("T")
Items = Union[Iterable[T], Queue[Union[T, None]]]
"""Whatever things may come from. Of a queue None is the end."""
Kinds = tuple[type[Event], ...]

BATCH = 1000  # things; see docs/explanation/performance.md for what others cost
STORING = 4  # batches stored at once: while some wait for the server or for standings, another is encoded
ASKING = 1  # questions asked at once: more of them only fight over the interpreter with whoever reads the answers
_PROBLEMS_KEPT = 100
_TYPE = itemgetter("Type")


class Batch(Prepared):
    """Prepared things, and how many of them there were."""

    __slots__ = ("failed", "items")

    def __init__(self, keep: Kinds = (), privacy: Protection | None = None) -> None:
        super().__init__(events=[] if keep else None, keep=keep, privacy=privacy)
        self.items = 0
        self.failed = 0


class Done(NamedTuple):
    """What became of a batch."""

    summary: Summary
    fresh: list[Event]
    """The events that are new, of the kinds that were to be kept."""


def prepare_batch(
    messages: list[VerifiedMessage],
    first: int,
    now: datetime,
    dead_letters: bool,
    keep: Kinds = (),
    privacy: Protection | None = None,
) -> Batch:
    """Prepare things that begin at position *first* of the input, and empty the list of them.

    What a message was unwrapped to is let go at once, but for events of the kinds to *keep*: kept for a whole
    batch it costs a fifth of the speed, most of it in the garbage collector.
    """
    batch = Batch(keep, privacy)
    messages.reverse()
    for position in range(first, first + len(messages)):
        known = len(batch.problems)
        prepare(messages.pop(), now, batch)
        batch.items += 1
        if len(batch.problems) > known:
            batch.failed += 1
            batch.problems[known:] = [_at(position, problem) for problem in batch.problems[known:]]
    if not dead_letters:
        batch.dead.clear()
    return batch


def store_batch(policy: Policy, batch: Batch, redelivery: Redelivery) -> Plan[Done]:
    """Store a batch; returns what became of it alone."""
    fresh = (yield from store(policy, batch, redelivery)).fresh
    counts = Summary(batch.items, len(fresh), sum(fresh), len(batch.skipped), batch.failed, batch.problems)
    counts.by_type = _by_type(batch.documents, fresh)
    told = [event for event, new in zip(batch.events or (), fresh) if new and event is not None]  # noqa: B905  # may be none
    return Done(counts, told)


def _by_type(documents: Sequence[Mapping[str, Any]], fresh: Sequence[bool]) -> dict[str, Seen]:
    """Known words only: AWS may add others, and whoever counts wants to know how many counters there will be."""
    found: dict[str, Seen] = {}
    for (word, new), times in Counter(zip(map(_TYPE, documents), fresh, strict=True)).items():
        name = word if word in EVENT_CLASSES else "other"
        known = found.get(name, Seen())
        found[name] = Seen(known.events + times, known.fresh + times * new)
    return found


def add(summary: Summary, batch: Summary) -> None:
    """Add what became of a batch to the whole."""
    summary.items += batch.items
    summary.events += batch.events
    summary.fresh += batch.fresh
    summary.skipped += batch.skipped
    summary.failed += batch.failed
    summary.problems += batch.problems[: _PROBLEMS_KEPT - len(summary.problems)]
    for word, seen in batch.by_type.items():
        known = summary.by_type.get(word, Seen())
        summary.by_type[word] = Seen(known.events + seen.events, known.fresh + seen.fresh)


def at_once(items: object, size: int, most: int) -> int:
    """How many batches of *items* to work on at once: *most*, or none beside one, where it is known that there is one.

    Nothing can be read while that is stored, so whoever has it does it.
    """
    return 0 if isinstance(items, Sized) and len(items) <= size else most


def batches(items: Items[T], size: int) -> Iterator[list[T]]:
    """Cut *items* into lists of *size*. What was taken before *items* raised is still a list.

    Of a queue: what is there, then an empty list, which says that nothing is, then what comes next. None ends it.
    Raises ConfigurationError for one text, which would be taken letter by letter.
    """
    if isinstance(items, Queue):
        yield from _batches_of_queue(items, size)
        return
    source = iter(several(items, "What is handed in"))
    taken: list[T] = []
    try:
        while True:
            taken.extend(islice(source, size))  # keeps what came where the next one raises
            if not taken:
                return
            yield taken
            taken = []
    except Exception:
        if taken:
            yield taken
        raise


def _batches_of_queue(items: Queue[T | None], size: int) -> Iterator[list[T]]:
    found: list[T] = []
    while True:
        try:
            item = items.get(block=not found)
        except Empty:
            yield found
            found = []
            yield found
            continue
        if item is not None:
            found.append(item)
        if found and (item is None or len(found) == size):
            yield found
            found = []
        if item is None:
            return


def _at(position: int, problem: Problem) -> Problem:
    return problem._replace(path=f"$[{position}]{problem.path[1:]}")
