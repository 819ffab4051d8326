"""What one lane spends of the run's budget: reserved before a request is sent, settled after its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.budget import refusal

if TYPE_CHECKING:
    from harness.backlog import Item
    from harness.budget import Budget
    from harness.limits import Need
    from harness.pricing import Pricing
    from harness.schema import Usage


class Purse:
    """One lane's prices and the budget that it shares; where there is neither, everything is free."""

    def __init__(self, budget: Budget | None, pricing: Pricing | None) -> None:
        self._budget = budget
        self._pricing = pricing

    def has_paid(self, item: Item) -> bool:
        """Whether `item` may be sent as far as money goes."""
        return self._budget is None or self._pricing is None or item.reserved_usd is not None

    def pay_nowait(self, item: Item, need: Need) -> bool | None:
        """Reserve the most that `item` may cost; False where there is no money, None where there may be soon."""
        assert self._budget is not None
        return self._paid(item, need, self._budget.admit_nowait(self._bound(need)))

    async def pay(self, item: Item, need: Need) -> bool:
        """As `pay_nowait`, but waits until it is clear whether there is money."""
        assert self._budget is not None
        return bool(self._paid(item, need, await self._budget.admit(self._bound(need))))

    def refusal(self, need: Need) -> str:
        """Why a request of `need` was refused, and what to do."""
        assert self._budget is not None
        return refusal(self._budget, self._bound(need))

    def cost(self, usage: Usage) -> float | None:
        """What an answer cost, in USD; None where nobody knows."""
        return self._pricing.cost(usage) if self._pricing else None

    def settle(self, item: Item, cost_usd: float | None) -> None:
        """`item` is over and cost this much; None, where nobody knows, counts as the most that it may have."""
        if self._budget and item.reserved_usd is not None:
            self._budget.settle(item.reserved_usd, cost_usd)
            item.reserved_usd = None

    def lost(self, item: Item) -> None:
        """An attempt got no answer in time and may have been billed; the next one has to be paid for anew."""
        if self._budget and item.reserved_usd is not None:
            self._budget.lost(item.reserved_usd)
            item.reserved_usd = None

    def _bound(self, need: Need) -> float:
        assert self._pricing is not None
        return self._pricing.bound(need.input_tokens, need.output_tokens)

    def _paid(self, item: Item, need: Need, admitted: bool | None) -> bool | None:  # noqa: FBT001
        if admitted:
            item.reserved_usd = self._bound(need)
        return admitted
