"""Did a person open the mail, or follow the link, or a machine? Told by the rules in ``machines.toml``.

An open is a fetched image and a click a followed link; proxies and scanners do both. What fits no rule counts as
a person's. It knows nothing of mails. Next: :mod:`sesevent.storage.codec`, which keeps what is told here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from sesevent.tomltext import decode_toml

__all__ = ["Machine", "machine_of", "machines"]

_LONGEST = 1024  # characters of a user agent that are looked at: it is a stranger's text


class Machine(NamedTuple):
    """One rule: a kind of machine, and how it is known."""

    id: str
    name: str
    why: str
    kinds: tuple[str, ...]
    agents: tuple[str, ...] = ()
    """User agents, whole."""
    words: re.Pattern[str] | None = None
    """What is in its user agent, in lower case."""
    within: int | None = None
    """Milliseconds after sending."""

    def fits(self, kind: str, agent: str, took: int | None) -> bool:
        """Whether it was this machine."""
        if kind not in self.kinds or (self.agents and agent not in self.agents):
            return False
        if self.words is not None and not self.words.search(agent.lower()):
            return False
        return self.within is None or (took is not None and 0 <= took < self.within)


def machine_of(kind: str, agent: object, took: int | None) -> str | None:
    """The rule by which an Open or Click, *took* milliseconds after sending, is a machine's; None for a person's."""
    if took is not None and took >= _soonest():
        took = None  # for no rule too late: whoever asks again has the answer at hand
    return _machine_of(kind, agent[:_LONGEST] if isinstance(agent, str) else "", took)


@lru_cache(maxsize=1)
def machines() -> tuple[Machine, ...]:
    """The rules, in their order."""
    text = files("sesevent.events").joinpath("machines.toml").read_text(encoding="utf-8")
    return tuple(
        Machine(
            row["id"], row["name"], row["why"], tuple(row["kinds"]), tuple(row.get("is", ())),
            _words(row), row.get("within"),
        )
        for row in decode_toml(text)["rule"]
    )  # fmt: skip


def _words(row: dict[str, Any]) -> re.Pattern[str] | None:
    begins = [rf"(?<![a-z]){re.escape(part)}" for part in row.get("contains", ())]
    ends = [rf"{re.escape(part)}(?![a-z])" for part in row.get("ends", ())]
    but = "".join(rf"(?!.*{re.escape(part)})" for part in row.get("unless", ()))
    return re.compile(rf"^{but}.*?(?:{'|'.join(begins + ends)})", re.DOTALL) if begins or ends else None


@lru_cache(maxsize=1)
def _soonest() -> int:
    return max(rule.within or 0 for rule in machines())


@lru_cache(maxsize=4096)  # of each kind of mail program there are few words
def _machine_of(kind: str, agent: str, took: int | None) -> str | None:
    return next((rule.id for rule in machines() if rule.fits(kind, agent, took)), None)
