"""Random-weight Llamas of a few sizes, written once per bench run to a temporary folder. Knows no measurement.

How fast a model generates depends on its shape and not on its weights, so there is nothing to download. The models
have no end-of-sequence token: an answer ends at its own `max_tokens`, so that every side generates the same number of
tokens.
"""

from __future__ import annotations

import atexit
import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
CONTEXT = 1024
SEED = 0
_HEAD_DIM = 64
_SPECIAL = ("<s>", "<unk>")


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's dimensions, grouped-query attention and tied embeddings included. `title` is for the table."""

    title: str
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int


MILLION = Shape("1 M", vocabulary=2_048, hidden=128, intermediate=352, layers=4, heads=4, kv_heads=2)
MILLIONS_27 = Shape("27 M", vocabulary=32_000, hidden=384, intermediate=1_280, layers=8, heads=6, kv_heads=2)
MILLIONS_100 = Shape("100 M", vocabulary=32_000, hidden=768, intermediate=2_048, layers=12, heads=12, kv_heads=4)
WIDE = Shape("wide", vocabulary=152_064, hidden=64, intermediate=128, layers=2, heads=2, kv_heads=1)
"""A vocabulary as large as Qwen2.5's, on a model that is nothing else."""


@functools.cache
def checkpoint(shape: Shape) -> Path:
    """A folder with a model of `shape` and its tokenizer; it is removed when the process ends."""
    folder = _folder() / shape.title.replace(" ", "")
    build(shape, folder)
    return folder


def build(shape: Shape, folder: Path) -> None:
    """Write a model of `shape` and its tokenizer to `folder`."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(bos_token_id=0)
    model.save_pretrained(folder)
    tokenizer(shape.vocabulary).save_pretrained(folder)


def tokenizer(vocabulary: int) -> Any:
    """One token for each of the words `w2`, `w3`, …, so that a prompt has exactly as many tokens as wanted."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*_SPECIAL, *(f"w{number}" for number in range(len(_SPECIAL), vocabulary))]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.add_special_tokens(list(_SPECIAL))
    made = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", unk_token="<unk>")
    made.chat_template = CHAT_TEMPLATE
    return made


def text_of(tokens: int, vocabulary: int, seed: int) -> str:
    """A prompt of `tokens` tokens, the beginning of the sequence that the template writes counted."""
    import random

    draw = random.Random(seed)
    return " ".join(["", *(f"w{draw.randrange(len(_SPECIAL), vocabulary)}" for _ in range(tokens - 1))])


@functools.cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="bench-models-")
    atexit.register(folder.cleanup)
    return Path(folder.name)
