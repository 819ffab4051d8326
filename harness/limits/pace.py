"""Requests a minute: a leaky bucket that spaces them, and behind it a window that makes the cap strict."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW_S = 60.5
"""The window of every cap. With exactly 60 s, 50 ms of jitter on the way made 65 of 60 arrive at a server."""


class Pace:
    """Never more than `requests_per_minute` in any 60 seconds, the burst included; a cap below 1 stretches the window.

    `AsyncLimiter(60, 60)` let 119 requests out in the first 60 s; a bucket of `burst` refilled at the cap's rate paces,
    and the times of the last admissions forbid more than the cap in any window.
    """

    def __init__(self, requests_per_minute: float, burst: int) -> None:
        self._in_window = max(1, math.floor(requests_per_minute))
        burst = min(burst, self._in_window)
        self._bucket = AsyncLimiter(burst, 60.0 * burst / requests_per_minute)
        self._drip_s = 60.0 / requests_per_minute
        self._recent: deque[float] = deque()
        self.window_s = max(WINDOW_S, WINDOW_S * self._in_window / requests_per_minute)
        self._spent_before = 0.0

    def seed(self, sent_at: Iterable[float], now: float) -> None:
        """Count what was sent before: neither the window nor the burst begins anew."""
        level, last = 0.0, now
        for moment in sorted(sent_at):
            level = max(0.0, level - max(0.0, moment - last) / self._drip_s) + 1.0
            last = moment
            self._recent.append(moment)
        self._spent_before = min(self._bucket.max_rate, max(0.0, level - (now - last) / self._drip_s))

    async def spaced(self) -> None:
        """Return when the bucket has room for one more, and take it."""
        if self._spent_before:
            before, self._spent_before = self._spent_before, 0.0
            await self._bucket.acquire(before)
        await self._bucket.acquire()

    def wait_s(self, now: float) -> float:
        """Seconds until the window has room for one more; 0 where it has."""
        if self.used(now) < self._in_window:
            return 0.0
        return self._recent[0] + self.window_s - now

    def take(self, now: float) -> None:
        """One request leaves now."""
        self._recent.append(now)

    def used(self, now: float) -> int:
        """Requests that left within the window that ends now."""
        while self._recent and self._recent[0] + self.window_s <= now:
            self._recent.popleft()
        return len(self._recent)
