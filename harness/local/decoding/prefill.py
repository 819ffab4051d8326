"""Reads prompts into keys and values, in pieces, so that rows being decoded never wait long. Knows no window.

Short prompts are read together, padded on the left; a prompt longer than a piece is read alone, piece by piece.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from harness.local.decoding.forward import plain_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from transformers.cache_utils import DynamicCache

    from harness.local.decoding.forward import Forward
    from harness.local.decoding.rows import Row

_MOST_AT_ONCE = 32


@dataclass(slots=True)
class _Long:
    """A prompt that is being read piece by piece."""

    row: Row
    cache: DynamicCache
    done: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What one forward pass over prompts did.

    Args:
        rows: those whose prompt is read now.
        logits: of each one's last token, (rows, V).
        cache: their keys and values, right-aligned, row by row.
        tokens: how many tokens of prompts were read.
    """

    rows: Sequence[Row]
    logits: torch.Tensor
    cache: DynamicCache
    tokens: int


class Prefill:
    """The prompts that wait to be read, in their order.

    Args:
        piece: how many tokens, padding included, one pass reads at most.
    """

    def __init__(self, forward: Forward, device: torch.device, piece: int) -> None:
        self._forward = forward
        self._device = device
        self._piece = piece
        self._waiting: deque[Row] = deque()
        self._long: _Long | None = None

    def __len__(self) -> int:
        return len(self._waiting) + (self._long is not None)

    @property
    def rows(self) -> list[Row]:
        """All that wait, or are half read."""
        return [*([self._long.row] if self._long else []), *self._waiting]

    def add(self, rows: Iterable[Row]) -> None:
        """Put `rows` at the end of the line."""
        self._waiting.extend(rows)

    def drop(self, unwanted: Callable[[Row], bool]) -> None:
        """Forget the rows that are `unwanted`."""
        self._waiting = deque(row for row in self._waiting if not unwanted(row))
        if self._long is not None and unwanted(self._long.row):
            self._long = None

    def run(self, most: int) -> Piece:
        """Read one piece, of `most` rows at most. There has to be a row that waits."""
        if self._long is None and len(self._waiting[0].prompt.token_ids) > self._piece:
            self._long = _Long(self._waiting.popleft(), plain_cache())
        return self._some_of_one() if self._long is not None else self._several(most)

    def _some_of_one(self) -> Piece:
        assert self._long is not None
        long, ids = self._long, self._long.row.prompt.token_ids
        end = min(len(ids), long.done + self._piece)
        logits = self._forward(
            torch.tensor([ids[long.done : end]], device=self._device),
            torch.ones(1, end, dtype=torch.long, device=self._device),
            torch.arange(long.done, end, device=self._device)[None],
            long.cache,
        )
        tokens, long.done = end - long.done, end
        if end < len(ids):
            return Piece((), logits, long.cache, tokens)
        self._long = None
        return Piece((long.row,), logits, long.cache, tokens)

    def _several(self, most: int) -> Piece:
        rows = self._group(most)
        lengths = [len(row.prompt.token_ids) for row in rows]
        width = max(lengths)
        padded = [[0] * (width - len(row.prompt.token_ids)) + list(row.prompt.token_ids) for row in rows]
        ids = torch.tensor(padded, device=self._device)  # (G, T); what a masked id is has no effect
        begins = width - torch.tensor(lengths, device=self._device)[:, None]
        columns = torch.arange(width, device=self._device)[None]
        cache = plain_cache()
        logits = self._forward(ids, (columns >= begins).long(), (columns - begins).clamp_min(0), cache)
        return Piece(rows, logits, cache, sum(lengths))

    def _group(self, most: int) -> list[Row]:
        """The next rows that fit into one piece."""
        rows: list[Row] = []
        width = 0
        while self._waiting and len(rows) < min(most, _MOST_AT_ONCE):
            width = max(width, len(self._waiting[0].prompt.token_ids))
            if rows and (len(rows) + 1) * width > self._piece:
                break
            rows.append(self._waiting.popleft())
        return rows
