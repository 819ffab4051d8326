"""The config that a command is about: a file, or no file at all where the flags say what is asked of which models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from harness.config.loading import load_config
from harness.config.model import DEMO_MODEL_PATH, TYPE_ALIASES, ModelConfig, RunConfig
from harness.errors import ConfigError
from harness.schema import ProviderType

if TYPE_CHECKING:
    from harness.config.overrides import Overrides

DEFAULT_CONFIG = Path("configs/pilot.yaml")

TYPES = "TYPE is claude, gemini, openai or local"
_OPENAI_ITSELF = "openai"
_TYPES = {word.value: word for word in ProviderType} | {
    alias: ProviderType(word) for alias, word in TYPE_ALIASES.items()
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A config before the flags are in force.

    Args:
        path: its file; None where the flags made it.
        overrides: the flags that are left to apply.
    """

    config: RunConfig
    path: Path | None
    overrides: Overrides


def choose_config(path: Path | None, overrides: Overrides) -> Chosen:
    """Read `path`; without one, make a config of `--model TYPE:NAME` flags, or read the default one.

    Raises:
        ConfigError: the file cannot be used, or the flags do not say enough.
    """
    if path is not None:
        return Chosen(load_config(path), path, overrides)
    typed = [name for name in overrides.models if _is_typed(name)]
    if typed:
        return _of_flags(typed, overrides)
    try:
        return Chosen(load_config(DEFAULT_CONFIG), DEFAULT_CONFIG, overrides)
    except ConfigError as error:
        if DEFAULT_CONFIG.exists():
            raise
        raise ConfigError(f"{error} Without a config: --prompts FILE --model TYPE:NAME, where {TYPES}.") from None


def _of_flags(typed: list[str], overrides: Overrides) -> Chosen:
    if len(typed) < len(overrides.models):
        plain = next(name for name in overrides.models if name not in typed)
        raise ConfigError(f"--model {plain}: without --config, every model is written TYPE:NAME, where {TYPES}.")
    if overrides.prompts_file is None:
        raise ConfigError(f"--model {typed[0]} without --config needs --prompts FILE as well: what is to be asked.")
    models = [_model(name) for name in dict.fromkeys(typed)]
    config = RunConfig(
        prompts_file=str(overrides.prompts_file), output_dir=str(_output_for(overrides.prompts_file)), models=models
    )
    return Chosen(config, None, replace(overrides, models=()))


def _is_typed(text: str) -> bool:
    word, colon, _ = text.partition(":")
    return bool(colon) and word.lower() in _TYPES


def _model(text: str) -> ModelConfig:
    word, _, name = text.partition(":")
    kind = _TYPES[word.lower()]
    if not name.strip():
        raise ConfigError(f"--model {text}: the model's name is missing after the colon.")
    if kind is ProviderType.OPENAI and word.lower() != _OPENAI_ITSELF:
        raise ConfigError(
            f"--model {text}: this server's address has to be said. Write a config: models: "
            f"[{{name: {name}, type: {word}, base_url: http://…/v1}}]."
        )
    path = DEMO_MODEL_PATH if kind is ProviderType.LOCAL and name == DEMO_MODEL_PATH else None
    try:
        return ModelConfig(name=name, type=kind, model_path=path)
    except ValidationError as error:
        raise ConfigError(f"--model {text}: {error.errors(include_url=False)[0]['msg']}.") from None


def _output_for(prompts: Path) -> Path:
    """As a config's name gives its folder. Every run's answers are in a `results.jsonl`: there, the folder's name."""
    name = f"{prompts.absolute().parent.name}-results" if prompts.name == "results.jsonl" else prompts.stem
    return Path("out") / (name or "run")
