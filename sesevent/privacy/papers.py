"""What is held about a person, on paper: JSON for a machine, and a page that the person can read.

Things are added as they are found, and written at once, so a long life of mails takes no memory. The page needs nothing
else, and a content policy in it forbids anything else: no script, no network, no fonts. Whatever comes from mails is
text: escaped, without control characters, nor such as turn the direction of reading. It does not know where things
come from. Next: :mod:`sesevent.plans.personal`, which finds them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any, Final, NamedTuple

from sesevent import jsontext
from sesevent.moments import format_moment

__all__ = ["SECTIONS", "JsonPaper", "PagePaper", "Section", "Thing"]


class Section(NamedTuple):
    """One kind of thing that is held, and its columns on the page."""

    title: str
    words: str
    columns: tuple[tuple[str, str], ...]
    """Heads, and what stands below, by name."""


SECTIONS: Final[Mapping[str, Section]] = {
    "standings": Section("May you be mailed?", "What speaks against sending you mail.",
                         (("Why not", "sentence"), ("On", "stream"), ("Since", "since"), ("Until", "until"))),
    "events": Section("What happened to mails to you", "Reported by Amazon SES, which sends our mail.",
                      (("When", "at"), ("What", "words"), ("Subject", "subject"), ("From", "source"))),
    "said": Section("What was noted about you", "From what happened, and by us.",
                    (("When", "at"), ("What", "act"), ("By", "by"), ("Note", "note"))),
    "dead_letters": Section("What could not be read", "Messages that name you and that we did not understand.",
                            (("Arrived", "at"), ("Bytes", "size"))),
    "holds": Section("What must be kept", "Reasons for which nothing about you may be deleted now.",
                     (("Since", "at"), ("Kind", "kind"))),
    "audit": Section("What was done with it", "Entries of our audit trail.",
                     (("When", "at"), ("What", "act"), ("By", "by"), ("Why", "why"))),
    "erasures": Section("What was erased", "At an earlier wish of yours.", (("When", "at"), ("By", "by"))),
    "unreadable": Section("What is kept, and nobody can read", "It is encrypted, and what opens it is gone.",
                          (("How many", "count"), ("What", "what"), ("Why", "sentence"))),
}  # fmt: skip
"""In the order in which things are added."""

_HAPPENED: Final = {
    "Send": "a mail was handed over for you",
    "Delivery": "it reached your mail server",
    "DeliveryDelay": "it is delayed",
    "Bounce": "it came back",
    "Complaint": "it was reported as unwanted",
    "Reject": "it was not sent: its content was refused",
    "Rendering Failure": "it could not be made",
    "Open": "it was opened",
    "Click": "a link in it was followed",
    "Subscription": "what you want to get was changed",
    "Received": "a mail of yours, or to you, came in",
}
# Control characters, and those that turn the direction of reading
_UNSAFE: Final = dict.fromkeys(
    (*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(8234, 8239), *range(8294, 8298)), "\ufffd"
)


class Thing(NamedTuple):
    """One thing that is held."""

    section: str
    what: Mapping[str, Any]
    """As JSON takes it."""


class _Paper(ABC):
    def __init__(self, write: Callable[[str], object], address: str, now: datetime) -> None:
        self._write = write
        self._address, self._now = address, now
        self._left = iter(SECTIONS)
        self._section: str | None = None
        self._begin()

    def add(self, thing: Thing) -> None:
        """Write one thing; those of one section one after the other, sections in their order."""
        while self._section != thing.section:
            self._next_section()
        self._thing(thing.what)

    def end(self) -> None:
        """Write what stands at the end."""
        while self._next_section():
            pass
        self._finish()

    def _next_section(self) -> bool:
        if self._section is not None:
            self._close()
        self._section = next(self._left, None)
        if self._section is None:
            return False
        self._open(self._section)
        return True

    @abstractmethod
    def _begin(self) -> None:
        """Write what stands at the beginning."""

    @abstractmethod
    def _open(self, section: str) -> None:
        """Begin a section."""

    @abstractmethod
    def _thing(self, what: Mapping[str, Any]) -> None:
        """Write one thing of it."""

    @abstractmethod
    def _close(self) -> None:
        """End a section."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what stands at the end."""


class JsonPaper(_Paper):
    """One JSON object: a list for each section."""

    def _begin(self) -> None:
        head = {"format": 1, "about": self._address, "made_at": format_moment(self._now)}
        self._write(jsontext.encode(head)[:-1])

    def _open(self, section: str) -> None:
        self._write(f',\n"{section}":[')
        self._first = True

    def _thing(self, what: Mapping[str, Any]) -> None:
        self._write(("\n" if self._first else ",\n") + jsontext.storable(jsontext.encode(what)))
        self._first = False

    def _close(self) -> None:
        self._write("]")

    def _finish(self) -> None:
        self._write("}\n")


class PagePaper(_Paper):
    """A page of HTML, with all of each thing behind a click."""

    def _begin(self) -> None:
        self._write(_HEAD.format(address=_text(self._address), at=f"{self._now:%Y-%m-%d %H:%M}"))

    def _open(self, section: str) -> None:
        title, words, columns = self._told = SECTIONS[section]
        heads = "".join(f'<th scope="col">{_text(head)}</th>' for head, _ in (*columns, ("All of it", "")))
        self._write(f"<section><h2>{_text(title)}</h2><p>{_text(words)}</p>\n")
        self._row = f"<table><thead><tr>{heads}</tr></thead><tbody>\n"
        self._rows = 0

    def _thing(self, what: Mapping[str, Any]) -> None:
        if not self._rows:
            self._write(self._row)
        self._rows += 1
        words = _HAPPENED.get(str(what.get("type")), what.get("type"))
        told = dict(what) | {"words": f"{words} (nobody can read the rest)" if what.get("unreadable") else words}
        cells = "".join(f"<td>{_text(_short(told.get(name)))}</td>" for _, name in self._told.columns)
        whole = "\n".join(_lines(what))
        self._write(f"<tr>{cells}<td><details><summary>show</summary><pre>{_text(whole)}</pre></details></td></tr>\n")

    def _close(self) -> None:
        self._write("</tbody></table></section>\n" if self._rows else "<p><em>Nothing.</em></p></section>\n")

    def _finish(self) -> None:
        self._write("</main></body></html>\n")


def _short(value: Any) -> str:
    return "" if value is None else str(value)


def _lines(value: Any, before: str = "") -> Iterable[str]:
    """Everything in a thing, a line each."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _lines(member, f"{before}.{name}" if before else str(name))
    elif isinstance(value, list):
        for place, member in enumerate(value, 1):
            yield from _lines(member, f"{before} {place}")
    else:
        yield f"{before}: {_short(value)}"


def _text(text: str) -> str:
    return escape(text.translate(_UNSAFE), quote=True)


_HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What is held about {address}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #8886; padding: .4rem .6rem .4rem 0; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }}
pre {{ white-space: pre-wrap; font-size: .8rem; max-width: 30rem; }}
summary {{ cursor: pointer; }}
@media print {{ details {{ display: none; }} }}
</style></head>
<body><main><h1>What is held about {address}</h1>
<p>Made on {at} UTC. Where other people are named in a mail to you, their addresses are hidden.</p>
"""
