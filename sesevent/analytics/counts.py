"""What is counted. The table is this module; everything else adds up what it names.

The unit is **one mail to one person**: a Delivery that names three people counts three. Opens, clicks, and what else
concerns a mail as a whole count once an event. Mail to Amazon's simulator is counted like any other, and apart from it:
under the provider `simulator`, which answers leave out. Next: :mod:`sesevent.analytics.measures`, which divides them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["BOUNCES", "COUNTERS", "Counter", "counter_of"]


class Counter(NamedTuple):
    """One thing that is counted."""

    name: str
    words: str
    """What it counts."""
    of_a_mail: bool
    """True where one event counts once, however many recipients the mail has."""


COUNTERS: Final = tuple(
    Counter(name, words, any(of_a_mail))
    for name, words, *of_a_mail in (
        ("sends", "mails that SES accepted, each for each of its recipients"),
        ("deliveries", "mails that the recipient's server accepted"),
        ("hard_bounces", "bounces after which the address will not work again"),
        ("soft_bounces", "bounces that may not repeat"),
        ("block_bounces", "bounces that refuse the mail or the sender, and not the address"),
        ("suppressed_bounces", "mails that SES did not send because of a suppression list of its own"),
        ("auto_replies", "«bounces» that are answers: the mail arrived"),
        ("undetermined_bounces", "bounces whose words do not say why"),
        ("account_suppressed", "bounces and complaints of the account's own suppression list, not counted by AWS"),
        ("permanent_bounces", "bounces that SES calls Permanent, but those of the account's own list"),
        ("complaints", "reports as spam", True),
        ("complaints_not_spam", "reports that a mail is no spam", True),
        ("rejects", "mails SES refused to send, for a virus"),
        ("rendering_failures", "mails SES could not make of their template"),
        ("delays", "times that a server asked SES to come back later"),
        ("opens", "opens by people, as far as is known", True),
        ("machine_opens", "opens by proxies and scanners", True),
        ("clicks", "clicks by people, as far as is known", True),
        ("machine_clicks", "clicks by scanners", True),
        ("unsubscribes", "people who went off a topic, or off all", True),
        ("others", "events of any other kind", True),
    )
)  # fmt: skip

BOUNCES: Final = {
    "hard": "hard_bounces",
    "soft": "soft_bounces",
    "block": "block_bounces",
    "suppressed": "suppressed_bounces",
    "auto_reply": "auto_replies",
    "undetermined": "undetermined_bounces",
}
"""Class of a bounce → what it counts as."""

_BY_TYPE: Final = {
    "Send": "sends",
    "Delivery": "deliveries",
    "Reject": "rejects",
    "Rendering Failure": "rendering_failures",
    "DeliveryDelay": "delays",
}
_ENGAGEMENT: Final = {"Open": ("opens", "machine_opens"), "Click": ("clicks", "machine_clicks")}


def counter_of(kind: str, bounce_class: str | None, complaint: str | None, *, machine: bool, left: bool) -> str:
    """What an event counts as, but for a Complaint from a suppression list.

    *complaint* is its feedback type, *left* says that a Subscription takes somebody off a topic.
    """
    if kind == "Bounce":
        return BOUNCES.get(bounce_class or "", "undetermined_bounces")
    if kind == "Complaint":
        return "complaints_not_spam" if complaint == "not-spam" else "complaints"
    if kind in _ENGAGEMENT:
        return _ENGAGEMENT[kind][machine]
    if kind == "Subscription" and left:
        return "unsubscribes"
    return _BY_TYPE.get(kind, "others")
