"""Capture every Amazon SES event in MongoDB exactly once, and know whom you may still mail, and why.

This is the front door. Names are loaded when they are first used, so that ``import sesevent``
and parsing load neither pymongo nor mongoengine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sesevent.version import __version__ as __version__

if TYPE_CHECKING:
    from sesevent.aio import AsyncEventStore as AsyncEventStore
    from sesevent.analytics.status import MessageStatus as MessageStatus
    from sesevent.analytics.status import RecipientStatus as RecipientStatus
    from sesevent.audit import AuditEntry as AuditEntry
    from sesevent.bounces.classification import Classification as Classification
    from sesevent.bounces.decide import classify as classify
    from sesevent.bounces.of_event import classify_event as classify_event
    from sesevent.cache import AsyncCachedChecks as AsyncCachedChecks
    from sesevent.cache import CachedChecks as CachedChecks
    from sesevent.errors import ArchiveError as ArchiveError
    from sesevent.errors import AwsError as AwsError
    from sesevent.errors import AwsUnavailable as AwsUnavailable
    from sesevent.errors import ConfigurationError as ConfigurationError
    from sesevent.errors import Held as Held
    from sesevent.errors import MissingExtra as MissingExtra
    from sesevent.errors import PayloadError as PayloadError
    from sesevent.errors import PositionLost as PositionLost
    from sesevent.errors import Problem as Problem
    from sesevent.errors import SesEventError as SesEventError
    from sesevent.errors import StoreConflict as StoreConflict
    from sesevent.errors import StoreError as StoreError
    from sesevent.errors import StoreUnavailable as StoreUnavailable
    from sesevent.errors import Suppressed as Suppressed
    from sesevent.errors import UntrustedMessage as UntrustedMessage
    from sesevent.errors import VerifierUnavailable as VerifierUnavailable
    from sesevent.events.bounce import Bounce as Bounce
    from sesevent.events.click import Click as Click
    from sesevent.events.complaint import Complaint as Complaint
    from sesevent.events.delivery import Delivery as Delivery
    from sesevent.events.delivery_delay import DeliveryDelay as DeliveryDelay
    from sesevent.events.event import Event as Event
    from sesevent.events.event import Recipient as Recipient
    from sesevent.events.open import Open as Open
    from sesevent.events.received import Received as Received
    from sesevent.events.reject import Reject as Reject
    from sesevent.events.rendering_failure import RenderingFailure as RenderingFailure
    from sesevent.events.send import Send as Send
    from sesevent.events.subscription import Subscription as Subscription
    from sesevent.events.unknown import UnknownEvent as UnknownEvent
    from sesevent.faces.histories import AsyncRecipientHistory as AsyncRecipientHistory
    from sesevent.faces.histories import RecipientHistory as RecipientHistory
    from sesevent.faces.watch import AsyncWatch as AsyncWatch
    from sesevent.faces.watch import Watch as Watch
    from sesevent.guard import AsyncGuard as AsyncGuard
    from sesevent.guard import Guard as Guard
    from sesevent.hooks import HookFailure as HookFailure
    from sesevent.plans.parse import parse as parse
    from sesevent.plans.receive import Outcome as Outcome
    from sesevent.plans.receive import Receipt as Receipt
    from sesevent.plans.receive import Summary as Summary
    from sesevent.privacy.policy import PrivacyPolicy as PrivacyPolicy
    from sesevent.privacy.protection import Protection as Protection
    from sesevent.sns.message import UnverifiedMessage as UnverifiedMessage
    from sesevent.sns.trust import VerifiedMessage as VerifiedMessage
    from sesevent.sns.trust import trusted as trusted
    from sesevent.sns.trust import trusted_each as trusted_each
    from sesevent.sns.unwrap import unwrap as unwrap
    from sesevent.storage.codec import StoredEvent as StoredEvent
    from sesevent.storage.documents import SesEvent as SesEvent
    from sesevent.storage.records import DeadLetter as DeadLetter
    from sesevent.suppression.decision import Decision as Decision
    from sesevent.suppression.policy import Policy as Policy
    from sesevent.suppression.standing import Standing as Standing
    from sesevent.sync import EventStore as EventStore
    from sesevent.verifier import Certificates as Certificates
    from sesevent.verifier import Verifier as Verifier
    from sesevent.verifier import verify as verify
    from sesevent.vitals import Check as Check
    from sesevent.vitals import Health as Health
    from sesevent.vitals import Limits as Limits

_HOMES = {
    "aio": "AsyncEventStore",
    "analytics.status": "MessageStatus RecipientStatus",
    "bounces.classification": "Classification",
    "bounces.decide": "classify",
    "bounces.of_event": "classify_event",
    "cache": "AsyncCachedChecks CachedChecks",
    "errors": "ArchiveError AwsError AwsUnavailable ConfigurationError Held MissingExtra PayloadError PositionLost "
    "Problem SesEventError StoreConflict StoreError StoreUnavailable Suppressed UntrustedMessage VerifierUnavailable",
    "events.bounce": "Bounce",
    "events.click": "Click",
    "events.complaint": "Complaint",
    "events.delivery": "Delivery",
    "events.delivery_delay": "DeliveryDelay",
    "events.event": "Event Recipient",
    "events.open": "Open",
    "events.received": "Received",
    "events.reject": "Reject",
    "events.rendering_failure": "RenderingFailure",
    "events.send": "Send",
    "events.subscription": "Subscription",
    "events.unknown": "UnknownEvent",
    "faces.histories": "AsyncRecipientHistory RecipientHistory",
    "faces.watch": "AsyncWatch Watch",
    "guard": "AsyncGuard Guard",
    "hooks": "HookFailure",
    "plans.parse": "parse",
    "plans.receive": "Outcome Receipt Summary",
    "privacy.policy": "PrivacyPolicy",
    "privacy.protection": "Protection",
    "sns.message": "UnverifiedMessage",
    "sns.trust": "VerifiedMessage trusted trusted_each",
    "sns.unwrap": "unwrap",
    "storage.codec": "StoredEvent",
    "storage.records": "AuditEntry DeadLetter",
    "storage.documents": "SesEvent",
    "suppression.decision": "Decision",
    "suppression.policy": "Policy",
    "suppression.standing": "Standing",
    "sync": "EventStore",
    "verifier": "Certificates Verifier verify",
    "vitals": "Check Health Limits",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]  # a test compares it with the imports above


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOME_OF]
