"""What a run needs, looked at before it costs anything: one finding a line, with what to do where it fails.

`check` prints all findings; `run` refuses on the same ones.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cluster_check import examine_cluster
from harness.config import Environment, apply_overrides, choose_config, expand
from harness.config.environment import is_reference
from harness.config.lanes import endpoint_of
from harness.errors import ConfigError
from harness.findings import Level, Report
from harness.folder_check import examine_folder, examine_journal
from harness.local_check import examine_local, first_day
from harness.online_check import ask_pools
from harness.prompt_check import examine_prompts
from harness.providers import capabilities
from harness.providers.guards import checked_key
from harness.providers.registry import is_on_cluster
from harness.reuse_check import examine_reusable, examine_reuse
from harness.schema import ProviderType
from harness.shard import WHOLE, Shard
from harness.shard_check import examine_shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.config import LaneConfig, ModelConfig, Overrides, PoolConfig, RunConfig
    from harness.findings import Finding

_PACKAGES = {
    ProviderType.CLAUDE: ("anthropic", "aiohttp"),
    ProviderType.GEMINI: ("google.genai", "aiohttp"),
    ProviderType.OPENAI: ("httpx", "httpx_aiohttp"),
    ProviderType.LOCAL: ("torch", "transformers", "safetensors"),
}
_ON_A_CLUSTER = ("ray",)


def check_command(config_path: Path | None, overrides: Overrides, *, online: bool = False) -> int:
    """`harness check`: prints every finding; 0 where nothing stands in the way, else 2.

    Args:
        online: also send one short question to every pool, which costs a few tokens.
    """
    chosen = choose_config(config_path, overrides)
    config = apply_overrides(chosen.config, chosen.overrides)
    environment, folder = Environment.of_process(), Path(config.output_dir)
    shard = overrides.shard
    report = examine(config, environment, chosen.path, folder, thorough=True, shard=shard)
    examine_cluster(config, report)
    # `run` does without this: it opens the journal next, and may have been told to mend it.
    examine_journal(folder, config, report)
    _print(report.findings)
    if online:
        offline = len(report.findings)
        ask_pools(config, environment, report)
        _print(report.findings[offline:])
    count = len(report.problems)
    verdict = f"{count} problem(s): mend what is marked above first" if count else "ready: `harness run` can begin"
    sys.stdout.write(f"{verdict}\n")
    return 2 if count else 0


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        sys.stdout.write(finding.line() + "\n")
    sys.stdout.flush()


def examine(
    config: RunConfig,
    environment: Environment,
    config_path: Path | None,
    folder: Path,
    *,
    thorough: bool = False,
    reads_only: bool = False,
    shard: Shard = WHOLE,
) -> Report:
    """Look at everything; nothing is sent, loaded or written. `folder` is where the results will go.

    Args:
        config_path: None where the command line made the config.
        thorough: load the tokenizers of local models, which takes seconds, to see the prompts as the models will, and
            count what other runs have answered.
        reads_only: nothing will be written to `folder`.
        shard: the part of the plan that will be run.
    """
    report = Report()
    _packages(config, report)
    lanes = _config(config, config_path, report)
    examine_prompts(config, config_path, report)
    _models(lanes, environment, report)
    fetch_bytes = _local(lanes, folder, report, thorough=thorough)
    examine_shard(shard, lanes, environment, report, thorough=thorough)
    examine_folder(folder, config, lanes, report, fetch_bytes, reads_only=reads_only, shard=shard)
    examine_reuse(config.reuse, config_path, folder, report)
    if thorough:
        examine_reusable(lanes, folder, report, shard)
    return report


def _packages(config: RunConfig, report: Report) -> None:
    models = map(config.resolved, config.models)
    needed = {name for model in models for name in (_ON_A_CLUSTER if is_on_cluster(model) else _PACKAGES[model.type])}
    missing = sorted(name for name in needed if not _is_installed(name))
    if missing:
        extras = ["local"] if set(missing) & set(_PACKAGES[ProviderType.LOCAL]) else []
        extras += ["ray"] if set(missing) & set(_ON_A_CLUSTER) else []
        some = f" with {' and '.join(f'`{extra}`' for extra in extras)}" if extras else ""
        report.add(
            Level.PROBLEM,
            "packages",
            f"{', '.join(missing)} missing. Install the package{some}: pip install -c constraints.txt -e "
            f"'.[{','.join(extras) or 'local'}]'.",
        )
    else:
        report.add(Level.OK, "packages", f"what is needed is installed: {', '.join(sorted(needed))}.")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _config(config: RunConfig, path: Path | None, report: Report) -> list[LaneConfig]:
    try:
        lanes = expand(config)
    except ConfigError as error:
        report.add(Level.PROBLEM, "config", str(error))
        return []
    report.add(
        Level.OK, "config", f"{path or 'command line'}: {len(config.models)} model entries, {len(lanes)} variants."
    )
    unused = sorted(config.pools.keys() - {model.pool for model in config.models})
    if unused:
        report.add(
            Level.WARNING,
            "config",
            f"pools: no model uses {', '.join(unused)}. Write `pool: NAME` into those that share it.",
        )
    ignored = config.ignored_settings()
    if ignored:
        report.add(
            Level.NOTE,
            "config",
            f"{', '.join(ignored)} accepted without effect: rate pools pace the requests, batches fill themselves.",
        )
    for model in config.models:
        if model.api_key is not None and not is_reference(model.api_key):
            report.add(
                Level.WARNING,
                "config",
                f"{model.name}: api_key is written out in {path}; it is never stored. Better: `api_key: ${{NAME}}`.",
            )
    if any(lane.variant.simulated for lane in lanes):
        report.add(Level.NOTE, "simulated", "answers of the simulator and of the demo model are no data.")
    _changed_settings(lanes, path, report)
    return lanes


def _changed_settings(lanes: Sequence[LaneConfig], path: Path | None, report: Report) -> None:
    """The original pilot script (its configs are JSON) loaded local weights as float16 and ran code that came along."""
    if path is None:
        return
    local = [lane.model for lane in lanes if lane.model.type is ProviderType.LOCAL]
    if path.suffix == ".json" and any("dtype" not in model.model_fields_set for model in local):
        report.add(
            Level.NOTE,
            "config",
            "dtype is auto (float32 on a CPU, bfloat16 on a GPU) where the original script used float16; "
            "`dtype: float16` brings that back.",
        )
    if path.suffix == ".json" and any("trust_remote_code" not in model.model_fields_set for model in local):
        report.add(
            Level.NOTE,
            "config",
            "trust_remote_code is false where the original script ran code from the hub; set it per model if needed.",
        )


def _models(lanes: Sequence[LaneConfig], environment: Environment, report: Report) -> None:
    for model in _entries(lanes):
        if model.type is not ProviderType.LOCAL:
            pool = next(lane.pool for lane in lanes if lane.model is model)
            _key(model, pool, environment, report)
    for lane in lanes:
        variant = lane.variant
        complaints, notes = capabilities.complaints(variant), capabilities.notes(variant)
        for complaint in complaints:
            report.add(Level.PROBLEM, "model", complaint)
        for note in notes:
            report.add(Level.NOTE, "model", f"{variant.name}: {note}")
        if not complaints:
            report.add(Level.OK, "model", f"{variant.name}: {_abilities(lane)}.")


def _abilities(lane: LaneConfig) -> str:
    variant = lane.variant
    heat = "its default" if variant.sampling.temperature is None else f"{variant.sampling.temperature:g}"
    logprobs = f"top-{variant.logprobs.top} logprobs" if variant.logprobs else "no logprobs"
    seed = "seeded" if variant.run_seed is not None else "takes no seed"
    return f"temperature {heat}, at most {variant.sampling.max_tokens} tokens, {seed}, {logprobs}"


def _entries(lanes: Sequence[LaneConfig]) -> Iterator[ModelConfig]:
    """Every model entry once, whatever the number of its temperatures."""
    seen: list[ModelConfig] = []
    for lane in lanes:
        if not any(lane.model is model for model in seen):
            seen.append(lane.model)
            yield lane.model


def _key(model: ModelConfig, pool: PoolConfig | None, environment: Environment, report: Report) -> None:
    try:
        endpoint = endpoint_of(model, environment)
        checked_key(endpoint)
    except ConfigError as error:
        report.add(Level.PROBLEM, "key", str(error))
        return
    if endpoint.simulated:
        report.add(Level.OK, "key", f"{model.name}: simulated, needs none.")
    else:
        key = f"the key in {endpoint.key_name}" if endpoint.key_name else "no key from the environment"
        if model.api_key is not None and not endpoint.key_name:
            key = "the key that the config gives"
        report.add(Level.OK, "key", f"{model.name}: {endpoint.base_url} with {key}.")
        if model.requests_per_minute is None and (pool is None or pool.requests_per_minute is None):
            report.add(
                Level.NOTE, "model", f"{model.name}: no requests_per_minute; only the concurrency holds it back."
            )


def _local(lanes: Sequence[LaneConfig], folder: Path, report: Report, *, thorough: bool) -> int:
    """The bytes that are still to be fetched from the Hub."""
    is_asked = any(lane.model.type is ProviderType.LOCAL and not is_on_cluster(lane.model) for lane in lanes)
    if not is_asked or not all(map(_is_installed, _PACKAGES[ProviderType.LOCAL])):
        return 0
    return examine_local(lanes, report.prompts, report, thorough=thorough, day=first_day(folder))
