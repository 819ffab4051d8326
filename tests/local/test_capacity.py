from __future__ import annotations

import pytest

from harness.local import capacity
from harness.local.capacity import Room, bytes_per_token, cache_budget, cached_numbers, main_memory, room_of

GB = 10**9
SIZE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
WIDE = {**SIZE, "intermediate_size": 64, "max_position_embeddings": 64}
SHARED = {**WIDE, "num_key_value_heads": 2}
LATENT = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "moe_intermediate_size": 16,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
}
OLD_NAMES = {**{name: SIZE[name] for name in SIZE if "num_" not in name}, "n_layer": 3, "n_head": 4}
MODELS = {
    "llama": ("LlamaConfig", SHARED),
    "llama with a head for each query": ("LlamaConfig", WIDE),
    "qwen2": ("Qwen2Config", SHARED),
    "qwen3": ("Qwen3Config", {**SHARED, "head_dim": 16}),
    "mistral": ("MistralConfig", {**SHARED, "sliding_window": 64}),
    "gemma2": ("Gemma2Config", {**SHARED, "head_dim": 16}),
    "gemma3": ("Gemma3TextConfig", {**SHARED, "head_dim": 16}),
    "phi3": ("Phi3Config", SHARED),
    "gpt2": ("GPT2Config", {**OLD_NAMES, "n_embd": 32, "n_positions": 64}),
    "neox": ("GPTNeoXConfig", WIDE),
    "opt": ("OPTConfig", {**SIZE, "ffn_dim": 64, "max_position_embeddings": 64, "word_embed_proj_dim": 32}),
    "bloom": ("BloomConfig", OLD_NAMES),
    "mixtral": ("MixtralConfig", {**SHARED, "num_local_experts": 2}),
    "falcon with one head for all": ("FalconConfig", {**SIZE, "multi_query": True, "alibi": False}),
    "falcon with a head for each query": ("FalconConfig", {**SIZE, "multi_query": False, "alibi": True}),
    "falcon of the newer form": (
        "FalconConfig",
        {**SIZE, "num_kv_heads": 2, "new_decoder_architecture": True, "alibi": False},
    ),
    "starcoder": ("GPTBigCodeConfig", {**OLD_NAMES, "n_embd": 32, "n_positions": 64, "multi_query": True}),
    "mpt": ("MptConfig", {"vocab_size": 64, "d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 64}),
    "deepseek": ("DeepseekV3Config", {**WIDE, **LATENT}),
}


@pytest.mark.parametrize(("name", "settings"), MODELS.values(), ids=MODELS)
def test_keys_and_values_are_counted_as_a_real_model_keeps_them(name, settings):
    import torch
    import transformers

    torch.set_num_threads(1)
    config = getattr(transformers, name)(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    cache = transformers.DynamicCache()
    with torch.no_grad():
        model(torch.arange(3, 8)[None], past_key_values=cache, use_cache=True)
    kept = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)

    assert 5 * bytes_per_token(config.get_text_config().to_dict(), 4) == kept


def test_where_layers_differ_the_largest_counts():
    gemma4 = {
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "num_global_key_value_heads": 2,
        "global_head_dim": 768,
    }

    assert cached_numbers(gemma4) == 2 * 6 * 2 * 768
    assert cached_numbers({**gemma4, "global_head_dim": None}) == 2 * 6 * 4 * 256


def test_a_model_that_keeps_no_keys_and_values_has_none():
    assert cached_numbers({"state_size": 16, "num_hidden_layers": 4, "hidden_size": 64}) == 0


def test_the_rest_of_a_memory_is_left_to_the_computation_and_to_others():
    assert Room(10 * GB, 24 * GB, "on cuda:0").for_cache() == 8 * GB
    assert Room(10 * GB, 24 * GB, "on cuda:0").for_cache(weights=5 * GB) == 4 * GB
    assert Room(10 * GB, 24 * GB, capacity.MAIN).for_cache() == 5 * GB
    assert Room(10 * GB, 24 * GB, "on cuda:0").for_cache(weights=11 * GB) == 0


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


def test_what_a_container_uses_is_not_free_but_files_that_linux_would_drop_are(meminfo, tmp_path):
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000000\ninactive_file 1500000\n")

    room = main_memory(meminfo, tmp_path / "memory.max")

    assert (room.free, room.total) == (2_500_000, 5_000_000)


def test_elsewhere_all_of_the_memory_counts_as_free(tmp_path):
    room = main_memory(tmp_path / "none", tmp_path / "none")

    assert room.free == room.total > 0


def test_the_memory_of_this_machine_can_be_told():
    kind, room = capacity.room_on("cpu")

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
    kind, room = capacity.room_on(word)

    assert kind == "cuda"
    assert (room.free, room.total) == (20 * GB, gigabytes * GB)
    assert room.place == f"on cuda:{gigabytes - 24}"


def test_a_gpu_that_does_not_tell_has_no_room_to_speak_of(gpu, monkeypatch):
    def busy(device):
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable")

    monkeypatch.setattr(gpu.cuda, "mem_get_info", busy)

    assert capacity.room_on("cuda") == ("cuda", None)


def test_without_a_gpu_auto_is_main_memory(gpu, monkeypatch):
    monkeypatch.setattr(gpu.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu.backends.mps, "is_available", lambda: False)

    kind, room = capacity.room_on("auto")

    assert (kind, room.place) == ("cpu", "in memory")


def test_what_torch_keeps_in_reserve_is_free_for_keys_and_values(gpu, monkeypatch):
    monkeypatch.setattr(gpu.cuda, "memory_reserved", lambda device: 3 * GB)
    monkeypatch.setattr(gpu.cuda, "memory_allocated", lambda device: 2 * GB)

    assert cache_budget(gpu.device("cuda:1")) == int(21 * GB * 0.8)


def test_on_mps_what_the_system_recommends_counts(monkeypatch):
    import torch

    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 16 * GB)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 6 * GB)

    room = room_of(torch.device("mps"))

    assert (room.free, room.total, room.place) == (10 * GB, 16 * GB, "on mps")
    assert cache_budget(torch.device("mps")) == 8 * GB


def test_on_a_cpu_half_of_main_memory_is_the_budget(monkeypatch):
    import torch

    monkeypatch.setattr(capacity, "main_memory", lambda: Room(8 * GB, 16 * GB, capacity.MAIN))
    assert cache_budget(torch.device("cpu")) == 4 * GB
    monkeypatch.setattr(capacity, "main_memory", lambda: None)
    assert cache_budget(torch.device("cpu")) is None
