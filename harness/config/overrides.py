"""What the command line changes about a config: limits, the model filter, the rehearsal. Nothing here touches disk."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.config.model import DEMO_MODEL_PATH, DEVICES, SIMULATOR, ModelConfig, RunConfig
from harness.errors import ConfigError
from harness.schema import ProviderType
from harness.shard import WHOLE, Shard

if TYPE_CHECKING:
    from pathlib import Path

    from harness.schema import ExecutorName

REHEARSAL_SUFFIX = "-rehearsal"
REHEARSAL_MAX_TOKENS = 256
"""Of the demo model's answers: it has little to say, and a small model that loops would rehearse for hours."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """The flags of `run` and `check`; None leaves the config as it is. `models` filters by name or label.

    Caps and budgets stay those of the whole run: `shard` divides them where they take effect.
    """

    concurrency: int | None = None
    requests_per_minute: float | None = None
    num_prompts: int | None = None
    sample: int | None = None
    prompts_file: Path | None = None
    output_dir: Path | None = None
    device: str | None = None
    models: tuple[str, ...] = ()
    rehearse: bool = False
    max_cost_usd: float | None = None
    executor: ExecutorName | None = None
    ray_address: str | None = None
    shard: Shard = WHOLE


def apply_overrides(config: RunConfig, overrides: Overrides) -> RunConfig:
    """A new config with `overrides` in force for every model, whatever the model itself says.

    Raises:
        ConfigError: a name in `overrides.models` matches no model, or there is no such device or address.
    """
    if overrides.device is not None and not re.match(DEVICES, overrides.device):
        raise ConfigError(f"--device {overrides.device}: use auto, cpu, cuda, cuda:1 or mps.")
    if overrides.ray_address is not None and not overrides.ray_address.strip():
        raise ConfigError("--ray-address is empty: give HOST:PORT, or leave it out for a cluster on this machine.")
    shared = {
        "concurrency": overrides.concurrency,
        "requests_per_minute": overrides.requests_per_minute,
        "device": overrides.device,
        "executor": overrides.executor,
    }
    per_model = {name: value for name, value in shared.items() if value is not None}
    whole: dict[str, Any] = dict(per_model)
    if overrides.num_prompts is not None or overrides.sample is not None:
        whole |= {"num_prompts": overrides.num_prompts, "sample": overrides.sample}
    if overrides.prompts_file is not None:
        whole["prompts_file"] = str(overrides.prompts_file)
    if overrides.output_dir is not None:
        whole["output_dir"] = str(overrides.output_dir)
    elif not overrides.shard.is_whole:
        whole["output_dir"] = config.output_dir + overrides.shard.folder_suffix
    if overrides.max_cost_usd is not None:
        whole["max_cost_usd"] = overrides.max_cost_usd
    if overrides.ray_address is not None:
        whole["ray_address"] = overrides.ray_address
    per_pool = {name: value for name, value in per_model.items() if name not in ("device", "executor")}
    whole["pools"] = {name: pool.model_copy(update=per_pool) for name, pool in config.pools.items()}
    models = [model.model_copy(update=per_model) for model in _filtered(config.models, overrides.models)]
    changed = config.model_copy(update={**whole, "models": models})
    return _rehearsal(changed, overrides.executor or "thread") if overrides.rehearse else changed


def _filtered(models: list[ModelConfig], wanted: tuple[str, ...]) -> list[ModelConfig]:
    if not wanted:
        return models
    known = sorted({name for model in models for name in (model.name, model.label) if name})
    for name in wanted:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            way = " Without --config, a model to ask is TYPE:NAME, where TYPE is claude, gemini, openai or local."
            raise ConfigError(f"--model {name}: the config has no such model.{hint} It has: {', '.join(known)}.{way}")
    return [model for model in models if model.name in wanted or model.label in wanted]


def _rehearsal(config: RunConfig, executor: ExecutorName) -> RunConfig:
    """Every API model on the simulator and every local one on the demo weights, under their own names.

    No cluster is needed either, unless one was asked for on the command line.
    """
    output = config.output_dir + REHEARSAL_SUFFIX
    address = config.ray_address if executor == "ray" else None
    models = [_stand_in(model, config.resolved(model).max_tokens, executor) for model in config.models]
    return config.model_copy(update={"models": models, "output_dir": output, "ray_address": address})


def _stand_in(model: ModelConfig, max_tokens: int, executor: ExecutorName) -> ModelConfig:
    if model.type is not ProviderType.LOCAL:
        return model.model_copy(update={"base_url": SIMULATOR, "api_key": None})
    short = min(max_tokens, REHEARSAL_MAX_TOKENS)
    place = {"device": "cpu", "executor": executor, "resources": None}
    return model.model_copy(update={"model_path": DEMO_MODEL_PATH, "max_tokens": short, **place})
