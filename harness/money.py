"""Amounts of money as people read them. Knows no prices."""

from __future__ import annotations

import math

_CENTS_MATTER_BELOW = 10_000.0
_TWO_DIGITS_BELOW = 0.1
_SMALLEST = 1e-6


def dollars(usd: float) -> str:
    """`$3.41`, `$12,345`; two digits of what is small: `$0.031`, `$0.00042`, down to `<$0.000001`."""
    if usd >= _CENTS_MATTER_BELOW:
        return f"${usd:,.0f}"
    if usd >= _TWO_DIGITS_BELOW or usd <= 0:
        return f"${usd:,.2f}"
    if usd < _SMALLEST:
        return "<$0.000001"
    return f"${usd:.{min(6, 1 - math.floor(math.log10(usd)))}f}"
