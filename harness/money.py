"""Amounts of money as people read them, and the sum of those that a run has spent. Knows no prices."""

from __future__ import annotations

import math
from dataclasses import dataclass

_CENTS_MATTER_BELOW = 10_000.0
_TWO_DIGITS_BELOW = 0.1
_SMALLEST = 1e-6


@dataclass(slots=True)
class Outlay:
    """What a folder has cost, in USD; None where nobody knows of anything that costs.

    Args:
        limit_usd: what it may cost at most, None without a budget.
        before_usd: what it had cost before this run.
        now_usd: what this run has added.
    """

    limit_usd: float | None = None
    before_usd: float | None = None
    now_usd: float | None = None

    @property
    def total_usd(self) -> float | None:
        """Before and now."""
        known = [usd for usd in (self.before_usd, self.now_usd) if usd is not None]
        return sum(known) if known else None

    def add(self, usd: float | None) -> None:
        """So much was spent; None changes nothing."""
        if usd is not None:
            self.now_usd = (self.now_usd or 0.0) + usd


def dollars(usd: float) -> str:
    """`$3.41`, `$12,345`; two digits of what is small: `$0.031`, `$0.00042`, down to `<$0.000001`."""
    if usd >= _CENTS_MATTER_BELOW:
        return f"${usd:,.0f}"
    if usd >= _TWO_DIGITS_BELOW or usd <= 0:
        return f"${usd:,.2f}"
    if usd < _SMALLEST:
        return "<$0.000001"
    return f"${usd:.{min(6, 1 - math.floor(math.log10(usd)))}f}"
