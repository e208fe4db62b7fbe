"""How an account's SES and SNS are set up, for ``sesevent doctor --aws``, and whether they answer (extra ``aws``).

It only reads. What is to be objected to is told by :mod:`sesevent.plans.aws_setup`. A call that is not allowed costs
what it would have told, and is named; `POLICY` allows all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, TypeVar

from sesevent.errors import AwsError, ConfigurationError, MissingExtra
from sesevent.plans.aws_setup import KINDS, ConfigurationSet, Destination, Identity, SetUp, Topic, judge
from sesevent.plans.doctor import Finding
from sesevent.vitals import Check

try:
    import boto3
    from botocore.config import Config

    from sesevent.contrib.aws_errors import RAISED, error_code, translated
except ImportError:
    raise MissingExtra("Looking at the set-up at AWS", "aws") from None

__all__ = ["POLICY", "AwsSetUp", "Judged"]

T = TypeVar("T")
Judged = list[Finding]

MOST: Final = 500  # sets, and identities: each costs calls of which SES takes one or a few a second

POLICY: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "SesEventDoctor",
            "Effect": "Allow",
            "Action": [
                "ses:GetAccount",
                "ses:GetConfigurationSet",
                "ses:GetConfigurationSetEventDestinations",
                "ses:GetEmailIdentity",
                "ses:GetIdentityNotificationAttributes",
                "ses:GetSendStatistics",
                "ses:ListConfigurationSets",
                "ses:ListEmailIdentities",
                "sns:ListSubscriptionsByTopic",
            ],
            "Resource": "*",
        }
    ],
}
"""The least that ``sesevent doctor --aws`` needs, as an IAM policy."""

_CARRIERS: Final = ("SnsDestination", "EventBridgeDestination", "KinesisFirehoseDestination")
_QUICK: Final = {"connect_timeout": 3, "read_timeout": 5, "retries": {"total_max_attempts": 1}}
_PATIENT: Final = {"connect_timeout": 5, "read_timeout": 20, "retries": {"mode": "standard", "total_max_attempts": 8}}


class AwsSetUp:
    """SES and SNS of one account and region, as boto3 is configured for.

    *session* is a ``boto3.Session``; *client_options* (``region_name``, ``endpoint_url``, …) go to its clients.
    """

    def __init__(self, session: Any = None, **client_options: Any) -> None:
        self._session, self._options = session or boto3.Session(), client_options

    @classmethod
    def of_profile(cls, profile: str | None, **client_options: Any) -> AwsSetUp:
        """That of a profile of AWS's configuration; None: the usual one. Raises ConfigurationError without it."""
        try:
            return cls(boto3.Session(profile_name=profile), **client_options)
        except RAISED as error:
            raise _translated(error, "reading the profile") from None

    def examine(self) -> Judged:
        """Read everything, and say what there is to object to.

        Raises AwsUnavailable where AWS cannot be reached, and ConfigurationError without credentials or a region.
        """
        return judge(self.read())

    def read(self) -> SetUp:
        """Read everything there is permission for; at most five hundred configuration sets and identities."""
        ses, v1, sns = [self._client(name, _PATIENT) for name in ("sesv2", "ses", "sns")]
        setup = SetUp(ses.meta.region_name)
        asked = partial(_allowed, setup)
        setup.account = asked(lambda: _call(ses, "get_account"))
        setup.statistics = asked(lambda: _call(v1, "get_send_statistics").get("SendDataPoints", []))
        sets = partial(_pages, ses, "list_configuration_sets", "ConfigurationSets", PageSize=1000)
        for name in self._some(setup, "configuration sets", asked(lambda: list(sets()))):
            setup.sets[name] = ConfigurationSet(
                asked(partial(_destinations, ses, name)) or (), **(asked(partial(_options, ses, name)) or {})
            )
        identities = partial(_pages, ses, "list_email_identities", "EmailIdentities", PageSize=1000)
        names = asked(lambda: [one["IdentityName"] for one in identities()])
        names = self._some(setup, "identities", names)
        topics = asked(partial(_notifications, v1, names)) or {}
        for name in names:
            default = asked(partial(_default_set, ses, name))
            setup.identities[name] = Identity(default, topics.get(name, {}))
        for arn in sorted(_topics_of(setup)):
            setup.topics[arn] = asked(partial(_topic, sns, arn))
        return setup

    def health(self) -> list[Check]:
        """Whether SES and SNS answer, for `EventStore.health`; each waits for a few seconds at most."""
        return [
            self._reach("ses", "sesv2", "get_account", {}),
            self._reach("sns", "sns", "list_topics", {}),
        ]

    def _reach(self, name: str, service: str, operation: str, request: dict[str, Any]) -> Check:
        try:
            client = self._client(service, _QUICK)
            getattr(client, operation)(**request)
        except ConfigurationError as error:  # no credentials: it is not known whether AWS is there
            return Check(name, "unknown", str(error))
        except RAISED as error:
            if error_code(error) and not _passing(error):
                return Check(name, "ok", f"answers (and refuses {operation})")
            return Check(name, "degraded", str(_translated(error, operation)), "Events that wait at AWS come later.")
        return Check(name, "ok", "answers")

    def _client(self, name: str, manners: dict[str, Any]) -> Any:
        options = dict(self._options)
        config = Config(**manners)
        if options.get("config") is not None:
            config = config.merge(options.pop("config"))
        try:
            return self._session.client(name, config=config, **options)
        except (*RAISED, ValueError) as error:
            raise _translated(error, "making the client") from None

    def _some(self, setup: SetUp, what: str, names: list[str] | None) -> list[str]:
        if names is not None and len(names) > MOST:
            setup.unread.append(f"{len(names) - MOST} more {what}: only {MOST} are looked at")
        return (names or [])[:MOST]


