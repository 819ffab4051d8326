"""What a run may cost: a bound is reserved before a request is taken, and what it really cost is settled after it.

Knows no prices, lanes or items. Used from one event loop only.
"""

from __future__ import annotations

import anyio

from harness.money import dollars

_UNITS = 10**12
"""Counted in whole millionths of a millionth of a dollar, so that sums are exact however many there are."""


class Budget:
    """A limit in USD, what has been spent of it, and what requests in flight have reserved.

    Guarantees:
        * What is spent and what is reserved never exceed the limit together, as long as nothing costs more than its
          bound.
        * `admit` never waits for good: each `settle`, `lost` and `release` lets every waiter look again, and one whom
          no request in flight can help is refused.
        * A cancelled waiter has reserved nothing.

    Of several waiters the first that fits goes first: money, unlike a rate, does not come back to those who wait.

    Args:
        limit_usd: None admits everything and only counts.
        spent_usd: what earlier invocations have spent of it.
    """

    def __init__(self, limit_usd: float | None, spent_usd: float = 0.0) -> None:
        self.limit_usd = limit_usd
        self._limit = None if limit_usd is None else _units(limit_usd)
        self._spent = _units(spent_usd)
        self._reserved = 0
        self._refused = False
        self._changed = anyio.Event()

    @property
    def spent_usd(self) -> float:
        """What answers cost, and what attempts without one may have."""
        return self._spent / _UNITS

    @property
    def reserved_usd(self) -> float:
        """The bounds of what is in flight."""
        return self._reserved / _UNITS

    @property
    def refused(self) -> bool:
        """Whether a request was refused for want of money."""
        return self._refused

    def admit_nowait(self, bound_usd: float) -> bool | None:
        """As `admit`, but None where it would wait."""
        bound = _units(bound_usd)
        if self._limit is None or not bound or self._spent + self._reserved + bound <= self._limit:
            self._reserved += bound
            return True
        if self._spent + bound <= self._limit:
            return None
        self._refused = True
        return False

    async def admit(self, bound_usd: float) -> bool:
        """Reserve `bound_usd` for a request that is about to be taken; False where there is no money for it.

        Waits while the bound does not fit and what is in flight may still leave room for it. A caller that was admitted
        owes exactly one `settle`, `lost` or `release` of the same bound, and must not wait here again before it.
        """
        while (admitted := self.admit_nowait(bound_usd)) is None:
            await self._changed.wait()
        return admitted

    def settle(self, bound_usd: float, cost_usd: float | None) -> None:
        """The request was answered and cost `cost_usd`; None, where nobody knows, counts as its bound."""
        self._give_back(bound_usd, bound_usd if cost_usd is None else cost_usd)

    def lost(self, bound_usd: float) -> None:
        """The attempt may have been billed although no answer came (it timed out): it counts as its bound."""
        self._give_back(bound_usd, bound_usd)

    def release(self, bound_usd: float) -> None:
        """Nothing was spent: the request was not sent, or was refused."""
        self._give_back(bound_usd, 0.0)

    def _give_back(self, bound_usd: float, spent_usd: float) -> None:
        bound = _units(bound_usd)
        if bound > self._reserved:
            raise ValueError(f"{bound_usd} USD are given back and {self.reserved_usd} are reserved")
        self._reserved -= bound
        self._spent += _units(spent_usd)
        self._changed.set()
        self._changed = anyio.Event()


def refusal(budget: Budget, bound_usd: float) -> str:
    """Why a request that may cost `bound_usd` was refused, and what to do."""
    assert budget.limit_usd is not None
    return (
        f"the budget of {dollars(budget.limit_usd)} does not cover another answer: {dollars(budget.spent_usd)} spent, "
        f"{dollars(budget.reserved_usd)} in flight, and the next one may cost up to {dollars(bound_usd)}. "
        "Run the same command with a higher --max-cost."
    )


def _units(usd: float) -> int:
    return round(usd * _UNITS)
