"""Top-k logprobs of each generated position, measured at once and kept as k numbers. Knows no text and no warper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.local.decoding.largest import largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.schema import LogprobsSpec

_TILE = 1 << 19
"""Elements of distributions that a CPU holds at a time: 2 MB."""


@dataclass(frozen=True, slots=True)
class TokenEvidence:
    """One generated position, natural logarithms.

    `logprob` and the top list are of scores or logits as the row's spec says, `raw_logprob` always of logits. Tokens
    that a warper excluded (−inf) are not in the top list. Where logprobs are equal, the chosen token comes first, then
    the others by id; at the end of the list too the chosen token goes before its equals.
    """

    token_id: int
    logprob: float
    raw_logprob: float
    top_ids: tuple[int, ...]
    top_logprobs: tuple[float, ...]


class Recorder:
    """Measures the rows of a batch that want it, and only those. Keeps no tensor beyond a step.

    Args:
        specs: one per row; None records nothing.
        positions: the position that each row is at, counted from 0.
    """

    def __init__(self, specs: Sequence[LogprobsSpec | None], positions: Sequence[int], device: torch.device) -> None:
        self._specs = list(specs)
        self._positions = positions
        self._device = device
        self._step = 0
        self._plan()

    def measure(self, logits: torch.Tensor, scores: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """This step's evidence, flat and as int32, for `unpack`; empty where no row wants any.

        Args:
            logits: raw, (B, V) float32.
            scores: after penalty, temperature and warpers, (B, V) float32; may be `logits` itself.
            tokens: the chosen ids, (B,) int64.
        """
        if not self._wanted:
            return ()
        n, vocabulary = len(self._wanted), logits.shape[1]
        # A few rows at a time, because a distribution of them all takes megabytes for a moment.
        tile = n if logits.device.type != "cpu" else max(1, _TILE // vocabulary)
        parts = [self._measure(slice(i, i + tile), logits, scores, tokens) for i in range(0, n, tile)]
        numbers, ids = (torch.cat(side) if len(parts) > 1 else side[0] for side in zip(*parts, strict=True))
        return numbers.flatten().view(torch.int32), ids.flatten().int()

    def _measure(
        self, part: slice, logits: torch.Tensor, scores: torch.Tensor, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`[own, own raw, top…]` logprobs, (n, 2 + k), and the top ids, (n, k), of some of the rows that want them."""
        rows = part if self._index is None else self._index[part]
        own, of_logits = tokens[rows][:, None], self._of_logits[part]
        raw = logits[rows].log_softmax(dim=-1)
        raw_own = raw.gather(1, own)
        if scores is logits or all(of_logits):
            subject = raw
        else:
            subject = scores[rows].log_softmax(dim=-1)
            if any(of_logits):
                which = torch.tensor(of_logits, device=self._device)[:, None]
                subject = torch.where(which, raw, subject)
        del raw
        top, top_ids = largest(subject, min(self._most, logits.shape[1]))
        return torch.cat([subject.gather(1, own), raw_own, top], dim=1), top_ids

    def unpack(self, packed: np.ndarray[Any, np.dtype[np.int32]], tokens: Sequence[int]) -> dict[int, TokenEvidence]:
        """The evidence by row, from what was packed, one after the other, and the chosen `tokens`."""
        if not self._wanted:
            return {}
        n = len(self._wanted)
        k = len(packed) // (2 * n) - 1
        numbers = packed[: n * (2 + k)].view(np.float32).reshape(n, 2 + k).tolist()
        ids = packed[n * (2 + k) :].reshape(n, k).tolist()
        return {
            row: _evidence(tokens[row], row_numbers, row_ids, spec.top)
            for (row, spec), row_numbers, row_ids in zip(self._wanted.items(), numbers, ids, strict=True)
        }

    def advance(self) -> None:
        """Go on to the next step."""
        self._step += 1
        if self._step == self._next_change:
            self._plan()

    def forget(self, row: int) -> None:
        """Measure `row` no more."""
        if row in self._wanted:
            self._specs[row] = None
            self._plan()

    def _plan(self) -> None:
        """Find out which rows want to be measured, and at which step fewer will."""
        self._wanted: dict[int, LogprobsSpec] = {}
        ends = []
        for row, (spec, position) in enumerate(zip(self._specs, self._positions, strict=True)):
            if spec is None:
                continue
            if spec.positions is None:
                self._wanted[row] = spec
            elif position + self._step < spec.positions:
                self._wanted[row] = spec
                ends.append(spec.positions - position)
        self._next_change = min(ends, default=None)
        self._most = max((spec.top for spec in self._wanted.values()), default=0)
        self._of_logits = [spec.of == "logits" for spec in self._wanted.values()]
        everyone = len(self._wanted) == len(self._specs)
        self._index = None if everyone else torch.tensor([*self._wanted], dtype=torch.long, device=self._device)


def _evidence(token_id: int, numbers: Sequence[float], ids: Sequence[int], k: int) -> TokenEvidence:
    own, raw, *values = numbers
    while values and values[-1] == -math.inf:
        values.pop()
    ids = ids[: len(values)]
    # Logits in bfloat16 are often equal. `topk` says nothing then about which it names first, or at all.
    if values and own == values[-1] and token_id not in ids:
        ids = [*ids[:-1], token_id]
    if len(set(values)) < len(values):
        order = sorted(range(len(values)), key=lambda i: (-values[i], ids[i] != token_id, ids[i]))
        ids = [ids[i] for i in order]  # `values` descend as they are
    return TokenEvidence(token_id, own, raw, tuple(ids[:k]), tuple(values[:k]))
