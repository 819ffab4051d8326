"""What a provider's own count leaves, as the headers of its answers state it: slower before the 429, not after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.schema import Quota

_AS_GOOD_AS_KNOWN = 0.02
_LONGEST_HOLD_S = 900.0
"""What an answer's headers may hold back at once. If there is more to wait for, a 429 says so."""


@dataclass(slots=True)
class HeardQuota:
    """One count of the provider's (requests, or tokens of a kind), less what has been sent since it was stated.

    Whether a provider refills drop by drop or all at once is not known, so nothing is expected back before the reset
    that it names; every newer answer is news. Where that reset is far, a single request asks again now and then.
    """

    sent: float = 0.0
    _newest: float = -1.0
    _up_to: float = math.inf
    _look_at: float = 0.0
    _full_at: float = 0.0
    _limit: float = math.inf

    def take(self, amount: float) -> float:
        """A request of `amount` leaves; returns the mark to give back with its answer."""
        self.sent += amount
        return self.sent

    def heard(self, quota: Quota, mark: float, number: float, now: float, known: float | None) -> None:
        """An answer's headers state `quota`.

        Args:
            mark: what `take` returned for the request that was answered.
            number: grows from request to request; what answers to an older one say is no news.
            known: how much a cap of our own, no higher than the provider's, counts; None where there is no such cap.
                A count that says no more than that is no news: the cap does the same with better knowledge.
        """
        if quota.reset_s is None or number < self._newest:
            return
        self._newest = number
        if known is not None and quota.limit is not None:
            slack = max(2.0, _AS_GOOD_AS_KNOWN * quota.limit)
            if quota.limit - quota.remaining <= known + slack:
                self._up_to = math.inf
                return
        self._up_to = mark + quota.remaining
        self._full_at = now + quota.reset_s
        self._look_at = now + min(quota.reset_s, _LONGEST_HOLD_S)
        self._limit = math.inf if quota.limit is None else quota.limit

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until the provider will take `amount`, as far as it said; 0 where it will now."""
        if now >= self._full_at:
            self._up_to = math.inf
        elif now >= self._look_at:
            self._up_to = self.sent + amount
            self._look_at = min(self._full_at, now + _LONGEST_HOLD_S)
        # More than the whole quota will never fit: it goes when all of the quota is there.
        if self.sent + min(amount, self._limit) <= self._up_to:
            return 0.0
        return self._look_at - now
