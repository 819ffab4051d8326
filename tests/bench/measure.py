"""What every bench shares: rounds that take turns, a figure with its spread, a row of the table. Measures nothing.

A machine's speed drifts within seconds, so the two sides of a comparison take turns, and who goes first takes turns too;
a ratio or a difference is taken within each round, and then the median of those.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Measured = TypeVar("Measured")


class Row(NamedTuple):
    """One comparison, as it is printed."""

    what: str
    bare: str
    harness: str
    difference: str
    to_reach: str


def in_turn(
    rounds: int, bare: Callable[[], Measured], harness: Callable[[], Measured]
) -> tuple[list[Measured], list[Measured]]:
    """What each side measured, round by round."""
    floors: list[Measured] = []
    ours: list[Measured] = []
    for number in range(rounds):
        sides = [(floors, bare), (ours, harness)]
        for measured, side in sides if number % 2 == 0 else reversed(sides):
            measured.append(side())
    return floors, ours


def median_of(values: Sequence[float], unit: str, digits: int = 2) -> str:
    """The median and, in brackets, the lowest and the highest."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} {unit} ({low}-{high})"


def judged(target: str, *, reached: bool) -> str:
    """The target, and whether what was measured reaches it."""
    return f"{target}: {'reached' if reached else 'missed'}"
