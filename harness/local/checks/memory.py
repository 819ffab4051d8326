"""Whether a model fits into memory: its weights as their headers count them, and how many answers beside them.

Knows no torch. Estimates: what the computation itself takes comes on top.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import ModelUnavailable
from harness.findings import Finding, Level
from harness.local.capacity import MAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.local.capacity import Room
    from harness.local.spec import LocalModelSpec

_DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_AUTO = {"cpu": "float32", "mps": "float16"}
_QUANTIZED_BYTES = {"int8": 1.0, "int4": 0.57}  # int4 keeps a float32 scale for every 64 weights
_CONVERTED = {"F64", "F32", "F16", "BF16"}
_KEPT_BYTES = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2}
_LARGEST_HEADER = 100_000_000  # as the safetensors format has it


@dataclass(frozen=True, slots=True)
class Load:
    """What a model takes, in bytes.

    Args:
        weights: as they are in memory, of `dtype`.
        row: of the longest answer's keys and values, prompt included, 0 where that is not known.
        slots: how many answers are made at a time, at most.
        fits_itself: whether fewer are made where the memory does not hold so many.
    """

    weights: int
    dtype: str
    row: int = 0
    slots: int = 0
    fits_itself: bool = False


def count_parameters(files: Sequence[Path]) -> dict[str, int]:
    """How many numbers of each safetensors type (`BF16`, `F32`, …) `files` hold. Reads their headers alone.

    Format: https://huggingface.co/docs/safetensors, eight bytes of length and that many of JSON.

    Raises:
        ModelUnavailable: a file is no safetensors file, or not all of one.
    """
    found: Counter[str] = Counter()
    for path in files:
        try:
            for name, tensor in _header(path).items():
                if name != "__metadata__":
                    found[tensor["dtype"]] += math.prod(tensor["shape"])
        except (OSError, ValueError, TypeError, LookupError, AttributeError, struct.error) as exc:
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
        size = file.seek(0, os.SEEK_END)
    ends = (tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__")
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        raise ValueError(f"it has {size} bytes where its header tells of {whole}")
    return tensors


def load_of(parameters: Mapping[str, int], spec: LocalModelSpec, device: str, numbers: int = 0) -> Load:
    """What `spec` takes on a `device` (`cpu`, `cuda`, `mps`): weights of a floating type become its dtype there.

    Args:
        numbers: keys and values of the longest answer, prompt included; 0 where that is not known.
    """
    dtype = _AUTO.get(device, "bfloat16") if spec.dtype == "auto" else spec.dtype
    each = _QUANTIZED_BYTES[spec.quantization] if spec.quantization else _DTYPE_BYTES[dtype]
    size = sum(count * (each if name in _CONVERTED else _KEPT_BYTES.get(name, 1)) for name, count in parameters.items())
    return Load(
        round(size),
        spec.quantization or dtype,
        numbers * _DTYPE_BYTES[dtype],
        spec.most_slots,
        fits_itself=spec.slots is None,
    )


def judge(name: str, load: Load, room: Room) -> Finding:
    """Whether `load` fits into `room`: a problem where the weights never will."""
    weights = f"{name}: its weights take {told(load.weights)} as {load.dtype}"
    free = f"{told(room.free)} of {told(room.total)} are free {room.place}"
    if load.weights > room.total:
        message = f"{weights}, and there are {told(room.total)} {room.place}. {_way_out(load, room)}"
        return Finding(Level.PROBLEM, "memory", message)
    if load.weights > room.free:
        message = f"{weights}, and {free}. End what uses it. Else: {_way_out(load, room)}"
        return Finding(Level.WARNING, "memory", message)
    if not load.row:
        return Finding(Level.OK, "memory", f"{weights}; {free}.")
    judge_answers = _judge_free_slots if load.fits_itself else _judge_given_slots
    return judge_answers(weights, free, load, room)


def _judge_free_slots(weights: str, free: str, load: Load, room: Room) -> Finding:
    """How many answers at a time the engine will make room for, should all be of the longest kind."""
    fitting = room.for_cache(load.weights) // load.row
    if not fitting:
        message = (
            f"{weights}, keys and values of the longest answer up to {told(load.row)}, and {free}: such an answer may "
            "fail. Set a smaller max_tokens, or choose a smaller model or a device with more memory."
        )
        return Finding(Level.WARNING, "memory", message)
    slots = min(fitting, load.slots)
    answers = (
        f"room for {slots} of the longest answers at a time" if slots > 1 else "room for one of the longest answers"
    )
    return Finding(Level.OK, "memory", f"{weights}; {free}: {answers}, up to {told(load.row)} each.")


def _judge_given_slots(weights: str, free: str, load: Load, room: Room) -> Finding:
    answers = f"{load.slots} answers at a time up to {told(load.row * load.slots)}"
    if load.weights + load.row * load.slots <= room.free:
        return Finding(Level.OK, "memory", f"{weights} and {answers}; {free}.")
    fitting = max(1, (room.free - load.weights) // load.row)
    message = (
        f"{weights} and {answers}, and {free}. A batch that does not fit is halved; `slots: {fitting}`, `slots: auto` "
        "or a smaller max_tokens saves the attempt."
    )
    return Finding(Level.WARNING, "memory", message)


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
    if load.dtype in _DTYPE_BYTES and room.place != MAIN:
        return "Set quantization: int8 or int4, or choose a smaller model or another device."
    return "Choose a smaller model or another device."
