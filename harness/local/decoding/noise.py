"""Noise for drawing tokens that depends on nothing but seed, step and token id. Knows no row, no model and no text.

A token is drawn as `argmax(scores + gumbel)` (the Gumbel-max trick), with noise that is a hash of a row's seed, the
step and the token id. It needs no generator state, so an answer does not depend on batch-mates, slots or order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# The finaliser "lowbias32" of Chris Wellons' hash-prospector: (shift right, multiply) twice, then a last shift. The
# masks make a logical shift of the arithmetic one that signed integers have.
_MIX = ((16, 0xFFFF, 0x7FEB352D), (15, 0x1FFFF, 0x846CA68B - 2**32), (16, 0xFFFF, None))
_TOKEN_STRIDE = 0x9E3779B1  # odd, so that token ids map to distinct 32-bit keys (golden ratio, as in Fibonacci hashing)
_STEP_STRIDE = 0x85EBCA6B

_STEPS_AHEAD = 16
_TILE = 1 << 17
"""Elements that a CPU works on at a time: what stays in its cache is hashed twice as fast."""


class Noise:
    """Standard Gumbel noise of n rows, from a step of their own each, one step at a time.

    31 bits of the hash make v in (0, 1), and −log(−log(1 − v)) the noise: floats are finest near 0, so the large
    values, which decide, are finely spaced up to 22.

    Args:
        seeds: by row, of those that are to have noise; the lower 32 bits count.
        steps: the step that each row of the batch is at.
    """

    def __init__(self, seeds: Mapping[int, int], steps: Sequence[int], device: torch.device) -> None:
        self._device = device
        everyone = len(seeds) == len(steps)
        self._rows = None if everyone else torch.tensor([*seeds], dtype=torch.long, device=device)  # (n,)
        self._seeds = _mix_(np.array([_as_int32(seed) for seed in seeds.values()], dtype=np.int32))  # (n,)
        self._steps = np.array([steps[row] for row in seeds], dtype=np.int32)  # (n,)
        self._ahead: list[torch.Tensor] = []
        self._look_ahead()
        self._bits = self._scratch = torch.empty(0, 0, dtype=torch.int32, device=device)

    def tiles(self, scores: torch.Tensor) -> Iterator[tuple[slice | torch.Tensor, torch.Tensor]]:
        """Some rows of `scores` at a time with this step's noise added, until all that are to have noise had it.

        Args:
            scores: (B, V) float32; not altered.

        Yields:
            Which rows, as an index, and (rows, V) float32, which lasts until the next.
        """
        if not len(self._seeds):
            return
        row_keys, token_keys = self._ahead[-1], keys_of_tokens(scores.shape[1], self._device)
        tile = self._tile(scores.shape[1])
        for first in range(0, len(row_keys), tile):
            part = slice(first, first + tile)
            noisy = self._negated(row_keys[part], token_keys)
            rows = part if self._rows is None else self._rows[part]
            yield rows, torch.sub(scores[rows], noisy, out=noisy)

    def advance(self) -> None:
        """Go on to the next step."""
        self._ahead.pop()
        if not self._ahead:
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Hash the part that belongs to each row for a few steps, so that not every one takes something to the device.

        Each is (n, 1) int32, the last of them for the step that comes first.
        """
        steps = self._steps + np.arange(_STEPS_AHEAD, dtype=np.int32)[::-1, None]  # (steps, n)
        keys = _mix_(self._seeds + steps * np.int32(_as_int32(_STEP_STRIDE)))
        self._ahead = [*torch.from_numpy(keys).to(self._device)[:, :, None].unbind()]
        self._steps += _STEPS_AHEAD

    def _tile(self, vocabulary: int) -> int:
        """How many rows are worked on at a time, with memory set aside for them."""
        rows = len(self._seeds)
        tile = min(rows, max(1, _TILE // vocabulary)) if self._device.type == "cpu" else rows
        if self._bits.shape != (tile, vocabulary):
            self._bits = torch.empty(tile, vocabulary, dtype=torch.int32, device=self._device)
            self._scratch = torch.empty_like(self._bits)
        return tile

    def _negated(self, row_keys: torch.Tensor, token_keys: torch.Tensor) -> torch.Tensor:
        """The noise with its sign reversed, (n, V) float32, which lasts until the next call."""
        bits, scratch = self._bits[: len(row_keys)], self._scratch[: len(row_keys)]
        torch.add(row_keys, token_keys, out=bits)
        for shift, mask, factor in _MIX:
            torch.bitwise_right_shift(bits, shift, out=scratch)
            bits.bitwise_xor_(scratch.bitwise_and_(mask))
            if factor is not None:
                bits.mul_(factor)
        v = scratch.view(torch.float32).copy_(bits.bitwise_and_(0x7FFFFFFF))
        v.add_(0.5).mul_(-(2.0**-31)).clamp_(min=2.0**-24 - 1)
        return v.log1p_().neg_().log_()


@lru_cache(maxsize=8)
def keys_of_tokens(vocabulary: int, device: torch.device) -> torch.Tensor:
    """The part of the hash that belongs to each token id: (V,) int32."""
    return torch.from_numpy(np.arange(vocabulary, dtype=np.int32) * np.int32(_as_int32(_TOKEN_STRIDE))).to(device)


def _mix_(bits: np.ndarray[Any, np.dtype[np.int32]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Scramble in place. Multiplication wraps, as it should."""
    for shift, mask, factor in _MIX:
        bits ^= (bits >> shift) & mask
        if factor is not None:
            bits *= np.int32(factor)
    return bits


def _as_int32(value: int) -> int:
    """The 32-bit pattern of `value` as a signed integer."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value
