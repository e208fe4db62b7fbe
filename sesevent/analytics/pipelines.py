"""What the log is asked: one aggregation that groups equal events, as plain data.

Rows are grouped by everything that is counted apart, and by the mail where different mails are counted: so the answer
grows with what there is to tell, and not with the events. Next: :mod:`sesevent.analytics.cells`, which reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from sesevent.analytics.cells import HOUR, Key
from sesevent.analytics.measures import Window
from sesevent.analytics.spans import PER_DOUBLING
from sesevent.moments import format_moment

__all__ = ["DIMENSIONS", "TAG", "Where", "grouped"]

TAG: Final = "tag:"
"""Before the name of a tag whose values are told apart."""


DIMENSIONS: Final = frozenset(Key._fields) - {"tag"}
"""What can be told apart, besides a tag's values."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which mails: all that is given must hold."""

    campaign: str | None = None
    configuration_set: str | None = None
    source: str | None = None
    """In normal form."""
    ip_pool: str | None = None
    template: str | None = None
    recipient_domain: str | None = None
    provider: str | None = None
    tag: tuple[str, str | None] | None = None

    def holds(self, key: Key) -> bool:
        """Whether it holds for a key that tells what is `given`, but for tags.

        Where neither domain nor provider is asked for, the simulator's mail is left out.
        """
        if any(getattr(self, name) not in (None, getattr(key, name)) for name in DIMENSIONS):
            return False
        return self.recipient_domain is not None or self.provider is not None or not key.simulated

    def filter(self) -> dict[str, Any]:
        """The part that rows can be asked for: of several recipients each counts for his own domain."""
        told: dict[str, Any] = {
            path: value for name, path in _PATHS.items() if (value := getattr(self, name)) is not None
        }
        if self.tag is not None:
            name, value = self.tag
            told["derived.tags"] = {"$elemMatch": {"name": name} if value is None else {"name": name, "values": value}}
        return told

    def given(self) -> frozenset[str]:
        """The names of what is given."""
        return frozenset(field.name for field in fields(self) if getattr(self, field.name) is not None)


_PATHS: Final = {
    "campaign": "derived.campaign",
    "configuration_set": "derived.configurationSet",
    "source": "derived.source",
    "ip_pool": "derived.ipPool",
    "template": "derived.template",
}


def grouped(
    window: Window, where: Where, slot: int = HOUR, dimensions: frozenset[str] = DIMENSIONS
) -> list[Mapping[str, Any]]:
    """The groups of equal events in a window, `{_id: …, n: times}`.

    *slot* says how finely times are told apart; *dimensions*, which mails are: fields of a `Key`, and at most one tag,
    as `TAG` with its name. A recipient's domain always is.
    """
    times = {"Timestamp": {"$gte": format_moment(window.since), "$lt": format_moment(window.until)}}
    # A row without `derived` has an older shape, and is counted once it was adopted.
    match = times | {"derived": {"$type": "object"}} | where.filter()
    told: dict[str, Any] = {short: f"${_PATHS[name]}" for name, short in _SHORT.items() if name in dimensions}
    tags = [_tag(name.removeprefix(TAG)) for name in dimensions if name.startswith(TAG)]
    told |= {"h": {"$substrBytes": ["$Timestamp", 0, slot]}, "tg": tags[0] if tags else "$$REMOVE"}
    return [
        {"$match": match},
        {"$group": {"_id": told | _KEY, "n": {"$sum": 1}}},
    ]


def _tag(name: str) -> dict[str, Any]:
    """The first value of a tag; absent where a mail has none."""
    named = {
        "$filter": {"input": {"$ifNull": ["$derived.tags", []]}, "cond": {"$eq": ["$$this.name", {"$literal": name}]}}
    }
    first = {"$first": {"$ifNull": [{"$first": {"$map": {"input": named, "in": "$$this.values"}}}, []]}}
    return {"$ifNull": [first, "$$REMOVE"]}


_SHORT: Final = {"campaign": "c", "configuration_set": "cs", "source": "so", "ip_pool": "ip", "template": "te"}
_TYPE: Final = {"$ifNull": ["$derived.type", "$Type"]}
_IS: Final = {kind: {"$eq": [_TYPE, kind]} for kind in ("Delivery", "Open", "Click")}
_DOMAIN: Final = {"$arrayElemAt": [{"$split": ["$$this", "@"]}, -1]}
_BUCKET: Final = {"$round": {"$multiply": [PER_DOUBLING, {"$log": [{"$add": [{"$max": [0, "$derived.took"]}, 1]}, 2]}]}}
_MAIL: Final = {"$ifNull": ["$derived.messageId", "$MessageId"]}
_TOOK: Final = {"$gt": ["$derived.took", None]}

_KEY: Final[dict[str, Any]] = {
    "t": _TYPE,
    "d": {"$map": {"input": {"$ifNull": ["$derived.recipients", []]}, "in": _DOMAIN}},
    "b": "$derived.bounce",
    "y": "$derived.complaint",
    "m": "$derived.machine",
    "u": "$derived.subscription.out",
    # The mail, where different mails are counted; a row in an older shape has SNS's id in the column.
    "i": {"$cond": [{"$or": [_IS["Open"], _IS["Click"]]}, _MAIL, "$$REMOVE"]},
    # How long it took, where that is measured.
    "s": {"$cond": [{"$and": [{"$or": [_IS["Delivery"], _IS["Open"]]}, _TOOK]}, _BUCKET, "$$REMOVE"]},
}  # fmt: skip
