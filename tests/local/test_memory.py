from __future__ import annotations

import pytest

from harness.findings import Level
from harness.local import memory
from harness.local.memory import Load, Room, cached_numbers, judge, judge_passage, load_of, main_memory
from harness.local.spec import LocalModelSpec

GB = 10**9
SPEC = LocalModelSpec("org/name")
SEVEN_BILLION = {"BF16": 7 * GB}


@pytest.mark.parametrize(
    ("options", "device", "gigabytes"),
    [
        ({}, "cpu", 28.0),
        ({}, "cuda", 14.0),
        ({"dtype": "float32"}, "cuda", 28.0),
        ({"dtype": "bfloat16"}, "cpu", 14.0),
        ({"quantization": "int8"}, "cuda", 7.0),
        ({"quantization": "int4"}, "cuda", 3.99),
    ],
)
def test_weights_are_counted_as_they_will_be_in_memory(options, device, gigabytes):
    load = load_of(SEVEN_BILLION, LocalModelSpec("org/name", **options), device)

    assert load.weights == pytest.approx(gigabytes * GB)


def test_numbers_that_are_quantized_already_keep_their_size():
    assert load_of({"I32": 100, "U8": 10, "F16": 1}, SPEC, "cpu").weights == 400 + 10 + 4


def test_keys_and_values_are_counted_by_what_the_attention_shares():
    llama = {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096}

    assert cached_numbers(llama) == 2 * 32 * 8 * 128
    assert cached_numbers({**llama, "head_dim": 64}) == 2 * 32 * 8 * 64
    assert cached_numbers({"n_layer": 12, "n_head": 12, "n_embd": 768}) == 2 * 12 * 768
    assert cached_numbers({"state_size": 16}) == 0


def test_the_cache_is_in_the_number_format_of_the_computation():
    assert load_of(SEVEN_BILLION, SPEC, "cpu", 100).row == 400
    assert load_of(SEVEN_BILLION, LocalModelSpec("org/name", quantization="int8"), "cuda", 100).row == 200


def test_what_fits_is_fine_and_said_in_numbers():
    found = judge("m", Load(14 * GB, "bfloat16", GB // 10, 16), Room(20 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.OK
    assert "14.0 GB as bfloat16" in found.message
    assert "20.0 GB of 24.0 GB are free on cuda:0" in found.message


def test_weights_that_never_fit_are_a_problem_with_a_way_out():
    on_gpu, in_memory = Room(20 * GB, 24 * GB, "on cuda:0"), main_memory()
    found = judge("m", Load(28 * GB, "float32"), on_gpu)

    assert found.level is Level.PROBLEM
    assert "dtype: bfloat16" in found.message
    assert "quantization" in judge("m", Load(28 * GB, "bfloat16"), on_gpu).message
    huge = Load(10**18, "bfloat16")
    assert "quantization" not in judge("m", huge, in_memory).message


def test_weights_that_do_not_fit_now_are_a_warning():
    found = judge("m", Load(14 * GB, "bfloat16"), Room(8 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.WARNING
    assert "End what uses it" in found.message


def test_answers_that_do_not_fit_beside_the_weights_name_the_slots_that_do():
    found = judge("m", Load(14 * GB, "bfloat16", GB, 16), Room(20 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.WARNING
    assert "`slots: 6`" in found.message


def test_weights_for_a_gpu_that_do_not_fit_into_main_memory_need_accelerate(monkeypatch):
    monkeypatch.setattr(memory.importlib.util, "find_spec", lambda name: None)
    load = Load(14 * GB, "bfloat16")

    assert judge_passage("m", load, Room(16 * GB, 16 * GB, "in memory")) is None
    assert "accelerate" in judge_passage("m", load, Room(8 * GB, 16 * GB, "in memory")).message
    monkeypatch.setattr(memory.importlib.util, "find_spec", lambda name: object())
    assert judge_passage("m", load, Room(8 * GB, 16 * GB, "in memory")) is None


@pytest.fixture
def meminfo(tmp_path):
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       16000 kB\nMemFree:  100 kB\nMemAvailable:    8000 kB\nHugePages_Total: 0\n")
    return path


def test_free_memory_is_what_linux_calls_available(meminfo, tmp_path):
    room = main_memory(meminfo, tmp_path / "none")

    assert (room.free, room.total) == (8000 * 1024, 16000 * 1024)


def test_a_containers_limit_counts(meminfo, tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("5000000\n")
    assert (main_memory(meminfo, limit).free, main_memory(meminfo, limit).total) == (5_000_000, 5_000_000)
    limit.write_text("max\n")
    assert main_memory(meminfo, limit).total == 16000 * 1024


def test_elsewhere_all_of_the_memory_counts_as_free(tmp_path):
    room = main_memory(tmp_path / "none", tmp_path / "none")

    assert room.free == room.total > 0


def test_the_memory_of_this_machine_can_be_told():
    kind, room = memory.room_on("cpu")

    assert kind == "cpu"
    assert 0 < room.free <= room.total


@pytest.fixture
def gpu(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (20 * GB, (24 + device.index) * GB))
    return torch


@pytest.mark.parametrize(("word", "gigabytes"), [("auto", 24), ("cuda", 24), ("cuda:1", 25)])
def test_a_gpu_tells_of_its_own_memory(gpu, word, gigabytes):
    kind, room = memory.room_on(word)

    assert kind == "cuda"
    assert (room.free, room.total) == (20 * GB, gigabytes * GB)
    assert room.place == f"on cuda:{gigabytes - 24}"


def test_a_gpu_that_does_not_tell_has_no_room_to_speak_of(gpu, monkeypatch):
    def busy(device):
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable")

    monkeypatch.setattr(gpu.cuda, "mem_get_info", busy)

    assert memory.room_on("cuda") == ("cuda", None)


def test_without_a_gpu_auto_is_main_memory(gpu, monkeypatch):
    monkeypatch.setattr(gpu.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu.backends.mps, "is_available", lambda: False)

    kind, room = memory.room_on("auto")

    assert (kind, room.place) == ("cpu", "in memory")
