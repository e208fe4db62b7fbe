"""Draw what a mail may come to: ``python docs/status_picture.py``. Each arrow is a story that the fold is asked of."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sesevent import parse, testing
from sesevent.analytics.status import STATES, status_of
from sesevent.storage.codec import document_fields
from sesevent.storage.happenings import happened_in

PICTURE = Path(__file__).parent / "_static" / "status.svg"
WIDE, HIGH = 170, 52
GOOD, OPEN, BAD, NEVER = "#dcfce7", "#dbeafe", "#fecaca", "#e9d5ff"

ANN, TWO = {"to": "ann@example.com"}, {"to": ["ann@example.com", "ben@example.com"]}
SEND, DELIVERY = testing.send(**ANN), testing.delivery(**ANN)
DELAY = testing.delivery_delay(**ANN)
LATE = testing.bounce(after=timedelta(hours=1), **ANN)

BOXES = {
    "sent": (20, 120, OPEN), "delayed": (310, 20, OPEN), "delivered": (600, 120, GOOD), "complained": (880, 50, BAD),
    "possibly_complained": (880, 190, BAD), "bounced": (600, 260, BAD), "rejected": (20, 290, NEVER),
    "rendering_failed": (210, 290, NEVER), "suppressed": (400, 290, NEVER),
}  # fmt: skip
"""State → where it stands."""

ARROWS: list[tuple[str, str, str, list[dict[str, Any]], tuple[int, int, int, int], tuple[int, int]]] = [
    # before, after, what is written on it, the story, from where to where, where the words stand
    ("sent", "delivered", "Delivery, or an Open, a Click, …", [SEND, DELIVERY], (190, 146, 600, 146), (330, 139)),
    ("sent", "delayed", "DeliveryDelay", [SEND, DELAY], (120, 120, 310, 46), (160, 75)),
    ("delayed", "delivered", "Delivery", [SEND, DELAY, testing.delivery(after=timedelta(hours=1), **ANN)],
     (480, 46, 660, 120), (615, 80)),
    ("delayed", "bounced", "given up", [SEND, DELAY, LATE], (430, 72, 610, 260), (535, 228)),
    ("sent", "bounced", "Bounce", [SEND, LATE], (190, 164, 600, 276), (395, 212)),
    ("delivered", "bounced", "returned later: Bounce", [DELIVERY, LATE], (690, 172, 690, 260), (768, 222)),
    ("delivered", "complained", "Complaint", [DELIVERY, testing.complaint(**ANN)], (770, 136, 880, 84), (810, 98)),
    ("delivered", "possibly_complained", "…that names several", [testing.delivery(**TWO), testing.complaint(**TWO)],
     (770, 156, 880, 208), (880, 165)),
    ("sent", "rejected", "Reject", [SEND, testing.reject(**ANN)], (70, 172, 70, 290), (45, 235)),
    ("sent", "rendering_failed", "Rendering Failure", [SEND, testing.rendering_failure(**ANN)], (110, 172, 270, 290),
     (148, 262)),
    ("sent", "suppressed", "on SES's list", [SEND, testing.bounce(bounce_sub_type="OnAccountSuppressionList", **ANN)],
     (150, 172, 440, 290), (402, 246)),
]  # fmt: skip


def _states(story: list[dict[str, Any]]) -> tuple[str, str]:
    """Before the last event of a story, and after it."""
    facts = [happened_in(document_fields(parse(payload)[0])) for payload in story]
    return status_of("", facts[:-1]).state, status_of("", facts).state


def _box(state: str) -> str:
    left, top, colour = BOXES[state]
    words = STATES[state].words.lower().replace("amazon ses", "Amazon SES")
    lines = [(state, 14, "#0f172a", 600)] + [(words, 11, "#334155", 400)] * (words != state)
    first = top + (23 if len(lines) > 1 else 31)
    return (
        f'<rect x="{left}" y="{top}" width="{WIDE}" height="{HIGH}" rx="8" fill="{colour}" stroke="#475569"/>'
        + "".join(
            f'<text x="{left + WIDE / 2}" y="{first + 18 * place}" text-anchor="middle" font-size="{size}" '
            f'font-weight="{weight}" fill="{ink}">{text}</text>'
            for place, (text, size, ink, weight) in enumerate(lines)
        )
    )


def _arrow(line: tuple[int, int, int, int], words: str, at: tuple[int, int]) -> str:
    return (
        f'<path d="M{line[0]} {line[1]}L{line[2]} {line[3]}" stroke="#475569" stroke-width="1.5" '
        f'marker-end="url(#head)"/>'
        f'<text x="{at[0]}" y="{at[1]}" text-anchor="middle" font-size="12" fill="#334155">{words}</text>'
    )


def main() -> None:
    """Write the picture, unless an arrow is wrong."""
    for before, after, words, story, *_ in ARROWS:
        assert _states(story) == (before, after), words
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1070 360" role="img" '
        'font-family="system-ui, sans-serif"><title>What a mail may come to for one person</title>'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#475569"/></marker></defs>'
    )
    parts = ['<rect width="1070" height="360" rx="8" fill="#f6f7f9"/>']
    parts += [_arrow(line, words, at) for _, _, words, _, line, at in ARROWS]
    parts += [_box(state) for state in BOXES]
    PICTURE.write_text("\n".join([head, *parts, "</svg>\n"]), encoding="utf-8")


if __name__ == "__main__":
    main()
