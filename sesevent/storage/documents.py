"""`SesEvent`, the mongoengine document: the five strings of the Mongoose schema, and what was added.

Fields, indexes and questions only; the mapping from and to events is in
:mod:`sesevent.storage.codec`. Fields that others add, such as Mongoose's ``__v``, are kept.

A Mongoose application whose model is called ``ses_event`` may really use the collection
``ses_events``, because Mongoose pluralises: `SesEvent.bind` names another collection or alias.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from mongoengine import DictField, DynamicDocument, QuerySet, StringField

from sesevent.arguments import at_least_one, given
from sesevent.storage import reads
from sesevent.storage.codec import document_fields, stored_event
from sesevent.storage.layout import ALIAS, EVENTS

if TYPE_CHECKING:
    from sesevent.events.event import Event
    from sesevent.privacy.protection import Protection
    from sesevent.privacy.pseudonyms import Pseudonyms

__all__ = ["SesEvent", "SesEventQuerySet"]


class SesEventQuerySet(QuerySet):  # type: ignore[misc]  # mongoengine has no types
    """The questions people ask of events, to be chained: ``SesEvent.objects.bounces().for_recipient(address)``.

    They build the same filters as the repository of the store.
    """

    def by_message_id(self, message_id: str) -> SesEventQuerySet:
        """Events of one mail, by SES's message id."""
        return self._raw(reads.of_message(message_id))

    def of_type(self, *types: str) -> SesEventQuerySet:
        """Events of these types, in SES's words, however spelled, such as ``Bounce`` and ``Rendering Failure``."""
        return self._raw(reads.of_types(at_least_one(types, "types")))

    def between(self, since: datetime | None = None, until: datetime | None = None) -> SesEventQuerySet:
        """Events that happened at or after *since* and before *until*."""
        return self._raw(reads.in_time(since, until))

    def for_recipient(self, address: str) -> SesEventQuerySet:
        """Events that concern this person, however the address is spelled.

        Those stored under a pseudonym are found by the keys that `SesEvent.bind` was told. What is encrypted is found,
        and read, by ``store.events`` only.
        """
        pseudonyms: Pseudonyms | None = self._document._meta.get("pseudonyms")
        whom = given(address, "address")
        return self._raw(reads.of_recipient(whom if pseudonyms is None else pseudonyms.forms(whom)))

    def with_tag(self, name: str, value: str | None = None) -> SesEventQuerySet:
        """Events of mails sent with this message tag, or with this value of it."""
        return self._raw(reads.with_tag(name, value))

    def configuration_set(self, name: str) -> SesEventQuerySet:
        """Events of mails sent with this configuration set."""
        return self._raw(reads.in_configuration_set(name))

    def from_source(self, address: str) -> SesEventQuerySet:
        """Events of mails this address sent."""
        return self._raw(reads.from_source(address))

    def sends(self) -> SesEventQuerySet:
        """Mails SES accepted."""
        return self.of_type("Send")

    def deliveries(self) -> SesEventQuerySet:
        """Mails a receiving server took."""
        return self.of_type("Delivery")

    def bounces(self, bounce_type: str | None = None) -> SesEventQuerySet:
        """Bounces, or those of one ``bounceType``: ``Permanent``, ``Transient``, ``Undetermined``."""
        found = self.of_type("Bounce")
        return found if bounce_type is None else found._raw({"derived.bounce.type": bounce_type})

    def by_reason(self, *reasons: str) -> SesEventQuerySet:
        """Bounces for these reasons, in the words of `sesevent.bounces`, such as ``mailbox_full``."""
        return self._raw(reads.of_reasons(at_least_one(reasons, "reasons")))

    def complaints(self) -> SesEventQuerySet:
        """Complaints, ``not-spam`` among them."""
        return self.of_type("Complaint")

    def opens(self) -> SesEventQuerySet:
        """Fetched tracking images."""
        return self.of_type("Open")

    def clicks(self) -> SesEventQuerySet:
        """Followed links."""
        return self.of_type("Click")

    def oldest_first(self) -> SesEventQuerySet:
        """By event time."""
        return self.order_by("Timestamp", "id")  # type: ignore[no-any-return]

    def newest_first(self) -> SesEventQuerySet:
        """By event time, the latest first."""
        return self.order_by("-Timestamp", "-id")  # type: ignore[no-any-return]

    def _raw(self, query: dict[str, Any]) -> SesEventQuerySet:
        return self.filter(__raw__=query)  # type: ignore[no-any-return]


class SesEvent(DynamicDocument):  # type: ignore[misc]  # mongoengine has no types
    """One stored event. ``event.parsed`` is the typed one; both shapes of older rows are read too."""

    Type = StringField()
    """SES's own word for what happened."""
    MessageId = StringField()
    """SES's id of the mail."""
    Subject = StringField()
    """The mail's subject, where SES sent it."""
    Message = StringField()
    """The SES event as JSON text, exactly as received."""
    Timestamp = StringField()
    """When it happened: UTC, ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    derived = DictField(default=None)
    """What queries need, all of it computed from ``Message`` (:mod:`sesevent.storage.codec`)."""
    received = DictField(default=None)
    """What ``Message`` cannot tell: when and how it arrived."""

    meta: ClassVar[dict[str, Any]] = {
        "collection": EVENTS,
        "db_alias": ALIAS,
        "queryset_class": SesEventQuerySet,
        # A write-heavy log makes its indexes when it is told to: see `ensure_indexes` of the store.
        "auto_create_index": False,
    }

    @property
    def parsed(self) -> Event:
        """The typed event. Of an older row whose ``Message`` is no SES event, one made from the columns."""
        return stored_event(self.to_mongo().to_dict()).event

    @classmethod
    def bind(
        cls, *, collection: str | None = None, alias: str | None = None, privacy: Protection | None = None
    ) -> None:
        """Use another collection or mongoengine connection alias from now on, for the whole process.

        *privacy* is what the store was given: by its keys `SesEventQuerySet.for_recipient` finds pseudonyms.
        """
        meta: dict[str, Any] = cls._meta  # pyright: ignore[reportAttributeAccessIssue]  # its metaclass makes it
        if collection is not None:
            meta["collection"] = collection
        if alias is not None:
            meta["db_alias"] = alias
        if privacy is not None:
            meta["pseudonyms"] = privacy.pseudonyms
        cls._collection = None  # mongoengine keeps the one it found first

    @classmethod
    def from_event(cls, event: Event) -> SesEvent:
        """A document for *event* under its key, not yet saved. Saving it twice keeps one row."""
        fields = document_fields(event)
        return cls(pk=fields.pop("_id"), **fields)

    def __repr__(self) -> str:
        return f"<SesEvent {self.Type} {self.MessageId} at {self.Timestamp}>"

    __str__ = __repr__
