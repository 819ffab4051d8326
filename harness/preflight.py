"""What a run needs, looked at before it costs anything: one finding a line, with what to do where it fails.

`check` prints all findings; `run` refuses on the same ones.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config import Environment, apply_overrides, expand, load_config
from harness.config.environment import is_reference
from harness.config.lanes import endpoint_of
from harness.errors import ConfigError, PromptFileError
from harness.findings import Level, Report
from harness.folder_check import examine_folder, examine_journal
from harness.prompts import open_prompts, survey
from harness.providers import capabilities
from harness.providers.guards import checked_key
from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.config import LaneConfig, ModelConfig, Overrides, RunConfig

_PACKAGES = {
    ProviderType.CLAUDE: ("anthropic", "aiohttp"),
    ProviderType.GEMINI: ("google.genai", "aiohttp"),
    ProviderType.OPENAI: ("httpx", "httpx_aiohttp"),
    ProviderType.LOCAL: ("torch", "transformers", "safetensors"),
}


def check_command(config_path: Path, overrides: Overrides) -> int:
    """`harness check`: prints every finding; 0 where nothing stands in the way, else 2."""
    config = apply_overrides(load_config(config_path), overrides)
    folder = Path(config.output_dir)
    report = examine(config, Environment.of_process(), config_path, folder)
    # `run` does without this: it opens the journal next, and may have been told to mend it.
    examine_journal(folder, config, report)
    for finding in report.findings:
        sys.stdout.write(finding.line() + "\n")
    count = len(report.problems)
    verdict = "ready: `harness run` can begin" if not count else f"{count} problem(s): `harness run` would refuse"
    sys.stdout.write(f"{verdict}\n")
    return 2 if count else 0


def examine(config: RunConfig, environment: Environment, config_path: Path, folder: Path) -> Report:
    """Look at everything; nothing is sent, loaded or written. `folder` is where the results will go."""
    report = Report()
    _packages(config, report)
    lanes = _config(config, config_path, report)
    _prompts(config, config_path, report)
    _models(lanes, environment, report)
    _local(lanes, report)
    examine_folder(folder, config, lanes, report)
    return report


def _packages(config: RunConfig, report: Report) -> None:
    needed = {name for model in config.models for name in _PACKAGES[model.type]}
    missing = sorted(name for name in needed if not _is_installed(name))
    if missing:
        local = " with the extra `local`" if set(missing) & set(_PACKAGES[ProviderType.LOCAL]) else ""
        report.add(
            Level.PROBLEM,
            "packages",
            f"{', '.join(missing)} missing. Install the package{local}: pip install -c constraints.txt -e '.[local]'.",
        )
    else:
        report.add(Level.OK, "packages", f"{', '.join(sorted(needed))} are installed.")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _config(config: RunConfig, path: Path, report: Report) -> list[LaneConfig]:
    try:
        lanes = expand(config)
    except ConfigError as error:
        report.add(Level.PROBLEM, "config", str(error))
        return []
    report.add(Level.OK, "config", f"{path}: {len(config.models)} model entries, {len(lanes)} variants.")
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


def _changed_settings(lanes: Sequence[LaneConfig], path: Path, report: Report) -> None:
    """The original pilot script (its configs are JSON) loaded local weights as float16 and ran code that came along."""
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


def _prompts(config: RunConfig, config_path: Path, report: Report) -> None:
    if config.prompts_file is None:
        report.add(Level.PROBLEM, "prompts", "the config names no prompts_file. Add one, or give --prompts FILE.")
        return
    try:
        source = open_prompts(_located(config.prompts_file, config_path))
        found = survey(source, config.num_prompts)
    except PromptFileError as error:
        report.add(Level.PROBLEM, "prompts", str(error))
        return
    report.prompts, report.survey = source, found
    categories = ", ".join(f"{name or 'no category'} {count}" for name, count in found.categories.items())
    if len(found.categories) > 12:  # noqa: PLR2004 - a line is to be read
        categories = f"{len(found.categories)} categories"
    probes = f"{found.synthetic} synthetic probes, {found.real} real"
    unknown = f", {found.unknown} unmarked" if found.unknown else ""
    report.add(
        Level.OK, "prompts", f"{source.path}: {found.count} prompts ({categories}); {probes}{unknown}; no duplicates."
    )
    if config.num_prompts is not None and found.count < config.num_prompts:
        report.add(Level.NOTE, "prompts", f"{config.num_prompts} were asked for and the file holds {found.count}.")


def _located(name: str, config_path: Path) -> Path:
    """Relative to the working folder, or where nothing is there, to the config's."""
    path = Path(name).expanduser()
    beside = config_path.parent / path
    return beside if not path.exists() and beside.exists() else path


def _models(lanes: Sequence[LaneConfig], environment: Environment, report: Report) -> None:
    for model in _entries(lanes):
        if model.type is not ProviderType.LOCAL:
            _key(model, environment, report)
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


def _key(model: ModelConfig, environment: Environment, report: Report) -> None:
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
        report.add(Level.OK, "key", f"{model.name}: {endpoint.base_url} with {key}.")
        if model.requests_per_minute is None:
            report.add(
                Level.NOTE, "model", f"{model.name}: no requests_per_minute; only the concurrency holds it back."
            )


def _local(lanes: Sequence[LaneConfig], report: Report) -> None:
    models = [model for model in _entries(lanes) if model.type is ProviderType.LOCAL]
    if not models or not all(map(_is_installed, _PACKAGES[ProviderType.LOCAL])):
        return
    from harness.local.inspection import inspect_device, inspect_model  # noqa: PLC0415
    from harness.providers.registry import local_spec  # noqa: PLC0415

    levels = {"ok": Level.OK, "warning": Level.WARNING, "error": Level.PROBLEM}
    for device in dict.fromkeys(model.device for model in models):
        found = inspect_device(device)
        report.add(levels[found.level], "device", found.message)
    for model in models:
        try:
            findings = inspect_model(local_spec(model))
        except ConfigError as error:
            report.add(Level.PROBLEM, "local", str(error))
            continue
        for found in findings:
            report.add(levels[found.level], "local", found.message)
