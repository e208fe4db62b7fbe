"""What is known of a person under older names, moved to the name that is used today.

Whoever turns pseudonyms on, or takes a new key, has facts and standings under addresses, or under pseudonyms of older
keys. They are moved when the person is met again, and nobody is mailed meanwhile who may not be: `check` looks at all
names, what is moved is written first and only then let go. It goes one way only, from smaller key ids to greater ones,
so that processes which disagree about today's key, as during a roll-out, never move the same back and forth.
Next: :mod:`sesevent.plans.suppress`, which derives the standings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sesevent.addresses import is_pseudonym
from sesevent.errors import ConfigurationError
from sesevent.ops import Plan, ask
from sesevent.storage import reads, writes
from sesevent.storage.operations import AskPseudonyms
from sesevent.storage.standings import FACT, fact_in

if TYPE_CHECKING:
    from sesevent.privacy.protection import Protection
    from sesevent.privacy.pseudonyms import Pseudonyms
    from sesevent.suppression.policy import Policy

__all__ = ["NOBODY", "Gathered", "gather", "let_go", "names_of", "require_fitting", "todays"]


class Gathered(NamedTuple):
    """What was moved, and may be let go of once the standings follow."""

    people: frozenset[str] = frozenset()
    """What they are stored as today."""
    facts: tuple[str, ...] = ()
    """Ids of the facts under the old names."""
    standings: Mapping[str, int] = {}
    """Old name → revision of its standing."""
    names: Mapping[str, str] = {}
    """Old pseudonym → what the person is stored as today."""


NOBODY: Final = Gathered()


def require_fitting(privacy: Protection, policy: Policy) -> None:
    """Raise ConfigurationError where a suppression policy asks for what a privacy policy does not keep."""
    if privacy.hides and policy.plus_tags:
        raise ConfigurationError(
            "Under pseudonyms nobody can tell which addresses share a mailbox.",
            hint="Leave out the policy's plus_tags.",
        )
    needed = [tag for tag in (policy.stream_tag, policy.tenant_tag) if tag and not privacy.policy.keeps_tag(tag)]
    if needed and privacy.policy.action("tags") != "keep":
        raise ConfigurationError(
            f"The suppression policy needs the message tags {', '.join(needed)}, and the privacy policy keeps none.",
            hint="Name them in its kept_tags.",
        )


def names_of(normals: Iterable[str]) -> Plan[tuple[dict[str, str], dict[str, str]]]:
    """What people are stored as, by address in normal form; and the other way round, where that is another."""
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    if pseudonyms is None or not pseudonyms.writes:
        return {normal: normal for normal in normals}, {}
    stored = {normal: pseudonyms.stored(normal) for normal in normals}
    return stored, {name: normal for normal, name in stored.items() if name != normal}


def gather(stored: Iterable[str], names: Mapping[str, str]) -> Plan[Gathered]:
    """Write what is known of people under older names under those of today; *names*: those → addresses."""
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    if pseudonyms is None:
        return NOBODY
    now = {old: name for name in stored if name in names for old in pseudonyms.older(names[name])}
    kept = (yield from ask(reads.standings_of(now))) if now else []
    if not kept:
        return NOBODY
    rows = yield from ask(reads.acts_about([document["_id"] for document in kept]))
    facts = [row for row in rows if row["act"] == FACT]
    said = [(row["_id"], now[row["address"]]) for row in rows if row["act"] != FACT]
    if facts:
        yield from ask(writes.insert_facts([(now[row["address"]], fact_in(row)) for row in facts]))
    if said:  # an act keeps its id, by which the audit knows it
        yield from ask(writes.rename_acts(said))
    return Gathered(
        frozenset([now[document["_id"]] for document in kept]),
        tuple([row["_id"] for row in facts]),
        {document["_id"]: document["rev"] for document in kept},
        {old: now[old] for old in (document["_id"] for document in kept) if is_pseudonym(old)},
    )


def todays(names: Iterable[str]) -> Plan[dict[str, str]]:
    """What people are stored as today whom rows of another day name so; those left out are named as they are today."""
    pseudonyms: Pseudonyms | None = yield from ask(AskPseudonyms())
    if pseudonyms is None or not pseudonyms.writes:
        return {}
    several = set(names)
    found = {name: pseudonyms.stored(name) for name in several if not is_pseudonym(name)}
    left = {name: name for name in several if is_pseudonym(name) and not pseudonyms.is_todays(name)}
    while left:  # one step for each change of keys
        rows = yield from ask(reads.names_moved(left.values()))
        moved = {row["_id"].removeprefix(reads.MOVED): row["now"] for row in rows}
        left = {name: moved[now] for name, now in left.items() if now in moved}
        found |= left
    return found


def let_go(gathered: Gathered) -> Plan[Any]:
    """Delete what was moved. A standing that somebody changed meanwhile stays, and is moved next time."""
    if gathered.names:
        yield from ask(writes.keep_names(gathered.names))
    if gathered.facts:
        yield from ask(writes.drop_facts(gathered.facts))
    if gathered.standings:
        yield from ask(writes.drop_standings(gathered.standings))
