"""Temperature, top-k and top-p per row, and noise that depends on nothing but the row. Knows no model and no text.

A token is drawn as `argmax(scores + gumbel)` (the Gumbel-max trick), with noise that is a hash of the row's seed, the
step and the token id. It needs no generator state, so an answer does not depend on batch-mates, slots or order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.schema import Request

# The finaliser "lowbias32" of Chris Wellons' hash-prospector: (shift right, multiply) twice, then a last shift.
_MIX = ((16, 0x7FEB352D), (15, 0x846CA68B), (16, None))
_TOKEN_STRIDE = 0x9E3779B1  # odd, so that token ids map to distinct 32-bit keys (golden ratio, as in Fibonacci hashing)
_STEP_STRIDE = 0x85EBCA6B


@dataclass(frozen=True, slots=True)
class RowSampling:
    """How one row's tokens are chosen. Temperature 0 is greedy, and top-k and top-p then have no effect."""

    temperature: float
    top_k: int | None
    top_p: float | None
    seed: int

    @classmethod
    def of(cls, request: Request) -> RowSampling:
        """What `request` asks for. No temperature means greedy, and greedy means no top-k and no top-p."""
        sampling = request.variant.sampling
        if not sampling.temperature:
            return cls(0.0, None, None, request.seed)
        top_p = sampling.top_p if sampling.top_p is not None and sampling.top_p < 1.0 else None
        return cls(sampling.temperature, sampling.top_k or None, top_p, request.seed)


class BatchSampler:
    """Scores and draws for all rows of a batch. Shapes: B rows, V tokens of vocabulary."""

    def __init__(self, rows: Sequence[RowSampling], device: torch.device) -> None:
        self._device = device
        # Division by 1.0 is exact, so greedy rows pass through unchanged.
        self._temperature = self._column([row.temperature or 1.0 for row in rows])  # (B, 1)
        self._drawn = self._indices([i for i, row in enumerate(rows) if row.temperature])
        self._seeds = torch.tensor([_as_int32(row.seed) for row in rows], dtype=torch.int32, device=device)[self._drawn]
        limited = [(i, row.top_k) for i, row in enumerate(rows) if row.top_k is not None]
        self._k_rows = self._indices([i for i, _ in limited])
        self._k = torch.tensor([k for _, k in limited], device=device)[:, None]  # (n, 1)
        self._max_k = max((k for _, k in limited), default=0)
        nucleus = [(i, row.top_p) for i, row in enumerate(rows) if row.top_p is not None]
        self._p_rows = self._indices([i for i, _ in nucleus])
        self._excluded_mass = self._column([1.0 - p for _, p in nucleus])  # (n, 1)
        self._keys = torch.empty(0, dtype=torch.int32, device=device)  # (V,)

    def process(self, logits: torch.Tensor) -> torch.Tensor:
        """What `generate(output_scores=True)` holds: (B, V) float32 after temperature, top-k, top-p; excluded is −inf.

        The arithmetic is that of transformers' warpers, in their order.
        """
        if not len(self._drawn):
            return logits
        scores = logits / self._temperature
        if len(self._k_rows):
            self._limit_to_top_k(scores)
        if len(self._p_rows):
            self._limit_to_nucleus(scores)
        return scores

    def perturb(self, scores: torch.Tensor, step: int) -> torch.Tensor:
        """`scores` with the noise of `step`, whose argmax is the drawn token; greedy rows get none."""
        if not len(self._drawn):
            return scores
        if len(self._keys) != scores.shape[1]:
            self._keys = token_keys(scores.shape[1], self._device)
        steps = torch.full_like(self._seeds, step)
        noise = gumbel(self._seeds, steps, self._keys)
        return scores.index_add(0, self._drawn, noise)

    def _limit_to_top_k(self, scores: torch.Tensor) -> None:
        rows = scores[self._k_rows]
        vocabulary = scores.shape[1]
        largest = rows.topk(min(self._max_k, vocabulary)).values
        threshold = largest.gather(1, self._k.clamp(max=vocabulary) - 1)  # (n, 1)
        scores[self._k_rows] = rows.masked_fill(rows < threshold, -torch.inf)

    def _limit_to_nucleus(self, scores: torch.Tensor) -> None:
        rows = scores[self._p_rows]
        ascending, order = rows.sort(descending=False)
        outside = ascending.softmax(dim=-1).cumsum(dim=-1) <= self._excluded_mass
        outside[:, -1] = False
        scores[self._p_rows] = rows.masked_fill(outside.scatter(1, order, outside), -torch.inf)

    def _column(self, values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self._device)[:, None]

    def _indices(self, rows: list[int]) -> torch.Tensor:
        return torch.tensor(rows, dtype=torch.long, device=self._device)


def token_keys(vocabulary: int, device: torch.device) -> torch.Tensor:
    """The part of the hash that belongs to each token id: (V,) int32."""
    keys = torch.arange(vocabulary, dtype=torch.int64) * _TOKEN_STRIDE & 0xFFFFFFFF
    return torch.where(keys >= 1 << 31, keys - (1 << 32), keys).to(torch.int32).to(device)


def gumbel(seeds: torch.Tensor, steps: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Standard Gumbel noise, (n, V) float32, for rows with `seeds` and `steps` (n,) int32 and `keys` (V,) int32.

    31 bits of the hash make v in (0, 1), and −log(−log(1 − v)) the noise: floats are finest near 0, so the large
    values, which decide, are finely spaced up to 22.
    """
    rows = _mix_(_mix_(seeds.clone()) + steps * _as_int32(_STEP_STRIDE))  # (n,)
    bits = _mix_(rows[:, None] + keys)  # (n, V)
    v = bits.bitwise_and_(0x7FFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-31).clamp_(max=1 - 2.0**-24)
    return v.neg_().log1p_().neg_().log_().neg_()


def _mix_(bits: torch.Tensor) -> torch.Tensor:
    """Scramble int32 in place. Multiplication wraps as it should; torch's right shift is arithmetic, hence the mask."""
    for shift, factor in _MIX:
        bits.bitwise_xor_((bits >> shift).bitwise_and_((1 << (32 - shift)) - 1))
        if factor is not None:
            bits.mul_(_as_int32(factor))
    return bits


def _as_int32(value: int) -> int:
    """The 32-bit pattern of `value` as a signed integer."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value
