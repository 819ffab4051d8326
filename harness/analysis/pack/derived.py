"""What run.json implies: the config as it can be run again, and the versions as a lock file. Reads no file."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import yaml

from harness.config import told_config
from harness.config.environment import is_reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHOICE = ("num_prompts", "sample", "order")
_ELSEWHERE = ("reuse",)
"""Names folders that are not in the pack; what was taken from them is."""
_NARROWING = ("--num-prompts", "--sample", "--model")


def config_yaml(manifest: Mapping[str, Any], prompts_name: str, *, rebuilt: bool) -> str:
    """The resolved config, which takes the prompts and results of the pack that it is in.

    Every model says all for itself, since run.json has them so. A key that was written out is not there.

    Args:
        manifest: run.json.
        prompts_name: the prompt file's path in the pack.
        rebuilt: the prompt file holds only what was asked, so that there is nothing left to choose.
    """
    told = told_config(manifest["config"])
    left_out = {"models", *_ELSEWHERE, *(_CHOICE if rebuilt else ())}
    config: dict[str, Any] = {name: value for name, value in told.items() if name not in left_out}
    config |= {"prompts_file": prompts_name, "output_dir": "."}
    config["models"] = [_model(model, manifest) for model in told["models"]]
    head = (
        "# The config of this run as it was resolved. README.md has the command that goes on with it in this folder.\n"
    )
    return head + yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)


def requirements_lock(invocations: Sequence[Mapping[str, Any]]) -> str:
    """The package versions of the last invocation, for pip; what earlier ones had otherwise stands in comments."""
    last = invocations[-1]
    lines = [
        f"# llm-pilot-harness {last.get('harness')}, Python {last.get('python')}, {last.get('platform')}",
        "# What run.json recorded of the last invocation. Install with: pip install -r requirements.lock",
    ]
    for name, version in sorted((last.get("packages") or {}).items()):
        public, _, build = str(version).partition("+")
        earlier = {str((one.get("packages") or {}).get(name)) for one in invocations} - {str(version), "None"}
        remarks = [f"recorded as {version}"] if build else []
        remarks += [f"earlier invocations had {', '.join(sorted(earlier))}"] if earlier else []
        lines.append(f"{name}=={public}" + (f"  # {'; '.join(remarks)}" if remarks else ""))
    return "\n".join(lines) + "\n"


def command_to_go_on(manifest: Mapping[str, Any]) -> str:
    """What goes on with the run in the folder of its pack: as narrow as the run was last, and the same shard."""
    words = ["python", "-m", "harness", "run", "--config", "config.yaml"]
    words += narrowed_by(manifest["invocations"][-1]["command"])
    if shard := manifest.get("shard"):
        # Without the folder, it would be one for the shard beside this one.
        words += ["--shard", shard, "--output", "."]
    return shlex.join(words)


def narrowed_by(command: Sequence[str]) -> list[str]:
    """The flags of a command that made its run smaller than its config, with their values."""
    kept = []
    for word, following in zip(command, [*command[1:], ""], strict=True):
        flag, equals, _ = word.partition("=")
        if flag in _NARROWING:
            kept += [word] if equals else [word, following]
    return kept


def _model(told: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    model = dict(told)
    if not is_reference(model.get("api_key") or "${NONE}"):
        del model["api_key"]
    # run.json used to leave out what is as by default, and of local models that would mean the opposite.
    recorded = [one.get("logprobs") for one in manifest["variants"].values() if _is_of(one, model)]
    if model["type"] == "local" and "logprobs" not in model and recorded and not any(recorded):
        model["logprobs"] = False
    return {name: model[name] for name in sorted(model, key=_first_the_name)}


def _is_of(variant: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    return all(variant.get(one) == model.get(other) for one, other in (("model", "name"), ("label", "label")))


def _first_the_name(name: str) -> tuple[bool, bool, str]:
    return name != "name", name != "type", re.sub(r"\W", "", name)
