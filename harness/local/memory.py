"""Whether a model fits into memory: weights as their headers count them, room as the system says. No torch for a CPU.

Estimates: what the computation itself takes comes on top.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ModelUnavailable
from harness.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.local.spec import LocalModelSpec

_DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_AUTO = {"cpu": "float32", "mps": "float16"}
_QUANTIZED_BYTES = {"int8": 1.0, "int4": 0.57}  # int4 keeps a float32 scale for every 64 weights
_CONVERTED = {"F64", "F32", "F16", "BF16"}
_KEPT_BYTES = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2}
_LARGEST_HEADER = 100_000_000  # as the safetensors format has it
_MAIN = "in memory"
_MEMINFO = Path("/proc/meminfo")
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of one memory: what of it is free now, and all of it. `place` names it in a sentence."""

    free: int
    total: int
    place: str


@dataclass(frozen=True, slots=True)
class Load:
    """What a model takes, in bytes.

    Args:
        weights: as they are in memory, of `dtype`.
        row: of the longest answer's keys and values, prompt included, 0 where that is not known; `slots` are made at
            a time.
    """

    weights: int
    dtype: str
    row: int = 0
    slots: int = 0


def count_parameters(files: Sequence[Path]) -> dict[str, int]:
    """How many numbers of each safetensors type (`BF16`, `F32`, …) `files` hold. Reads their headers alone.

    Format: https://huggingface.co/docs/safetensors, eight bytes of length and that many of JSON.

    Raises:
        ModelUnavailable: a file is no safetensors file.
    """
    found: Counter[str] = Counter()
    for path in files:
        try:
            for name, tensor in _header(path).items():
                if name != "__metadata__":
                    found[tensor["dtype"]] += math.prod(tensor["shape"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error) as exc:
            raise ModelUnavailable(
                f"{path} is no whole safetensors file ({exc}). Fetch the model again.", sent=False
            ) from exc
    return dict(found)


def _header(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > _LARGEST_HEADER:
            raise ValueError("its header is too long")
        tensors: dict[str, Any] = json.loads(file.read(length))
    return tensors


def load_of(parameters: Mapping[str, int], spec: LocalModelSpec, device: str, numbers: int = 0) -> Load:
    """What `spec` takes on a `device` (`cpu`, `cuda`, `mps`): weights of a floating type become its dtype there.

    Args:
        numbers: keys and values of the longest answer, prompt included; 0 where that is not known.
    """
    dtype = _AUTO.get(device, "bfloat16") if spec.dtype == "auto" else spec.dtype
    each = _QUANTIZED_BYTES[spec.quantization] if spec.quantization else _DTYPE_BYTES[dtype]
    size = sum(count * (each if name in _CONVERTED else _KEPT_BYTES.get(name, 1)) for name, count in parameters.items())
    return Load(round(size), spec.quantization or dtype, numbers * _DTYPE_BYTES[dtype], spec.slots)


def cached_numbers(config: Mapping[str, Any]) -> int:
    """How many keys and values a token takes, by a model's text configuration; 0 where it does not say.

    An upper bound: layers that look back over a window only keep less.
    """

    def known(*names: str) -> int:
        found = (config.get(name) for name in names)
        return next((value for value in found if isinstance(value, int) and value > 0), 0)

    heads = known("num_attention_heads", "n_head")
    head_dim = known("head_dim") or (known("hidden_size", "n_embd") // heads if heads else 0)
    return 2 * known("num_hidden_layers", "n_layer") * (known("num_key_value_heads") or heads) * head_dim


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
        total = min(total, int(group_limit.read_text()))
    return Room(min(free, total), total, _MAIN)


def room_on(device: str) -> tuple[str, Room | None]:
    """The kind of device that the word `device` means here, and its memory; None where the system does not tell.

    Raises:
        ModelUnavailable: it is not there.
    """
    if device == "cpu":
        return device, main_memory()
    import torch  # noqa: PLC0415 - seconds of import, only where it is used

    from harness.local.devices import resolve_device  # noqa: PLC0415

    found = resolve_device(device)
    if found.type != "cuda":
        return found.type, main_memory()
    try:
        free, total = torch.cuda.mem_get_info(found)
    except RuntimeError:
        return found.type, None
    return found.type, Room(free, total, f"on {found}")


def judge(name: str, load: Load, room: Room) -> Finding:
    """Whether `load` fits into `room`: a problem where the weights never will."""
    weights = f"{name}: its weights take {told(load.weights)} as {load.dtype}"
    answers = f"{load.slots} answers at a time up to {told(load.row * load.slots)}"
    free = f"{told(room.free)} of {told(room.total)} are free {room.place}"
    if load.weights > room.total:
        message = f"{weights}, and there are {told(room.total)} {room.place}. {_way_out(load, room)}"
        return Finding(Level.PROBLEM, "memory", message)
    if load.weights > room.free:
        message = f"{weights}, and {free}. End what uses it. Else: {_way_out(load, room)}"
        return Finding(Level.WARNING, "memory", message)
    if not load.row:
        return Finding(Level.OK, "memory", f"{weights}; {free}.")
    if load.weights + load.row * load.slots > room.free:
        fitting = max(1, (room.free - load.weights) // load.row)
        message = (
            f"{weights} and {answers}, and {free}. A batch that does not fit is halved; `slots: {fitting}` or a "
            "smaller max_tokens saves the attempt."
        )
        return Finding(Level.WARNING, "memory", message)
    return Finding(Level.OK, "memory", f"{weights} and {answers}; {free}.")


def judge_passage(name: str, load: Load, memory: Room | None) -> Finding | None:
    """Whether weights for a GPU fit into main memory on their way, where they take it."""
    if memory is None or load.weights <= memory.free or importlib.util.find_spec("accelerate") is not None:
        return None
    return Finding(
        Level.WARNING,
        "memory",
        f"{name}: its weights ({told(load.weights)}) pass through main memory, where {told(memory.free)} are free. "
        "`pip install accelerate` takes them straight to the device.",
    )


def told(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"  # noqa: PLR2004 - where GB reads well


def _way_out(load: Load, room: Room) -> str:
    if load.dtype == "float32":
        return "Set dtype: bfloat16, which takes half, or choose a smaller model."
    if load.dtype in _DTYPE_BYTES and room.place != _MAIN:
        return "Set quantization: int8 or int4, or choose a smaller model or another device."
    return "Choose a smaller model or another device."
