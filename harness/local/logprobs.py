"""Top-k logprobs of each generated position, measured at once and kept as k numbers. Knows no text and no warper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

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


class Recorder:
    """Measures the rows of a batch whose spec wants it. Keeps no tensor beyond a step.

    Args:
        specs: one per row; None records nothing.
        device: where the logits are.
    """

    def __init__(self, specs: Sequence[LogprobsSpec | None], device: torch.device) -> None:
        self._specs = tuple(specs)
        self._device = device

    def measure(
        self, rows: Sequence[int], position: int, logits: torch.Tensor, scores: torch.Tensor, tokens: torch.Tensor
    ) -> dict[int, TokenEvidence]:
        """Evidence for those of `rows` that record `position` (counted from 0), by row.

        Args:
            logits: raw, (B, V) float32.
            scores: after temperature and warpers, (B, V) float32; may be `logits` itself.
            tokens: the chosen ids, (B,) int64.
        """
        wanted = {i: spec for i in rows if (spec := self._specs[i]) and _covers(spec, position)}
        if not wanted:
            return {}
        if len(wanted) < len(tokens):
            index = torch.tensor(list(wanted), device=self._device)
            warped = scores is not logits
            logits, tokens = logits[index], tokens[index]
            # Where nothing was warped, the two stay one, and are measured once.
            scores = scores[index] if warped else logits
        subject = _subject([spec.of == "scores" for spec in wanted.values()], logits, scores)
        numbers, ids = _top(subject, logits, tokens, max(spec.top for spec in wanted.values()))
        return {
            i: _evidence(spec.top, row, row_ids)
            for (i, spec), row, row_ids in zip(wanted.items(), numbers, ids, strict=True)
        }


def _covers(spec: LogprobsSpec, position: int) -> bool:
    return spec.positions is None or position < spec.positions


def _subject(of_scores: list[bool], logits: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    if all(of_scores) or scores is logits:
        return scores
    if not any(of_scores):
        return logits
    return torch.where(torch.tensor(of_scores, device=logits.device)[:, None], scores, logits)


def _top(
    subject: torch.Tensor, logits: torch.Tensor, tokens: torch.Tensor, k: int
) -> tuple[list[list[float]], list[list[int]]]:
    """Per row `[own, own raw, top…]` logprobs and `[token, top ids…]`. One transfer to the host for each list."""
    own = tokens[:, None]  # (n, 1)
    total = subject.logsumexp(-1, keepdim=True)
    values, ids = subject.topk(min(k, subject.shape[1]))  # (n, k)
    raw_total = total if subject is logits else logits.logsumexp(-1, keepdim=True)
    numbers = torch.cat([subject.gather(1, own) - total, logits.gather(1, own) - raw_total, values - total], dim=1)
    return numbers.tolist(), torch.cat([own, ids], dim=1).tolist()


def _evidence(k: int, numbers: list[float], ids: list[int]) -> TokenEvidence:
    own, raw, *values = numbers
    token, *top = ids
    kept = [(i, value) for i, value in zip(top[:k], values[:k], strict=True) if math.isfinite(value)]
    return TokenEvidence(token, own, raw, tuple(i for i, _ in kept), tuple(value for _, value in kept))
