"""Brings a Hugging Face Hub repository's configuration, tokenizer and safetensors into the local cache. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import LaneError, ModelUnavailable
from harness.local.weights import INDEX, SINGLE, read_json

if TYPE_CHECKING:
    from harness.local.spec import LocalModelSpec

_SMALL_FILES = ["*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken"]


def snapshot(spec: LocalModelSpec, *, cache_dir: Path | None = None, cached_only: bool = False) -> tuple[Path, str]:
    """The folder in the cache that holds `spec`'s files, fetched if need be, and the commit they are of.

    All files are of one commit. Pickled weights are never fetched, nor Python files unless `trust_remote_code` is set.

    Args:
        cache_dir: instead of the Hub's own cache folder.
        cached_only: ask the network nothing.

    Raises:
        LaneError: the repository cannot be had; the sentence says what to do.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - a second of import, only where it is used

    small = [*_SMALL_FILES, *(["*.py"] if spec.trust_remote_code else [])]
    try:
        folder = Path(
            snapshot_download(
                spec.source,
                revision=spec.revision,
                allow_patterns=small,
                cache_dir=cache_dir,
                local_files_only=cached_only,
            )
        )
        commit = folder.name
        index = read_json(folder / INDEX).get("weight_map", {})
        weights = sorted({name for name in index.values() if name.endswith(".safetensors")}) or [SINGLE]
        snapshot_download(
            spec.source,
            revision=commit,
            allow_patterns=weights,
            cache_dir=cache_dir,
            local_files_only=cached_only,
        )
    except LaneError:
        raise
    except Exception as exc:  # noqa: BLE001 - the Hub's client lets its HTTP library's errors through, whichever it is
        raise unreachable(spec, exc) from None
    return folder, commit


def unreachable(spec: LocalModelSpec, exc: Exception) -> LaneError:
    """Why a repository cannot be had, as a sentence that says what to do."""
    from huggingface_hub import errors  # noqa: PLC0415

    name = spec.source
    if isinstance(exc, errors.GatedRepoError):
        return ModelUnavailable(
            f"{name} is gated. Accept its terms at https://huggingface.co/{name}, then run `hf auth login`.", status=403
        )
    if isinstance(exc, errors.RevisionNotFoundError):
        return ModelUnavailable(f"{name} has no revision {spec.revision}. Correct `revision`.", status=404)
    if isinstance(exc, errors.RepositoryNotFoundError | errors.HFValidationError):
        return ModelUnavailable(
            f"{name} is neither a folder nor a repository on the Hugging Face Hub that you may see. Correct the name "
            "or model_path; for a private repository run `hf auth login`.",
            status=404,
        )
    if isinstance(exc, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return ModelUnavailable(
            f"{name} is not in the local cache and the Hugging Face Hub cannot be reached. Go online, unset "
            f"HF_HUB_OFFLINE, or fetch it elsewhere with `hf download {name}` and set model_path.",
            sent=False,
        )
    if type(exc).__name__ in {"ConnectError", "ConnectTimeout", "ConnectionError"}:
        return ModelUnavailable(
            f"{name} is not in the local cache and the Hugging Face Hub cannot be reached ({exc}). Go online, or set "
            "model_path to a folder; to try the config without the weights, add --rehearse.",
            sent=False,
        )
    return ModelUnavailable(f"{name} could not be fetched from the Hugging Face Hub: {type(exc).__name__}: {exc}")
