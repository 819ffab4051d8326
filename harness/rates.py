"""Small arithmetic over time with bounded memory: a sliding sum and a percentile. Knows nothing of runs or requests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SlidingSum:
    """The sum of what was added within the last `span_s` seconds, never overstated.

    Memory is `buckets` numbers whatever is added. The oldest bucket leaves whole, so that between
    `span_s - span_s / buckets` and `span_s` seconds are covered.
    """

    def __init__(self, span_s: float, buckets: int) -> None:
        self._width_s = span_s / buckets
        self._sums = [0.0] * buckets
        self._newest: int | None = None

    def add(self, at: float, amount: float = 1.0) -> None:
        """Add `amount` at `at`, in seconds of the clock. What is told late counts for its own time, where that does."""
        bucket = int(at // self._width_s)
        if bucket > self._advance(bucket) - len(self._sums):
            self._sums[bucket % len(self._sums)] += amount

    def total(self, now: float) -> float:
        """What is left of everything added, at `now`."""
        self._advance(int(now // self._width_s))
        return math.fsum(self._sums)

    def _advance(self, bucket: int) -> int:
        """Forget what is too old by the time of `bucket`; the newest one that there has been."""
        if bucket == self._newest:
            return bucket
        if self._newest is None:
            self._newest = bucket
        for passed in range(self._newest + 1, min(bucket, self._newest + len(self._sums)) + 1):
            self._sums[passed % len(self._sums)] = 0.0
        self._newest = max(self._newest, bucket)
        return self._newest


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """The smallest value that a `share` (0 to 1) of `ascending` does not exceed, by nearest rank; None of nothing."""
    if not ascending:
        return None
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]
