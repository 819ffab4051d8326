"""What the Hugging Face Hub holds of a model that is not in the local cache, and whether it may be fetched. No torch.

Asks about files; fetches none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.errors import LaneError, ModelUnavailable
from harness.local.hub import unreachable
from harness.local.weights import INDEX, SINGLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.spec import LocalModelSpec

_TIMEOUT_S = 10.0
_SHARD = re.compile(r"[^/]*-\d+-of-\d+\.safetensors")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository that may be fetched.

    Args:
        weight_bytes: of the safetensors files that a run loads.
        fetch_bytes: of those that are not in the local cache yet.
        parameters: how many numbers of each safetensors type they hold; empty where the Hub does not say.
    """

    weight_bytes: int
    fetch_bytes: int
    parameters: Mapping[str, int] = field(default_factory=dict)


def ask_the_hub(spec: LocalModelSpec, *, endpoint: str | None = None) -> Remote:
    """What `spec`'s repository holds, asked of the Hub, as the one who is logged in here.

    Args:
        endpoint: the Hub's address, huggingface.co (or `HF_ENDPOINT`) unless given.

    Raises:
        LaneError: it does not exist, is gated, has no safetensors, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi, get_hf_file_metadata, get_token, hf_hub_url  # noqa: PLC0415

    try:
        info = HfApi(endpoint=endpoint).model_info(
            spec.source, revision=spec.revision, files_metadata=True, timeout=_TIMEOUT_S
        )
        sizes = _weights(spec, {file.rfilename: file.size or 0 for file in info.siblings or ()})
        # Anyone may read about a gated repository; only a file says whether its files may be fetched.
        url = hf_hub_url(spec.source, next(iter(sizes)), revision=info.sha, endpoint=endpoint)
        get_hf_file_metadata(url, token=get_token(), timeout=_TIMEOUT_S, endpoint=endpoint)
    except LaneError:
        raise
    except Exception as exc:
        raise unreachable(spec, exc) from exc
    missing = sum(size for name, size in sizes.items() if not _is_cached(spec.source, name, info.sha))
    counted: Any = info.safetensors
    return Remote(sum(sizes.values()), missing, dict(counted.parameters) if counted else {})


def _weights(spec: LocalModelSpec, files: Mapping[str, int]) -> dict[str, int]:
    """Of all `files`, those that a run loads: some repositories hold the same weights in another layout, too."""
    wanted = _SHARD if INDEX in files else re.compile(re.escape(SINGLE))
    found = {name: size for name, size in files.items() if wanted.fullmatch(name)}
    if not found:
        raise ModelUnavailable(
            f"{spec.source} has no safetensors weights on the Hub ({SINGLE} or {INDEX}). Choose a repository that has."
        )
    return found


def _is_cached(repository: str, name: str, commit: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    return isinstance(try_to_load_from_cache(repository, name, revision=commit), str)
