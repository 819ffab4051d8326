"""Penalty, temperature, top-k, top-p and min-p of each row of a batch. Knows no noise, no model and no text.

Arithmetic and order are those of transformers' logits processors (5.23, `generation/logits_process.py`), which a test
compares with. On a CPU other ways lead to the same numbers, because sorting a vocabulary there takes longer than a
step of a small model. Elsewhere nothing waits for a value, so that a GPU never waits for the host.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import pad

from harness.local.decoding.largest import kth_largest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.decoding.sampling import RowSampling

_NOT_A_TOKEN = 2**40
"""Fills up the shorter histories: beyond every vocabulary."""


class Warper:
    """Makes scores of logits, row by row as each one asks. Shapes: B rows, V tokens of vocabulary.

    Args:
        rows: what each row asks for.
        history: of a row, the ids of its prompt and of its answer so far; asked for where there is a penalty.
    """

    def __init__(
        self, rows: Sequence[RowSampling], history: Callable[[int], Sequence[int]], device: torch.device
    ) -> None:
        self._device = device
        self._penalty: RepetitionPenalty | None = None
        penalised = {i: row.repetition_penalty for i, row in enumerate(rows) if row.repetition_penalty is not None}
        if penalised:
            self._penalty = RepetitionPenalty(penalised, [history(i) for i in penalised], device)
        # Division by 1 is exact, so greedy rows pass through unchanged.
        self._temperature = self._column([row.temperature or 1.0 for row in rows]) if _any_drawn(rows) else None
        self._limits: list[tuple[torch.Tensor | None, Callable[[torch.Tensor], None]]] = []
        if top_k := {i: row.top_k for i, row in enumerate(rows) if row.top_k is not None}:
            k = torch.tensor([*top_k.values()], device=device)[:, None]
            self._limit([*top_k], len(rows), partial(limit_to_top_k, k=k, most=max(top_k.values())))
        if top_p := {i: row.top_p for i, row in enumerate(rows) if row.top_p is not None}:
            excluded = self._column([1.0 - p for p in top_p.values()])
            self._limit([*top_p], len(rows), partial(limit_to_nucleus, excluded_mass=excluded))
        if min_p := {i: row.min_p for i, row in enumerate(rows) if row.min_p is not None}:
            self._limit([*min_p], len(rows), partial(limit_to_min_p, min_p=self._column([*min_p.values()])))

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """What `generate(output_scores=True)` holds, (B, V) float32; what is excluded is −inf.

        That is a tensor of its own, or `logits` themselves where no row asks for anything; they are never altered.
        """
        scores = logits
        if self._penalty is not None:
            scores = self._penalty(scores)
        if self._temperature is not None:
            scores = scores / self._temperature if scores is logits else scores.div_(self._temperature)
        for index, limit in self._limits:
            if index is None:
                limit(scores)
            else:
                part = scores.index_select(0, index)
                limit(part)
                scores.index_copy_(0, index, part)
        return scores

    def note(self, tokens: torch.Tensor) -> None:
        """Let the next step know which `tokens`, (B,) int64, were chosen."""
        if self._penalty is not None:
            self._penalty.note(tokens)

    def _limit(self, rows: Sequence[int], batch: int, limit: Callable[[torch.Tensor], None]) -> None:
        index = None if len(rows) == batch else torch.tensor(rows, device=self._device)
        self._limits.append((index, limit))

    def _column(self, values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self._device)[:, None]


class RepetitionPenalty:
    """Makes the tokens of a row's prompt and answer less likely.

    Args:
        penalties: by row.
        histories: ids of prompt and answer so far, of the same rows.
    """

    def __init__(self, penalties: dict[int, float], histories: Sequence[Sequence[int]], device: torch.device) -> None:
        self._rows = torch.tensor([*penalties], device=device)  # (n,)
        self._penalty = torch.tensor([*penalties.values()], dtype=torch.float32, device=device)[:, None]
        ids = np.full((len(histories), max(map(len, histories))), _NOT_A_TOKEN)
        for row, history in zip(ids, histories, strict=True):
            row[: len(history)] = history
        self._ids = torch.from_numpy(ids).to(device)  # (n, length of the longest)

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """A copy of `logits`, (B, V), with the penalty applied."""
        # Ids outside the vocabulary go to a column of their own: an embedding may have more rows than there are logits.
        scores = pad(logits.index_select(0, self._rows), (0, 1))  # (n, V + 1)
        ids = self._ids.clamp(max=logits.shape[1])
        seen = scores.gather(1, ids)
        scores.scatter_(1, ids, torch.where(seen < 0, seen * self._penalty, seen / self._penalty))
        return logits.index_copy(0, self._rows, scores[:, :-1])

    def note(self, tokens: torch.Tensor) -> None:
        """Count the `tokens` of all rows, (B,) int64, as seen."""
        self._ids = torch.cat([self._ids, tokens.index_select(0, self._rows)[:, None]], dim=1)


def limit_to_top_k(scores: torch.Tensor, *, k: torch.Tensor, most: int) -> None:
    """Set all but the largest k of each row to −inf, in place.

    Args:
        scores: (n, V) float32.
        k: (n, 1) int64.
        most: the largest of `k`.
    """
    scores.masked_fill_(scores < kth_largest(scores, k, most), -torch.inf)


def limit_to_nucleus(scores: torch.Tensor, *, excluded_mass: torch.Tensor) -> None:
    """Set all but the nucleus of each row to −inf, in place.

    Counted from the least likely token upwards, a token goes while the sum of probabilities is at most
    `excluded_mass`, 1 − p, (n, 1) float32. The most likely one stays. Of equally likely tokens on both sides of the
    cut those with the higher ids stay; in transformers it depends on the sort of the day which of them do.
    """
    by = nucleus_by_values if scores.device.type == "cpu" else nucleus_by_places
    by(scores, excluded_mass)


def nucleus_by_places(scores: torch.Tensor, excluded_mass: torch.Tensor) -> None:
    """`limit_to_nucleus` in transformers' own way, on any device: the vocabulary is sorted together with its ids."""
    ascending, order = scores.sort(descending=False, stable=True)
    outside = ascending.softmax(dim=-1).cumsum(dim=-1) <= excluded_mass
    outside[:, -1] = False
    scores.masked_fill_(outside.scatter(1, order, outside), -torch.inf)


