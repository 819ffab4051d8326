"""Which lanes share a rate pool, and what that pool may do. Knows no pool at work and no provider."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from harness.config.lanes import endpoint_of, pool_key
from harness.schema import ProviderType
from harness.shard import WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.config.environment import Environment
    from harness.config.lanes import LaneConfig, PoolKey
    from harness.shard import Shard


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What a pool may do; None means no cap. `burst` may leave at once after a rest, inside the caps."""

    concurrency: int
    burst: int
    requests_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None

    def of_shard(self, shard: Shard) -> PoolSettings:
        """What `shard` may have of them."""

        def per_minute(cap: float | None) -> float | None:
            return None if cap is None else shard.share(cap)

        return PoolSettings(
            shard.part(self.concurrency),
            shard.part(self.burst),
            per_minute(self.requests_per_minute),
            per_minute(self.input_tokens_per_minute),
            per_minute(self.output_tokens_per_minute),
        )


def pools_of(
    lanes: Sequence[LaneConfig], environment: Environment, simulator_url: str | None = None
) -> dict[PoolKey | str, list[LaneConfig]]:
    """The API lanes of `lanes`, by the pool that they share.

    Raises:
        ConfigError: a key is missing, or a URL may not carry one.
    """
    pools: dict[PoolKey | str, list[LaneConfig]] = {}
    for lane in lanes:
        if lane.variant.provider is not ProviderType.LOCAL:
            endpoint = endpoint_of(lane.model, environment, simulator_url)
            pools.setdefault(lane.model.pool or pool_key(lane.model, endpoint), []).append(lane)
    return pools


def settings_of(sharers: Sequence[LaneConfig], shard: Shard = WHOLE) -> PoolSettings:
    """What the pool that `sharers` share may do: what a named pool says, else the smallest that any of them says.

    Args:
        shard: whose part of it is wanted.
    """
    named = sharers[0].pool
    settings: dict[str, Any] = {}
    for field in fields(PoolSettings):
        given = [value for lane in sharers if (value := getattr(lane.model, field.name)) is not None]
        own = getattr(named, field.name) if named else None
        settings[field.name] = min(given, default=None) if own is None else own
    return PoolSettings(**settings).of_shard(shard)
