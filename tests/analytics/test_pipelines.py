"""What the log is asked has only words that MongoDB and our rows know. Without a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent.analytics import hygiene, pipelines
from sesevent.analytics.cells import DAY, Key
from sesevent.analytics.measures import Window
from sesevent.analytics.pipelines import DIMENSIONS, TAG, Where
from sesevent.events.parse import EVENT_CLASSES

START = datetime(2024, 5, 1, tzinfo=timezone.utc)
WINDOW = Window(START, START + timedelta(days=1))
WHERE = Where("spring", "set", "news@one.example", "pool", "welcome", tag=("colour", "red"))
MOMENTS = ("2024-05-01T00:00:00.000Z", "2024-05-02T00:00:00.000Z")
ASKED: dict[str, list[Any]] = {
    "grouped": pipelines.grouped(WINDOW, WHERE, dimensions=DIMENSIONS | {f"{TAG}colour"}),
    "by_text": [*pipelines.by_text(WINDOW, WHERE), pipelines.WITHOUT_TEXT],
    "links": pipelines.links(WINDOW, WHERE, 5, queries=False),
    "links with queries": pipelines.links(WINDOW, WHERE, 5, queries=True),
    "funnel": pipelines.funnelled(pipelines.in_window(WINDOW) | WHERE.filter(), WINDOW),
    "cohorts": pipelines.cohorts({}, WINDOW, DAY, [1000, 2000]),
    "people": hygiene.people_pipeline(WINDOW.since, WINDOW.since, WINDOW.until),
    "mailed": hygiene.mailed_pipeline(*WINDOW),
    "domains": hygiene.domains_pipeline(*WINDOW),
}

ARGUMENTS: dict[str, set[int]] = {
    "$and": {1, 2, 3}, "$or": {2, 3}, "$not": {1}, "$in": {1, 2}, "$cond": {3}, "$ifNull": {2}, "$split": {2},
    "$arrayElemAt": {2}, "$substrBytes": {3}, "$subtract": {2}, "$add": {2}, "$multiply": {2}, "$log": {2},
    "$allElementsTrue": {1}, "$eq": {2}, "$ne": {2}, "$gt": {2}, "$lte": {2}, "$max": {2},
}  # fmt: skip
"""Of operators that take lists, how many there may be."""
OTHERS = {
    "$convert", "$count", "$dateToString", "$elemMatch", "$exists", "$expr", "$facet", "$filter", "$first", "$group", "$gte",
    "$limit", "$literal", "$lookup", "$lt", "$map", "$match", "$min", "$project", "$regex", "$regexMatch", "$round", "$size",
    "$sort", "$sum", "$switch", "$toBool", "$toObjectId", "$type", "$unionWith", "$unwind",
}  # fmt: skip
OPTIONS: dict[str, set[str]] = {
    "$convert": {"input", "to", "onError"}, "$dateToString": {"date", "format"}, "$filter": {"input", "cond"},
    "$map": {"input", "in"}, "$lookup": {"from", "let", "pipeline", "as"}, "$regexMatch": {"input", "regex"},
    "$switch": {"branches", "default"}, "$unionWith": {"coll", "pipeline"}, "$unwind": {"path", "includeArrayIndex"},
}  # fmt: skip
"""Of operators that take options by name: all that they are given here."""
COLUMNS = {"_id", "Type", "MessageId", "Timestamp"}
DERIVED = {
    "at", "bounce", "campaign", "click.link", "click.page", "complaint", "complaint.subType", "complaint.type",
    "configurationSet", "domains", "group", "ipPool", "key", "machine", "messageId", "recipients", "source",
    "subscription.out", "tags", "template", "took", "type",
}  # fmt: skip
ROW = COLUMNS | {"derived"} | {f"derived.{name}" for name in DERIVED}
WORDS = {"", "#", "?", "@", "On", "not-spam", "object", "string", "date", "binData", "%Y-%m-%d", "ses_event"}
VALUES = {*MOMENTS, "spring", "set", "news@one.example", "pool", "welcome", "colour", "red"}


def below(told: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Each member of a pipeline, by the name that it has."""
    yield name, told
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield from below(value, key)
    elif isinstance(told, (list, tuple)):
        for one in told:
            yield from below(one, name if name in ("$project", "pipeline") else "")


def named_in(pipeline: object) -> set[str]:
    """What stages of a pipeline give a name to, for those behind it."""
    made = {"$group", "$project", "_id", "let", "$facet"}
    fields = {key for name, told in below(pipeline) if name in made and isinstance(told, Mapping) for key in told}
    put = {
        told
        for name, told in below(pipeline)
        if name in ("as", "includeArrayIndex", "$count") and isinstance(told, str)
    }
    return {name for name in fields | put if not name.startswith("$")}


