"""The store in memory behaves as the real one: the tests in `tests/faces` run against both. Here is the rest."""

from __future__ import annotations

from typing import Any

import pytest

from payloads import genuine, payload
from sesevent import testing


def test_stores_over_one_client_share_what_they_keep() -> None:
    """As two processes over one server do; over two clients they do not."""
    client = testing.MemoryClient()
    with testing.memory_store(client) as one, testing.memory_store(client) as two, testing.memory_store() as alone:
        one.receive(genuine(payload("Bounce")))

        assert two.events.between().first() is not None
        assert alone.events.between().first() is None
        client.drop_database("cache")
        assert two.events.between().first() is None


@pytest.mark.parametrize("question", [{"a": {"$near": 1}}, {"$text": {}}, {"a": {"$size": 1}}])
def test_a_question_it_does_not_understand_is_refused_loudly(question: dict[str, Any]) -> None:
    """A wrong answer would make a user's test lie."""
    collection = testing.MemoryClient()["cache"]["ses_event"]
    collection.insert_many([{"a": 1}])

    with pytest.raises(NotImplementedError):
        collection.find(question)


def test_what_the_server_would_refuse_it_refuses() -> None:
    """Documents go through BSON, as on the wire."""
    from bson.errors import InvalidDocument
    from pymongo.errors import DocumentTooLarge

    collection = testing.MemoryClient()["cache"]["ses_event"]
    with pytest.raises(DocumentTooLarge):
        collection.insert_many([{"_id": 1, "text": "x" * 2**24}])
    with pytest.raises(InvalidDocument):
        collection.insert_many([{"_id": 1, "odd": object()}])
