"""Trains the embedded demonstration model from `corpus` and writes a complete checkpoint folder.

`python -m harness.local.demo.train --output DIR` needs about ten minutes of one CPU core and no network. It
knows nothing about how the model is served.
"""

# ruff: noqa: T201 -- what a training script prints is its progress
# torch and transformers leave some of their own functions without types.
# mypy: allow-untyped-calls

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.local.demo.corpus import TRAINING_CONVERSATIONS, TRAINING_SEED, Turn, conversations

BOS: Final = "<|begin|>"
EOS: Final = "<|end|>"
PAD: Final = "<|pad|>"
ROLES: Final = ("<|system|>", "<|user|>", "<|assistant|>")
CONTEXT_TOKENS: Final = 131_072
"""Far more than it was trained on: the default `max_tokens` alone is 2048, and the prompt has to fit beside it."""

Progress = Callable[[int], float]
"""Given the number of steps done, the share of the training that is over, 1.0 being the end."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, besides the length of the training."""

    seed: int = TRAINING_SEED
    conversations: int = TRAINING_CONVERSATIONS
    vocabulary: int = 1536
    window_tokens: int = 256
    windows_per_step: int = 2
    peak_learning_rate: float = 3e-3
    warmup: float = 0.03
    weight_decay: float = 0.05


def by_steps(steps: int) -> Progress:
    """The same weights every time, on the same build of torch and kind of processor, with one thread."""
    return lambda step: step / steps


def by_minutes(minutes: float, clock: Callable[[], float] = time.monotonic) -> Progress:
    """As much as fits into the time; how much that is depends on the machine, and so do the weights."""
    start = clock()
    return lambda _: (clock() - start) / (60 * minutes)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """Train a byte-level BPE. It adds no special token by itself: the chat template alone writes the BOS."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BOS, EOS, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        extra_special_tokens=list(ROLES),
        model_max_length=CONTEXT_TOKENS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8")
    return tokenizer


def new_model(tokenizer: Any) -> Any:
    """A Llama of 1.39 M fp32 parameters, at random: in fp32 they just stay below 6 MB on disk."""
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        initializer_range=0.05,
        dtype="float32",
        **ids,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(**ids)
    return model


def pack(conversations_ids: Iterable[list[int]], window_tokens: int, pad_id: int) -> torch.Tensor:
    """Lay whole conversations one after another into windows, each window beginning with one.

    Returns token ids of shape (windows, window_tokens), padded on the right. A conversation that is longer than a
    window is cut.
    """
    windows: list[list[int]] = []
    for ids in conversations_ids:
        if not windows or len(windows[-1]) + len(ids) > window_tokens:
            windows.append([])
        windows[-1] += ids[:window_tokens]
    return torch.tensor([window + [pad_id] * (window_tokens - len(window)) for window in windows])


def fit(model: Any, windows: torch.Tensor, recipe: Recipe, progress: Progress) -> None:
    """Minimise the next-token loss over all text, the user's included, with AdamW until `progress` says 1."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=recipe.weight_decay)
    batches = _batches(windows, recipe)
    start = time.monotonic()
    step = 0
    model.train()
    while (done := progress(step)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = recipe.peak_learning_rate * _schedule(done, recipe.warmup)
        loss = next_token_loss(model, next(batches))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step}  {done:4.0%}  loss {loss.item():.3f}  {time.monotonic() - start:.0f} s", flush=True)
    model.eval()


def next_token_loss(model: Any, windows: torch.Tensor) -> torch.Tensor:
    """Mean loss in nats per token over windows of shape (rows, tokens), padding left out."""
    logits = model(input_ids=windows[:, :-1], use_cache=False).logits  # (rows, tokens - 1, vocabulary)
    targets = windows[:, 1:]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=model.config.pad_token_id
    )


def _schedule(done: float, warmup: float) -> float:
    """Linear warm-up, then half a cosine down to nothing."""
    if done < warmup:
        return (done + 0.001) / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def _batches(windows: torch.Tensor, recipe: Recipe) -> Iterator[torch.Tensor]:
    """Every window once, in a new order, again and again."""
    generator = torch.Generator().manual_seed(recipe.seed)
    while True:
        for chosen in torch.randperm(len(windows), generator=generator).split(recipe.windows_per_step):
            yield windows[chosen]


@contextmanager
def _reproducibly(seed: int) -> Iterator[None]:
    """Seed torch and hold it to deterministic algorithms, and leave it as it was."""
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(mode=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)


def train(output: Path, progress: Progress, recipe: Recipe | None = None) -> None:
    """Train from nothing and write weights, tokenizer, template and configuration into `output`."""
    recipe = recipe or Recipe()
    chats: list[list[Turn]] = list(conversations(recipe.seed, recipe.conversations))
    tokenizer = train_tokenizer((turn["content"] for chat in chats for turn in chat), recipe.vocabulary)
    windows = pack((encode(tokenizer, chat) for chat in chats), recipe.window_tokens, tokenizer.pad_token_id)
    with _reproducibly(recipe.seed):
        model = new_model(tokenizer)
        print(f"{model.num_parameters():,} parameters, {windows.numel():,} training tokens in {len(windows):,} windows")
        fit(model, windows, recipe, progress)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def encode(tokenizer: Any, chat: list[Turn]) -> list[int]:
    """The token ids of a whole conversation, as the chat template writes it."""
    ids: list[int] = tokenizer.apply_chat_template(chat, return_dict=True)["input_ids"]
    return ids


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.local.demo.train", description="Train the demo model.")
    parser.add_argument("--output", type=Path, required=True, help="folder for the checkpoint, made if missing")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=4000, help="optimizer steps, reproducible (default %(default)s)")
    length.add_argument("--minutes", type=float, help="wall-clock limit instead of steps")
    parser.add_argument("--threads", type=int, default=1, help="more than one is faster and not reproducible")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    progress = by_minutes(arguments.minutes) if arguments.minutes else by_steps(arguments.steps)
    train(arguments.output, progress)


if __name__ == "__main__":
    main()
