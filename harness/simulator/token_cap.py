"""A cap on tokens per minute, seen from the provider's side; knows nothing about HTTP or about what tokens are."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from harness.simulator.cap import WINDOW_S, Allowance

if TYPE_CHECKING:
    from collections.abc import Hashable


class _Window:
    """What one caller spent within the last 60 seconds: (the time when it is free again, amount), and the sum."""

    __slots__ = ("spent", "used")

    def __init__(self) -> None:
        self.spent: deque[tuple[float, int]] = deque()
        self.used = 0

    def slide(self, now: float) -> None:
        while self.spent and self.spent[0][0] <= now:
            self.used -= self.spent.popleft()[1]


class TokenCap:
    """Says whether an amount fits below `limit` tokens in any 60 seconds, for each caller by itself.

    It counts what it is told to, whether that fits or not. An amount above the limit never fits: a provider refuses
    such a request for ever.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._windows: dict[Hashable, _Window] = {}

    def look(self, caller: Hashable, now: float, amount: int = 0) -> Allowance:
        """Where a caller stands, and how long it would have to wait before `amount` more fitted; counts nothing.

        Args:
            caller: who shares one cap.
            now: monotonic seconds, never less than in the call before.
            amount: tokens.
        """
        window = self._windows.setdefault(caller, _Window())
        window.slide(now)
        return Allowance(
            limit=self._limit,
            remaining=max(0, self._limit - window.used),
            reset_s=window.spent[-1][0] - now if window.spent else 0.0,
            retry_after_s=self._wait_s(window, now, amount),
        )

    def spend(self, caller: Hashable, amount: int, now: float) -> None:
        """Counts `amount` tokens at `now`."""
        window = self._windows.setdefault(caller, _Window())
        window.slide(now)
        if amount > 0:
            window.spent.append((now + WINDOW_S, amount))
            window.used += amount

    def _wait_s(self, window: _Window, now: float, amount: int) -> int | None:
        excess = window.used + amount - self._limit
        if amount <= 0 or excess <= 0:
            return None
        free_at = now + WINDOW_S
        for free_at, spent in window.spent:  # noqa: B007 - the last one looked at is what counts
            excess -= spent
            if excess <= 0:
                break
        # Rounded first: sums of floats would make 61 of 60.
        return max(1, math.ceil(round(free_at - now, 6)))

    def reset(self) -> None:
        """Forgets every token."""
        self._windows.clear()
