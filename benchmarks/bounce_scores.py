"""How often the reason is right: ``python benchmarks/bounce_scores.py [--no-picture]``.

Two sets: our own diagnostics (tests/bounces/diagnostics.tsv, in our own words), and the shared labelled
rows, where they are at hand. Labels may name several reasons that count as right. The picture of what is
taken for what holds counts only.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from sesevent.bounces import classify
from sesevent.bounces.priority import REASON_ORDER
from sesevent.bounces.rulebook import load_rules

ROOT = Path(__file__).parents[1]
OWN = ROOT / "tests" / "bounces" / "diagnostics.tsv"
SHARED = ROOT.parent / "shared" / "bounces" / "dev.tsv"
PICTURE = ROOT / "docs" / "_static" / "bounce-confusion.svg"


class Row(NamedTuple):
    """One labelled diagnostic and what became of it."""

    source: str
    labels: tuple[str, ...]
    hard: bool | None
    """What the label says of the address; None where either is right."""
    said: str
    said_hard: bool

    @property
    def right(self) -> bool:
        return self.said in self.labels

    @property
    def label(self) -> str:
        """The label it is counted under: the one that was found, if that is among them."""
        return self.said if self.right else self.labels[0]


def own_rows(path: Path = OWN) -> list[Row]:
    """Our own set; the address is dead where the reason that is meant says so."""
    reasons = load_rules().reasons
    rows = []
    for row in _read(path):
        labels = tuple(row["reason"].split(";"))
        hard = {reasons[label].bounce_class == "hard" for label in labels}
        rows.append(_row("own", row["status"], row["diagnostic"], labels, hard.pop() if len(hard) == 1 else None))
    return rows


def shared_rows(path: Path = SHARED) -> list[Row]:
    """The shared labelled rows; none where they are not at hand."""
    meant = {"hard": True, "not_hard": False}
    return [
        _row(
            row["source"], row["status"], row["diagnostic"], tuple(row["expected"].split("|")), meant.get(row["class"])
        )
        for row in (_read(path) if path.exists() else ())
    ]


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _row(source: str, status: str, diagnostic: str, labels: tuple[str, ...], hard: bool | None) -> Row:
    found = classify(status=status or None, diagnostic=diagnostic)
    return Row(source, labels, hard, found.reason, found.permanent)


def accuracy(rows: list[Row]) -> tuple[float, float]:
    """Of the reason, and of hard-or-not."""
    right = sum(row.right for row in rows)
    same = sum(row.hard is None or row.hard == row.said_hard for row in rows)
    return right / len(rows), same / len(rows)


def by_reason(rows: list[Row]) -> dict[str, tuple[int, float, float, float]]:
    """Reason → how many rows carry it, precision, recall, F1."""
    scores = {}
    for name in REASON_ORDER:
        meant = sum(row.label == name for row in rows)
        said = sum(row.said == name for row in rows)
        hits = sum(row.right and row.said == name for row in rows)
        if meant:
            precision, recall = hits / said if said else 0.0, hits / meant
            scores[name] = (meant, precision, recall, 2 * hits / (said + meant))
    return scores


def macro_f1(rows: list[Row]) -> float:
    """The mean of the reasons' F1: rare reasons count as much as common ones."""
    scores = by_reason(rows)
    return sum(score[3] for score in scores.values()) / len(scores)


def tables(rows: list[Row]) -> str:
    """All of it, by source, without each source, and by reason."""
    sources = sorted({row.source for row in rows})
    lines = ["| rows | number | reason | hard or not | macro-F1 |", "|---|---|---|---|---|", _line("all", rows)]
    if len(sources) > 1:
        lines += [_line(name, [row for row in rows if row.source == name]) for name in sources]
        lines += [_line(f"without {name}", [row for row in rows if row.source != name]) for name in sources]
    lines += ["", "| reason | rows | precision | recall | F1 |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {n} | {p:.2f} | {r:.2f} | {f:.2f} |" for name, (n, p, r, f) in by_reason(rows).items()]
    return "\n".join(lines)


def _line(name: str, rows: list[Row]) -> str:
    reason, hard = accuracy(rows)
    return f"| {name} | {len(rows)} | {reason:.3f} | {hard:.3f} | {macro_f1(rows):.2f} |"


# ── the picture ──────────────────────────────────────────────────────────────────────────────


CELL, LEFT, TOP = 26, 150, 150
STYLE = """text { font: 12px system-ui, sans-serif; fill: #444 } .n { text-anchor: middle; font-size: 11px }
.l { text-anchor: end } .cell { stroke: #8886; stroke-width: .5 } .right { fill: #2a9d6f } .wrong { fill: #d1495b }
.on { fill: #fff } @media (prefers-color-scheme: dark) { text { fill: #ccc } .on { fill: #fff } }"""


def picture(rows: list[Row]) -> str:
    """What was meant (down) and what was said (across), as SVG: counts only."""
    counts = Counter((row.label, row.said) for row in rows)
    names = [name for name in REASON_ORDER if any(name in pair for pair in counts)]
    size = len(names) * CELL
    parts = [_axis(names), *(_cell(names, pair, number, counts) for pair, number in sorted(counts.items()))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + size + 10} {TOP + size + 30}" role="img">\n'
        f"<title>Reasons as labelled, down, and as classified, across</title>\n<style>{STYLE}</style>\n"
        f'<text x="{LEFT}" y="{TOP + size + 20}">across: classified as; down: labelled as; '
        f"{len(rows)} rows</text>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _axis(names: list[str]) -> str:
    lines = []
    for place, name in enumerate(names):
        middle = place * CELL + CELL // 2
        lines.append(f'<text class="l" x="{LEFT - 6}" y="{TOP + middle + 4}">{name}</text>')
        lines.append(f'<text transform="translate({LEFT + middle + 4} {TOP - 6}) rotate(-60)">{name}</text>')
    return "\n".join(lines)


def _cell(names: list[str], pair: tuple[str, str], number: int, counts: Counter[tuple[str, str]]) -> str:
    label, said = pair
    x, y = LEFT + names.index(said) * CELL, TOP + names.index(label) * CELL
    share = number / sum(n for (meant, _), n in counts.items() if meant == label)
    kind = "right" if label == said else "wrong"
    return (
        f'<rect class="cell {kind}" x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill-opacity="{0.25 + 0.75 * share:.2f}"/>'
        f'<text class="n{" on" if share > 0.5 else ""}" x="{x + CELL / 2:g}" y="{y + CELL / 2 + 4:g}">{number}</text>'
    )


def main(arguments: list[str]) -> None:
    """Print the tables, and draw the picture of the shared rows."""
    print(f"## Our own diagnostics\n\n{tables(own_rows())}\n")
    shared = shared_rows()
    if not shared:
        print("The shared labelled rows are not at hand (../shared/bounces/dev.tsv): no tables of them, no picture.")
        return
    print(f"## The shared labelled rows\n\n{tables(shared)}")
    if "--no-picture" not in arguments:
        PICTURE.write_text(picture(shared), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
