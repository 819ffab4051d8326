"""Tokens a minute: reserve an estimate, reconcile it with the usage. First come, first served is the pool's doing.

aiolimiter cannot do this: it starves large amounts behind small ones, and raises for more than its rate.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field

from harness.limits.pace import WINDOW_S


@dataclass(slots=True)
class Reservation:
    """Tokens of one request that left at `began`: an estimate until they are settled."""

    amount: float
    began: float
    leaves_at: float = math.inf
    is_counted: bool = True


@dataclass(slots=True)
class TokenBudget:
    """Never more than `per_minute` tokens in any 60 seconds, what requests in flight may still use included.

    Args:
        is_held: whether tokens count from the end of their request (an answer's come at some moment of its way) or
            from its beginning (a prompt's).

    A request larger than the whole budget goes when nothing else counts, and leaves a debt, as does one that used more
    than the whole: it counts for as many windows as it is budgets large.
    """

    per_minute: float
    is_held: bool
    _total: float = 0.0
    _leaving: list[tuple[float, int, Reservation]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds after which it is worth another look whether `amount` fits; 0 where it does now.

        Infinity where only the end of a request in flight can change anything.
        """
        self._forget(now)
        if self._total <= max(self.per_minute - amount, 0.0):
            return 0.0
        return self._leaving[0][0] - now if self._leaving else math.inf

    def take(self, amount: float, now: float) -> Reservation:
        """Reserve `amount` for a request that leaves now."""
        reservation = Reservation(amount, now)
        self._total += amount
        if not self.is_held:
            self._leaves(reservation, now)
        return reservation

    def settle(self, reservation: Reservation, used: float, now: float) -> None:
        """The request is over and used this much: more than was reserved is a debt to the following ones."""
        self._forget(now)
        if not reservation.is_counted:
            return
        self._total += used - reservation.amount
        reservation.amount = used
        if used <= 0:
            reservation.is_counted = False
        else:
            self._leaves(reservation, now if self.is_held else reservation.began)

    def total(self, now: float) -> float:
        """Tokens that count against the cap now."""
        self._forget(now)
        return self._total

    def _leaves(self, reservation: Reservation, counted_from: float) -> None:
        reservation.leaves_at = counted_from + WINDOW_S * max(1.0, reservation.amount / self.per_minute)
        heapq.heappush(self._leaving, (reservation.leaves_at, next(self._order), reservation))

    def _forget(self, now: float) -> None:
        while self._leaving and self._leaving[0][0] <= now:
            leaves_at, _, reservation = heapq.heappop(self._leaving)
            # One that was settled anew stands in the heap twice; only the entry with its present time counts.
            if reservation.is_counted and reservation.leaves_at == leaves_at:
                reservation.is_counted = False
                self._total -= reservation.amount
        if not self._leaving and self._total < 1e-6:  # noqa: PLR2004 - what sums of floats leave behind
            self._total = 0.0
