"""Mails, people, figures, alarms and health over HTTP: each asks one thing of the store, and masks what it answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sesevent import Verifier
from sesevent.testing.payloads import SENT
from sesevent.testing.signing import TOPIC, Signer
from sesevent.web.routes.analytics import QUESTIONS
from web_fixtures import mail, take

ANN = "ann@example.com"


@pytest.fixture
def filled(api: Any) -> Any:
    """One mail that arrived and was clicked, and one that came back."""
    take(
        api.store,
        mail("send", to=ANN, message_id="m", source="Geheim <geheim@shop.example.com>"),
        mail("delivery", to=ANN, message_id="m"),
        mail("click", to=ANN, message_id="m", link=f"https://shop.example.com/a?who={ANN}"),
        mail(to="bob@example.com", message_id="n"),
    )
    return api


def asked(api: Any, path: str, **query: str) -> Any:
    answer = api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    assert "ann@" not in answer.text
    assert "geheim" not in answer.text.lower()
    return answer


def test_what_became_of_a_mail_is_told(filled: Any) -> None:
    """Of one, of many, as its events, and of everything a person was sent."""
    assert asked(filled, "/v1/messages/m").json()["state"] == "delivered"
    assert [one["type"] for one in asked(filled, "/v1/messages/m/events").json()["events"]] == [
        "Send",
        "Delivery",
        "Click",
    ]
    many = filled.post("/v1/messages/status", {"message_ids": ["n", "m", "none"]}, "read").json()["messages"]
    assert [(one["message_id"], one["state"]) for one in many] == [
        ("n", "bounced"),
        ("m", "delivered"),
        ("none", "unknown"),
    ]
    for path in ("/v1/messages/none", "/v1/messages/none/events"):
        assert filled.get(path).status_code == 404
    letters = asked(filled, "/v1/recipients/Ann%40Example.com", totals="true").json()
    assert ([one["message_id"] for one in letters["messages"]], letters["decision"]["allowed"]) == (["m"], True)
    assert letters["totals"]


def test_the_mails_of_a_person_are_paged(api: Any) -> None:
    """By a cursor."""
    now = datetime.now(timezone.utc)
    take(api.store, *[mail("send", to=ANN, message_id=f"m-{n}", sent=now - timedelta(hours=n + 1)) for n in range(5)])
    seen, cursor = [], ""
    while cursor is not None:
        page = asked(api, f"/v1/recipients/{ANN}", limit="2", **({"cursor": cursor} if cursor else {})).json()
        seen += [one["message_id"] for one in page["messages"]]
        cursor = page["next"]

    assert seen == [f"m-{n}" for n in range(5)]


@pytest.mark.parametrize("question", QUESTIONS, ids=[one.path for one in QUESTIONS])
def test_every_question_is_answered_as_json_and_as_a_table(filled: Any, question: Any) -> None:
    """Without anybody's address in it."""
    query = {
        "by": {"dimension": "source"},
        "compare": {"before_since": "14d", "before_until": "7d", "after_since": "7d", "after_until": "0d"},
    }.get(question.path, {})
    told = asked(filled, f"/v1/analytics/{question.path}", **query).json()
    table = asked(filled, f"/v1/analytics/{question.path}", format="csv", **query)

    assert told
    assert table.headers["content-type"].startswith("text/csv")
    assert len(table.text.splitlines()) > 1


def test_what_cannot_be_asked_is_told(filled: Any) -> None:
    """With what is wrong with it."""
    for query, status in (
        ({"since": "soon"}, 422), ({"since": "1850-01-01"}, 422), ({"since": "2020-01-01"}, 400), ({"tz": "No/Where"}, 400),
        ({"since": "1d", "until": "2d"}, 400), ({"since": "99999d"}, 422),
    ):  # fmt: skip
        assert filled.get("/v1/analytics/summary", params=query).status_code == status, query
    assert filled.get("/v1/analytics/by", params={"dimension": "$where"}).status_code == 422
    assert filled.get("/v1/analytics/by", params={"dimension": "tag"}).status_code == 400


def test_reports_tell_why_and_show_the_latest(filled: Any) -> None:
    """Of bounces and of complaints."""
    bounces = asked(filled, "/v1/reports/bounces", since="1d").json()
    complaints = asked(filled, "/v1/reports/complaints", since="1d").json()

    assert [one["message_id"] for one in bounces["latest"]] == ["n"]
    assert "user_unknown" in str(bounces["reasons"])
    assert (complaints["latest"], complaints["reasons"]) == ([], None)


def test_alarms_are_told_acknowledged_and_silenced(api: Any) -> None:
    """By whom, for the audit."""
    api.store.monitor.evaluate()
    alarm = asked(api, "/v1/alarms").json()["alarms"][0]["id"]
    known = api.post("/v1/alarms/acknowledge", {"alarm": alarm, "why": "on it"}, "admin")
    silent = {"alarm": alarm, "why": "moving", "until": "2100-01-01T00:00:00Z"}

    assert known.json()["acknowledged"]["by"] == "admin"
    assert api.post("/v1/alarms/silence", silent, "admin").status_code == 200
    assert api.post("/v1/alarms/acknowledge", {"alarm": "nothing", "why": "x"}, "admin").status_code == 404
    assert {"acknowledged", "silenced"} <= {one["what"] for one in asked(api, "/v1/alarms/history").json()["entries"]}
    assert asked(api, "/v1/alarms/budget").json()["budgets"]
    assert ("alarm acknowledged", alarm, "admin") in [
        (one.act, one.subject, one.by) for one in api.store.audit.latest()
    ]


def test_health_and_figures_are_told(api: Any) -> None:
    """For people, and for Prometheus."""
    pytest.importorskip("prometheus_client")

    assert asked(api, "/v1/health").json()["status"] in ("ok", "degraded")
    assert "sesevent_health{" in asked(api, "/metrics").text


def test_what_the_webhook_received_is_counted(serve_api: Callable[..., Any]) -> None:
    """From the first event on, whether or not anybody asked before."""
    pytest.importorskip("prometheus_client")
    signer = Signer()
    at_signing = Verifier(topics=TOPIC, certificates=signer.certificates, clock=lambda: SENT)
    api = serve_api(webhook={"verifier": at_signing})
    body, headers = signer.notification(mail()), {"x-amz-sns-message-type": "Notification"}
    for _ in range(2):
        assert api.http.post("/ses", content=body, headers=headers).status_code == 200
    told = asked(api, "/metrics").text

    assert 'sesevent_events_total{outcome="fresh",type="Bounce"} 1.0' in told
    assert 'sesevent_events_total{outcome="duplicate",type="Bounce"} 1.0' in told
