"""Tiny random-weight models of many architectures, made from configs. Knows no engine and no tokenizer.

Weights are drawn so wide that what a model answers hangs on every token of the prompt, and on where it stands.
"""

from __future__ import annotations

import torch
import transformers

_BASE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
    "tie_word_embeddings": False,
}
_PLAIN = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
_WINDOW = 8
"""Tokens that a sliding layer looks back over: fewer than any prompt of the tests has."""
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "initializer_range": 0.3}

CONTINUOUS = {
    "llama": ("LlamaConfig", _BASE),
    "qwen2": ("Qwen2Config", _BASE),
    "qwen3": ("Qwen3Config", {**_BASE, "head_dim": 8}),
    "mistral": ("MistralConfig", {**_BASE, "sliding_window": _WINDOW}),
    "gemma2": ("Gemma2Config", {**_BASE, "head_dim": 8, "sliding_window": _WINDOW}),
    "gemma3": ("Gemma3TextConfig", {**_BASE, "head_dim": 8, "sliding_window": _WINDOW, "num_hidden_layers": 6}),
    "phi3": ("Phi3Config", {**_BASE, "pad_token_id": 0}),
    "phi3, longrope": (
        "Phi3Config",
        {
            **_BASE,
            "pad_token_id": 0,
            "original_max_position_embeddings": 128,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10_000.0,
                "short_factor": [1.0, 1.1, 1.2, 1.3],
                "long_factor": [4.0, 5.0, 6.0, 7.0],
                "original_max_position_embeddings": 128,
            },
        },
    ),
    "mixtral": ("MixtralConfig", {**_BASE, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "gpt2": ("GPT2Config", {**_GPT2, "bos_token_id": 0, "eos_token_id": 1}),
    "neox": ("GPTNeoXConfig", {**_PLAIN, "intermediate_size": 64, "max_position_embeddings": 256}),
    "opt": (
        "OPTConfig",
        {
            "hidden_size": 32,
            "word_embed_proj_dim": 32,
            "ffn_dim": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 256,
            "init_std": 0.3,
            "bos_token_id": 0,
            "eos_token_id": 1,
        },
    ),
    "bloom": ("BloomConfig", {**_PLAIN, "n_layer": 2, "n_head": 4}),
    "falcon, one head of keys": ("FalconConfig", _PLAIN),
    "falcon, new, alibi": (
        "FalconConfig",
        {**_PLAIN, "num_kv_heads": 2, "new_decoder_architecture": True, "alibi": True},
    ),
}
"""Those whose memory of a text is columns of keys and values."""

STATEFUL = {
    "mamba": ("MambaConfig", {**_PLAIN, "state_size": 4}),
    "jamba": (
        "JambaConfig",
        {
            **_BASE,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "num_experts": 2,
            "num_experts_per_tok": 1,
            "mamba_d_state": 4,
            "use_mamba_kernels": False,
        },
    ),
    "lfm2": ("Lfm2Config", {**_BASE, "layer_types": ["conv", "full_attention"]}),
}
"""Those that keep a state besides, or instead: right in static batches."""

ALONE = {"rwkv": ("RwkvConfig", {"hidden_size": 32, "attention_hidden_size": 32, "num_hidden_layers": 2})}
"""Those that read padding as text: right one prompt at a time only."""


ENCODER_DECODER = {
    "t5": (
        "T5Config",
        {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0},
    ),
    "bart": (
        "BartConfig",
        {
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
        },
    ),
}
"""Those that are refused."""


def build_model(name: str, vocabulary: int) -> transformers.PreTrainedModel:
    """The model called `name` above, always with the same weights."""
    config, options = (CONTINUOUS | STATEFUL | ALONE | ENCODER_DECODER)[name]
    kind = transformers.AutoModelForSeq2SeqLM if name in ENCODER_DECODER else transformers.AutoModelForCausalLM
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind.from_config(getattr(transformers, config)(**options, vocab_size=vocabulary)).eval()
