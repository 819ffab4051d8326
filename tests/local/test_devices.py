from __future__ import annotations

import pytest
import torch

from harness.errors import ModelUnavailable
from harness.local import devices
from harness.local.devices import (
    devices_for_auto,
    free_memory,
    is_out_of_memory,
    is_poisoned,
    limit_cpu_threads,
    resolve_device,
    resolve_dtype,
)


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many CUDA devices, and perhaps MPS."""

    def with_devices(cuda=0, *, mps=False, capability=(9, 0)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return with_devices


@pytest.mark.parametrize(
    ("cuda", "mps", "names"),
    [(2, False, ["cuda:0", "cuda:1"]), (1, True, ["cuda:0"]), (0, True, ["mps"]), (0, False, ["cpu"])],
)
def test_auto_is_every_cuda_device_else_mps_else_the_cpu(machine, cuda, mps, names):
    machine(cuda, mps=mps)

    assert [str(device) for device in devices_for_auto()] == names
    assert str(resolve_device("auto")) == names[0]


def test_cuda_without_a_number_is_the_first(machine):
    machine(2)

    assert str(resolve_device("cuda")) == "cuda:0"
    assert str(resolve_device("cuda:1")) == "cuda:1"


@pytest.mark.parametrize(("cuda", "word"), [(0, "cuda"), (1, "cuda:1"), (0, "mps")])
def test_a_device_that_is_not_there_is_refused_with_the_way_out(machine, cuda, word):
    machine(cuda)

    with pytest.raises(ModelUnavailable, match="--device cpu"):
        resolve_device(word)


@pytest.mark.parametrize(
    ("device", "capability", "dtype"),
    [
        ("cpu", None, torch.float32),
        ("mps", None, torch.float16),
        ("cuda:0", (8, 0), torch.bfloat16),
        ("cuda:0", (9, 0), torch.bfloat16),
        # Of a T4 torch says that bfloat16 is supported: it emulates it.
        ("cuda:0", (7, 5), torch.float16),
    ],
)
def test_auto_is_the_number_format_that_a_device_computes_in_at_full_speed(machine, device, capability, dtype):
    machine(1, mps=True, capability=capability)

    assert resolve_dtype("auto", torch.device(device)) is dtype


def test_a_number_format_that_is_asked_for_is_kept():
    assert resolve_dtype("float16", torch.device("cpu")) is torch.float16


def allocator_of_the_cpu() -> BaseException:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        torch.AcceleratorError("CUDA error: out of memory"),
        MemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GiB, max allowed: 9.07 GiB)"),
        RuntimeError("Invalid buffer size: 16.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you tried to"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=lambda error: f"{type(error).__name__} {str(error)[:24]}",
)
def test_memory_that_ran_out_is_recognised_on_every_device(error):
    assert is_out_of_memory(error)


def test_the_error_of_the_cpus_allocator_is_recognised():
    assert is_out_of_memory(allocator_of_the_cpu())


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("a prompt about running out of memory"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_do_not_make_a_batch_smaller(error):
    assert not is_out_of_memory(error)


def test_only_a_broken_cuda_poisons_the_process():
    assert is_poisoned(torch.AcceleratorError("CUDA error: device-side assert triggered"))
    assert is_poisoned(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not is_poisoned(RuntimeError("expected scalar type Float but found Half"))
    assert not is_poisoned(torch.OutOfMemoryError("CUDA out of memory."))


@pytest.mark.parametrize(
    "error", [torch.AcceleratorError("CUDA error: device-side assert triggered"), torch.OutOfMemoryError("CUDA: none.")]
)
def test_a_device_that_has_failed_or_is_full_is_left_alone_when_memory_is_freed(monkeypatch, error):
    monkeypatch.setattr(torch.cuda, "empty_cache", raising(error))

    free_memory(torch.device("cuda"))


def test_any_other_failure_to_free_memory_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "empty_cache", raising(RuntimeError("driver shutting down")))

    with pytest.raises(RuntimeError, match="driver shutting down"):
        free_memory(torch.device("cuda"))


def raising(error):
    def empty_cache():
        raise error

    return empty_cache


@pytest.fixture
def threads(monkeypatch):
    """The numbers of threads that were set, on four cores."""
    seen: list[int] = []
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    return seen


def test_a_small_model_gets_one_thread_and_a_large_one_all_but_one(threads):
    limit_cpu_threads(5_000_000)
    limit_cpu_threads(5_000_000_000)

    assert threads == [1, 3]


def test_a_single_core_is_shared(threads, monkeypatch):
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda _: range(1))

    limit_cpu_threads(5_000_000_000)

    assert threads == [1]


def test_the_environment_decides_on_threads_where_it_says(threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    limit_cpu_threads(5_000_000_000)

    assert threads == []
