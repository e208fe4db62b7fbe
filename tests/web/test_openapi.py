"""What OpenAPI says is true: asked at random, every answer is of a kind that it names."""

from __future__ import annotations

from typing import Any

import pytest

from sesevent import testing
from sesevent.web import Limits, create_app
from web_fixtures import mail, serving, take

schemathesis = pytest.importorskip("schemathesis")
validator = pytest.importorskip("openapi_spec_validator")

DOCUMENT = create_app(testing.async_memory_store()).openapi()


def test_the_document_is_valid() -> None:
    """OpenAPI 3.1; every operation says what it needs, what it answers in clear words, and how it fails."""
    validator.validate(DOCUMENT)
    operations = [(path, operation) for path, methods in DOCUMENT["paths"].items() for operation in methods.values()]

    assert DOCUMENT["openapi"].startswith("3.1")
    assert len({operation["operationId"] for _, operation in operations}) == len(operations)
    for path, operation in operations:
        assert operation["summary"], path
        assert operation["x-scope"], path
        assert {"500", "503", "422"} <= operation["responses"].keys(), path
        assert operation["x-scope"] == "none" or {"401", "403", "429"} <= operation["responses"].keys(), path
        for status, response in operation["responses"].items():
            assert status.startswith("2") or list(response["content"]) == ["application/problem+json"], (path, status)


@pytest.fixture(scope="module")
def served(mongodb_uri: str, mongo_client: Any) -> Any:
    from sesevent import EventStore

    name = "sesevent_test_openapi"
    mongo_client.drop_database(name)
    unlimited = Limits(per_second=1e6, burst=10**6, unknown_per_second=1e6, unknown_burst=10**6)
    with EventStore.connect(mongodb_uri, database=name) as store:
        store.ensure_indexes()
        take(store, mail(), mail("delivery"), mail("complaint"), mail("click"))
        with serving(mongodb_uri, name, no_auth=True, limits=unlimited) as url:
            yield url
    mongo_client.drop_database(name)


OPERATIONS = [
    (method, path)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if path != "/v1/stream"  # goes on for ever
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_described(served: str, method: str, path: str) -> None:
    """Whatever is asked: no failure, no status, type or field that the document does not know."""
    import schemathesis.specs.openapi.checks as checks
    from hypothesis import HealthCheck, Phase, given, settings

    asked = [
        schemathesis.checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method.upper()]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=15, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=served, checks=asked, timeout=60)

    ask()
