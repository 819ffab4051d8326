"""What a run starts from, all of it checked. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.config import pools_of, settings_of
from harness.resume import folder_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

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

    @cached_property
    def pools(self) -> dict[str, PoolSettings]:
        """What the pool of each API's variant may do, by the variant's name; those who share one share the settings."""
        settings: dict[str, PoolSettings] = {}
        for sharers in pools_of(self.lanes, self.environment).values():
            settings |= dict.fromkeys((lane.variant.name for lane in sharers), settings_of(sharers))
        return settings

    @property
    def folders(self) -> list[Path]:
        """The folder, and with --fresh the one before it: what was just sent from there counts against the caps too."""
        before = folder_before(self.folder) if self.options.fresh else None
        return [self.folder, before] if before else [self.folder]

    def pool_of(self, name: str) -> PoolSettings | None:
        """As `pools`; None for a local variant."""
        return self.pools.get(name)
