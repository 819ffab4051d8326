"""What the lanes of a run cost, and whether a budget can be kept over them. Looks prices up; reserves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.config.lanes import is_simulated
from harness.errors import UsageError
from harness.pricing import pricing_for
from harness.schema import ProviderType
from harness.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.config import LaneConfig, ModelConfig, RunConfig
    from harness.pricing import Pricing


def price_lanes(lanes: Sequence[LaneConfig]) -> dict[str, Pricing | None]:
    """The price of each variant of an API, by its name; None where it is not known. Local models have none."""
    return {
        lane.variant.name: pricing_for(lane.model, None if is_simulated(lane.model) else lane.model.base_url)
        for lane in lanes
        if lane.variant.provider is not ProviderType.LOCAL
    }


def refuse_unpriced(config: RunConfig, lanes: Sequence[LaneConfig], prices: Mapping[str, Pricing | None]) -> None:
    """A budget over models whose price nobody knows would be none.

    Raises:
        UsageError: names them, and what to write.
    """
    if config.max_cost_usd is None:
        return
    unknown = [
        lane.variant.name
        for lane in lanes
        if lane.variant.name in prices and prices[lane.variant.name] is None and not _is_ours(lane.model)
    ]
    if unknown:
        raise UsageError(
            f"max_cost_usd cannot be kept: no price is known for {', '.join(unknown)}. Write `price: {{input: …, "
            "output: …}` (USD per million tokens) into that model's entry, or `price: 0` if it costs nothing."
        )


def _is_ours(model: ModelConfig) -> bool:
    """A server on this machine costs nothing that a provider would bill."""
    return model.base_url is not None and is_loopback(model.base_url)
