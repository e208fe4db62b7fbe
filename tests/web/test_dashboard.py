"""The dashboard's pages as an HTTP client sees them: who may, what is shown, what is masked, what a form does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from sesevent import testing, trusted
from sesevent.web import Limits, Principal, create_app
from sesevent.web.dashboard.serving import STATIC, Page
from web_fixtures import NOW, ROLES, mail, serving, take, words

WRITES = {
    "/recipient": {"address": "ann@example.com"},
    "/recipient/{sealed}/reactivate": {"why": "because"},
    "/recipient/{sealed}/suppress": {"why": "because"},
    "/suppression/import": {"addresses": "ben@example.com"},
    "/suppression/simulate": {"policy": "name = 'other'"},
    "/health/retry": {"id": "0" * 24},
    "/health/purge": {"id": "0" * 24, "why": "because"},
    "/login": {"token": "wrong"},
}
"""What each form is sent, so that it would do something."""
IMPLIED = {"read:pii": {"read"}, "admin": {"read", "suppress"}}
ROUTES = [one for one in create_app(testing.async_memory_store(), dashboard=True).routes if isinstance(one, Page)]
OWN_SITE = {"Sec-Fetch-Site": "same-origin"}
WIDE = Limits(per_second=1000, burst=10_000, unknown_per_second=1000, unknown_burst=10_000)


@pytest.fixture
def filled(api: Any) -> Any:
    """A served store that holds a bounce, a delivery, and a dead letter."""
    ann = {"to": "ann@example.com", "subject": "Your order has been shipped"}
    take(api.store, mail("send", **ann), mail("bounce", campaign="spring", **ann))
    take(api.store, mail("delivery", to="ben@example.com", message_id="other"))
    api.store.receive_many([trusted("no event", because="a test made it")])
    return api


@pytest.fixture
def person(filled: Any) -> str:
    """Where the page about Ann is."""
    answer = filled.http.post("/recipient", data={"address": "ann@example.com"}, headers=filled.headers("read"))
    assert answer.status_code == 303
    return str(answer.headers["location"])


def asked(api: Any, route: Page, role: str | None, sealed: str) -> Any:
    path = route.path.replace("{sealed}", sealed).replace("{name}", "dashboard.css")
    path = re.sub(r"\{\w+\}", "0" * 24, path)
    if "POST" in (route.methods or ()):
        return api.http.post(path, data=WRITES.get(route.path, {}), headers=api.headers(role))
    return api.http.get(path, headers=api.headers(role), params={"message_id": "x"} if path == "/find" else {})


def test_every_page_is_open_to_its_scope_and_to_nobody_else(filled: Any, person: str) -> None:
    """Who is not known is shown the door; who may not is told the scope that is missing."""
    wrong = []
    for route in ROUTES:
        for role in (None, "wrong", "expired", "revoked", *ROLES):
            answer = asked(filled, route, role, person.rpartition("/")[2])
            status, to = answer.status_code, answer.headers.get("location", "")
            if route.needs is None:
                fine = (
                    status == 200
                    or (route.path == "/logout" and status == 303)
                    or ((route.path, status) == ("/login", 401))
                )
            elif role in (None, "wrong", "expired", "revoked"):
                fine = status == 401 if "POST" in (route.methods or ()) else to.startswith("/login?next=")
            elif {str(role), *IMPLIED.get(str(role), ())} & {route.needs}:
                fine = status in (200, 303, 404) and not to.startswith("/login")
            else:
                fine = status == 403 and f"needs the scope {route.needs}" in answer.text
            if not fine:
                wrong.append((route.path, route.methods, role, status))

    assert wrong == []
    assert len(ROUTES) > 15


def test_forms_that_change_something_need_more_than_to_read() -> None:
    """Each its own scope, and no page changes anything."""
    needs = {route.path: route.needs for route in ROUTES if "POST" in (route.methods or ())}

    assert needs == {
        "/recipient": "read", "/suppression/simulate": "read", "/recipient/{sealed}/reactivate": "suppress",
        "/recipient/{sealed}/suppress": "suppress", "/suppression/import": "suppress", "/suppression/drift": "admin",
        "/health/retry": "admin", "/health/purge": "admin", "/login": None, "/logout": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/", "/explore", "/bounces", "/bounces?reason=user_unknown", "/suppression", "/health"]
)
def test_pages_tell_their_span_of_time_and_its_zone(filled: Any, path: str) -> None:
    """And carry the strict policy under which no script of anybody else runs."""
    answer = filled.get(path, params={"tz": "Europe/Berlin"} if "?" not in path else None)

    assert answer.status_code == 200, answer.text
    assert f"Times are in {'Europe/Berlin' if '?' not in path else 'UTC'}" in words(answer).text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_no_page_holds_a_script_or_a_style_of_its_own(filled: Any, person: str) -> None:
    """The policy would refuse it."""
    for path in ("/", "/explore", "/bounces?reason=user_unknown", "/suppression", "/health", "/login", person):
        for tag, attributes in words(filled.get(path)).tags:
            assert "style" not in (tag, *attributes), (path, attributes)
            assert tag != "script" or attributes["src"], path
            assert not [name for name in attributes if name.startswith("on")], (path, attributes)


def test_the_overview_tells_alarms_and_today_and_the_latest_events(filled: Any) -> None:
    """In that order; without a monitor it says how to have one."""
    text = words(filled.get("/")).text
    assert "No alarm was ever evaluated" in text
    filled.store.monitor.evaluate()
    text = words(filled.get("/")).text

    assert "All is well: none of" in text or "Warning" in text or "Critical" in text
    assert text.index("Alarms") < text.index("Today against the usual") < text.index("Over time") < text.index("Now")
    assert "Bounce a…@example.com" in text


def test_an_empty_store_explains_how_events_come_in(api: Any) -> None:
    """In three steps."""
    page = words(api.get("/"))

    assert "Three steps" in page.text
    assert [tag for tag, _ in page.tags].count("li") >= 3


def test_from_a_point_of_a_chart_to_an_event_it_is_two_clicks(filled: Any) -> None:
    """The row of the series, and the row of the list; both links are views of their own."""
    page = words(filled.get("/"))
    rows = [link for link in page.links if link.startswith("/explore?since=")]
    events = [words(filled.get(link)) for link in rows[-3:]]
    event = words(filled.get(next(one.link("/event/") for one in events if "No events." not in one.text)))

    assert len(rows) >= 168
    assert "As Amazon SES told it" in event.text


def test_explore_narrows_by_everything_it_offers(filled: Any) -> None:
    """And its figures, division and list are of the same mails."""
    spring = words(filled.get("/explore?campaign=spring"))
    assert "Bounce" in spring.text
    assert "No events." not in spring.text
    for query in ("campaign=nothing", "recipient_domain=nowhere.example", "provider=gmail", "configuration_set=nothing",
                  "reason=mailbox_full", "type=Click"):  # fmt: skip
        assert "No events." in words(filled.get(f"/explore?{query}")).text, query
    for query in ("recipient_domain=example.com", "provider=other", "type=Bounce", "reason=user_unknown"):
        assert "No events." not in words(filled.get(f"/explore?{query}")).text, query


def test_a_question_that_cannot_be_asked_is_a_page_that_says_so(filled: Any) -> None:
    """And never an error of the server."""
    for query in ("since=yesterday", "since=999999999w", "tz=Mars/Phobos", "tz=../../etc/passwd", "reason=sorcery", "by=color",
                  "since=1d&until=7d", "since=5000d", "cursor=made-up", "provider=nobody", "since=2024-02-31T00:00",
                  "campaign=" + "x" * 300):  # fmt: skip
        answer = filled.get(f"/explore?{query}")
        assert answer.status_code == 400, (query, answer.status_code)
        assert "That cannot be asked" in words(answer).text


def test_older_events_are_on_the_next_page(api: Any) -> None:
    """Behind the last one seen, in the same view."""
    take(api.store, *[mail("send", message_id=str(number)) for number in range(60)])
    first = words(api.get("/explore?type=Send"))
    second = words(api.get(next(link for link in first.links if "cursor=" in link)))
    ids = [{link for link in page.links if link.startswith("/event/")} for page in (first, second)]

    assert [len(some) for some in ids] == [50, 10]
    assert not ids[0] & ids[1]


def test_a_mail_shows_its_journey(filled: Any) -> None:
    """Drawn, in words, and event by event."""
    page = words(filled.get(words(filled.get("/explore?type=Bounce")).link("/message/")))

    assert "Bounced" in page.text
    assert "sent → bounced" in page.text
    assert [tag for tag, _ in page.tags].count("circle") == 2
    assert filled.get("/message/nothing").status_code == 404


def test_a_person_is_found_by_a_form_and_stands_in_no_address_bar(filled: Any, person: str) -> None:
    """The link is sealed: it leads whoever may see masked addresses only to the same page."""
    assert "ann" not in person
    assert "@" not in person
    assert "%40" not in person
    masked, clear = words(filled.get(person)), words(filled.get(person, "read:pii"))

    assert "ann@example.com" not in masked.text
    assert "a…@example.com" in masked.text
    assert "ann@example.com" in clear.text
    assert filled.get("/recipient/made-up").status_code == 404
    audited = [entry for entry in filled.store.audit.latest() if entry.act == "unmasked"]
    assert audited[0].by == "read:pii"
    assert audited[0].subject.startswith("person ")


def test_without_the_scope_no_page_names_anybody(filled: Any, person: str) -> None:
    """Neither address nor subject; with it both are there."""
    filled.store.suppression.suppress("ann@example.com", by="a test", note="told us: ann@example.com")
    event = words(filled.get("/explore?type=Bounce")).link("/event/")
    for path in ("/", "/explore", "/bounces?reason=user_unknown", "/suppression", "/health", person, event):
        masked = unescape(filled.get(path, "admin").text)
        assert [told for told in ("ann@example.com", "Your order") if told in masked] == [], path
    for path in ("/", "/explore", "/suppression", person, event):
        assert "ann@example.com" in unescape(filled.get(path, "read:pii").text), path


def test_a_person_is_reactivated_with_a_reason_that_stands_in_the_audit(filled: Any, person: str) -> None:
    """Without a reason nobody is; the page then tells that mail may go out."""
    assert "No. Do not send" in words(filled.get(person)).text
    headers = filled.headers("admin")
    assert filled.http.post(f"{person}/reactivate", data={"why": " "}, headers=headers).status_code == 400
    answer = filled.http.post(f"{person}/reactivate", data={"why": "new mailbox"}, headers=headers)

    assert (answer.status_code, answer.headers["location"]) == (303, f"{person}?said=reactivated")
    assert "Yes." in words(filled.get(answer.headers["location"])).text
    assert filled.store.suppression.check("ann@example.com").allowed
    (said,) = [entry for entry in filled.store.audit.latest() if "reactivat" in entry.act]
    assert (said.by, said.why) == ("admin", "new mailbox")


def test_a_person_s_own_word_is_overruled_only_on_purpose(filled: Any, person: str) -> None:
    """A complaint: the page says so, and asks for the tick."""
    take(filled.store, mail("complaint", to="ann@example.com", message_id="angry", sent=NOW - timedelta(days=1)))
    headers = filled.headers("admin")
    refused = filled.http.post(f"{person}/reactivate", data={"why": "asked us"}, headers=headers)

    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    done = filled.http.post(f"{person}/reactivate", data={"why": "asked us", "override": "yes"}, headers=headers)
    assert done.status_code == 303
    assert filled.store.suppression.check("ann@example.com").allowed


def test_no_other_site_can_send_a_form_in_a_person_s_name(filled: Any, person: str) -> None:
    """A session comes with a form only from these pages."""
    log_in(filled, "admin")
    for elsewhere in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = filled.http.post(f"{person}/reactivate", data={"why": "x"}, headers=elsewhere)
        assert answer.status_code == 403, elsewhere
    assert not filled.store.suppression.check("ann@example.com").allowed
    assert filled.http.post(f"{person}/reactivate", data={"why": "x"}, headers=OWN_SITE).status_code == 303


def log_in(api: Any, role: str, following: str = "") -> Any:
    form = {"token": api.tokens[role], "next": following}
    return api.http.post("/login", data=form, headers=OWN_SITE)


def test_a_token_opens_a_session_and_leads_where_one_wanted_to_go(filled: Any) -> None:
    """And leaving ends it."""
    asked = filled.http.get("/explore?campaign=spring&tz=Europe/Berlin")
    door = words(filled.http.get(asked.headers["location"]))
    following = next(told["value"] for tag, told in door.tags if tag == "input" and told.get("name") == "next")
    answer = log_in(filled, "read", str(following))

    assert answer.headers["location"] == "/explore?campaign=spring&tz=Europe/Berlin"
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert filled.tokens["read"] not in answer.headers["set-cookie"]
    assert words(filled.http.get(answer.headers["location"])).text
    filled.http.post("/logout", headers=OWN_SITE)
    assert filled.http.get("/").headers["location"].startswith("/login")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\tx"]
)
def test_the_door_leads_to_no_other_site(filled: Any, elsewhere: str) -> None:
    """Whatever a link to it says."""
    assert log_in(filled, "read", elsewhere).headers["location"] == "/"


def test_a_token_that_opens_nothing_is_told_so(filled: Any) -> None:
    """On the same page, and without a session."""
    for role in ("wrong", "expired", "revoked"):
        answer = log_in(filled, role)
        assert answer.status_code == 401
        assert "opens nothing" in words(answer).text
        assert "set-cookie" not in answer.headers


def test_a_list_is_imported_and_every_bad_line_told(filled: Any) -> None:
    """From a file or from a field."""
    headers = filled.headers("admin")
    typed = {"addresses": "carl@example.com\nnot an address\n", "why": "asked us"}
    page = words(filled.http.post("/suppression/import", data=typed, headers=headers))
    file = {"file": ("list.csv", b"address\ndora@example.com\n", "text/csv")}
    filled.http.post("/suppression/import", data={"why": "asked us"}, files=file, headers=headers)

    assert "1 read, 1 new, 1 standings changed, 1 lines not understood" in page.text
    assert "Line 2" in page.text
    assert not filled.store.suppression.check("carl@example.com").allowed
    assert not filled.store.suppression.check("dora@example.com").allowed


def test_another_policy_is_tried_and_nothing_changes(filled: Any) -> None:
    """For whom it would decide otherwise is told; what is no policy is told too."""
    policy = 'name = "lenient"\n[effects.hard-bounce]\naction = "ignore"\n'
    page = words(filled.http.post("/suppression/simulate", data={"policy": policy}, headers=filled.headers("read")))

    assert "decisions change under the policy lenient" in page.text
    assert "a…@example.com" in page.text
    assert not filled.store.suppression.check("ann@example.com").allowed
    for wrong in ("no toml [", "effects = 3", "[effects.sorcery]\naction = 'ignore'"):
        answer = filled.http.post("/suppression/simulate", data={"policy": wrong}, headers=filled.headers("read"))
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True), wrong


def test_drift_is_told_where_an_account_is_configured(serve_api: Callable[..., Any]) -> None:
    """Elsewhere the page says how to."""
    from sesevent.plans.ses_sync import Drift

    class Account:
        async def drift(self) -> Drift:
            return Drift("eu-west-1", only_ours=1, both=2, examples={"only_ours": ["ann@example.com"]})

    without, api = serve_api(limits=WIDE), serve_api(limits=WIDE, ses_account=Account())
    assert "serve --ses-list" in words(without.get("/suppression")).text
    assert without.http.post("/suppression/drift", headers=without.headers("admin")).status_code == 404
    page = words(api.http.post("/suppression/drift", headers=api.headers("admin")))
    assert "eu-west-1: 2 on both lists, 1 only on ours" in page.text
    assert "a…@example.com" in page.text


def test_dead_letters_are_tried_again_by_who_may(filled: Any) -> None:
    """And what became of them is told."""
    page = words(filled.get("/health", "admin"))
    ids = [told["value"] for tag, told in page.tags if tag == "input" and told.get("name") == "id"]
    answer = filled.http.post("/health/retry", data={"id": ids}, headers=filled.headers("admin"))

    assert len(ids) == 1
    assert "1 tried again, 0 understood now" in words(filled.get(answer.headers["location"], "admin")).text
    assert "needs the scope admin" in words(filled.get("/health", "read")).text


def test_dead_letters_are_forgotten_with_a_reason_and_never_without(filled: Any) -> None:
    """Which the audit holds."""
    letter = filled.store.dead_letters.list()[0].id
    silent = filled.http.post("/health/purge", data={"id": letter}, headers=filled.headers("admin"))
    kept = filled.store.dead_letters.count()
    told = {"id": letter, "why": "a test of ours"}
    answer = filled.http.post("/health/purge", data=told, headers=filled.headers("admin"))

    assert (silent.status_code, kept) == (400, 1)
    assert "1 forgotten" in words(filled.get(answer.headers["location"], "admin")).text
    assert filled.store.dead_letters.count() == 0
    assert [(one.act, one.by, one.why) for one in filled.store.audit.latest(limit=1)] == [
        ("dead letters purged", "admin", "a test of ours"),
    ]


def test_a_path_that_there_is_none_of_is_a_page_for_people_and_a_problem_for_programs(api: Any) -> None:
    """As who asks accepts it."""
    page = api.http.get("/nothing/here", headers={"Accept": "text/html"})
    problem = api.http.get("/nothing/here", headers={"Accept": "application/json"})
    also = api.http.get("/v1/nothing", headers={"Accept": "text/html"})

    assert page.status_code == problem.status_code == also.status_code == 404
    assert "There is no such page" in words(page).text
    assert problem.headers["content-type"] == also.headers["content-type"] == "application/problem+json"


def test_files_never_change_under_their_tag(api: Any) -> None:
    """A browser asks for them once."""
    for name, file in STATIC.items():
        answer = api.http.get(f"/static/{name}", params={"v": file.tag})
        assert answer.content == file.content
        assert "immutable" in answer.headers["cache-control"]
        assert api.http.get(f"/static/{name}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    for nothing in ("/static/nothing.js", "/static/..%2f__init__.py", "/static/%2e%2e/serving.py"):
        assert api.http.get(nothing).status_code == 404


def test_a_page_weighs_less_than_300_kb_without_a_cache(filled: Any) -> None:
    """With everything that it loads."""
    page = filled.get("/")
    loaded = [told.get("src") or told.get("href") for tag, told in words(page).tags if tag in ("script", "link")]
    weight = len(page.content) + sum(len(filled.http.get(str(path)).content) for path in loaded)

    assert len(loaded) >= 5
    assert weight < 300_000


def test_a_page_tells_how_long_its_data_took(filled: Any) -> None:
    """And how long all of it, which browsers show."""
    told = dict(part.split(";dur=") for part in filled.get("/explore").headers["server-timing"].split(", "))

    assert 0 < float(told["data"]) <= float(told["page"])


def test_an_application_s_own_authentication_needs_no_door(serve_api: Callable[..., Any]) -> None:
    """Who is not known there is told to log in there."""

    async def known(request: Any) -> Principal | None:
        return Principal("app", frozenset({"read"})) if request.headers.get("x-user") == "ann" else None

    api = serve_api(auth=known, limits=WIDE)
    assert api.http.get("/", headers={"X-User": "ann"}).status_code == 200
    door = words(api.http.get(api.http.get("/").headers["location"]))
    assert "said by the application" in door.text
    assert "Token" not in door.text


def test_the_pages_work_below_a_prefix(serve_api: Callable[..., Any]) -> None:
    """Every link on them stays below it."""
    api = serve_api(root_path="/mail", limits=WIDE)
    take(api.store, mail("bounce"))
    for path in ("/", "/explore", "/suppression"):
        links = words(api.get(path)).links
        assert len(links) > 5
        assert all(link.startswith(("/mail/", "#")) for link in links), links
    assert api.http.get("/explore").headers["location"] == "/mail/login?next=%2Fexplore"


def test_the_dashboard_can_be_left_out(mongodb_uri: str, database: str, store: Any, tokens: Any) -> None:
    """Then the API alone is there."""
    import httpx

    with serving(mongodb_uri, database, dashboard=False) as url:
        assert httpx.get(url, headers={"Accept": "text/html"}).status_code == 404
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_without_a_login_only_this_machine_sees_it(mongodb_uri: str, database: str, store: Any) -> None:
    """And by its own name."""
    import httpx

    take(store, mail("bounce"))
    with serving(mongodb_uri, database, no_auth=True) as url:
        assert "no login: this machine only" in httpx.get(url).text
        assert httpx.get(url, headers={"Host": "evil.example"}).status_code == 403
