"""Draws ``_static/rollups.svg``: which part of a window comes from where. ``python docs/draw_rollups.py``."""

from __future__ import annotations

from pathlib import Path

CLEAN, DAY, DIRTY, OPEN, LOG = "#bbf7d0", "#86efac", "#fecaca", "#fde68a", "#e2e8f0"
WIDE, HIGH, LEFT = 26, 34, 24


def text(x: float, y: float, words: str, size: int = 12, anchor: str = "middle", weight: int = 400) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="#0f172a">'
        f"{words}</text>"
    )


def box(x: float, y: float, width: float, colour: str, height: float = HIGH) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="3" fill="{colour}" stroke="#475569"/>'


def brace(first: float, last: float, y: float, words: str, colour: str) -> list[str]:
    return [
        f'<path d="M{first} {y} v8 H{last} v-8" fill="none" stroke="{colour}" stroke-width="2"/>',
        text((first + last) / 2, y + 24, words),
    ]


def drawn() -> str:
    hours = [LOG, CLEAN, CLEAN, None, None, CLEAN, CLEAN, DIRTY, CLEAN, CLEAN, OPEN]
    shapes = [text(LEFT, 22, "What a report from Monday 21:40 until now is made of", 14, "start", 600)]
    x, places = float(LEFT), []
    for colour in hours:
        width = WIDE * 4 if colour is None else WIDE * 1.6
        shapes.append(box(x, 44, width, colour or DAY))
        places.append((x, x + width))
        x += width
    names = ["21:40", "22", "23", "Tuesday", "Wednesday", "0", "1", "2", "3", "4", "5 …"]
    for (first, last), name in zip(places, names, strict=True):
        shapes.append(text((first + last) / 2, 66, name))
    notes = [(0, 0, "an edge: log"), (1, 2, "hours"), (3, 4, "days"), (5, 6, "hours"), (7, 7, "dirty: log"),
             (8, 9, "hours"), (10, 10, "open: log")]  # fmt: skip
    for first, last, words in notes:
        colour = "#15803d" if "log" not in words else "#b91c1c"
        shapes += brace(places[first][0] + 3, places[last][1] - 3, 84, words, colour)
    legend = [(0, DAY, "from ses_rollup: one document for each day or hour"), (340, DIRTY, "from ses_event")]
    for place, colour, words in legend:
        shapes += [box(LEFT + place, 134, 16, colour, 16), text(LEFT + place + 24, 147, words, 12, "start")]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x + LEFT:.0f} 166" role="img" font-family="sans-serif">'
    )
    return "\n".join([head, "<title>Which part of a window comes from where</title>", *shapes, "</svg>\n"])


if __name__ == "__main__":
    (Path(__file__).parent / "_static" / "rollups.svg").write_text(drawn(), encoding="utf-8")