def _allowed(setup: SetUp, ask: Callable[[], T]) -> T | None:
    """What was asked; None, and the reason noted, where AWS does not allow it or refuses."""
    try:
        return ask()
    except (AwsError, ConfigurationError) as error:
        if error.retryable or (isinstance(error, ConfigurationError) and "permission" not in str(error)):
            raise
        setup.unread.append(str(error))
        return None


def _call(client: Any, operation: str, **request: Any) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = getattr(client, operation)(**request)
    except RAISED as error:
        raise _translated(error, operation, client.meta.service_model.service_name) from None
    return answer


def _pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = _call(client, operation, **request, **({"NextToken": token} if token else {}))
        yield from page.get(key, ())
        token = page.get("NextToken")
        if not token:
            return


def _destinations(client: Any, name: str) -> tuple[Destination, ...]:
    told = _call(client, "get_configuration_set_event_destinations", ConfigurationSetName=name)
    return tuple(
        Destination(
            one["Name"],
            one.get("Enabled", False),
            frozenset(one.get("MatchingEventTypes", ())),
            (one.get("SnsDestination") or {}).get("TopicArn"),
            any(one.get(kind) for kind in _CARRIERS),
        )
        for one in told.get("EventDestinations", ())
    )


def _options(client: Any, name: str) -> dict[str, Any]:
    told = _call(client, "get_configuration_set", ConfigurationSetName=name)
    heeds = (told.get("SuppressionOptions") or {}).get("SuppressedReasons")
    return {
        "sending": (told.get("SendingOptions") or {}).get("SendingEnabled", True),
        "heeds": None if heeds is None else tuple(heeds),
    }


def _notifications(client: Any, names: list[str]) -> dict[str, dict[str, str]]:
    """Each identity's notification topics, by kind."""
    found: dict[str, dict[str, str]] = {}
    for first in range(0, len(names), 100):
        told = _call(client, "get_identity_notification_attributes", Identities=names[first : first + 100])
        for name, one in told.get("NotificationAttributes", {}).items():
            found[name] = {kind: one[f"{word}Topic"] for kind, word in KINDS.items() if one.get(f"{word}Topic")}
    return found


def _default_set(client: Any, name: str) -> str | None:
    default: str | None = _call(client, "get_email_identity", EmailIdentity=name).get("ConfigurationSetName")
    return default


def _topics_of(setup: SetUp) -> set[str]:
    of_sets = {one.topic for each in setup.sets.values() for one in each.destinations if one.topic is not None}
    return of_sets | {arn for identity in setup.identities.values() for arn in identity.topics.values()}


def _topic(client: Any, arn: str) -> Topic:
    try:
        subscriptions: Iterable[Any] = list(_subscriptions(client, arn))
    except AwsError as error:
        if "NotFound" in str(error):
            return Topic(exists=False)
        raise
    pending = sum(one.get("SubscriptionArn") == "PendingConfirmation" for one in subscriptions)
    deleted = sum(one.get("SubscriptionArn") == "Deleted" for one in subscriptions)
    return Topic(len(list(subscriptions)) - pending - deleted, pending)


def _subscriptions(client: Any, arn: str) -> Iterator[Any]:
    yield from _pages(client, "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)


_SERVICES: Final = {"sns": ("Amazon SNS", "sns")}


def _translated(error: Exception, doing: str, service: str = "ses") -> Exception:
    words, prefix = _SERVICES.get(service, ("Amazon SES", "ses"))
    return translated(error, doing, service=words, prefix=prefix)


def _passing(error: Exception) -> bool:
    wrong = _translated(error, "")
    return bool(getattr(wrong, "retryable", False))
