"""Where weights go, and in which number format: `auto` resolved, and a device that is not there refused."""

from __future__ import annotations

import os

import torch

from harness.errors import ModelUnavailable

_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Invalid buffer size",  # MPS, of a tensor that no buffer holds
    "_STATUS_ALLOC_FAILED",  # cuBLAS and cuDNN
)
_AMPERE = (8, 0)
_ONE_THREAD_BELOW_BYTES = 100_000_000
_PIECE_OPERATIONS = 50_000_000_000
_SMALLEST_PIECE, _LARGEST_PIECE = 128, 2048
_PIECE_ON_A_GPU = 4096


def resolve_device(word: str) -> torch.device:
    """The device that `word` (`auto`, `cpu`, `cuda`, `cuda:N`, `mps`) means on this machine.

    Raises:
        ModelUnavailable: it is not there.
    """
    if word == "auto":
        return devices_for_auto()[0]
    device = torch.device(word)
    if device.type == "cuda":
        present = _cuda_devices()
        if (device.index or 0) >= present:
            found = f"only {present} CUDA device(s)" if present else "no CUDA device"
            raise ModelUnavailable(
                f"device: {word} was asked for and torch finds {found} here. Run with `--device cpu`, or install a "
                "torch built for your GPU and check `nvidia-smi`.",
                sent=False,
            )
        return torch.device("cuda", device.index or 0)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelUnavailable(
            "device: mps was asked for and torch finds none here. Run with `--device cpu`.", sent=False
        )
    return device


def devices_for_auto() -> list[torch.device]:
    """The devices that `auto` may mean on this machine: all of its CUDA devices, else MPS, else the CPU."""
    present = _cuda_devices()
    if present:
        return [torch.device("cuda", index) for index in range(present)]
    return [torch.device("mps" if torch.backends.mps.is_available() else "cpu")]


def _cuda_devices() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def resolve_dtype(word: str, device: torch.device) -> torch.dtype:
    """The number format `word` names; `auto` is the widest that `device` computes in at full speed."""
    if word != "auto":
        dtype: torch.dtype = getattr(torch, word)
        return dtype
    if device.type == "cuda":
        return torch.bfloat16 if _computes_bfloat16(device) else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


def _computes_bfloat16(device: torch.device) -> bool:
    """Whether in its own units: `torch.cuda.is_bf16_supported` also says yes where it is slowly made up of others."""
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= _AMPERE


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether `exc` says that memory ran out, on any device.

    torch has a class for it on CUDA only. The CPU's allocator, MPS and CUDA's libraries (which allocate by themselves)
    raise a bare RuntimeError.
    """
    if isinstance(exc, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(exc)
    return isinstance(exc, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)


def is_poisoned(exc: BaseException) -> bool:
    """Whether `exc` leaves CUDA unusable for the rest of the process, as a device-side assert does."""
    return isinstance(exc, torch.AcceleratorError) or (
        isinstance(exc, RuntimeError) and ("CUDA error" in str(exc) or "device-side assert" in str(exc))
    )


def free_memory(device: torch.device) -> None:
    """Give memory that torch holds in reserve back to the device, as far as the device still does anything.

    A device that has failed, or has no memory left, says so again at the next call that needs it.
    """
    try:
        if device.type == "cuda":
            torch.cuda.empty_cache()
        elif device.type == "mps":
            torch.mps.empty_cache()
    except RuntimeError as exc:
        if not (is_poisoned(exc) or is_out_of_memory(exc)):
            raise


def limit_cpu_threads(weight_bytes: int, cores: int | None = None) -> None:
    """Give this thread's tensor work all cores but one, or `cores` of them, and a small model a single one.

    The last core is the event loop's. Below some tens of millions of parameters the threads wait for each other more
    than they compute: 1.4 M parameters took 4.5 times the CPU on two busy cores. OMP_NUM_THREADS overrules this.
    """
    if os.environ.get("OMP_NUM_THREADS"):
        return
    if cores is None:
        here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        cores = max(1, here - 1)
    torch.set_num_threads(1 if weight_bytes < _ONE_THREAD_BELOW_BYTES else cores)


def prefill_piece(device: torch.device, parameters: int) -> int:
    """How many tokens of prompts to read in one pass between two decoding steps.

    As many as keep the device busy without a pause that rows being decoded would feel: on a CPU a fraction of a second
    (two operations per parameter and token, some 50 billion a second), on a GPU what its arithmetic does in the time
    of a few steps. It depends on nothing that changes from run to run, for it changes how logits are rounded.
    """
    if device.type != "cpu":
        return _PIECE_ON_A_GPU
    affordable = _PIECE_OPERATIONS // (2 * max(1, parameters))
    return max(_SMALLEST_PIECE, min(_LARGEST_PIECE, 1 << max(0, affordable.bit_length() - 1)))
