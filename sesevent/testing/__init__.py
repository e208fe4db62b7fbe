"""For the tests of services that use this library, and for its own demo.

:mod:`sesevent.testing.payloads` builds what SES sends, kind by kind, and tells a small story in
`samples`. Nothing here needs a database or reads a clock: equal arguments make equal payloads.
"""

from sesevent.testing.payloads import (
    bounce,
    click,
    complaint,
    delivery,
    delivery_delay,
    notification,
    opened,
    received,
    reject,
    rendering_failure,
    samples,
    send,
    subscription,
)

__all__ = [
    "bounce",
    "click",
    "complaint",
    "delivery",
    "delivery_delay",
    "notification",
    "opened",
    "received",
    "reject",
    "rendering_failure",
    "samples",
    "send",
    "subscription",
]
