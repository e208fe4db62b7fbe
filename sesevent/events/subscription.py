"""A recipient changed what they want to receive, through SES's subscription management.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-subscription-object
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from sesevent.events.event import Event
from sesevent.events.part import Moment, Part, read_part

__all__ = ["Subscription", "SubscriptionObject", "TopicPreferences", "TopicSubscription"]


class TopicSubscription(Part):
    """One topic of a contact list."""

    topic_name: str | None = None
    subscription_status: str | None = None
    """``OptIn`` or ``OptOut``."""


class TopicPreferences(Part):
    """What a recipient wants."""

    unsubscribe_all: bool | None = None
    topic_subscription_status: list[TopicSubscription] | None = None
    topic_default_subscription_status: list[TopicSubscription] | None = None


class SubscriptionObject(Part):
    """The ``subscription`` object of a payload."""

    contact_list: str | None = None
    timestamp: Moment | None = None
    source: str | None = None
    """How it was changed: an address, ``UnsubscribeHeader``, or free text."""
    new_topic_preferences: TopicPreferences | None = None
    old_topic_preferences: TopicPreferences | None = None


class Subscription(Event):
    """A change of preferences. SES does not say whose: of several recipients each is only a candidate."""

    body: ClassVar[str | None] = "subscription"
    one_of: ClassVar[bool] = True

    @cached_property
    def subscription(self) -> SubscriptionObject:
        """The ``subscription`` object, typed."""
        return read_part(SubscriptionObject, self.raw.get("subscription"))
