"""The config that run.json tells of, back as a file would hold it. Knows no run and no folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.config.model import ModelConfig, RunConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHARED = ModelConfig.model_fields.keys() & RunConfig.model_fields.keys()
_SEED = RunConfig.model_fields["seed"].default


def told_config(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The `config` of a run.json, in which every model says all for itself, as keys and values that make it again.

    run.json has models with what the whole config says for all of them, and leaves out what is as by default. What
    stands beside the models must not reach into them once more.
    """
    config = {name: value for name, value in facts.items() if name not in _SHARED}
    models = [dict(model) for model in facts.get("models") or ()]
    # The seed draws a sample and an order too, and what is drawn belongs to no model.
    if "seed" in facts:
        config["seed"] = facts["seed"]
        models = [{"seed": _SEED, **model} for model in models]
    return config | {"models": models}
