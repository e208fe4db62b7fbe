"""What every answer can be turned into: plain data, CSV, a pandas frame, a picture.

pandas and matplotlib are extras, and loaded where they are asked for. Next: :mod:`sesevent.analytics.results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from os import PathLike
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, Union

from sesevent import csvtext
from sesevent.errors import ConfigurationError, MissingExtra
from sesevent.moments import format_moment

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

__all__ = ["Answer", "Record", "Table", "Target"]

Target = Union[str, "PathLike[str]", IO[str]]
"""A path, or an open file of text."""


class Answer:
    """What an answer can do, whatever was asked."""

    __slots__ = ()
    picture: ClassVar[str]
    """The function of `sesevent.analytics.pictures` that draws it."""

    def records(self) -> list[dict[str, Any]]:
        """Its rows, flat: each a mapping of column to text, number, datetime or None. All have the same columns."""
        raise NotImplementedError

    def to_csv(self, target: Target | None = None) -> str:
        """The rows as CSV with a header; text is escaped where a spreadsheet would take it for a formula.

        Written to *target* too, where one is given. Raises ConfigurationError where a path cannot be written.
        """
        rows = self.records()
        lines = [csvtext.line(rows[0] if rows else ()), *[csvtext.line(map(_cell, row.values())) for row in rows]]
        text = "".join(lines) if rows else ""
        if target is not None:
            _write(text, target)
        return text

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a frame. Raises MissingExtra without the extra `pandas`."""
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("A pandas frame", "pandas") from None
        return pd.DataFrame(self.records())

    def plot(self, *measures: str) -> Figure:
        """A picture of it, a matplotlib figure, with each rate's interval: `figure.savefig("week.svg")`.

        *measures* are names of `sesevent.analytics.measures.MEASURES`, where rates are drawn; by default what fits.
        Raises MissingExtra without the extra `plots`.
        """
        try:
            import matplotlib.figure  # noqa: F401
        except ImportError:
            raise MissingExtra("A picture", "plots") from None
        from sesevent.analytics import pictures

        figure: Figure = getattr(pictures, self.picture)(self, *measures)
        return figure


class Record(Protocol):
    """A row of a table."""

    @property
    def name(self) -> str:
        """What it is of."""
        ...

    def record(self) -> dict[str, Any]:
        """It, flat."""
        ...


R_co = TypeVar("R_co", bound=Record, covariant=True)


class Table(Answer, Generic[R_co]):
    """An answer of rows that have names."""

    rows: tuple[R_co, ...]

    def __iter__(self) -> Iterator[R_co]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> R_co:
        """The row of this name. Raises KeyError where there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def records(self) -> list[dict[str, Any]]:
        """Its rows, flat."""
        return [row.record() for row in self.rows]


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return value  # a number below zero is no formula
    text = format_moment(value) if isinstance(value, datetime) else str(value)
    # A row is a line, also for tools that know no quotes; and no CSV of Python 3.10 holds a NUL.
    return csvtext.escaped(text.translate(_BREAKS))


_BREAKS: Mapping[int, str] = {ord("\r"): " ", ord("\n"): " ", 0: " "}


def _write(text: str, target: Target) -> None:
    if not isinstance(target, (str, PathLike)):
        target.write(text)
        return
    try:
        with open(target, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError(f"The answer cannot be written: {error.strerror}.") from None
