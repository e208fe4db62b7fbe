"""A report as one page of HTML that needs nothing else: to be mailed around, or kept.

No script, no network, no fonts: a content policy in the page forbids them. Whatever comes from mails (campaigns, hosts,
reasons) is text: escaped, without control characters. Equal reports make equal pages, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from sesevent.analytics.reckoning import LINES
from sesevent.cli.output import clean
from sesevent.cli.report_words import against_the_usual, headline, sent_in, shown, window_in_words

if TYPE_CHECKING:
    from sesevent.analytics.measures import RateResult
    from sesevent.analytics.results import Row
    from sesevent.monitoring.report import Figure, StatusReport

__all__ = ["page"]


def page(report: StatusReport) -> str:
    """The whole page."""
    parts = (_head(report), _alarms(report), _figures(report), _aws(report), _mails(report), _reasons(report),
             _rest(report))  # fmt: skip
    body = "\n".join(part for part in parts if part)
    return _PAGE.format(title=_text(f"Mail report, {window_in_words(report)}"), style=_STYLE, body=body)


def _head(report: StatusReport) -> str:
    state = escape(report.state)
    return (
        f"<header><h1>How the mail goes</h1><p>{_text(window_in_words(report))}</p>"
        f'<p class="state {state}" role="status">{_text(headline(report))}</p></header>'
    )


def _alarms(report: StatusReport) -> str:
    rows = [
        (alarm.state, alarm.rule, str(alarm.scope), f"{clean(alarm.since)} UTC",
         f"acknowledged by {alarm.acknowledged.by}" if alarm.acknowledged else "")
        for alarm in report.alarmed
    ]  # fmt: skip
    return _section("Alarms", _table(("state", "rule", "mails", "since", ""), rows)) if rows else ""


def _figures(report: StatusReport) -> str:
    return _section("Against the usual", '<div class="cards">' + "".join(map(_card, report.figures)) + "</div>")


def _card(figure: Figure) -> str:
    mark = "worry" if figure.worrying else ""
    between = "" if figure.low is None else f"95 %: {shown(figure.low, 'share')} to {shown(figure.high, 'share')}"
    return (
        f'<article class="card {mark}"><h3>{_text(figure.words)}</h3>'
        f'<p class="value">{_text(shown(figure.now, figure.unit))}</p>{_spark(figure)}'
        f'<p>{_text(against_the_usual(figure))}</p><p class="small">{_text(between)}&nbsp;</p></article>'
    )


_WIDTH, _HEIGHT = 220, 48


def _spark(figure: Figure) -> str:
    """The course as a line, or as columns where it is a number of mails."""
    known = [value for value in figure.course if value is not None]
    most = max(known, default=0.0) or 1.0
    step = _WIDTH / max(len(figure.course), 1)
    heights = [None if value is None else value / most * (_HEIGHT - 4) for value in figure.course]
    drawn = _columns(heights, step) if figure.unit == "count" else _lines(heights, step)
    told = f"{figure.words}, by period; the most is {shown(max(known, default=None), figure.unit)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(told)}">'
        f'<line class="axis" x1="0" y1="{_HEIGHT - 1}" x2="{_WIDTH}" y2="{_HEIGHT - 1}"/>{drawn}</svg>'
    )


def _columns(heights: Sequence[float | None], step: float) -> str:
    return "".join(
        f'<rect x="{place * step:.1f}" y="{_HEIGHT - 1 - height:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}"/>'
        for place, height in enumerate(heights)
        if height
    )


def _lines(heights: Sequence[float | None], step: float) -> str:
    """A line for each stretch without a gap; a dot where there is one value alone."""
    stretches: list[list[str]] = [[]]
    for place, height in enumerate(heights):
        if height is None:
            stretches.append([])
        else:
            stretches[-1].append(f"{(place + 0.5) * step:.1f},{_HEIGHT - 1 - height:.1f}")
    drawn = []
    for points in filter(None, stretches):
        x, y = points[0].split(",")
        drawn.append(
            f'<polyline points="{" ".join(points)}"/>' if len(points) > 1 else f'<circle cx="{x}" cy="{y}" r="2"/>'
        )
    return "".join(drawn)


def _aws(report: StatusReport) -> str:
    told = report.aws
    bars = "".join(
        _bullet(name, rate, LINES[name].review, LINES[name].pause)
        for name, rate in (("bounce", told.bounce), ("complaint", told.complaint))
    )
    few = "" if told.enough else " Too few mails for AWS's rates to say much."
    return _section("As AWS judges", f'{bars}<p class="small">{told.volume:,} mails.{few} {_text(told.method)}</p>')


def _bullet(name: str, rate: RateResult, review: float, pause: float) -> str:
    """A rate on a scale with AWS's two lines."""
    share = rate.rate or 0.0
    whole = max(pause * 1.2, share)
    place = {what: value / whole * 600 for what, value in (("share", share), ("review", review), ("pause", pause))}
    told = f"{name}s {shown(rate.rate, 'share')}; review from {review:.1%}, pause from {pause:.1%}"
    level = "critical" if share >= pause else "warn" if share >= review else "ok"
    lines = "".join(
        f'<line class="{what}" x1="{place[what]:.1f}" y1="2" x2="{place[what]:.1f}" y2="26"/>'
        for what in ("review", "pause")
    )
    return (
        f'<p>{_text(told)}</p><svg class="bullet" viewBox="0 0 600 28" role="img" aria-label="{_text(told)}">'
        f'<rect class="track" x="0" y="8" width="600" height="12"/>'
        f'<rect class="{level}" x="0" y="8" width="{place["share"]:.1f}" height="12"/>{lines}</svg>'
    )