def nucleus_by_values(scores: torch.Tensor, excluded_mass: torch.Tensor) -> None:
    """`limit_to_nucleus` in a tenth of the time, on a CPU.

    numpy sorts bare numbers with vector instructions. They say what the least likely token that stays is worth, and
    only where others are worth the same does it matter which of them is which.
    """
    ascending = torch.from_numpy(np.sort(scores.numpy(), axis=-1))
    mass = ascending.softmax(dim=-1).cumsum(dim=-1)
    cut = torch.searchsorted(mass, excluded_mass, right=True).clamp_(max=scores.shape[1] - 1)  # (n, 1): how many go
    least = ascending.gather(1, cut)
    scores.masked_fill_(scores < least, -torch.inf)
    is_tied = (cut > 0) & (ascending.gather(1, (cut - 1).clamp_(min=0)) == least)
    for row in np.flatnonzero(is_tied.numpy()).tolist():
        tied = (scores[row] == least[row]).nonzero().flatten()
        scores[row, tied[: cut[row] - (ascending[row] < least[row]).sum()]] = -torch.inf


def limit_to_min_p(scores: torch.Tensor, *, min_p: torch.Tensor) -> None:
    """Set all tokens less likely than `min_p`, (n, 1) float32, times the likeliest to −inf, in place."""
    probabilities = scores.softmax(dim=-1)
    scores.masked_fill_(probabilities < min_p * probabilities.amax(dim=-1, keepdim=True), -torch.inf)


def _any_drawn(rows: Sequence[RowSampling]) -> bool:
    return any(row.temperature for row in rows)
