"""What may never be said: found in every log line, and in every error of this library, while tests run.

An address is anything that looks like one; subjects and other words are those that tests use. Told are the test, and
where it was said, and not what.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sesevent.errors import SesEventError

__all__ = ["SUBJECTS", "listened", "personal_in"]

SUBJECTS = (
    "Your order has been shipped", "Reset your password", "Votre commande est arrivée", "Spring sale", "Ihre Rechnung",
)  # fmt: skip
"""Subjects of the mails that tests and generated streams are about."""
_ADDRESS = re.compile(r"[^\s@<>()\"'…*,;:=/]+(?:@|%(?:25)*40)[\w\-]+(?:\.[\w\-]+)+")
_NOBODY = re.compile(r"[^@]*\*{3}@|.*@(?:localhost|[\d.]+)$")  # a URI's masked password; a host by its number


def personal_in(text: str) -> str | None:
    """What of a text is personal, masked; None where nothing is."""
    for found in _ADDRESS.findall(text):
        if not _NOBODY.match(found):
            return f"an address: {found[:1]}…"
    return next((f"a subject: {subject[:6]}…" for subject in SUBJECTS if subject in text), None)


class _Listener(logging.Handler):
    def __init__(self, said: list[tuple[str, str]]) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        self._said.append((f"log line of {record.name}, {record.filename}:{record.lineno}", text))


@contextmanager
def listened() -> Iterator[list[tuple[str, str]]]:
    """What this library logs and raises meanwhile, with where it was said."""
    said: list[tuple[str, str]] = []
    listener, logger, plain = _Listener(said), logging.getLogger("sesevent"), SesEventError.__init__
    level = logger.level

    def noted(self: SesEventError, *args: Any, **named: Any) -> None:
        plain(self, *args, **named)
        frame = traceback.extract_stack(limit=3)[0]
        said.append((f"{type(self).__name__} at {frame.filename.rpartition('sesevent/')[2]}:{frame.lineno}", str(self)))

    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    SesEventError.__init__ = noted  # type: ignore[method-assign]
    try:
        yield said
    finally:
        SesEventError.__init__ = plain  # type: ignore[method-assign]
        logger.setLevel(level)
        logger.removeHandler(listener)