def _mails(report: StatusReport) -> str:
    return "".join(
        _section(title, _table(_HEADS, map(_row, sent)) if (sent := sent_in(rows)) else "<p>nothing was sent</p>")
        for title, rows in (("Campaigns", report.campaigns), ("Providers", report.providers))
    )


_HEADS: Final = ("name", "sent", "delivered", "bounced for good", "complained", "opened", "clicked", "half within")


def _row(row: Row) -> tuple[str, ...]:
    rates = (row.rate(name).rate for name in ("delivery", "hard_bounce", "complaint", "unique_open", "unique_click"))
    told = [shown(rate, "share") for rate in rates]
    return row.name, f"{row.counts['sends']:,}", *told, shown(row.to_deliver.p50, "milliseconds")


def _reasons(report: StatusReport) -> str:
    rows = [(row.reason, f"{row.bounces:,}", shown(row.share.rate, "share"), row.fault, row.advice)
            for row in report.reasons]  # fmt: skip
    if not rows:
        return ""
    return _section("Why mails bounced", _table(("reason", "bounces", "share", "whose fault", "what to do"), rows))


def _rest(report: StatusReport) -> str:
    told = [f"{report.suppressed:,} people may not be mailed now.",
            f"{report.dead_letters:,} messages could not be understood."]  # fmt: skip
    if report.health is not None:
        told.append(f"The store is {report.health.status}.")
        told += [f"{check.name}: {check.finding}" for check in report.health.checks if check.status != "ok"]
    return _section("Besides", "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in told) + "</ul>")


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    heads = "".join(f'<th scope="col">{_text(name)}</th>' for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'


def _text(value: str) -> str:
    """What somebody else may have written, as text."""
    return escape(clean(value))


_STYLE: Final = """
:root{color-scheme:light dark;--ink:#0f172a;--soft:#475569;--paper:#fff;--card:#f1f5f9;--line:#cbd5e1;--blue:#1d4ed8;
--ok:#15803d;--warn:#b45309;--critical:#b91c1c}
@media(prefers-color-scheme:dark){:root{--ink:#e2e8f0;--soft:#94a3b8;--paper:#0f172a;--card:#1e293b;--line:#475569;
--blue:#60a5fa;--ok:#4ade80;--warn:#fbbf24;--critical:#f87171}}
body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1,h2,h3{line-height:1.2;margin:1.2em 0 .4em}h3{font-size:1rem;margin:0}p{margin:.2em 0}
.small{color:var(--soft);font-size:.85rem}.state{font-weight:700;padding:.4rem .8rem;
border-left:.4rem solid var(--soft);background:var(--card)}
.state.ok{border-color:var(--ok)}.state.warn{border-color:var(--warn)}
.state.critical{border-color:var(--critical)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.8rem}
.card{background:var(--card);border-radius:.5rem;padding:.8rem;border:1px solid transparent}
.card.worry{border-color:var(--critical)}.card.worry .value{color:var(--critical)}
.value{font-size:1.6rem;font-weight:700}
svg{width:100%;height:auto;fill:var(--blue);stroke:none}polyline{fill:none;stroke:var(--blue);stroke-width:2}
.axis{stroke:var(--line)}.bullet{max-width:40rem;display:block}.track{fill:var(--line)}rect.ok{fill:var(--ok)}
rect.warn{fill:var(--warn)}rect.critical{fill:var(--critical)}.review{stroke:var(--warn);stroke-width:2}
.pause{stroke:var(--critical);stroke-width:2}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;
border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}th{color:var(--soft);font-weight:600}
"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
