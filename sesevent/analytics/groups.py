"""The group of an event, as one text: equal for events that count alike in an hour.

It is written when an event is stored (``derived.group``), so that counting reads and groups by one short field, and not
by a dozen that the server would have to compute for every row: that is several times as fast. Rows without it, those of
older shapes and those whose words hold its separators, are grouped by what it is made of
(:mod:`sesevent.analytics.pipelines`). Next: :mod:`sesevent.analytics.cells`, which reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from sesevent import jsontext
from sesevent.analytics.spans import bucket_of

__all__ = ["group_of", "parts_of", "read_prefix"]

_SEPARATOR: Final = "\x1f"
_BETWEEN: Final = "\x1e"
"""…between the domains of several people."""
_SEPARATORS: Final = 10
_PLAIN: Final = frozenset({"Send", "Delivery", "Open", "Click"})
_bucket = lru_cache(maxsize=65_536)(bucket_of)


def group_of(kind: str, stamp: str, message_id: str, derived: Mapping[str, Any]) -> str | None:
    """What is written of an event; None where a word in it cannot be told from two.

    Hour, kind, campaign, configuration set, source, pool, template, domains, what few kinds have besides (JSON); and at
    the end what is different for nearly every event: the bucket of how long it took, and the mark of the mail.
    """
    of = derived.get
    people = of("recipients", ())
    domains = people[0].rpartition("@")[2] if len(people) == 1 else _domains(people)
    details = "" if kind in _PLAIN and "machine" not in derived else _details(derived)
    took = _bucket(derived["took"]) if "took" in derived and kind in ("Delivery", "Open") else ""
    mark = _mark(message_id) if kind in ("Open", "Click") else ""
    text = (
        f"{stamp[:13]}\x1f{kind}\x1f{of('campaign', '')}\x1f{of('configurationSet', '')}\x1f{of('source', '')}\x1f"
        f"{of('ipPool', '')}\x1f{of('template', '')}\x1f{domains}\x1f{details}\x1f{took}\x1f{mark}"
    )
    clear = text.count(_SEPARATOR) == _SEPARATORS and text.count(_BETWEEN) == max(len(people) - 1, 0)
    return text if clear else None


def parts_of(text: str) -> list[str]:
    """A group as its prefix, which many have, its bucket, and its mark."""
    return text.rsplit(_SEPARATOR, 2)


def read_prefix(prefix: str) -> dict[str, Any]:
    """What a prefix says, as the pipeline's groups do."""
    hour, kind, campaign, configuration_set, source, pool, template, domains, details = prefix.split(_SEPARATOR)
    told: dict[str, Any] = {"c": campaign, "cs": configuration_set, "so": source, "ip": pool, "te": template}
    told |= {"h": hour, "t": kind, "d": domains.split(_BETWEEN) if domains else []}
    return told | (jsontext.decode(details) if details else {})


def _mark(message_id: str) -> str:
    return blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _domains(people: list[str]) -> str:
    return _BETWEEN.join([person.rpartition("@")[2] for person in people])


def _details(derived: Mapping[str, Any]) -> str:
    told: dict[str, Any] = {ours: derived[theirs] for ours, theirs in _APART.items() if theirs in derived}
    if "out" in derived.get("subscription", ()):
        told["u"] = _LEFT
    if not told:
        return ""
    try:
        return _spelled(
            tuple([(name, tuple(value.items()) if type(value) is dict else value) for name, value in told.items()])
        )
    except TypeError:  # several people, and why for each
        return jsontext.encode(told)


_APART: Final = {"b": "bounce", "y": "complaint", "m": "machine"}
_LEFT: Final = (1,)


@lru_cache(maxsize=4096)  # few things are said of failures, and those often
def _spelled(told: tuple[tuple[str, Any], ...]) -> str:
    return jsontext.encode({name: dict(value) if name in ("b", "y") else value for name, value in told})
