"""How an item gets in: room in the budget, a ticket of the pool, and both given back in one place.

Money is held only while a request is in flight: one that backs off or waits for its pool keeps none from the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio

from harness.budget import refusal
from harness.limits import NOTHING, Need
from harness.tokens import estimated_input, most_output

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.backlog import Item
    from harness.budget import Budget, Hold
    from harness.lane import LaneSpec
    from harness.limits import RatePool, Ticket
    from harness.schema import Usage

_T = TypeVar("_T")


class OutOfMoneyError(Exception):
    """The budget does not cover the next request. The text says so, and what to do."""


class Passage:
    """What one attempt holds: a slot, tokens, money. To be closed, whatever happens."""

    def __init__(self, pool: RatePool, ticket: Ticket, hold: Hold | None) -> None:
        self.ticket = ticket
        self._pool = pool
        self._hold = hold
        self._is_settled = False

    @property
    def held_usd(self) -> float | None:
        """The most that the attempt may have cost, None where nothing is held back for it."""
        return self._hold.bound_usd if self._hold else None

    def settle(
        self, usage: Usage | None = None, cost_usd: float | None = 0.0, *, sent: bool = True, answered: bool = True
    ) -> None:
        """The attempt is over, and used this much.

        Args:
            cost_usd: None where nobody knows: the most that it may have cost.
            sent: whether anything left this machine.
            answered: whether output may have been made, whether or not it arrived.
        """
        self._is_settled = True
        self._pool.settle(self.ticket, usage, sent=sent, answered=answered)
        if self._hold:
            self._hold.settle(cost_usd)

    def close(self) -> None:
        """Give the slot back; what was never settled counts in full."""
        if not self._is_settled:
            self.settle(cost_usd=None)
        self._pool.release(self.ticket)


class Admission:
    """Lets the items of one lane in, until `halt`."""

    def __init__(self, spec: LaneSpec, budget: Budget | None) -> None:
        self._spec = spec
        self._budget = budget if spec.pricing else None
        self._is_halted = False
        self._waiting: set[anyio.CancelScope] = set()

    def halt(self) -> None:
        """Let nobody in any more: who waits is told so at once, since a pause may last hours."""
        self._is_halted = True
        for scope in self._waiting:
            scope.cancel()

    async def enter(self, item: Item) -> Passage | None:
        """Wait until `item` may be sent; None where the lane was halted first.

        Raises:
            OutOfMoneyError: the budget does not cover it, and nothing in flight could make room.
        """
        pool = self._spec.pool
        need = self._need(item) if pool.counts_tokens or self._budget else NOTHING
        while not self._is_halted:
            bound_usd = self._bound_usd(need)
            if self._budget and not await self._has_room(self._budget, bound_usd):
                continue
            ticket = pool.acquire_nowait(need) or await self._unless_halted(lambda: pool.acquire(need))
            if ticket is None:
                return None
            hold = self._budget.hold(bound_usd) if self._budget else None
            passage = Passage(pool, ticket, hold)
            if not self._is_halted and (hold or not self._budget):
                return passage
            # Halted, or somebody else was quicker with the last of the money.
            passage.settle(sent=False)
            passage.close()
        return None

    async def _has_room(self, budget: Budget, bound_usd: float) -> bool:
        """Whether there is room; where there is none now, False once it is worth another look."""
        room = budget.has_room(bound_usd)
        if room is None:
            await self._unless_halted(budget.changed)
        elif not room:
            raise OutOfMoneyError(refusal(budget, bound_usd))
        return bool(room)

    async def _unless_halted(self, wait: Callable[[], Awaitable[_T]]) -> _T | None:
        """What `wait` brings, or None where the lane is halted first."""
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                return await wait()
            finally:
                self._waiting.discard(scope)
        return None

    def _need(self, item: Item) -> Need:
        if item.need is None:
            item.need = Need(estimated_input(item.request), most_output(self._spec.variant))
        return item.need

    def _bound_usd(self, need: Need) -> float:
        pricing = self._spec.pricing
        return pricing.bound(need.input_tokens, need.output_tokens) if pricing and self._budget else 0.0
