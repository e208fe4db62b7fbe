"""The only writer of CSV cells: a line of text that no spreadsheet takes for a formula.

https://owasp.org/www-community/attacks/CSV_Injection. It opens nothing. Next: whoever writes tables,
:mod:`sesevent.suppression.files` and :mod:`sesevent.analytics.answer`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

__all__ = ["escaped", "line", "unescaped"]

_FORMULA: Final = "=+\\-@\t\r＝＋－＠"  # what a formula begins with; some spreadsheets take the wide signs too
_ESCAPED: Final = re.compile(f"'+[{_FORMULA}]")
_DANGEROUS: Final = re.compile(f"'*[{_FORMULA}]")


def escaped(cell: str) -> str:
    """A cell that is shown as it is.

    One that would read as escaped already gets an apostrophe too, so that reading gives back exactly this.
    """
    return f"'{cell}" if _DANGEROUS.match(cell) else cell


def unescaped(cell: str) -> str:
    """What was escaped."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def line(cells: Iterable[object]) -> str:
    """One row, with its line end."""
    told = io.StringIO()
    csv.writer(told, lineterminator="\n").writerow(cells)
    return told.getvalue()
