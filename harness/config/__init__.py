"""YAML or JSON → a validated `RunConfig` → one `LaneConfig` for every variant. Knows no provider, prompt or folder."""

from __future__ import annotations

from harness.config.chosen import Chosen, choose_config
from harness.config.environment import Environment
from harness.config.lanes import LaneConfig, PoolKey, expand
from harness.config.loading import config_of, load_config
from harness.config.model import ModelConfig, RunConfig
from harness.config.overrides import Overrides, apply_overrides
from harness.config.parts import LogprobsConfig, PoolConfig
from harness.config.pools import PoolSettings, pools_of, settings_of
from harness.config.told import told_config

__all__ = [
    "Chosen",
    "Environment",
    "LaneConfig",
    "LogprobsConfig",
    "ModelConfig",
    "Overrides",
    "PoolConfig",
    "PoolKey",
    "PoolSettings",
    "RunConfig",
    "apply_overrides",
    "choose_config",
    "config_of",
    "expand",
    "load_config",
    "pools_of",
    "settings_of",
    "told_config",
]
