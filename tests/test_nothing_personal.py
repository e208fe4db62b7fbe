"""Nothing personal in logs, metrics, errors and reprs: every error path is walked with known addresses and subjects.

What other tests log and raise is looked at too: see `pytest_runtest_call` in conftest.py.
"""

from __future__ import annotations

import ast
import copy
import json
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nothing_personal import SUBJECTS, listened, personal_in

from payloads import genuine
from sesevent import ConfigurationError, Event, PayloadError, SesEventError, parse, testing, unwrap
from sesevent.suppression.facts import Act

WHO, SUBJECT = "zoe.example-person@people.example", SUBJECTS[0]
PACKAGE = Path(__file__).parents[1] / "sesevent"

KINDS = [
    testing.payloads.send, testing.payloads.delivery, testing.payloads.bounce, testing.payloads.complaint,
    testing.payloads.opened, testing.payloads.click, testing.payloads.reject, testing.payloads.rendering_failure,
    testing.payloads.delivery_delay, testing.payloads.subscription, testing.payloads.received,
]  # fmt: skip


_IDS = (("messageId",), ("eventType",), ("notificationType",))
"""What an event is called by: SES makes the one and names the other, and neither is a person."""


def clean(*texts: object) -> None:
    """None of these tells of a person."""
    for text in texts:
        assert personal_in(str(text)) is None


