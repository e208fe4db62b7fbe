"""How long things took, as counts of buckets: adding up and merging never loses what percentiles need.

A bucket is an eighth of a doubling of a span and a millisecond, so that a percentile is at most 4.5 % off (of the
shortest spans a little more). Sums of counts do not care for order.
"""

from __future__ import annotations

from math import log2
from typing import Final

__all__ = ["PER_DOUBLING", "Spans", "bucket_of", "milliseconds_of"]

PER_DOUBLING: Final = 8


def bucket_of(milliseconds: int) -> int:
    """The bucket of a span; less than nothing, which clocks may tell, is nothing."""
    return round(PER_DOUBLING * log2(max(milliseconds, 0) + 1))


def milliseconds_of(bucket: int) -> float:
    """The span that a bucket stands for."""
    return float(2 ** (bucket / PER_DOUBLING) - 1)


class Spans:
    """Counted spans."""

    __slots__ = ("buckets",)

    def __init__(self, buckets: dict[int, int] | None = None) -> None:
        self.buckets = buckets or {}

    def add(self, bucket: int, times: int = 1) -> None:
        """*times* more of a bucket."""
        self.buckets[bucket] = self.buckets.get(bucket, 0) + times

    def merge(self, other: Spans) -> None:
        """Those of another too."""
        if not self.buckets:
            self.buckets = dict(other.buckets)
            return
        buckets = self.buckets  # of hundreds of cells: no call for each bucket
        for bucket, times in other.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + times

    def count(self) -> int:
        """How many there are."""
        return sum(self.buckets.values())

    def percentile(self, share: float) -> float | None:
        """Milliseconds that *share* of all (0.5: half) took at most; None where there are none."""
        wanted = share * self.count()
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return milliseconds_of(bucket)
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and self.buckets == other.buckets

    __hash__ = None  # type: ignore[assignment]  # it changes
