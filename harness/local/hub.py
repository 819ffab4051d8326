"""Brings a Hugging Face Hub repository's configuration, tokenizer and safetensors into the local cache. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import LaneError, ModelUnavailable
from harness.local.weights import INDEX, SINGLE, read_json, weight_files

if TYPE_CHECKING:
    from harness.local.spec import LocalModelSpec

_SMALL_FILES = ["*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken"]
_NO_ANSWER = {"ConnectError", "ConnectTimeout", "ConnectionError", "ReadTimeout", "ReadError", "RemoteProtocolError"}


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


def cached_folder(spec: LocalModelSpec, cache_dir: Path | None = None) -> Path | None:
    """The folder in the Hub's local cache that holds all of `spec`'s weights, None where they are not all there."""
    try:
        folder, _ = snapshot(spec, cache_dir=cache_dir, cached_only=True)
        weight_files(folder)
    except LaneError:
        return None
    return folder


def unreachable(spec: LocalModelSpec, exc: Exception) -> LaneError:
    """Why a repository cannot be had, as a sentence that says what to do."""
    from huggingface_hub import errors  # noqa: PLC0415

    name = spec.source
    if isinstance(exc, errors.HfHubHTTPError):
        return _refused(spec, exc, exc.response.status_code)
    if isinstance(exc, errors.HFValidationError):
        return ModelUnavailable(_unknown(name), status=404)
    if isinstance(exc, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return ModelUnavailable(
            f"{name} is not in the local cache and the Hugging Face Hub cannot be reached. Go online, unset "
            f"HF_HUB_OFFLINE, or fetch it elsewhere with `hf download {name}` and set model_path.",
            sent=False,
        )
    if type(exc).__name__ in _NO_ANSWER:
        return ModelUnavailable(
            f"{name} is not in the local cache and the Hugging Face Hub cannot be reached ({exc}). Go online, or set "
            "model_path to a folder; to try the config without the weights, add --rehearse.",
            sent=False,
        )
    return ModelUnavailable(_other(name, exc))


def _refused(spec: LocalModelSpec, exc: Exception, status: int) -> LaneError:
    from huggingface_hub import errors, get_token  # noqa: PLC0415

    name = spec.source
    if isinstance(exc, errors.GatedRepoError):
        message = _gated(name, logged_in=get_token() is not None)
    elif isinstance(exc, errors.RevisionNotFoundError):
        message = f"{name} has no revision {spec.revision}. Correct `revision`."
    elif isinstance(exc, errors.RepositoryNotFoundError):
        message = _unknown(name)
    elif status == 401:  # noqa: PLR2004 - an HTTP status
        message = (
            f"The Hugging Face Hub does not accept the token that is stored here, so {name} cannot be fetched. Run "
            "`hf auth login` with a new one, or correct HF_TOKEN."
        )
    else:
        message = _other(name, exc)
    return ModelUnavailable(message, status=status)


def _unknown(name: str) -> str:
    return (
        f"{name} is neither a folder nor a repository on the Hugging Face Hub that you may see. Correct the name "
        "or model_path; for a private repository run `hf auth login`."
    )


def _other(name: str, exc: Exception) -> str:
    said = " ".join(str(exc).split())
    return f"{name} could not be fetched from the Hugging Face Hub: {type(exc).__name__}: {said}"


def _gated(name: str, *, logged_in: bool) -> str:
    page = f"https://huggingface.co/{name}"
    if not logged_in:
        return f"{name} is gated, and nobody is logged in here. Accept its terms at {page}, then run `hf auth login`."
    return (
        f"{name} is gated, and the account that is logged in here may not fetch it. Accept its terms at {page} (some "
        "owners approve by hand, which takes time), or run `hf auth login` with a token that may read gated "
        "repositories."
    )