def whole(error: BaseException) -> str:
    """All that a traceback would show, with the errors behind it."""
    return "".join(traceback.format_exception(error))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a payload."""
    yield path
    for key, member in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(member, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@pytest.mark.says_personal("so that it is heard")
def test_the_listener_hears_what_is_said() -> None:
    """In log lines, in what goes with them, and in errors that somebody catches; a mask is nobody."""
    with listened() as said:
        logging.getLogger("sesevent.x").debug("to %s", WHO)
        try:
            raise ConfigurationError(f"{SUBJECT} to {WHO}")
        except ConfigurationError:
            logging.getLogger("sesevent.y").exception("failed")

    assert [personal_in(text) is not None for _, text in said] == [True, True, True]
    clean("j…@example.com", "mongodb://user:***@db.example.com/cache", "meet @ noon", "x@[0]")


@pytest.mark.parametrize("builder", KINDS, ids=lambda builder: builder.__name__)
def test_a_payload_that_is_wrong_anywhere_is_refused_without_being_quoted(builder: Any) -> None:
    """Each place in it is once an address, once a list of such, once something else, once gone."""
    good = builder(to=[WHO, "x@people.example"], subject=SUBJECT)
    for path in places(good):
        for wrong in (WHO, [WHO], {WHO: [WHO]}, 10**30, None, f"{SUBJECT}\ud800"):
            if path[-1:] in _IDS and isinstance(wrong, str):
                continue
            text = json.dumps(put(good, path, wrong))
            try:
                found = parse(text)
            except PayloadError as error:
                clean(whole(error))
                continue
            clean(repr(found), *map(str, found.problems))


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"to": "{WHO}"', f"{WHO}", f'["{WHO}", 1e999]', f'{{"Type": "{WHO}"}}', f'{{"Message": "{WHO}", "Type": "Notification"}}',
        f'{{"eventType": "{WHO}"}}', f'{{"Records": ["{WHO}"]}}', f'{{"eventType": ["{WHO}"], "mail": "{WHO}"}}',
        "[" * 100_000 + WHO, f'{{"a": "{WHO}\x00"}}',
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_not_quoted(raw: str) -> None:
    """Whatever it was that arrived."""
    for reader in (parse, unwrap):
        try:
            found = reader(raw)
        except SesEventError as error:
            clean(whole(error))
        else:
            clean(repr(found))


def test_reprs_say_nothing_of_people(store: Any) -> None:
    """Of events, rows, receipts, standings, decisions, histories, mails, dead letters, reports: of all that is handed out."""
    events = [builder(to=WHO, subject=SUBJECT) for builder in KINDS]
    parsed = [parse(json.dumps(event))[0] for event in events]
    message = genuine(json.dumps(events[2]))
    receipt = store.receive(message)
    summary = store.receive_many([genuine(json.dumps(event)) for event in [*events, WHO, {"eventType": [WHO]}]])
    acted = store.suppression.suppress(WHO, by="support", note="asked")
    letters = list(store.recipient(WHO))
    mail = parsed[0].message_id
    held = store.keeping.hold("address", WHO, by="legal", why="a dispute")

    clean(*map(repr, parsed), *[repr(event.recipients) for event in parsed], *[repr(event.mail) for event in parsed])
    clean(
        repr(message),
        repr(message.messages),
        repr(receipt),
        repr(receipt.events),
        repr(receipt.standings),
        repr(summary),
    )
    clean(*map(repr, store.events.find()), repr(store.events.timeline(mail)), repr(store.events.for_recipient(WHO)))
    clean(repr(acted), repr(store.suppression.check(WHO)), repr(store.suppression.history(WHO)))
    clean(repr(list(store.suppression.list())), repr(list(store.suppression.simulate(store._policy))))
    clean(repr(letters), repr(store.recipient(WHO)), repr(store.status(mail)), repr(store.status(mail).recipients))
    clean(repr(store.dead_letters.list()), repr(store.audit.latest()), repr(store.examine()), repr(store.health()))
    clean(repr(held), repr(store.keeping.holds()))


def test_errors_of_a_store_say_nothing_of_people(store: Any, database: str, mongo_client: Any) -> None:
    """What a call refuses, what MongoDB refuses, and what a handler raises."""
    event = genuine(json.dumps(testing.payloads.bounce(to=WHO, subject=SUBJECT)))
    two = f"{WHO}, x@people.example"
    calls = [
        lambda: store.suppression.suppress(two, by="support"),
        lambda: store.suppression.reactivate(two, by="support", why="x"),
        lambda: store.suppression.record([(WHO, Act(None, "", "suppress"))]),  # type: ignore[arg-type]
        lambda: store.receive(json.dumps({"to": WHO})),
        lambda: store.recipient(WHO, limit=-1),
        lambda: store.keeping.hold("phone", WHO, by="x", why="y"),
        lambda: store.status(WHO).of(WHO) or store.dead_letters.retry(WHO),
    ]
    for call in calls:
        try:
            call()
        except (SesEventError, AttributeError, TypeError) as error:
            clean(*[whole(error)] if isinstance(error, SesEventError) else ())
    store.on(Event, lambda event: 1 / 0 if event else None)
    with listened() as said:
        store.receive(event)
    assert said
    clean(*[text for _, text in said])


def test_a_refusal_of_mongodb_is_told_without_the_document(store: Any, mongo_client: Any, database: str) -> None:
    """Its own message quotes what it refused."""
    mongo_client[database].command(
        "collMod", "ses_event", validator={"$jsonSchema": {"required": ["nothing"]}}, validationAction="error"
    )
    event = genuine(json.dumps(testing.payloads.bounce(to=WHO, subject=SUBJECT)))

    with pytest.raises(SesEventError) as refusal:
        store.receive(event)

    clean(whole(refusal.value))


def test_metrics_say_nothing_of_people(store: Any) -> None:
    """Neither names nor values of labels."""
    prometheus = pytest.importorskip("prometheus_client")
    from sesevent.contrib.measurements import Received
    from sesevent.contrib.prometheus import export

    registry, received = prometheus.CollectorRegistry(), Received()
    export(received, registry=registry)
    events = [builder(to=WHO, subject=SUBJECT) for builder in KINDS]
    received.counting(store).receive_many([genuine(json.dumps(event)) for event in [*events, {"eventType": [WHO]}]])

    assert "sesevent" in prometheus.generate_latest(registry).decode()
    clean(prometheus.generate_latest(registry).decode())


# ── the source ────────────────────────────────────────────────────────────────────────────────────────────────────────

PERSONAL = {
    "address", "addresses", "normal", "normals", "recipient", "recipients", "subject", "person", "people", "payload",
    "document", "documents", "event", "message", "raw", "body", "secret", "token", "email",
}  # fmt: skip
"""What names in this code stand for somebody, or for what may hold somebody."""
HARMLESS = {
    "cli/": "a person's own screen",
    "testing/": "made up",
    "web/dashboard/": "pages, which the veil is over",
}
"""Where such a name may be said, and why."""
ALLOWED: dict[str, str] = {}
"""``file: what is said`` → why it is harmless."""


def _said(tree: ast.AST) -> Iterator[tuple[ast.AST, list[ast.expr]]]:
    """What is raised or logged, with all that is put into its text."""
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node if _is_logging(node) else None
        if isinstance(call, ast.Call):
            told: list[ast.expr] = [part.value for arg in [*call.args, *[one.value for one in call.keywords]]
                                    for part in ast.walk(arg) if isinstance(part, ast.FormattedValue)]  # fmt: skip
            yield node, told + ([] if isinstance(node, ast.Raise) else list(call.args))


def _is_logging(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "_log"
    )


def test_no_line_of_the_source_raises_or_logs_what_may_be_a_person() -> None:
    """By the names of what it puts into the text: a person is a count there, a kind, a type, or nobody."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(tuple(HARMLESS)):
            continue
        for node, told in _said(ast.parse(path.read_text(encoding="utf-8"))):
            found += [f"{name}:{node.lineno} {ast.unparse(one)}" for one in told  # type: ignore[attr-defined]
                      if isinstance(one, ast.Name) and one.id in PERSONAL]  # fmt: skip

    assert [one for one in found if one not in ALLOWED] == []
