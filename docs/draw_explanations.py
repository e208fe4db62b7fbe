"""Draw the pictures of explanations that show no data: `python docs/draw_explanations.py`."""

from __future__ import annotations

from html import escape
from pathlib import Path

STATIC = Path(__file__).parent / "_static"
INK, SOFT, PAPER = "#0f172a", "#334155", "#f6f7f9"
DOOR, WAIT, VALUE, PURE, STOP = "#fde68a", "#fecaca", "#dbeafe", "#dcfce7", "#e2e8f0"


def box(x: int, y: int, w: int, h: int, fill: str, *lines: str, size: int = 14) -> str:
    middle = y + h / 2 - (len(lines) - 1) * 9 + 5
    words = "".join(
        f'<text x="{x + w / 2}" y="{middle + 18 * n}" text-anchor="middle" font-size="{size if not n else 12}" '
        f'font-weight="{600 if not n else 400}" fill="{INK if not n else SOFT}">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="8" fill="{fill}" stroke="#475569"/>{words}'


def arrow(x1: int, y1: int, x2: int, y2: int, said: str = "", *, above: bool = True) -> str:
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#475569" stroke-width="1.6" marker-end="url(#a)"/>'
    y = (y1 + y2) / 2 + (-7 if above else 16)
    text = f'<text x="{(x1 + x2) / 2}" y="{y}" text-anchor="middle" font-size="12" fill="{SOFT}">{escape(said)}</text>'
    return line + (text if said else "")


def picture(name: str, title: str, width: int, height: int, *parts: str) -> None:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif">'
        f"<title>{escape(title)}</title>"
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#475569"/></marker></defs>'
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>'
    )
    (STATIC / f"{name}.svg").write_text("\n".join([head, *parts, "</svg>\n"]), encoding="utf-8")


def plans() -> None:
    picture(
        "plans",
        "A plan and those who perform it",
        760,
        250,
        box(24, 70, 190, 110, VALUE, "a plan", "decides; knows no I/O,", "no clock, no colour"),
        arrow(214, 100, 430, 100, "an operation, as a value"),
        arrow(430, 150, 214, 150, "what came of it, or an error", above=False),
        box(430, 20, 150, 60, DOOR, "EventStore", "calls"),
        box(430, 95, 150, 60, DOOR, "AsyncEventStore", "awaits"),
        box(430, 170, 150, 60, PURE, "a test", "two at once, in any order"),
        arrow(580, 50, 640, 90),
        arrow(580, 125, 640, 110),
        box(640, 70, 100, 70, STOP, "MongoDB"),
    )


def threats() -> None:
    who = [
        ("anybody, another AWS customer", "signature, certificate, topic"),
        ("senders whose words are in payloads", "bounds; text is shown as text"),
        ("users of the API and the dashboard", "scopes, masks, sealed cursors"),
        ("readers of logs and metrics", "no person is named there"),
        ("readers of disks and backups", "encryption; else nothing: choose"),
        ("operators who cover tracks", "a chain of acts, anchored elsewhere"),
    ]
    parts = []
    for n, (name, stop) in enumerate(who):
        y = 16 + n * 52
        parts += [
            box(16, y, 266, 40, WAIT, name, size=13),
            arrow(282, y + 20, 318, y + 20),
            box(318, y, 262, 40, DOOR if n < 3 else VALUE, stop, size=13),
            arrow(580, y + 20, 622, y + 20),
        ]
    picture("threats", "Who may want what, and what stands in the way", 760, 340, *parts,
            box(622, 16, 122, 300, PURE, "events,", "standings,", "audit trail"))  # fmt: skip


if __name__ == "__main__":
    plans()
    threats()
