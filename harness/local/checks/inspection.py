"""What can be said of a local model before its weights are loaded. Imports torch only to look at a GPU."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, LaneError
from harness.findings import Finding, Level
from harness.local.capacity import room_on
from harness.local.checks.memory import count_parameters, told
from harness.local.checks.remote import Remote, ask_the_hub
from harness.local.hub import cached_folder
from harness.local.weights import read_json, weight_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from harness.local.spec import LocalModelSpec

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a model would load.

    Args:
        folder: where all of its files are; None where they are still to be fetched, or cannot be had.
        parameters: how many numbers of each safetensors type its weights hold; empty where that is not known.
        fetch_bytes: what is still to be fetched.
        weight_bytes: of all the files of weights, here or there; None where that is not known.
    """

    findings: tuple[Finding, ...]
    folder: Path | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)
    fetch_bytes: int = 0
    weight_bytes: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether nothing that was found keeps a run from loading the model."""
        return all(finding.level is not Level.PROBLEM for finding in self.findings)


def inspect_model(spec: LocalModelSpec, *, ask_hub: Callable[[LocalModelSpec], Remote] = ask_the_hub) -> Inspection:
    """What `spec` would load: its files and their size, and its tokenizer. Loads nothing.

    Args:
        ask_hub: what the Hub holds, or a raised `LaneError`, for a repository that is not in the local cache.
    """
    try:
        folder = spec.folder or cached_folder(spec)
        if folder is not None:
            files = weight_files(folder)
            parameters = count_parameters(files)
            size = _size(files)
            found = Finding(Level.OK, "local", f"{spec.model_name}: {told(size)} of weights in {folder}.")
            return Inspection((found, *_folder(spec, folder), *_code(spec)), folder, parameters, weight_bytes=size)
        remote = ask_hub(spec)
    except HarnessError as exc:
        return Inspection((Finding(Level.PROBLEM, "local", str(exc)),))
    found = Finding(
        Level.OK,
        "local",
        f"{spec.source} may be fetched from the Hugging Face Hub, and a run will ({told(remote.weight_bytes)}). After "
        f"`hf download {spec.source}`, `check` looks at its chat template and context too.",
    )
    return Inspection((found, *_code(spec)), None, remote.parameters, remote.fetch_bytes, remote.weight_bytes)


def weight_bytes(spec: LocalModelSpec, *, ask_hub: Callable[[LocalModelSpec], Remote] = ask_the_hub) -> int | None:
    """The size of `spec`'s files of weights, the same before and after they are fetched; None where nobody tells.

    Args:
        ask_hub: as for `inspect_model`.
    """
    try:
        folder = spec.folder or cached_folder(spec)
        return _size(weight_files(folder)) if folder is not None else ask_hub(spec).weight_bytes
    except (HarnessError, OSError):
        return None


def _size(files: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def inspect_device(device: str, models: Sequence[str], *, chosen: bool = False) -> Finding:
    """Whether `device` is there, what it has free, and the names of the models that follow one another on it.

    Imports torch, but not for a CPU.

    Args:
        chosen: whether a model said `auto` and came to it.
    """
    try:
        _, room = room_on(device)
    except ImportError as exc:
        return Finding(Level.PROBLEM, "device", without_package(exc))
    except LaneError as exc:
        return Finding(Level.PROBLEM, "device", exc.message)
    free = f" ({told(room.free)} of {told(room.total)} are free)" if room else ""
    message = f"{device}{free}: {', then '.join(dict.fromkeys(models))}."
    if chosen and device == "cpu":
        message += " auto finds nothing faster here; models of billions of parameters will be slow."
    return Finding(Level.OK, "device", message)


def without_package(exc: ImportError) -> str:
    """The sentence for a package that local models cannot do without."""
    return f"Local models need a package that is not installed ({exc}): `pip install 'llm-pilot-harness[local]'`."


def inspect_template(spec: LocalModelSpec, folder: Path) -> list[Finding]:
    """What the text of the chat template in `folder` says of itself, where it is not rendered."""
    source = chat_template(folder)
    if not source:
        return [without_template(spec.model_name)]
    if "strftime_now" in source:
        message = (
            f"The chat template of {spec.model_name} may ask for the date. It is told the day on which the run began, "
            "also when it goes on later; set template_date to choose one."
        )
        return [Finding(Level.NOTE, "template", message)]
    return [Finding(Level.OK, "template", f"{spec.model_name} has a chat template.")]


def without_template(name: str) -> Finding:
    """That a model has no chat template."""
    return Finding(
        Level.WARNING,
        "template",
        f"{name} has no chat template: prompts are written as `User: …` and `Assistant:`. "
        "That suits base models; for an instruction-tuned one fetch its tokenizer files again.",
    )


def chat_template(folder: Path) -> str | None:
    """The text of the chat template in `folder`: a file of its own, or a field of the tokenizer's configuration."""
    for path in (folder / "chat_template.jinja", *sorted((folder / "additional_chat_templates").glob("default.jinja"))):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    found: Any = read_json(folder / "chat_template.json").get("chat_template") or read_json(
        folder / "tokenizer_config.json"
    ).get("chat_template")
    return found if isinstance(found, str) or found is None else json.dumps(found)


def _folder(spec: LocalModelSpec, folder: Path) -> list[Finding]:
    config = read_json(folder / "config.json")
    if not config:
        return [Finding(Level.PROBLEM, "local", f"{folder} has no config.json. Fetch the model again.")]
    findings = []
    if config.get("is_encoder_decoder"):
        message = f"{spec.model_name} is an encoder-decoder model, which cannot be run. Remove it."
        findings.append(Finding(Level.PROBLEM, "local", message))
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        message = f"{folder} has no tokenizer. Fetch the model again, tokenizer files included."
        findings.append(Finding(Level.PROBLEM, "local", message))
    elif "auto_map" in config and not spec.trust_remote_code:
        message = (
            f"{spec.model_name} brings Python code of its own. If transformers does not know the model, read the "
            "code and set trust_remote_code: true for it."
        )
        findings.append(Finding(Level.WARNING, "local", message))
    return findings


def _code(spec: LocalModelSpec) -> list[Finding]:
    if not spec.trust_remote_code:
        return []
    message = f"{spec.model_name}: trust_remote_code is set, so Python files that come with the weights will run."
    return [Finding(Level.WARNING, "local", message)]
