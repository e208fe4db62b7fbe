"""Who is let in, to what: a table made from the routes themselves, so that none can be forgotten."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent import ConfigurationError, testing
from sesevent.web import NO_AUTH, Limits, Principal, create_app
from sesevent.web.routing import Guarded, Routes
from web_fixtures import ROLES, mail, serving, take

STRANGERS = (None, "wrong", "expired", "revoked")

ADDRESS = {"address": "ann@example.com"}
BODIES: dict[str, Any] = {
    "/v1/suppression": ADDRESS | {"note": "because"},
    "/v1/suppression/unsubscribe": ADDRESS | {"stream": "news"},
    "/v1/suppression/resubscribe": ADDRESS | {"stream": "news"},
    "/v1/suppression/reactivate": ADDRESS | {"why": "because"},
    "/v1/suppression/import": ADDRESS,
    "/v1/suppression/simulate": {"policy": {"name": "other"}},
    "/v1/suppression/check": {"addresses": ["ann@example.com"]},
    "/v1/dead-letters/retry": {"ids": ["0" * 24]},
    "/v1/dead-letters/purge": {"ids": ["0" * 24], "why": "because"},
    "/v1/session": {"token": "x"},
    "/v1/messages/status": {"message_ids": ["m"]},
    "/v1/alarms/acknowledge": {"alarm": "x", "why": "because"},
    "/v1/alarms/silence": {"alarm": "x", "why": "because", "until": "2100-01-01T00:00:00Z"},
}
"""What each POST is sent, so that it would do something."""
QUERIES: dict[str, Any] = {
    "/v1/analytics/by": {"dimension": "provider"},
    "/v1/analytics/compare": dict.fromkeys(("before_since", "after_since"), "2d")
    | dict.fromkeys(("before_until", "after_until"), "1d"),
}
"""What a GET must be asked with, beside an address."""
IMPLIED = {"read:pii": {"read"}, "admin": {"read", "suppress"}}

ROUTES = [route for route in create_app(testing.async_memory_store()).routes if isinstance(route, Guarded)]


def asked(api: Any, route: Guarded, role: str | None) -> Any:
    path = re.sub(r"\{\w+\}", "0" * 24, route.path.replace("{address}", "ann@example.com"))
    (method,) = route.methods or {"GET"}
    query = ADDRESS if any(field.alias == "address" for field in route.dependant.query_params) else {}
    more = {"json": BODIES[path]} if method == "POST" else {"params": query | QUERIES.get(path, {})}
    with api.http.stream(method, path, headers=api.headers(role), **more) as answer:
        return answer.status_code


def test_every_route_is_open_to_its_scopes_and_to_nobody_else(api: Any) -> None:
    """401 for who is not known, 403 for who may not, and neither for who may."""
    wrong = []
    for route in ROUTES:
        for role in (*STRANGERS, *ROLES):
            status = asked(api, route, role)
            if route.needs is None:
                fine = status in (200, 204) or (route.path == "/v1/session" and status == 401)
            elif role in STRANGERS:
                fine = status == 401
            else:
                may = {role, *IMPLIED.get(str(role), ())} & set(route.needs.split("|"))
                fine = status in (200, 404) if may else status == 403
            if not fine:
                wrong.append((route.path, route.methods, role, status))

    assert wrong == []
    assert len(ROUTES) > 20


def test_a_route_that_does_not_say_what_it_needs_cannot_be_made() -> None:
    """So nobody opens a door by forgetting to say who may pass."""
    app = create_app(testing.async_memory_store())

    async def open_to_all() -> None: ...

    with pytest.raises(ConfigurationError, match="does not say what it needs"):
        app.add_api_route("/open", open_to_all)
    assert Routes("x").get("/open", needs=None)(open_to_all) is open_to_all


def test_a_revoked_token_opens_nothing_within_seconds(api: Any) -> None:
    """Though it was known a moment ago."""
    made = api.store.tokens.create("soon gone", scopes=["read"])
    api.tokens["soon gone"] = made.text
    assert api.get("/v1/events", "soon gone").status_code == 200
    api.store.tokens.revoke(made.token.id)
    started = time.monotonic()
    while (status := api.get("/v1/events", "soon gone").status_code) == 200 and time.monotonic() - started < 30:
        time.sleep(0.2)

    assert status == 401


def test_a_token_that_expires_opens_nothing_at_once(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is known."""
    monkeypatch.setattr("sesevent.web.access.KNOWN_SECONDS", 3600.0)
    ends = datetime.now(timezone.utc) + timedelta(seconds=3)
    api.tokens["brief"] = api.store.tokens.create("brief", scopes=["read"], expires=ends).text
    assert api.get("/v1/session", "brief").status_code == 200
    time.sleep(max(0.0, (ends - datetime.now(timezone.utc)).total_seconds()) + 0.1)

    assert api.get("/v1/session", "brief").status_code == 401


