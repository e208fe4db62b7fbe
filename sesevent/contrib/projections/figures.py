"""What became of the mails of each template, in the record of the template: counted anew, never counted up.

What an event counts for is written down once, under its key, in a document of its mail; mails are added up by
template and hour of sending, whenever one of them changed, and the hours to the figures. A sum that knows more events
takes the place of one that knows fewer, so it does not matter who adds up when. An hour's mails are read through an
index; so what an event costs depends on its hour, and not on how much was ever sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Union

from bson.errors import InvalidId
from pymongo import UpdateOne

from sesevent.analytics.cells import Cells
from sesevent.analytics.counts import COUNTERS
from sesevent.contrib.projections.declared import (
    Missing,
    Target,
    World,
    clear_field,
    count,
    holds_no_tags,
    look_at,
    note_change,
    note_missing,
    note_untold,
    require,
    update_neighbour,
)
from sesevent.contrib.projections.operations import PARTS, SUMS
from sesevent.contrib.projections.report import Outcome
from sesevent.moments import UTC, read_moment
from sesevent.ops import Plan, ask
from sesevent.storage.codec import StoredEvent, derived_of
from sesevent.storage.operations import Delete, Find, Update

__all__ = ["TemplateFigures"]

_PAGE: Final = 2000  # mails read at once
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)  # of mails without a time

_NAMES: Final = ("events", *(counter.name for counter in COUNTERS))

Template = Callable[[StoredEvent], Union[str, None]]


@dataclass(frozen=True, repr=False)
class TemplateFigures:
    """Keep in the record of a template what became of its mails.

    *template* is the message tag that names the template when you send, or a function that tells it of a stored
    event. The record is the document whose *field* holds that name, *convert*-ed. Kept is
    ``{events, sends, deliveries, hard_bounces, …}``, by the names in
    `sesevent.analytics.counts`, as ``figures`` below *under*. A mail belongs to one template, and
    its events are counted whether or not each of them names it.
    """

    collection: Any
    template: Union[str, Template] = "template"
    field: str = "name"
    convert: Callable[[str], Any] = str
    types: Sequence[str] = ()
    under: str = "ses"
    missing: Missing = "report"
    name: str = "figures"
    collation: Any = None

    def __post_init__(self) -> None:
        require(self.missing in ("report", "ignore", "upsert"), "missing is one of report, ignore and upsert.")

    def project(self, rows: Sequence[StoredEvent], world: World) -> Plan[Outcome]:
        """Write down what these events count for, and add up what that changes."""
        outcome = Outcome()
        mails: dict[str, list[StoredEvent]] = {}
        for row in rows:
            mails.setdefault(row.message_id, []).append(row)
        of = f"{world.set_name}/{self.name}"
        parts = {f"{of}/{message_id}": self._part(own) for message_id, own in mails.items() if message_id}
        known = {part["_id"]: part for part in (yield from ask(Find(PARTS, {"_id": {"$in": list(parts)}})))}
        if parts and not world.dry:
            yield from ask(Update(PARTS, [_written(key, of, part) for key, part in parts.items()]))
        merged = {key: _merged(known.get(key), part, of) for key, part in parts.items()}
        nameless = [key for key, part in merged.items() if not part.get("template")]
        note_untold(outcome, [row for key in nameless for row in mails[_mail(key, of)] if holds_no_tags(row)])
        for template in sorted({part["template"] for part in merged.values() if part.get("template")}):
            own = {key: part for key, part in merged.items() if part.get("template") == template}
            about = [row for key in own for row in mails[_mail(key, of)]]
            if world.dry:
                yield from self._look(of, template, own, about, outcome)
            else:
                yield from self._add_up(of, template, {part["hour"] for part in own.values()}, about, outcome)
        return outcome

    def clear(self, world: World) -> Plan[None]:
        """Take away everything that was kept, the parts and sums included."""
        for collection in (PARTS, SUMS):
            yield from ask(Delete(collection, {"of": f"{world.set_name}/{self.name}"}))
        yield from clear_field(self.name, f"{self.under}.figures")

    def _part(self, rows: Sequence[StoredEvent]) -> dict[str, Any]:
        """What the events of one mail say."""
        part: dict[str, Any] = {"told": {row.key: _counted(row) for row in rows}}
        names = [name for row in rows if (name := self._template_of(row))]
        if names:
            part["template"] = max(names)
        part["hour"] = min(_hour(row) for row in rows)
        return part

    def _template_of(self, row: StoredEvent) -> str | None:
        if callable(self.template):
            return self.template(row)
        return next(iter(row.event.tags.get(self.template, ())), None)

    def _add_up(
        self, of: str, template: str, hours: Iterable[datetime], rows: Sequence[StoredEvent], outcome: Outcome
    ) -> Plan[None]:
        for hour in sorted(hours):
            figures = _sum((yield from _parts_of(of, template, hour)).values())
            fields = {"of": of, "template": template, "hour": hour}
            # More events are later knowledge: whoever added up less does not undo it.
            change = {"$max": {"figures": figures}, "$setOnInsert": fields}
            yield from ask(Update(SUMS, [UpdateOne({"_id": f"{of}/{template}/{hour:%Y%m%d%H}"}, change, upsert=True)]))
        target = self._target(template)
        if target is None:
            return
        whole = _whole((yield from _sums_of(of, template)))
        wrote = yield from update_neighbour(self, target, {"$max": {f"{self.under}.figures": whole}})
        count(outcome, wrote)
        if not wrote.matched and not wrote.made:
            note_missing(outcome, rows, self.missing)

    def _look(
        self, of: str, template: str, own: Mapping[str, Any], rows: Sequence[StoredEvent], outcome: Outcome
    ) -> Plan[None]:
        """What the figures would be, if the parts were written down."""
        target = self._target(template)
        if target is None:
            return
        sums = {row["hour"]: row["figures"] for row in (yield from _sums_of(of, template))}
        for hour in {part["hour"] for part in own.values()}:
            parts = yield from _parts_of(of, template, hour)
            parts |= {key: part for key, part in own.items() if part["hour"] == hour}
            sums[hour] = _sum(parts.values())
        after = _whole([{"figures": figures} for figures in sums.values()])
        for document in (yield from look_at(self, target, outcome, rows)):
            before = (document.get(self.under) or {}).get("figures")
            note_change(self, outcome, document.get("_id"), "figures", before, after)

    def _target(self, template: str) -> Target | None:
        try:
            return Target({self.field: self.convert(template)})
        except (ValueError, TypeError, InvalidId):
            return None


def _mail(key: str, of: str) -> str:
    return key.removeprefix(f"{of}/")


def _hour(row: StoredEvent) -> datetime:
    when = (row.event.essence.get("mail") or {}).get("timestamp")
    moment = read_moment(when) if when else row.timestamp or _EPOCH
    return moment.replace(minute=0, second=0, microsecond=0)


def _counted(row: StoredEvent) -> dict[str, int]:
    """What one event counts for: as in `store.analytics`, which leaves mail to Amazon's simulator out too."""
    event, derived = row.event, derived_of(row.event.essentials)
    group = {
        "h": "",
        "t": event.type,
        "d": [normal.rpartition("@")[2] for normal in event.essentials.normals],
        "b": derived.get("bounce"),
        "y": derived.get("complaint"),
        "u": derived.get("subscription", {}).get("out"),
        "i": event.message_id,
    } | ({"m": derived["machine"]} if "machine" in derived else {})
    counts: dict[str, int] = {}
    for _, key, cell in Cells().add([{"_id": group, "n": 1}]).items():
        for name, number in cell.counts.items() if not key.simulated else ():
            counts[name] = counts.get(name, 0) + number
    return counts


