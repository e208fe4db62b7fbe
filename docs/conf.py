"""How the documentation is built: `nox -s docs`, warnings as errors. Tables are printed from the code."""

from __future__ import annotations

from pathlib import Path

from sesevent import __version__
from sesevent.errors import SesEventError
from sesevent.events.identity import IDENTITY, UNKNOWN
from sesevent.events.parse import EVENT_CLASSES
from sesevent.storage.layout import INDEXES
from sesevent.suppression.policy import DEFAULT_POLICY

HERE = Path(__file__).parent

project = "sesevent"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "**/_table_*.md"]
html_theme = "furo"
html_static_path = ["_static"]
html_title = f"sesevent {release}"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
myst_heading_anchors = 3
nitpicky = False


def _table(name: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    lines = [head, tuple("---" for _ in head), *rows]
    text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)
    (HERE / "reference" / f"_table_{name}.md").write_text(text + "\n", encoding="utf-8")


def _tree(error: type[SesEventError]) -> list[type[SesEventError]]:
    return [error, *(found for child in error.__subclasses__() for found in _tree(child))]


_table(
    "identity",
    ("type", "an event is identified by", "because"),
    [(kind, row.words, row.reason) for kind, row in [*IDENTITY.items(), ("any other", UNKNOWN)]],
)
_table(
    "events",
    ("SES's word", "class", "payload object", "whom it concerns"),
    [
        (word, f"`{cls.__name__}`", f"`{cls.body}`",
         f"`{cls.named_in.holder}.{cls.named_in.list}`" + (" (one of them, if several)" if cls.one_of else ""))
        for word, cls in EVENT_CLASSES.items()
    ],
)  # fmt: skip
_table(
    "rules",
    ("rule", "reason in a decision", "what happened", "why so"),
    [(f"`{rule.name}`", f"`{rule.reason}`", rule.sentence, rule.why) for rule in DEFAULT_POLICY.rules],
)
_table(
    "indexes",
    ("collection", "index", "keys", "the question it serves"),
    [
        (f"`{collection}`", f"`{index.name}`", ", ".join(f"`{key}`" for key in index.keys), index.serves)
        for collection, indexes in INDEXES.items()
        for index in indexes
    ],
)
_table(
    "errors",
    ("error", "may be retried", "suggested HTTP status", "when"),
    [
        (f"`{error.__name__}`", "yes" if error.retryable else "no", str(error.http_status),
         (error.__doc__ or "").strip().splitlines()[0])
        for error in _tree(SesEventError)
    ],
)  # fmt: skip
