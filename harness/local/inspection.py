"""What can be said of a local model before its weights are loaded. Imports torch only to look for a device."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import HarnessError, LaneError
from harness.local.weights import read_json, weight_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.local.spec import LocalModelSpec

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "vocab.txt")
_HUB_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. An `error` means that a run cannot use the model; `message` says what to do."""

    level: Literal["ok", "warning", "error"]
    message: str


def inspect_model(spec: LocalModelSpec, *, ask_hub: Callable[[LocalModelSpec], int] | None = None) -> list[Finding]:
    """What `spec` would load: its files and their size, its tokenizer and chat template. Loads nothing.

    Args:
        ask_hub: bytes of a repository's weights, or a raised `LaneError`, for a repository that is not in the local
            cache; `ask_the_hub` unless told otherwise.
    """
    try:
        folder = spec.folder or cached_folder(spec)
        if folder is None:
            size = (ask_hub or ask_the_hub)(spec)
            return [
                Finding("ok", f"{spec.source} is on the Hugging Face Hub and will be fetched ({_gigabytes(size)})."),
                *_code(spec),
            ]
        return [*_folder(spec, folder), *_code(spec)]
    except HarnessError as exc:
        return [Finding("error", str(exc))]


def inspect_device(word: str) -> Finding:
    """Whether the device that `word` names is there. Imports torch, but not to find a CPU."""
    if word == "cpu":
        return Finding("ok", "device: cpu.")
    try:
        from harness.local.devices import resolve_device  # noqa: PLC0415 - seconds of import, only where it is used

        device = resolve_device(word)
    except ImportError as exc:
        return Finding(
            "error",
            f"Local models need a package that is not installed ({exc}): `pip install 'llm-pilot-harness[local]'`.",
        )
    except LaneError as exc:
        return Finding("error", exc.message)
    if word == "auto" and device.type == "cpu":
        return Finding("ok", "device: auto is the CPU here; models of billions of parameters will be slow.")
    return Finding("ok", f"device: {word} is {device}.")


def cached_folder(spec: LocalModelSpec, cache_dir: Path | None = None) -> Path | None:
    """The folder in the Hub's local cache that holds all of `spec`'s weights, None where they are not all there."""
    from harness.local.hub import snapshot  # noqa: PLC0415

    try:
        folder, _ = snapshot(spec, cache_dir=cache_dir, cached_only=True)
        weight_files(folder)
    except LaneError:
        return None
    return folder


def ask_the_hub(spec: LocalModelSpec) -> int:
    """Bytes of the safetensors files of `spec`'s repository, asked of the Hub; proves that it may be fetched.

    Raises:
        LaneError: it does not exist, is gated, has no safetensors, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415

    from harness.local.hub import unreachable  # noqa: PLC0415

    hub = HfApi()
    try:
        info = hub.model_info(spec.source, revision=spec.revision, files_metadata=True, timeout=_HUB_TIMEOUT_S)
        # Anyone may read about a gated repository; only this says whether its files may be fetched.
        hub.auth_check(spec.source)
    except Exception as exc:
        raise unreachable(spec, exc) from exc
    sizes = [file.size or 0 for file in info.siblings or () if file.rfilename.endswith(".safetensors")]
    if not sizes:
        raise LaneError(f"{spec.source} has no safetensors weights on the Hub. Choose a repository that has.")
    return sum(sizes)


def _folder(spec: LocalModelSpec, folder: Path) -> list[Finding]:
    files = weight_files(folder)
    size = sum(path.stat().st_size for path in files)
    findings = [Finding("ok", f"{spec.model_name}: {_gigabytes(size)} of weights in {folder}.")]
    config = read_json(folder / "config.json")
    if not config:
        findings.append(Finding("error", f"{folder} has no config.json. Fetch the model again."))
    if config.get("is_encoder_decoder"):
        findings.append(
            Finding("error", f"{spec.model_name} is an encoder-decoder model, which cannot be run. Remove it.")
        )
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        findings.append(
            Finding("error", f"{folder} has no tokenizer. Fetch the model again, tokenizer files included.")
        )
    elif "auto_map" in config and not spec.trust_remote_code:
        findings.append(
            Finding(
                "warning",
                f"{spec.model_name} brings Python code of its own. If transformers does not know the model, read the "
                "code and set trust_remote_code: true for it.",
            )
        )
    return [*findings, *_template(spec, folder)]


def _template(spec: LocalModelSpec, folder: Path) -> list[Finding]:
    source = chat_template(folder)
    if not source:
        return [
            Finding(
                "warning",
                f"{spec.model_name} has no chat template: prompts are written as `User: …` and `Assistant:`. "
                "That suits base models; for an instruction-tuned one fetch its tokenizer files again.",
            )
        ]
    if "strftime_now" in source:
        return [
            Finding(
                "warning",
                f"The chat template of {spec.model_name} may write today's date into prompts. Freeze it with "
                "chat_template_kwargs, where the template takes a date.",
            )
        ]
    return [Finding("ok", f"{spec.model_name} has a chat template.")]


def chat_template(folder: Path) -> str | None:
    """The text of the chat template in `folder`: a file of its own, or a field of the tokenizer's configuration."""
    for path in (folder / "chat_template.jinja", *sorted((folder / "additional_chat_templates").glob("default.jinja"))):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    found: Any = read_json(folder / "chat_template.json").get("chat_template") or read_json(
        folder / "tokenizer_config.json"
    ).get("chat_template")
    return found if isinstance(found, str) or found is None else json.dumps(found)


def _code(spec: LocalModelSpec) -> list[Finding]:
    if not spec.trust_remote_code:
        return []
    return [
        Finding(
            "warning",
            f"{spec.model_name}: trust_remote_code is set, so Python files that come with the weights will run.",
        )
    ]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"  # noqa: PLR2004 - where GB reads well
