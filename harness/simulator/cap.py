"""A strict cap on requests per minute, seen from the provider's side; knows nothing about HTTP."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where a caller stands with a cap.

    Args:
        limit: requests, or tokens, per 60 seconds.
        remaining: as many as would be admitted at once.
        reset_s: seconds until all of them would be, if no more came.
        retry_after_s: whole seconds after which what was asked for is admitted, or None if it was at once.
    """

    limit: int
    remaining: int
    reset_s: float
    retry_after_s: int | None


class RequestCap:
    """Admits at most `rpm` requests in any 60 seconds, for each caller by itself.

    Only admitted requests count. Holds the times of at most `rpm` of them per caller.
    """

    def __init__(self, rpm: int) -> None:
        self._rpm = rpm
        self._admitted: dict[Hashable, deque[float]] = {}

    def admit(self, caller: Hashable, now: float) -> Allowance:
        """Counts a request if it fits.

        Args:
            caller: who shares one cap.
            now: monotonic seconds, never less than in the call before.
        """
        times = self._recent(caller, now)
        retry_after_s = None
        if len(times) < self._rpm:
            times.append(now)
        else:
            retry_after_s = max(1, math.ceil(times[0] + WINDOW_S - now))
        return self._allowance(times, now, retry_after_s)

    def look(self, caller: Hashable, now: float) -> Allowance:
        """Where a caller stands; counts nothing."""
        return self._allowance(self._recent(caller, now), now, None)

    def _recent(self, caller: Hashable, now: float) -> deque[float]:
        times = self._admitted.setdefault(caller, deque())
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        return times

    def _allowance(self, times: deque[float], now: float, retry_after_s: int | None) -> Allowance:
        return Allowance(
            limit=self._rpm,
            remaining=self._rpm - len(times),
            reset_s=times[-1] + WINDOW_S - now if times else 0.0,
            retry_after_s=retry_after_s,
        )

    def reset(self) -> None:
        """Forgets every request."""
        self._admitted.clear()
