"""Values as JSON has them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any, NamedTuple

import pytest

from sesevent.jsonvalues import as_json, fields_as_json

AT = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass
class Record:
    at: datetime
    pair: Pair


class Word(str, Enum):
    ONE = "one"


class Told:
    def to_dict(self) -> dict[str, Any]:
        return {"at": AT}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None), (True, True), (1, 1), (1.5, 1.5), ("a", "a"), (AT, "2024-05-01T12:00:00.000Z"),
        ((1, (2, [AT])), [1, [2, ["2024-05-01T12:00:00.000Z"]]]), (frozenset({"b", "a"}), ["a", "b"]),
        ({1: Pair(1, {2})}, {"1": {"first": 1, "second": [2]}}), (b"a\xff", "a\ufffd"), (Word.ONE, "one"),
        (Told(), {"at": "2024-05-01T12:00:00.000Z"}), (1 + 2j, "(1+2j)"),
        (Record(AT, Pair(1, (2,))), {"at": "2024-05-01T12:00:00.000Z", "pair": {"first": 1, "second": [2]}}),
    ],
)  # fmt: skip
def test_whatever_is_told_json_takes(value: Any, told: Any) -> None:
    """Moments as text, named tuples and dataclasses as objects, in every depth."""
    assert as_json(value) == told
    assert json.loads(json.dumps(as_json(value))) == told


def test_the_fields_of_a_record_are_told_also_where_it_tells_itself_otherwise() -> None:
    """So that what it tells can be made of them."""

    @dataclass
    class Size:
        size: int

        def to_dict(self) -> dict[str, Any]:
            return fields_as_json(self) | {"double": self.size * 2}

    assert as_json([Size(2)]) == [{"size": 2, "double": 4}]
