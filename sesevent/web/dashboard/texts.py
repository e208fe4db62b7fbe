"""Values as people read them. Whatever came in a mail is text here: nothing in it hides, turns around or rings."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any, Final

from sesevent.moments import read_moment

__all__ = ["amount", "count", "milliseconds", "moment", "percent", "shortened", "visible"]

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Signs that show nothing, end a line, or turn the text behind them around. The joiner of emoji is none of them."""
_PICTURES: Final = 0x2400
"""Where Unicode has pictures of the control characters below a space."""


def visible(text: str) -> str:
    """*text* with its hidden signs shown."""
    return _HIDDEN.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(_PICTURES + code) if code < 0x20 else f"⟨U+{code:04X}⟩"


def shortened(text: str | None, most: int = 120) -> str:
    """The beginning of a text that is too long for where it stands."""
    if text is None or len(text) <= most:
        return text or ""
    return f"{text[:most]}…"


def count(number: float | None) -> str:
    """A number of things."""
    return "–" if number is None else f"{number:,.0f}"


def percent(share: float | None) -> str:
    """A share, with as many digits as tell it from AWS's lines."""
    if share is None:
        return "–"
    return f"{share * 100:.{3 if 0 < abs(share) < 0.01 else 1}f} %"


_SPANS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


def milliseconds(span: float | None) -> str:
    """How long something took."""
    if span is None:
        return "–"
    for size, unit in _SPANS:
        if span >= size:
            return f"{span / size:.1f} {unit}"
    return f"{span:.0f} ms"


def amount(value: float | None, unit: str) -> str:
    """A value in its unit: `share`, `ms`, or a number."""
    return percent(value) if unit == "share" else milliseconds(value) if unit == "ms" else count(value)


def moment(told: Any, zone: tzinfo, *, seconds: bool = True) -> str:
    """A time in a time zone, the name of which the page tells; what is no time as it stands."""
    if told is None or told == "":
        return "–"
    try:
        at = told if isinstance(told, datetime) else read_moment(told)
    except ValueError:
        return str(told)
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"[: 19 if seconds else 16]
