"""What a run starts from, all of it checked. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.config import pools_of, settings_of
from harness.resume import folder_before
from harness.shard import WHOLE, Shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from harness.cluster.executor import ClusterPlan
    from harness.config import Environment, LaneConfig, PoolSettings, RunConfig
    from harness.outcome import RunOptions
    from harness.pricing import Pricing
    from harness.prompts import PromptSurvey
    from harness.schema import Prompt


@dataclass(frozen=True)
class Given:
    """What a run starts from, all of it checked.

    Args:
        whole_config: `config` without the filters of this invocation.
        prices: of the variants of APIs; None where one is not known.
        shard: the part of the plan that is run.
        cluster: where local models on a Ray cluster go, None where there are none.
        reuse: folders of other runs whose answers are taken, by the names that the config gives them.
    """

    config: RunConfig
    whole_config: RunConfig
    environment: Environment
    options: RunOptions
    folder: Path
    lanes: tuple[LaneConfig, ...]
    prompts: Iterable[Prompt]
    survey: PromptSurvey
    prices: Mapping[str, Pricing | None] = field(default_factory=dict)
    shard: Shard = WHOLE
    reuse: Mapping[str, Path] = field(default_factory=dict)
    cluster: ClusterPlan | None = None

    @cached_property
    def pools(self) -> dict[str, PoolSettings]:
        """What the pool of each API's variant may do, by the variant's name; those who share one share the settings."""
        settings: dict[str, PoolSettings] = {}
        for sharers in pools_of(self.lanes, self.environment).values():
            settings |= dict.fromkeys((lane.variant.name for lane in sharers), settings_of(sharers, self.shard))
        return settings

    @property
    def max_cost_usd(self) -> float | None:
        """What this run may cost: the shard's part of what the config says; None for no limit."""
        whole_usd = self.config.max_cost_usd
        return None if whole_usd is None else self.shard.share(whole_usd)

    @property
    def folders(self) -> list[Path]:
        """The folder, with --fresh the one before it, and those that answers are taken from.

        What was just sent from any of them counts against the caps too.
        """
        before = folder_before(self.folder) if self.options.fresh else None
        return list(dict.fromkeys([self.folder, *([before] if before else []), *self.reuse.values()]))

    def pool_of(self, name: str) -> PoolSettings | None:
        """As `pools`; None for a local variant."""
        return self.pools.get(name)
