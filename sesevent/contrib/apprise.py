"""Alarms to every service that Apprise knows: Slack, Teams, PagerDuty, mail, SMS, … over a hundred. Extra `alerts`.

A service is a URL: https://github.com/caronc/apprise/wiki. It holds a token, so nothing here tells it to anybody.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from sesevent.errors import ConfigurationError, MissingExtra, SesEventError
from sesevent.monitoring.texts import text_of, title_of

if TYPE_CHECKING:
    from sesevent.monitoring.alarms import AlarmEntry

__all__ = ["AppriseNotifier", "NotTold"]

_TYPES: Final = {"critical": "failure", "warn": "warning", "ok": "success"}


class NotTold(SesEventError):
    """A service did not take a message. Apprise's log, `apprise`, says why."""

    retryable = True


class AppriseNotifier:
    """A notifier for the service that an Apprise URL names: ``AppriseNotifier("slack://…")``.

    One notifier a service, so that of several only those are asked again that failed. A request of its own takes
    Apprise up to some ten seconds. Raises MissingExtra where Apprise is not installed, and ConfigurationError for what
    is no URL of a service.
    """

    def __init__(self, url: str) -> None:
        try:
            import apprise
        except ImportError:
            raise MissingExtra("AppriseNotifier", "alerts") from None
        service: Any = apprise.Apprise.instantiate(url)
        if service is None:
            raise ConfigurationError(
                "That is no URL of a service that Apprise knows.", hint="See https://github.com/caronc/apprise/wiki"
            )
        kind, _, rest = url.partition("://")
        self.name = f"{kind.strip().lower()}:{blake2b(rest.encode(), digest_size=4).hexdigest()}"
        """What kind of service it is, and a hash that tells it from others of its kind: the same in every process."""
        self._services = apprise.Apprise()
        self._services.add(service)

    def __call__(self, entry: AlarmEntry) -> None:
        """Tell it. Raises NotTold where the service did not take it."""
        kind = _TYPES.get(entry.state, "info")
        if not self._services.notify(title=title_of(entry), body=text_of(entry), notify_type=kind, body_format="text"):
            raise NotTold("A service of Apprise did not take the message.", hint="Its log says why.")

    def __repr__(self) -> str:
        return f"<AppriseNotifier {self.name}>"
