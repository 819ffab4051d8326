"""A model without weights, whose next token is a hash of exactly the tokens that a row may see and of their places.

As in a real one, each layer writes keys and values, through the cache, and what it finds is a sum over all the columns
that the cache gives back, in which a mask is a weight of zero: NaN comes through it. The second layer's keys and values
are made of what the first one found, so that a mistake is never forgotten. All numbers are whole and small enough to
be exact, and `continuation` says in plain Python what the tokens have to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from transformers.cache_utils import DynamicCache

from harness.local.decoding.rows import Row
from harness.local.template import Rendered
from harness.schema import Prompt, ProviderType, Request, SamplingParams, Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers.cache_utils import Cache

    from harness.schema import LogprobsSpec

VOCABULARY = 61
LAYERS = ((2, 3), (1, 5))
"""Heads, and the size of each head's keys and values, by layer."""
BYTES_PER_TOKEN = sum(2 * heads * size for heads, size in LAYERS) * torch.float32.itemsize

_CARRIED = 251
_CONFIDENCE = 3.0


@dataclass(frozen=True, slots=True)
class Pass:
    """One call: `rows` rows of `tokens` tokens each, which read prompts or (`decodes`) went through the window."""

    rows: int
    tokens: int
    decodes: bool


class FakeForward:
    """`Forward` of the fake model. `passes` are the calls so far.

    Args:
        poison: a token id that makes everything a row computes from there on not a number, as an overflow does.
    """

    def __init__(self, poison: int | None = None) -> None:
        self.passes: list[Pass] = []
        self._poison = poison

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Cache) -> torch.Tensor:
        rows, tokens = ids.shape
        assert mask.shape == (rows, cache.get_seq_length() + tokens)
        assert positions.shape == ids.shape
        self.passes.append(Pass(rows, tokens, decodes=not isinstance(cache, DynamicCache)))
        weights = _weights(mask, tokens)  # (n, t, columns)
        carried = torch.where(ids == self._poison, torch.nan, 0.0) if self._poison is not None else torch.zeros(1, 1)
        found = torch.empty(0)
        for layer, (heads, size) in enumerate(LAYERS):
            numbers = _numbers(ids, positions, carried.expand_as(ids), heads, 2 * size)
            keys, values = cache.update(numbers[..., :size], numbers[..., size:], layer)
            entries = torch.cat([keys, values], -1).double() * _marks(heads, 2 * size)  # (n, heads, columns, 2 * size)
            found = (weights * entries.sum((1, 3))[:, None]).sum(-1)  # (n, t)
            carried = found % _CARRIED
        last = found[:, -1:]
        chosen = torch.arange(VOCABULARY) == _token(last.nan_to_num())
        return torch.where(last.isnan(), torch.nan, chosen * _CONFIDENCE).float()


def continuation(prompt: Sequence[int], count: int, poison: int | None = None) -> list[int]:
    """The `count` tokens that follow `prompt`, or fewer where `poison` comes up: nothing follows it."""
    tokens = list(prompt)
    columns: list[list[int]] = [[] for _ in LAYERS]
    for position in range(len(prompt) + count - 1):
        if tokens[position] == poison:
            break
        found = 0
        for layer, (heads, size) in enumerate(LAYERS):
            places = [(head, i) for head in range(heads) for i in range(2 * size)]
            columns[layer].append(
                sum(_number(tokens[position], position, found % _CARRIED, *at) * _mark(*at) for at in places)
            )
            found = sum(_weight(position - column) * entry for column, entry in enumerate(columns[layer]))
        if position == len(tokens) - 1:
            tokens.append(_token(found))
    return tokens[len(prompt) :]


def fake_row(
    prompt: Sequence[int],
    max_tokens: int = 8,
    *,
    index: int = 0,
    temperature: float = 0.0,
    seed: int = 0,
    logprobs: LogprobsSpec | None = None,
) -> Row:
    """A row that continues `prompt` up to `max_tokens`; no token ends it before."""
    variant = Variant(
        name="fake",
        provider=ProviderType.LOCAL,
        model="fake",
        sampling=SamplingParams(temperature=temperature, max_tokens=max_tokens),
        run_seed=None,
        logprobs=logprobs,
    )
    request = Request(str(index), Prompt(str(index), ""), variant, repeat=0, seed=seed, messages=(), system=None)
    return Row(index, request, Rendered(tuple(prompt), {}), eos_ids=frozenset(), decode=lambda _: "")


def _weights(mask: torch.Tensor, tokens: int) -> torch.Tensor:
    """How much each of the last `tokens` columns makes of every column, (n, tokens, columns): none of later ones."""
    columns = torch.arange(mask.shape[1])
    distance = columns[-tokens:, None] - columns
    return mask[:, None] * (distance >= 0) * _weight(distance)


def _numbers(ids: torch.Tensor, positions: torch.Tensor, carried: torch.Tensor, heads: int, count: int) -> torch.Tensor:
    """(n, heads, t, count) float32."""
    head, i = torch.arange(heads)[:, None, None], torch.arange(count)
    return _number(*(each[:, None, :, None] for each in (ids, positions, carried)), head, i).float()


def _marks(heads: int, count: int) -> torch.Tensor:
    return _mark(torch.arange(heads)[:, None, None], torch.arange(count))


# The arithmetic itself, of whole numbers or of tensors of them.


def _number(token, position, carried, head, i):
    return (token + 1) * (head + 2) + position * (i + 1) + carried * (head + i + 1)


def _mark(head, i):
    return 3 * head + 2 * i + 1


def _weight(distance):
    return distance * 37 % 101 + 1


def _token(found):
    return found * 7 % 100_003 % VOCABULARY
