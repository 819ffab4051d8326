"""What a run may cost: the most that a request may is held back while it is in flight, and settled after it.

Knows no prices, lanes or items. Used from one event loop only.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from harness.money import dollars

_UNITS = 10**12
"""Counted in whole millionths of a millionth of a dollar, so that sums are exact however many there are."""


@dataclass(slots=True, eq=False)
class Hold:
    """What is held back for one request in flight. It ends once: whatever comes after the first `settle` is nothing."""

    budget: Budget
    bound_usd: float
    is_open: bool = True

    def settle(self, cost_usd: float | None) -> None:
        """The request is over and cost this much; None, where nobody knows, counts as the most that it may have."""
        if self.is_open:
            self.is_open = False
            self.budget.settle(self.bound_usd, self.bound_usd if cost_usd is None else cost_usd)


class Budget:
    """A limit in USD, what has been spent of it, and what is held back for requests in flight.

    Guarantees:
        * What is spent and what is held never exceed the limit together, as long as nothing costs more than its bound.
        * Where there is no room now and may be later, a request in flight holds it: its end lets everybody look again.

    Args:
        spent_usd: what earlier invocations have spent of it.
    """

    def __init__(self, limit_usd: float, spent_usd: float = 0.0) -> None:
        self.limit_usd = limit_usd
        self._limit = _units(limit_usd)
        self._spent = _units(spent_usd)
        self._held = 0
        self._changed = anyio.Event()

    @property
    def spent_usd(self) -> float:
        """What answers cost, and what attempts without one may have."""
        return self._spent / _UNITS

    @property
    def held_usd(self) -> float:
        """The bounds of what is in flight."""
        return self._held / _UNITS

    def has_room(self, bound_usd: float) -> bool | None:
        """Whether a request may cost `bound_usd`; None where only what is in flight stands in its way."""
        bound = _units(bound_usd)
        if not bound or self._spent + self._held + bound <= self._limit:
            return True
        return None if self._spent + bound <= self._limit else False

    def hold(self, bound_usd: float) -> Hold | None:
        """Hold `bound_usd` back for a request that leaves now; None where there is no room."""
        if not self.has_room(bound_usd):
            return None
        self._held += _units(bound_usd)
        return Hold(self, bound_usd)

    async def changed(self) -> None:
        """Return when a request in flight has ended."""
        await self._changed.wait()

    def settle(self, bound_usd: float, cost_usd: float) -> None:
        """What a `Hold` calls when it ends."""
        self._held -= _units(bound_usd)
        self._spent += _units(cost_usd)
        self._changed.set()
        self._changed = anyio.Event()


def refusal(budget: Budget, bound_usd: float) -> str:
    """Why a request that may cost `bound_usd` was refused, and what to do."""
    return (
        f"the budget of {dollars(budget.limit_usd)} does not cover another answer: {dollars(budget.spent_usd)} spent, "
        f"{dollars(budget.held_usd)} in flight, and the next one may cost up to {dollars(bound_usd)}. "
        "Run the same command with a higher --max-cost."
    )


def _units(usd: float) -> int:
    return round(usd * _UNITS)