def test_a_token_is_asked_of_the_store_once_in_a_while(api: Any) -> None:
    """And not with each request."""
    commands = api.store.client.admin
    api.get("/healthz", None)
    api.get("/v1/session")
    before = commands.command("serverStatus")["opcounters"]["query"]
    for _ in range(50):
        assert api.get("/v1/session").status_code == 200

    assert commands.command("serverStatus")["opcounters"]["query"] - before < 30


def test_a_browser_gets_a_session_that_scripts_and_other_sites_cannot_use(api: Any) -> None:
    """A token becomes a cookie; leaving ends it."""
    page = {"Origin": api.url, "Sec-Fetch-Site": "same-origin"}
    answer = api.http.post("/v1/session", json={"token": api.tokens["admin"]}, headers=page)
    cookie = answer.headers["set-cookie"].lower()

    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
    assert api.tokens["admin"] not in cookie
    assert api.http.get("/v1/session").json() == {"name": "admin", "scopes": ["admin", "read", "suppress"]}
    said = {"address": "ann@example.com", "note": "because"}
    assert api.http.post("/v1/suppression", json=said, headers=page).status_code == 200
    for elsewhere in (
        {},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert api.http.post("/v1/suppression", json=said, headers=elsewhere).status_code == 403, elsewhere
    assert api.http.delete("/v1/session", headers=page).status_code == 204
    assert api.http.get("/v1/session").status_code == 401
    assert api.http.get("/v1/session", headers={"Cookie": "sesevent_session=made-up"}).status_code == 401


def test_a_session_ends_with_its_token(api: Any) -> None:
    """It is no second token."""
    made = api.store.tokens.create("short", scopes=["read"])
    assert api.http.post("/v1/session", json={"token": made.text}).status_code == 200
    api.store.tokens.revoke(made.token.id)
    started = time.monotonic()
    while (status := api.http.get("/v1/session").status_code) == 200 and time.monotonic() - started < 30:
        time.sleep(0.2)

    assert status == 401


def test_too_many_requests_are_told_when_to_come_again(serve_api: Any) -> None:
    """Each token for itself; who guesses is slowed down by the address he comes from."""
    api = serve_api(limits=Limits(per_second=0.5, burst=3, unknown_per_second=0.01, unknown_burst=2))
    answers = [api.get("/v1/session") for _ in range(4)]

    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
    assert api.get("/v1/session", "admin").status_code == 200
    assert [api.get("/v1/session", "wrong").status_code for _ in range(3)] == [401, 401, 429]


def test_an_application_may_say_itself_who_asks(serve_api: Any) -> None:
    """Then tokens open nothing."""

    async def by_header(request: Any) -> Principal | None:
        name = request.headers.get("x-user")
        return Principal(name, frozenset(["read"])) if name else None

    api = serve_api(auth=by_header)

    assert api.http.get("/v1/session", headers={"X-User": "ann"}).json() == {"name": "ann", "scopes": ["read"]}
    assert api.get("/v1/session", "admin").status_code == 401
    assert api.http.post("/v1/session", json={"token": api.tokens["admin"]}).status_code == 401


def test_without_authentication_only_this_machine_is_answered(mongodb_uri: str, database: str, store: Any) -> None:
    """By its own name, so that no page of another site gets in by a name of its own that leads here."""
    import httpx

    with serving(mongodb_uri, database, no_auth=True) as url:
        assert httpx.get(f"{url}/v1/session").json()["scopes"] == ["admin", "read", "read:pii", "suppress"]
        assert httpx.get(f"{url}/v1/session", headers={"Host": "evil.example"}).status_code == 403
        said = {"address": "ann@example.com", "note": "because"}
        evil = {"Origin": "https://evil.example"}
        assert httpx.post(f"{url}/v1/suppression", json=said, headers=evil).status_code == 403


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "there is no token"),
        ({"no_auth": True, "host": "0.0.0.0"}, "only this machine"),
        ({"no_auth": True, "auth": NO_AUTH}, "or none"),
    ],
)
def test_it_does_not_start_open(mongodb_uri: str, database: str, settings: Any, words: str) -> None:
    """Nor where nobody could ask."""
    with pytest.raises(ConfigurationError, match=words), serving(mongodb_uri, database, **settings):
        pass


def test_everything_is_answered_with_headers_that_keep_browsers_safe(api: Any) -> None:
    """Also what fails; and no other site may read anything."""
    for answer in (
        api.get("/v1/events"),
        api.get("/nowhere", None),
        api.get("/v1/events", None),
        api.get("/healthz", None),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_secrets_and_addresses_stand_in_no_log(api: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The route stands there, and not the path."""
    caplog.set_level("DEBUG")
    take(api.store, mail(to="ann@example.com"))
    api.get("/v1/events", "read:pii", params={"recipient": "ann@example.com"})
    api.get("/v1/suppression/history", params=ADDRESS)
    api.post("/v1/suppression", ADDRESS | {"note": "because"})
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("sesevent", "uvicorn"))
    )

    assert "GET /v1/suppression/history 200" in logged
    assert "ann@" not in logged
    assert "ann%40" not in logged
    assert not any(token in logged for token in api.tokens.values())
