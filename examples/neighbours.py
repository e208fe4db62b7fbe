"""Five neighbours of the event log, kept up to date: a notification and its record, a user, a template, an event.

Run it: ``python examples/neighbours.py``. It starts a MongoDB of its own; set SESEVENT_MONGODB_URI for another.
Change `declared` to the names of your own collections and fields, and have ``sesevent project`` run it.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from sesevent import EventStore, local, testing, trusted
from sesevent.contrib.projections import (
    Deliverability,
    Keep,
    MessageStatus,
    Projections,
    Projector,
    Raise,
    TemplateFigures,
    by_address,
    by_message_id,
    by_tag,
    last,
)


def declared(app: Database[Any]) -> Projections:
    """What follows from events, and where it is kept: below `ses` in the application's own documents."""
    return Projections(
        "neighbours",
        # The delivery of one mail to one person, found by the id that SES gave the mail.
        MessageStatus(app["notificationrecords"], by_message_id("messageId", address="email")),
        # The notification it was sent for, found by a message tag that was set when it was sent.
        MessageStatus(app["notifications"], by_tag("notification", convert=ObjectId), name="notification"),
        # May this user be mailed? And when did they last do something with a mail?
        Deliverability(app["authusers"]),
        Keep(app["authusers"], by_address(), {"lastEngagedAt": last()}, types=("Open", "Click"), name="engagement"),
        # What became of the mails of each template.
        TemplateFigures(app["notificationmsgs"], template="template", field="code"),
        # An event of the application's own, for whoever acts on it.
        Raise(app["sendevents"], types=("Bounce", "Complaint")),
    )


def main() -> None:
    given = os.environ.get("SESEVENT_MONGODB_URI")
    with nullcontext(given) if given else local.server() as uri, EventStore.connect(uri, database="mail") as store:
        app = store.client["shop"]
        try:
            store.ensure_indexes()
            notification = send_two_mails(app)
            receive(store, notification)
            projector = Projector(store, declared(app))
            print(f"a dry run finds {len(projector.replay(dry=True).changes)} fields to change")
            report = projector.replay()
            for name, counts in report.projections.items():
                print(f"{name}: {counts.changed} documents changed, {counts.made} made, {counts.missing} missing")
            again = projector.replay()
            print(f"once more: {sum(counts.changed for counts in again.projections.values())} changed")
            tell(app)
        finally:
            for name in ("mail", "shop"):
                store.client.drop_database(name)


def send_two_mails(app: Database[Any]) -> ObjectId:
    """What the application writes itself, around a send."""
    notification = app["notifications"].insert_one({"title": "Your order"}).inserted_id
    app["notificationmsgs"].insert_one({"code": "order-shipped", "body": "Dear {{name}}, …"})
    for name in ("ann", "ben"):
        app["authusers"].insert_one({"email": f"{name}@example.com"})
        app["notificationrecords"].insert_one({"messageId": f"mail-to-{name}", "email": f"{name}@example.com"})
    return notification


def receive(store: EventStore, notification: ObjectId) -> None:
    """What SES reports of them, in no particular order."""
    tags = {"template": ["order-shipped"], "notification": [str(notification)]}
    ann: dict[str, Any] = {"to": "ann@example.com", "message_id": "mail-to-ann", "tags": tags}
    ben: dict[str, Any] = {"to": "ben@example.com", "message_id": "mail-to-ben", "tags": tags}
    events = [
        testing.opened(**ann), testing.bounce(**ben), testing.delivery(**ann), testing.send(**ben), testing.send(**ann),
    ]  # fmt: skip
    store.receive_many(trusted(event, because="it was made here") for event in events)


def tell(app: Database[Any]) -> None:
    for record in app["notificationrecords"].find():
        print(f"{record['email']}: {record['ses']['status']['is']}")
    for user in app["authusers"].find({"ses.deliverability.deliverable": False}):
        print(f"do not mail {user['email']}: {user['ses']['deliverability']['reason']}")
    for template in app["notificationmsgs"].find():
        figures = template["ses"]["figures"]
        print(
            f"{template['code']}: {figures['sends']} sent, {figures['deliveries']} delivered, {figures['opens']} opened"
        )
    for event in app["sendevents"].find():
        print(f"raised: {event['event']}")


if __name__ == "__main__":
    main()
