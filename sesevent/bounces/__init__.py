"""Why a mail bounced, and whose fault it is.

SES says ``Permanent`` or ``Transient`` and hands over the receiving server's words. This room reads the
words: `classify` turns them into a reason, a fault, a class and a recommendation, by rules that are data
(``rules/*.toml``). It keeps nothing, asks no one, and does not decide whether to send:
:mod:`sesevent.suppression` does. Start at :mod:`sesevent.bounces.decide`.
"""

from __future__ import annotations

from sesevent.bounces.classification import Classification
from sesevent.bounces.decide import classify, classify_delay, classify_reject, classify_rendering_failure
from sesevent.bounces.edition import rules_version
from sesevent.bounces.of_event import CLASSIFIED, classify_body, classify_event

__all__ = [
    "CLASSIFIED",
    "Classification",
    "classify",
    "classify_body",
    "classify_delay",
    "classify_event",
    "classify_reject",
    "classify_rendering_failure",
    "rules_version",
]
