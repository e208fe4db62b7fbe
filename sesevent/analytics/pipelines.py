"""What the log is asked: one aggregation that groups equal events, as plain data.

Rows are grouped by everything that is counted apart, and by the mail where different mails are counted: so the answer
grows with what there is to tell, and not with the events. Next: :mod:`sesevent.analytics.cells`, which reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from sesevent.analytics.cells import Key
from sesevent.analytics.measures import Window
from sesevent.analytics.spans import PER_DOUBLING
from sesevent.moments import format_moment

__all__ = ["HOUR", "MINUTE", "Where", "grouped"]

HOUR: Final = 13
"""Characters of a time that name its hour."""
MINUTE: Final = 16
"""…and its minute."""


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
        """Whether it holds for a key, as far as keys tell; without a provider, not for the simulator's mail."""
        if any(getattr(self, name) not in (None, value) for name, value in zip(Key._fields, key, strict=True)):
            return False
        return not key.simulated if self.provider is None and self.recipient_domain is None else self.provider in (
            None, key.provider)  # fmt: skip

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


def grouped(window: Window, where: Where, slot: int = HOUR) -> list[Mapping[str, Any]]:
    """The groups of equal events in a window, `{_id: …, n: times}`; *slot* says how finely times are told apart."""
    times = {"Timestamp": {"$gte": format_moment(window.since), "$lt": format_moment(window.until)}}
    # A row without `derived` has an older shape, and is counted once it was adopted.
    match = times | {"derived": {"$type": "object"}} | where.filter()
    return [
        {"$match": match},
        {"$group": {"_id": {"h": {"$substrBytes": ["$Timestamp", 0, slot]}} | _KEY, "n": {"$sum": 1}}},
    ]


_TYPE: Final = {"$ifNull": ["$derived.type", "$Type"]}
_IS: Final = {kind: {"$eq": [_TYPE, kind]} for kind in ("Delivery", "Open", "Click")}
_DOMAIN: Final = {"$arrayElemAt": [{"$split": ["$$this", "@"]}, -1]}
_BUCKET: Final = {"$round": {"$multiply": [PER_DOUBLING, {"$log": [{"$add": [{"$max": [0, "$derived.took"]}, 1]}, 2]}]}}

_KEY: Final[dict[str, Any]] = {
    "t": _TYPE,
    "d": {"$map": {"input": {"$ifNull": ["$derived.recipients", []]}, "in": _DOMAIN}},
    "b": "$derived.bounce",
    "y": "$derived.complaint",
    "m": "$derived.machine",
    "u": "$derived.subscription.out",
    "c": "$derived.campaign",
    "cs": "$derived.configurationSet",
    "so": "$derived.source",
    "ip": "$derived.ipPool",
    "te": "$derived.template",
    # The mail, where different mails are counted; a row in an older shape has SNS's id in the column.
    "i": {"$cond": [{"$or": [_IS["Open"], _IS["Click"]]}, {"$ifNull": ["$derived.messageId", "$MessageId"]}, "$$REMOVE"]},
    # How long it took, where that is measured.
    "s": {"$cond": [{"$and": [{"$or": [_IS["Delivery"], _IS["Open"]]}, {"$gt": ["$derived.took", None]}]}, _BUCKET, "$$REMOVE"]},
}  # fmt: skip
