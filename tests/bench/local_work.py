"""What the local sides generate: prompts and answers of a realistic spread of lengths. Pure arithmetic, knows no model.

Answer lengths are lognormal, so that most are far below the longest; of 16 drawn at random about two rows in five
compute something that is kept. Lengths are quantiles instead of draws, which gives small workloads the same spread.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST_PROMPT, LONGEST_PROMPT = 20, 200
SHORTEST_ANSWER, LONGEST_ANSWER = 8, 512
MEDIAN_ANSWER, SPREAD = 128, 0.6
TEMPERATURES = (0.0, 0.7)
SEED = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt and its answer, both in tokens. `seed` is for the prompt's words and for sampling."""

    prompt_tokens: int
    answer_tokens: int
    temperature: float
    seed: int


def workload(count: int) -> tuple[Item, ...]:
    """`count` items, an even number, in random order: each length of an answer once greedy and once sampled."""
    draw = random.Random(SEED)
    half = count // len(TEMPERATURES)
    prompts = [prompt_length((n + 0.5) / count) for n in range(count)]
    answers = [(answer_length((n + 0.5) / half), temperature) for n in range(half) for temperature in TEMPERATURES]
    draw.shuffle(prompts)
    draw.shuffle(answers)
    return tuple(
        Item(prompt, answer, temperature, seed)
        for seed, (prompt, (answer, temperature)) in enumerate(zip(prompts, answers, strict=True))
    )


def prompt_length(quantile: float) -> int:
    """Tokens of a prompt, log-uniform; `quantile` is in (0, 1)."""
    return round(SHORTEST_PROMPT * math.pow(LONGEST_PROMPT / SHORTEST_PROMPT, quantile))


def answer_length(quantile: float) -> int:
    """Tokens of an answer, lognormal and clipped; `quantile` is in (0, 1)."""
    length = round(MEDIAN_ANSWER * math.exp(SPREAD * NormalDist().inv_cdf(quantile)))
    return min(max(length, SHORTEST_ANSWER), LONGEST_ANSWER)


def sample(items: Sequence[Item], count: int, number: int, of: int) -> tuple[Item, ...]:
    """Sample `number` (from 0) of `of`, of `count` items each. No two share an item; each has short and long ones, and
    both temperatures.

    Raises:
        ValueError: there are not enough items.
    """
    if count * of > len(items):
        raise ValueError(f"{of} samples of {count} cannot be taken from {len(items)} items: take fewer.")
    ordered = sorted(items, key=lambda item: (item.temperature, item.answer_tokens, item.prompt_tokens))
    stride = len(ordered) / count
    return tuple(ordered[int((n + (number + 0.5) / of) * stride)] for n in range(count))


def batches(items: Sequence[Item], rows: int) -> list[tuple[Item, ...]]:
    """Static batches of up to `rows` items in the order given, of one temperature each, which take turns."""
    lists = [[item for item in items if item.temperature == temperature] for temperature in TEMPERATURES]
    cut = [[tuple(same[i : i + rows]) for i in range(0, len(same), rows)] for same in lists]
    return [batch for turn in zip(*cut, strict=True) for batch in turn]


def tokens(items: Sequence[Item]) -> int:
    """How many tokens are generated for `items`."""
    return sum(item.answer_tokens for item in items)


def mean_context(items: Sequence[Item]) -> int:
    """How many tokens a generated token looks back on, on average over all of them."""
    looked_at = sum(item.answer_tokens * (item.prompt_tokens + (item.answer_tokens - 1) / 2) for item in items)
    return round(looked_at / tokens(items))


def useful_share(parts: Sequence[Sequence[Item]]) -> float:
    """Of the rows that static batches compute, the share whose token is kept."""
    return fmean(tokens(part) / (len(part) * max(item.answer_tokens for item in part)) for part in parts)