def _written(key: str, of: str, part: Mapping[str, Any]) -> UpdateOne:
    told = {f"told.{event}": counts for event, counts in part["told"].items()}
    most = {"$max": {"template": part["template"]}} if "template" in part else {}
    return UpdateOne({"_id": key}, {"$set": told | {"of": of}, "$min": {"hour": part["hour"]}, **most}, upsert=True)


def _merged(known: Mapping[str, Any] | None, part: Mapping[str, Any], of: str) -> dict[str, Any]:
    """A part as it is once *part* is written into what is *known*."""
    if known is None:
        return {"of": of, **part}
    names = [one["template"] for one in (known, part) if one.get("template")]
    told = {**known["told"], **part["told"]}
    return {**part, "told": told, "hour": min(known["hour"], part["hour"])} | (
        {"template": max(names)} if names else {}
    )


def _parts_of(of: str, template: str, hour: datetime) -> Plan[dict[str, Any]]:
    """The parts of the mails of a template that were sent in an hour, by id."""
    found: dict[str, Any] = {}
    after: dict[str, Any] = {}
    while True:
        asked = {"of": of, "template": template, "hour": hour, **after}
        page = yield from ask(Find(PARTS, asked, (("_id", 1),), _PAGE, {"told": 1}))
        found |= {part["_id"]: part for part in page}
        if len(page) < _PAGE:
            return found
        after = {"_id": {"$gt": page[-1]["_id"]}}


def _sums_of(of: str, template: str) -> Plan[list[dict[str, Any]]]:
    return (yield from ask(Find(SUMS, {"of": of, "template": template}, (("hour", 1),))))


def _sum(parts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Figures of some mails; the number of events comes first, because by it they are compared."""
    figures = dict.fromkeys(_NAMES, 0)
    for part in parts:
        figures["events"] += len(part["told"])
        for counts in part["told"].values():
            for name, number in counts.items():
                figures[name] += number
    return figures


def _whole(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    figures = dict.fromkeys(_NAMES, 0)
    for row in rows:
        for name, number in row["figures"].items():
            figures[name] += number
    return figures