@pytest.mark.parametrize("name", ASKED)
def test_each_operator_is_mongodbs_and_given_what_it_takes(name: str) -> None:
    """So many arguments, these options; whatever the version, a word it does not know is an error."""
    for operator, told in below(ASKED[name]):
        if "$" in operator:
            assert operator in OTHERS | ARGUMENTS.keys()
            if operator in OPTIONS and isinstance(told, Mapping):
                assert told.keys() == OPTIONS[operator]
            elif isinstance(told, list) and operator in ARGUMENTS and operator != "$in":
                assert len(told) in ARGUMENTS[operator]


@pytest.mark.parametrize("name", ASKED)
def test_each_path_is_of_a_row_or_was_named_before(name: str) -> None:
    """A path that nobody writes is no error to MongoDB, and finds nothing."""
    named = named_in(ASKED[name])
    paths = {told for _, told in below(ASKED[name]) if isinstance(told, str) and told.startswith("$")}

    assert {path for path in paths if path.startswith("$$")} <= {
        "$$REMOVE", "$$this", "$$this.name", "$$this.values", "$$key",
    }  # fmt: skip
    for path in paths:
        assert path.startswith("$$") or path[1:] in ROW or path[1:].partition(".")[0] in named


@pytest.mark.parametrize("name", ASKED)
def test_each_value_is_a_word_of_sess_or_what_was_asked(name: str) -> None:
    """The others are patterns, and the names of what a look-up finds."""
    for of, told in below(ASKED[name]):
        if isinstance(told, str) and not told.startswith("$") and of not in ("$regex", "regex"):
            assert told in WORDS | VALUES | EVENT_CLASSES.keys() | named_in(ASKED[name]) | {"n"}


@pytest.mark.parametrize("name", ASKED)
def test_each_row_is_asked_for_by_columns_that_it_has(name: str) -> None:
    """In what must match, too."""
    for operator, told in below(ASKED[name]):
        if operator == "$match" and isinstance(told, Mapping):
            for path in told:
                assert path.startswith("$") or path in ROW | named_in(ASKED[name]) | {"derived.tags"}


@pytest.mark.parametrize("name", ASKED)
def test_each_order_is_by_what_there_is(name: str) -> None:
    """A column that is not there sorts nothing."""
    for operator, told in below(ASKED[name]):
        if operator == "$sort" and isinstance(told, Mapping):
            assert told.keys() <= {"_id"} | named_in(ASKED[name])
            assert "_id" in told  # so that it is one order


def groups_of(pipeline: list[Any]) -> set[str]:
    """By what the last stage groups."""
    stage = pipeline[-1]["$group"]
    assert stage.keys() == {"_id", "n"}
    assert stage["n"] == {"$sum": 1}
    return set(stage["_id"])


def test_groups_tell_apart_what_is_read_and_no_more() -> None:
    """Or there were more of them than there is to tell."""
    happened = {
        "delivered", "bounced", "opened", "machine_opened", "clicked", "machine_clicked", "complained", "unsubscribed",
    }  # fmt: skip
    assert groups_of(ASKED["funnel"]) == happened | {"accepted"}
    assert groups_of(ASKED["cohorts"]) == happened | {"h"}
    campaigns = pipelines.grouped(WINDOW, Where(), dimensions=frozenset({"campaign"}))[:-1]
    kinds = {"h", "t", "d", "b", "y", "m", "u", "i", "s", "tg"}
    assert groups_of(campaigns) == kinds | {"c"}
    assert groups_of(ASKED["grouped"][:-1]) == kinds | {"c", "cs", "so", "ip", "te"}
    assert pipelines.grouped(WINDOW, Where())[-2]["$group"]["_id"]["tg"] == "$$REMOVE"


def test_rows_are_asked_for_what_is_of_a_mail_as_a_whole() -> None:
    """Domains and providers are each recipient's own: cells are asked for these."""
    assert Where().filter() == {}
    assert WHERE.filter() == {
        "derived.campaign": "spring", "derived.configurationSet": "set", "derived.source": "news@one.example",
        "derived.ipPool": "pool", "derived.template": "welcome",
        "derived.tags": {"$elemMatch": {"name": "colour", "values": "red"}},
    }  # fmt: skip
    assert Where(tag=("colour", None), provider="gmail", recipient_domain="gmail.com").filter() == {
        "derived.tags": {"$elemMatch": {"name": "colour"}}
    }
    assert WHERE.given() == {"campaign", "configuration_set", "source", "ip_pool", "template", "tag"}
    assert Where(provider="gmail").given() == {"provider"}
    assert (Where().given(), DIMENSIONS) == (set(), {*Key._fields} - {"tag"})


def test_a_value_of_ours_is_no_path() -> None:
    """A tag may be called `$x`, which is no field."""
    named = {told for name, told in below(ASKED["grouped"]) if name == "$literal"}

    assert named == {"colour"}
    assert TAG == "tag:"
