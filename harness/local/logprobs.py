"""Top-k logprobs of each generated position, measured at once and kept as k numbers. Knows no text and no warper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.local.largest import largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.schema import LogprobsSpec


@dataclass(frozen=True, slots=True)
class TokenEvidence:
    """One generated position, natural logarithms.

    `logprob` and the top list are of scores or logits as the row's spec says, `raw_logprob` always of logits. Tokens
    that a warper excluded (−inf) are not in the top list.
    """

    token_id: int
    logprob: float
    raw_logprob: float
    top_ids: tuple[int, ...]
    top_logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Distributions of one step, before a token is drawn, on the device. n rows of those that record it.

    Args:
        subject: logprobs that are recorded, (n, V).
        raw: of the logits, (n, V).
        top: the largest of `subject`, (n, k).
        top_ids: their ids, (n, k) int64.
    """

    subject: torch.Tensor
    raw: torch.Tensor
    top: torch.Tensor
    top_ids: torch.Tensor


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

    def measure(self, logits: torch.Tensor, scores: torch.Tensor) -> Measured | None:
        """What this step's evidence is taken from; None where no row wants any.

        Args:
            logits: raw, (B, V) float32.
            scores: after penalty, temperature and warpers, (B, V) float32; may be `logits` itself.
        """
        if not self._wanted:
            return None
        raw = self._part(logits).log_softmax(dim=-1)
        subject = raw
        if scores is not logits and len(self._of_logits) < len(self._wanted):
            subject = self._part(scores).log_softmax(dim=-1)
            if len(self._of_logits):
                subject.index_copy_(0, self._of_logits, raw.index_select(0, self._of_logits))
        return Measured(subject, raw, *largest(subject, min(self._most, logits.shape[1])))

    def pack(self, measured: Measured, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The logprobs of the chosen `tokens`, (B,) int64, and the top lists, flat and as int32."""
        own = self._part(tokens)[:, None]
        numbers = torch.cat([measured.subject.gather(1, own), measured.raw.gather(1, own), measured.top], dim=1)
        return numbers.flatten().view(torch.int32), measured.top_ids.flatten().int()

    def unpack(self, packed: np.ndarray[Any, np.dtype[np.int32]], tokens: Sequence[int]) -> dict[int, TokenEvidence]:
        """The evidence by row, from what was packed, one after the other, and the chosen `tokens`."""
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
        self._of_logits = self._indices([i for i, spec in enumerate(self._wanted.values()) if spec.of == "logits"])
        everyone = len(self._wanted) == len(self._specs)
        self._index = None if everyone else self._indices([*self._wanted])

    def _indices(self, rows: Sequence[int]) -> torch.Tensor:
        return torch.tensor(rows, dtype=torch.long, device=self._device)

    def _part(self, rows: torch.Tensor) -> torch.Tensor:
        """Those of `rows` that are measured."""
        return rows if self._index is None else rows.index_select(0, self._index)


def _evidence(token_id: int, numbers: Sequence[float], ids: Sequence[int], k: int) -> TokenEvidence:
    own, raw, *values = numbers
    del values[k:]
    while values and values[-1] == -math.inf:
        values.pop()
    return TokenEvidence(token_id, own, raw, tuple(ids[: len(values)]), tuple(values))
