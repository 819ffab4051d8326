"""What memory is free, and how much of it the keys and values of a token take. Knows no weights; no torch for a CPU."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

MAIN = "in memory"
"""The place of main memory, in a sentence."""

_MEMINFO = Path("/proc/meminfo")
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_SHARE_OF_A_GPU = 0.8
_SHARE_OF_MAIN_MEMORY = 0.5


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of one memory: what of it is free now, and all of it. `place` names it in a sentence."""

    free: int
    total: int
    place: str

    def for_cache(self, weights: int = 0) -> int:
        """Bytes that keys and values may take beside `weights` that are still to come.

        The rest is for the computation itself, and in main memory, which others live in too, half of all.
        """
        share = _SHARE_OF_MAIN_MEMORY if self.place == MAIN else _SHARE_OF_A_GPU
        return max(0, int((self.free - weights) * share))


def cache_budget(device: torch.device) -> int | None:
    """Bytes that keys and values may take on `device` now, the weights being there; None if the system does not tell.

    0.8 of what is free on CUDA and MPS, 0.5 in main memory.
    """
    room = room_of(device)
    return room.for_cache() if room else None


def bytes_per_token(config: Mapping[str, Any], dtype_bytes: int) -> int:
    """Bytes that the keys and values of a token take, all layers together; 0 where `config` does not say.

    Args:
        config: as for `cached_numbers`.
        dtype_bytes: of one number, as the model computes.
    """
    return cached_numbers(config) * dtype_bytes


def cached_numbers(config: Mapping[str, Any]) -> int:
    """How many keys and values a token takes, all layers together; 0 where the configuration does not say.

    An upper bound: layers that look back over a window only, or share what another one keeps, take less.

    Args:
        config: a text configuration of transformers, with its defaults filled in: `get_text_config().to_dict()`.
    """

    def known(*names: str) -> int:
        found = (config.get(name) for name in names)
        return next((value for value in found if isinstance(value, int) and value > 0), 0)

    layers = known("num_hidden_layers", "n_layer", "n_layers", "num_layers")
    latent = known("kv_lora_rank")
    if latent:  # DeepSeek and its kin keep what keys and values are made from, once for all heads
        return layers * (latent + known("qk_rope_head_dim"))
    heads = known("num_attention_heads", "n_head", "n_heads", "num_heads")
    size = known("head_dim") or (known("hidden_size", "n_embd", "d_model") // heads if heads else 0)
    shared = known("num_key_value_heads") or _falcons_heads(config, heads)
    # Gemma 4 has wider heads, and fewer of them, in the layers that see all of the text.
    wide = (known("num_global_key_value_heads") or shared) * known("global_head_dim")
    return 2 * layers * max(shared * size, wide)


def _falcons_heads(config: Mapping[str, Any], heads: int) -> int:
    """As `FalconAttention` keeps them: one for all, or in its newer form as many as there are queries."""
    return 1 if config.get("multi_query") and not config.get("new_decoder_architecture") else heads


def room_of(device: torch.device) -> Room | None:
    """The memory of `device`; None where the system does not tell."""
    if device.type == "cpu":
        return main_memory()
    import torch  # noqa: PLC0415 - seconds of import, and only where it is there already

    try:
        if device.type == "mps":
            total = torch.mps.recommended_max_memory()
            return Room(total - torch.mps.current_allocated_memory(), total, f"on {device}")
        free, total = torch.cuda.mem_get_info(device)
        # What torch keeps in reserve is taken as far as the system knows, and free for us.
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    except RuntimeError:
        return None
    return Room(free, total, f"on {device}")


def room_on(word: str) -> tuple[str, Room | None]:
    """The kind of device that `word` (`cpu`, `cuda:1`, …) means here, and its memory; None if the system does not tell.

    Raises:
        ModelUnavailable: it is not there.
    """
    if word == "cpu":
        return word, main_memory()
    from harness.local.devices import resolve_device  # noqa: PLC0415 - imports torch

    device = resolve_device(word)
    return device.type, room_of(device)


def main_memory(meminfo: Path = _MEMINFO, group_limit: Path = _GROUP_LIMIT) -> Room | None:
    """This machine's memory, a container's limit counted; None where the system does not tell."""
    try:
        lines = (line.split() for line in meminfo.read_text().splitlines())
        kilobytes = {line[0].rstrip(":"): int(line[1]) for line in lines if len(line) > 1}
        free, total = kilobytes["MemAvailable"] * 1024, kilobytes["MemTotal"] * 1024
    except (OSError, ValueError, KeyError):
        try:
            total = free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):
            return None
    with contextlib.suppress(OSError, ValueError):
        limit = int(group_limit.read_text())
        free, total = min(free, limit - _used_by_group(group_limit.parent)), min(total, limit)
    return Room(max(0, free), total, MAIN)


def _used_by_group(folder: Path) -> int:
    """Bytes that the processes of a control group hold, without the files that Linux would drop first; 0 if untold."""
    try:
        used = int((folder / "memory.current").read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return used - int(statistics["inactive_file"])
    except (OSError, ValueError, KeyError):
        return 0
