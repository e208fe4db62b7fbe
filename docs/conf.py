"""How the documentation is built: `nox -s docs`, warnings as errors. Tables are printed from the code."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with Sphinx there

from typer.main import get_command

import sesevent.contrib.fastapi
import sesevent.web  # before autodoc does, which pretends to be a type checker
from sesevent import __version__, testing
from sesevent.analytics.counts import COUNTERS
from sesevent.analytics.hygiene import KINDS
from sesevent.analytics.measures import MEASURES
from sesevent.analytics.processing import HELD
from sesevent.analytics.providers import providers
from sesevent.analytics.status import PRECEDENCE, STATES
from sesevent.bounces import ses_words
from sesevent.bounces.priority import CODES, GENERAL_CODES, OWN_CODES, PRIORITY, REASON_ORDER, REPLIES
from sesevent.bounces.rulebook import load_rules
from sesevent.bounces.taxonomy import BOUNCE_CLASSES, FAULTS, RECOMMENDATIONS
from sesevent.cli import reference as cli_reference
from sesevent.cli.app import EXIT_CODES
from sesevent.cli.app import app as cli_app
from sesevent.contrib import aws_setup, cloudwatch, opentelemetry, prometheus
from sesevent.contrib.archive.columns import COLUMNS, in_sql
from sesevent.contrib.measurements import MEASUREMENTS, UNITS, Measurement
from sesevent.errors import SesEventError
from sesevent.events import mail
from sesevent.events.identity import IDENTITY, UNKNOWN
from sesevent.events.machines import machines
from sesevent.events.parse import EVENT_CLASSES
from sesevent.events.part import Part
from sesevent.monitoring.readings import READINGS
from sesevent.monitoring.rules import DEFAULT_RULES
from sesevent.monitoring.texts import amount, span
from sesevent.plans import health
from sesevent.plans.aws_setup import RULES as AWS_RULES
from sesevent.plans.ses_list import ROWS
from sesevent.privacy.policy import ACTIONS, FIELDS, PRESETS, PrivacyPolicy
from sesevent.privacy.rewriting import PLACES
from sesevent.sns.origin import CHECKS, PARTITIONS
from sesevent.storage.layout import EVENTS, INDEXES, POLLING
from sesevent.storage.sealing import TABLE as ENCRYPTED
from sesevent.storage.tokens import SCOPES
from sesevent.suppression.decision import decide
from sesevent.suppression.facts import Act, Fact, Facts
from sesevent.suppression.policy import DEFAULT_POLICY
from sesevent.suppression.rules import RULES
from sesevent.suppression.standing import derive

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import routes_table  # noqa: E402  # these are beside this file
import scaling  # noqa: E402
import settings_table  # noqa: E402
from absent import ABSENT  # noqa: E402
from llms import first_sentences, llms_text  # noqa: E402

sys.path.append(str(HERE.parent / "tests"))
from mutation.mutants import LEFT_AS_IT_IS  # noqa: E402

project = "sesevent"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "**/_table_*.md"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_search_summary = False  # made by fetching pages, which a browser forbids where they are files: see `told.js`
html_title = f"sesevent {release}"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
autodoc_type_aliases = {"EventKind": "EventKind"}  # `type` is also a property of events, and would be linked to it
myst_heading_anchors = 3
nitpicky = False
smartquotes_action = "qe"  # quotes and ellipses; `--` in the words of a command's help is no dash


def _table(name: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    (HERE / "reference" / f"_table_{name}.md").write_text(_drawn(head, rows), encoding="utf-8")


def _drawn(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines)


_DOES = {
    "listed": "written down here as listed",
    "unlisted": "written down here as no longer listed",
    "put": "put on SES's list",
    "delete": "deleted from SES's list",
    "keep": "nothing; the report tells it",
}


_table("hygiene", ("kind", "who", "do", "why"), [(kind.name, kind.words, kind.do, kind.why) for kind in KINDS])
_table(
    "held",
    ("collection", "about", "what", "why", "how long"),
    [(f"`{name}`", *held) for name, held in HELD.items()],
)
_table("archive", ("column", "type", "holds"), [(f"`{one.name}`", f"`{one.type}`", one.words) for one in COLUMNS])


def _athena() -> str:
    """The statement that makes an archive a table of Athena."""
    columns = ",\n".join(f"  {one.name} {in_sql(one.type)}" for one in COLUMNS)
    return f"""```sql
CREATE EXTERNAL TABLE events (
{columns}
)
PARTITIONED BY (day string)
STORED AS PARQUET
LOCATION 's3://bucket/prefix/events/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2020-01-01,NOW',
  'storage.location.template' = 's3://bucket/prefix/events/day=${{day}}/'
);
```
"""


(HERE / "reference" / "_table_athena.md").write_text(_athena(), encoding="utf-8")


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


def _said_of(part: type[Part]) -> dict[str, str]:
    """What stands behind each field of a part in its source."""
    (tree,) = ast.parse(inspect.getsource(part)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: " ".join(ast.literal_eval(said.value).replace("``", "`").split())
        for field, said in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
    }  # fmt: skip


def _type_of(annotation: str) -> str:
    return f"`{annotation.removesuffix(' | None').replace('Moment', 'datetime')}`"


def _fields(part: type[Part]) -> Iterator[tuple[str, ...]]:
    said, types = _said_of(part), inspect.get_annotations(part)
    for name, told in part.model_fields.items():
        when = ABSENT.get(f"{part.__name__}.{told.alias}", "")
        yield f"`{told.alias}`", f"`{name}`: {_type_of(types[name])}", said.get(name, ""), when


def _parts() -> Iterator[type[Part]]:
    """Every part of a payload: what all kinds have first, then kind by kind."""
    modules = [mail, *[sys.modules[cls.__module__] for cls in EVENT_CLASSES.values()]]
    for module in dict.fromkeys(modules):
        for name in module.__all__:
            one = getattr(module, name)
            if isinstance(one, type) and issubclass(one, Part):
                yield one


_FIELD_HEAD = ("AWS's name", "ours", "what it holds", "absent where")
_KNOWN = {f"{part.__name__}.{told.alias}" for part in _parts() for told in part.model_fields.values()}
if _gone := ABSENT.keys() - _KNOWN:
    raise AssertionError(f"no such fields: {_gone}")
(HERE / "reference" / "_table_fields.md").write_text(
    "\n".join(
        f"### {part.__name__}\n\n{_drawn(_FIELD_HEAD, [*_fields(part)])}" for part in _parts() if part.model_fields
    ),
    encoding="utf-8",
)
_table(
    "rules",
    ("rule", "reason in a decision", "what happened", "why so"),
    [(f"`{rule.name}`", f"`{rule.reason}`", rule.sentence, rule.why) for rule in RULES],
)
_table(
    "ses_list",
    ("row", "what is done", "who wins", "why"),
    [(f"`{row.name}`", _DOES[row.does], row.winner, row.why) for row in ROWS],
)


_table(
    "privacy_fields",
    ("field", "what it is", "what may be done", "why"),
    [(f"`{name}`", one.words, ", ".join(f"`{action}`" for action in one.actions), one.why)
     for name, one in FIELDS.items()],
)  # fmt: skip
_table("privacy_actions", ("action", "what is stored"), [(f"`{name}`", words) for name, words in ACTIONS.items()])


def _stored(preset: str, name: str) -> str:
    """What is stored of a field by a preset."""
    action = PrivacyPolicy.of(preset).action(name)
    return f"{action}: {FIELDS[name].truncated}" if action == "truncate" else action


_table(
    "privacy_presets",
    ("", *[f"`{preset}`" for preset in PRESETS]),
    [
        ("for whom", *PRESETS.values()),
        *[(f"`{name}`", *[_stored(preset, name) for preset in PRESETS]) for name in FIELDS],
    ],
)


def _held(address: str, pseudonym: str) -> list[tuple[str, ...]]:
    """Of a person, in each collection: without a policy, by one that makes pseudonyms."""
    return [
        ("`ses_event`", f"{address}, and all that SES says", f"{pseudonym}, and what the policy keeps"),
        ("`ses_suppression`", address, pseudonym),
        ("`ses_suppression_act`", f"{address}; who acted, and why, in their words", f"{pseudonym}; the same words"),
        ("`ses_dead_letter`", "text as it came", "text as it came, or its size alone (`dead_letters`)"),
        ("`ses_hold`", "the address that is held", "the same: somebody must be told whom it is about"),
        ("`ses_erasure`", "a keyed hash of whoever was erased", "the same, and the pseudonym without its domain"),
        ("`ses_rollup`", "domains, no person", "domains, no person; those of providers only where the key drops them"),
        ("`ses_audit`, `ses_alarm`, `ses_watch`, `ses_bookmark`", "no person", "no person"),
        ("archives", "as `ses_event`", "as `ses_event`"),
        ("logs, metrics, errors, reprs", "no person", "no person"),
    ]


_table(
    "privacy_collections",
    ("where", "`everything`", "`transactional`, `marketing`"),
    _held("the address", "a pseudonym"),
)
_table(
    "privacy_places",
    ("fields and headers", "read as"),
    [(", ".join(f"`{name}`" for name in PLACES if PLACES[name] == place), words) for place, words in
     (("people", "mailboxes: of one that is written over the display name goes too"),
      ("sentence", "words: of them only the address is written over"),
      ("ids", "ids, which look like addresses: only those of people the event names are written over"))],
)  # fmt: skip


def _effect(known: Fact | Act, stream: str) -> str:
    """What one thing means for the next mail on a stream, by the default policy."""
    events, acts = ({known}, ()) if isinstance(known, Fact) else ((), {known})
    standing = derive(DEFAULT_POLICY, Facts("", frozenset(events), frozenset(acts)))
    decision = decide(DEFAULT_POLICY, standing, stream, known.at)
    if decision.allowed:
        return "counts" if standing.soft_bounces else "–"
    return "suppressed" if decision.until is None else f"paused for {(decision.until - known.at).days} days"


def _known() -> Iterator[tuple[str, Fact | Act]]:
    """Everything that may be known of an address, by its reason."""
    then = datetime(2024, 5, 1, tzinfo=timezone.utc)
    for reason in load_rules().reasons.values():
        kinds = dict.fromkeys([(reason.bounce_class, ""), (reason.transient_class, ", on a 4xx reply")])
        seen: set[str] = set()
        for kind, when in kinds:
            if kind not in seen:
                seen.add(kind)
                yield f"bounce: `{reason.name}`{when}", Fact(then, "e", "Bounce", reason=reason.name, bounce_class=kind)
    yield "complaint", Fact(then, "e", "Complaint")
    yield "complaint of one of several recipients", Fact(then, "e", "Complaint", certain=False)
    yield "complaint of the type `not-spam`", Fact(then, "e", "Complaint", "not-spam")
    yield "unsubscribed from everything", Fact(then, "e", "Subscription", topics=(("*", False),))
    yield "unsubscribed from `marketing`", Act(then, "a", "unsubscribe", "marketing")
    yield "put on the list by hand", Act(then, "a", "suppress", origin="api")
    yield "put on the list of `marketing` by hand", Act(then, "a", "suppress", "marketing")
    yield "imported", Act(then, "a", "suppress", origin="import")
    yield "listed at SES", Act(then, "a", "listed", origin="ses")


_STREAMS = ("transactional", "marketing", "*")
_table(
    "effects",
    ("what is known", *[f"on `{stream}`" for stream in _STREAMS]),
    [(told, *[_effect(known, stream) for stream in _STREAMS]) for told, known in _known()],
)
_table(
    "status_states",
    ("state", "what it means for a person", "settled"),
    [(f"`{name}`", state.meaning, "yes" if state.settled else "no") for name, state in STATES.items()],
)
_table(
    "status_precedence",
    ("", "evidence", "told by", "state", "because"),
    [
        (str(place), f"`{row.name}`", row.told_by, f"`{row.state}`" if row.state else "–", row.why)
        for place, row in enumerate(PRECEDENCE, start=1)
    ],
)
for _name, _text in {
    "cli_common": cli_reference.common_table(),
    "cli_exit": cli_reference.exit_table(EXIT_CODES),
    "cli_commands": cli_reference.sections(get_command(cli_app)),
}.items():
    (HERE / "reference" / f"_table_{_name}.md").write_text(_text, encoding="utf-8")
_table("routes", ("", *[f"`{word}`" for word in EVENT_CLASSES]), routes_table.matrix())
_table("route_manners", ("route", "received by", "who proves the sender", "acknowledged by"), [*routes_table.manners()])
_ROOT = get_command(cli_app)
_SETTINGS = {
    "common": (settings_table.HEAD, [*settings_table.common(_ROOT)]),
    "calls": (("called", "argument", "type", "default"), [*settings_table.of_calls()]),
    "commands": (("command", "option", "means", "default"), [*settings_table.of_commands(_ROOT)]),
}  # fmt: skip
for _name, (_head, _rows) in _SETTINGS.items():
    _table(f"settings_{_name}", _head, _rows)
_told = {name for _, rows in _SETTINGS.values() for row in rows for cell in row for name in cell.split("`")}
if _untold := settings_table.variables(HERE.parent / "sesevent") - _told:
    raise AssertionError(f"variables of the environment that no table of settings tells of: {_untold}")
_KEYS = {"person": "the person's, where people have keys; else a shared one", "events": "a shared one",
         "addresses": "a shared one, of its own"}  # fmt: skip
_table(
    "encrypted",
    ("collection", "field", "how", "with whose key", "because"),
    [
        (f"`{row.collection}`", f"`{row.path}`", "equal" if row.equal else "random", _KEYS[row.key], row.why)
        for row in ENCRYPTED
    ],
)
_table("checks", ("check", "what must hold"), [(f"`{name}`", what) for name, what in CHECKS.items()])
_table(
    "partitions",
    ("partition", "SNS's host in a region of it", "certificates may bear, beside names of that region"),
    [
        (
            f"`{name}`",
            f"`sns.<region>.{partition.suffix}`",
            ", ".join(f"`{signer}`" for signer in partition.signers) or "–",
        )
        for name, partition in PARTITIONS.items()
    ],
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
    "indexes_polling",
    ("collection", "index", "keys", "the question it serves"),
    [
        (f"`{EVENTS}`", f"`{index.name}`", ", ".join(f"`{key}`" for key in index.keys), index.serves)
        for index in POLLING
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

_table(
    "health",
    ("check", "where it cannot be asked", "because"),
    [(f"`{row.name}`", row.else_, row.why) for row in health.CHECKS],
)
_table("aws_rules", ("rule", "because"), [(rule.name, rule.why) for rule in AWS_RULES])
(HERE / "reference" / "_table_aws_policy.md").write_text(
    f"```json\n{json.dumps(aws_setup.POLICY, indent=2)}\n```\n", encoding="utf-8"
)


def _in_prometheus(measurement: Measurement) -> str:
    return prometheus.name_of(measurement) + ("_total" if measurement.kind == "counter" else "")


_table(
    "measurements",
    ("Prometheus", "OpenTelemetry", "CloudWatch", "unit", "labels", "what it is"),
    [
        (
            f"`{_in_prometheus(row)}`",
            f"`{opentelemetry.name_of(row)}`",
            f"`{cloudwatch.name_of(row.name)}`",
            f"`{UNITS[row.unit].ucum}`",
            ", ".join(f"`{label}`" for label in row.labels) + (" and yours" if row.more_labels else ""),
            row.words,
        )
        for row in MEASUREMENTS.values()
    ],
)
_table(
    "alarm_rules",
    ("rule", "measure", "warn", "critical", "window", "at least", "lines are there because", "what to do"),
    [
        (f"`{rule.name}`", f"`{rule.measure}`",
         *["–" if line is None else amount(line, READINGS[rule.measure].unit) for line in (rule.warn, rule.critical)],
         span(rule.window),
         ", ".join([*([f"{rule.min_count} of {rule.min_volume}"] if rule.min_volume else []),
                    *([f"{rule.surge:g} times the usual"] if rule.surge else [])]) or "–",
         rule.why, rule.hint)
        for rule in DEFAULT_RULES
    ],
)  # fmt: skip
_table(
    "alarm_measures",
    ("measure", "what it is", "unit", "a scope may name"),
    [
        (f"`{name}`", kind.words, kind.unit, ", ".join(f"`{scope}`" for scope in kind.scopes) or "– (the whole store)")
        for name, kind in READINGS.items()
    ],
)

BOUNCES = load_rules()


def _on_4xx(ordinary: str, later: str) -> str:
    return f"`{ordinary}`" if ordinary == later else f"`{ordinary}` (4xx: `{later}`)"


_table(
    "bounce_reasons",
    ("reason", "meaning", "codes", "fault", "class", "recommendation", "what to do"),
    [
        (f"`{name}`", reason.meaning, ", ".join(reason.references), f"`{reason.fault}`",
         _on_4xx(reason.bounce_class, reason.transient_class),
         _on_4xx(reason.recommendation, reason.transient_recommendation), reason.advice)
        for name in REASON_ORDER
        for reason in [BOUNCES.reasons[name]]
    ],
)  # fmt: skip
_table(
    "bounce_priority",
    ("", "evidence", "confidence", "because"),
    [(str(place), f"`{row.name}`", f"{row.confidence:.2f}", row.why) for place, row in enumerate(PRIORITY, start=1)],
)
_table(
    "bounce_order",
    ("", "reason", "tried there because"),
    [(str(place), f"`{name}`", why) for place, (name, why) in enumerate(REASON_ORDER.items(), start=1)],
)
_table(
    "bounce_codes",
    ("code", "evidence", "reason", "meaning"),
    [
        (f"`{'' if evidence == 'reply' else 'x.'}{code}`", f"`{evidence}`", f"`{reason}`", meaning)
        for evidence, table in (
            ("own_code", OWN_CODES), ("status", CODES), ("general_status", GENERAL_CODES), ("reply", REPLIES),
        )
        for code, (reason, meaning) in table.items()
    ],
)  # fmt: skip
_table(
    "bounce_ses",
    ("SES's word", "where", "reason", "because"),
    [
        (f"`{word}`", where, f"`{meant.reason}`", meant.why)
        for where, table in (
            ("`bounceSubType`, settles it", ses_words.SETTLED), ("`bounceSubType`", ses_words.SUB_TYPES),
            ("`delayType`", ses_words.DELAY_TYPES), ("`reject.reason`", ses_words.REJECTS),
        )
        for word, meant in table.items()
    ],
)  # fmt: skip
_table(
    "bounce_rules",
    ("rule", "reason", "strength", "provider", "source", "an example"),
    [
        (f"`{rule.id}`", f"`{rule.reason}`", rule.strength, rule.provider or "", rule.source, f"`{rule.examples[0]}`")
        for rule in sorted(BOUNCES.rules, key=lambda rule: rule.file)
    ],
)
_table(
    "bounce_words",
    ("field", "word", "meaning"),
    [
        (field, f"`{word}`", meaning)
        for field, words in (
            ("`fault`", FAULTS), ("`bounce_class`", BOUNCE_CLASSES), ("`recommendation`", RECOMMENDATIONS),
        )
        for word, meaning in words.items()
    ],
)  # fmt: skip
_table(
    "counters",
    ("counter", "counts", "once an event"),
    [(f"`{counter.name}`", counter.words, "yes" if counter.of_a_mail else "") for counter in COUNTERS],
)


def _sum(names: tuple[str, ...]) -> str:
    return " ".join(
        ("− " if name.startswith("-") else "+ " if place else "") + f"`{name.removeprefix('-')}`"
        for place, name in enumerate(names)
    )


_table(
    "measures",
    ("measure", "is", "numerator", "denominator", "unit", "keep in mind"),
    [
        (f"`{measure.name}`", measure.words, _sum(measure.numerator), _sum(measure.denominator), measure.unit,
         measure.caveat)
        for measure in MEASURES.values()
    ],
)  # fmt: skip
_table(
    "machines",
    ("rule", "machine", "of", "why"),
    [(f"`{rule.id}`", rule.name, ", ".join(rule.kinds), rule.why) for rule in machines()],
)
_table(
    "providers",
    ("provider", "domains"),
    [(f"`{name}`", ", ".join(f"`{domain}`" for domain in domains)) for name, domains in providers().items()],
)


_table(
    "mutation",
    ("package", "score", "changes there are", "tried", "noticed", "not noticed", "cannot be noticed", "not reached"),
    [
        (f"`{name}`", f"{100 * row['killed'] / (row['killed'] + row['survived']):.1f} %", *(
            f"{row[column]:,}" for column in ("mutants", "tried", "killed", "survived", "explained", "unreached")
        ))
        for name, row in json.loads((HERE.parent / "tests/mutation/scores.json").read_text(encoding="utf-8")).items()
    ],
)  # fmt: skip
_table("left_as_it_is", ("what", "because"), list(LEFT_AS_IT_IS.items()))
for _scale_table in scaling.tables():
    _table(*_scale_table)
_table("scopes", ("scope", "may"), [(f"`{name}`", what) for name, what in SCOPES.items()])


def _http_api() -> None:
    """Print every route from what OpenAPI says of it."""
    document = sesevent.web.create_app(testing.async_memory_store()).openapi()
    schemas = document["components"]["schemas"]
    subjects: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            subjects.setdefault(operation["tags"][0], []).extend(_operation(method, path, operation))
    used = sorted(name for name in schemas if "properties" in schemas[name])
    lines = [line for subject, told in subjects.items() for line in (f"## {subject.capitalize()}", "", *told)]
    lines += ["## What is sent and answered", ""]
    for name in used:
        lines += [f"### {name}", "", (schemas[name].get("description") or "").split("\n")[0], ""]
        lines += ["| field | type | |", "| --- | --- | --- |"]
        needed = schemas[name].get("required", ())
        for field, told in schemas[name]["properties"].items():
            also = "" if field in needed else "optional" if "default" in told or name != "Problem" else ""
            words = ". ".join(part for part in (told.get("description", "").rstrip("."), also) if part)
            lines.append(f"| `{field}` | {_type(told)} | {words} |".replace("\n", " "))
        lines.append("")
    (HERE / "reference" / "_table_http_api.md").write_text("\n".join(lines), encoding="utf-8")


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    needs = operation["x-scope"].replace("|", "` or `")
    yield f"### `{method.upper()} {path}`"
    yield ""
    yield operation["summary"] + ". " + ("Everybody may ask." if needs == "none" else f"Needs `{needs}`.")
    yield ""
    more = operation["description"].partition("\n\nNeeds the scope")[0]
    if not more.startswith(operation["summary"]):
        yield from (more, "")
    parameters = [one for one in operation.get("parameters", ()) if one["name"] != "mask"]
    if parameters:
        yield from ("| parameter | in | type | |", "| --- | --- | --- | --- |")
        for one in parameters:
            told = one.get("description", "").replace("|", "\\|")
            yield f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {told} |"
        yield ""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        yield from (f"Sent: {_type(body)}.", "")
    fine = next(one for status, one in operation["responses"].items() if status.startswith("2"))
    kinds = [
        _type(told["schema"]) if kind == "application/json" and told.get("schema") else f"`{kind}`"
        for kind, told in fine.get("content", {}).items()
    ]
    fails = ", ".join(status for status in operation["responses"] if not status.startswith("2"))
    yield from (f"Answered: {', '.join(kinds) or 'nothing'}. Fails with {fails}.", "")


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    bounds = [f"{word} {schema[name]}" for name, word in (("minimum", "from"), ("maximum", "to")) if name in schema]
    return " ".join([schema.get("format") or schema.get("type", "any"), *bounds])


_http_api()


def _house() -> None:
    """Draw the layers as import-linter holds them."""
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    height = 16 + 38 * len(layers)
    drawn = [f'<rect width="760" height="{height}" rx="8" fill="#f6f7f9"/>']
    for position, rooms in enumerate(layers):
        colour, said = _ROOMS[rooms]
        top = 10 + 38 * position
        drawn += [
            f'<rect x="20" y="{top}" width="720" height="32" rx="6" fill="{colour}" stroke="#475569"/>',
            f'<text x="36" y="{top + 21}" font-size="14" font-weight="600" fill="#0f172a">{rooms}</text>',
            f'<text x="724" y="{top + 21}" text-anchor="end" font-size="12" fill="#334155">{said}</text>',
        ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" role="img" font-family="sans-serif">'
    text = "\n".join([head + "<title>The layers of the package</title>", *drawn, "</svg>\n"])
    (HERE / "_static" / "house.svg").write_text(text, encoding="utf-8")


_DOORS, _WAIT, _VALUES, _PURE, _GROUND = "#fde68a", "#fecaca", "#dbeafe", "#dcfce7", "#e2e8f0"
_ROOMS = {
    "cli": (_DOORS, "the command"),
    "web": (_DOORS, "the HTTP API, the live stream, the dashboard"),
    "contrib": (_DOORS, "one file for each thing outside"),
    "testing | local | webhook | unsubscribe | guard | cache": (
        _DOORS,
        "for tests | MongoDB | SNS's answer | one click | senders | hot checks",
    ),
    "sync | aio | verifier": (_WAIT, "the store, twice | certificates"),
    "drivers | group_commit | hooks | faces": (_WAIT, "perform plans | share writes | call | what a store hands out"),
    "plans": (_VALUES, "stories of several steps"),
    "storage": (_VALUES, "how it is kept: values, no I/O"),
    "monitoring": (_PURE, "is something wrong?"),
    "privacy | suppression | analytics | audit | retention": (
        _PURE,
        "what of people | for the next send | in numbers | a chain of acts | how long",
    ),
    "bounces": (_PURE, "why it bounced, and whose fault it is"),
    "events | sns": (_PURE, "what it says | what arrived, and can it be trusted?"),
    "payloads | jsonvalues": (_PURE, "what of a payload is needed at once | values as JSON has them"),
    "addresses | moments | jsontext | tomltext | csvtext": (_GROUND, "the only readers of each"),
    "ops | vitals | macs | arguments": (
        _GROUND,
        "operations as values | how well is it? | keyed hashes | what callers hand in",
    ),
    "errors | version": (_GROUND, "import nothing"),
}
_house()


def setup(app: Any) -> None:
    """Write `llms.txt` beside the pages, and what the search tells of each."""
    app.connect("build-finished", _write_beside)
    app.connect("html-page-context", _search_tells)


def _write_beside(app: Any, failed: Exception | None) -> None:
    if failed is None:
        (Path(app.outdir) / "llms.txt").write_text(llms_text(), encoding="utf-8")


def _search_tells(app: Any, page: str, *_: Any) -> None:
    if page == "search":
        told = json.dumps(first_sentences(), ensure_ascii=False)
        app.add_js_file(None, body=f"window.TOLD = {told};".replace("</", "<\\/"))
        app.add_js_file("told.js", loading_method="defer")
