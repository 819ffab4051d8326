"""Chooses the next token of every row of a batch and measures it. Knows no model, no text and no reason to end.

Guarantees: what a row gets does not depend on the rows beside it, and of every step one tensor goes to the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.local.decoding.largest import argmax
from harness.local.decoding.logprobs import Recorder
from harness.local.decoding.noise import Noise
from harness.local.decoding.warping import Warper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.local.decoding.logprobs import TokenEvidence
    from harness.local.decoding.rows import Row


@dataclass(frozen=True, slots=True)
class Pick:
    """What one row's step came to, on the host.

    Args:
        is_sound: false where the row's logits held NaN or an infinity; token and evidence then mean nothing.
        evidence: None where the row does not record this position.
    """

    token_id: int
    is_sound: bool
    evidence: TokenEvidence | None


@dataclass(frozen=True, slots=True)
class Choice:
    """What one step came to.

    Args:
        tokens: the chosen ids, (B,) int64, on the device.
        picks: one per row.
    """

    tokens: torch.Tensor
    picks: Sequence[Pick]


class Chooser:
    """Chooses the next token of every row and measures it. Rebuilt whenever the rows of a batch change.

    Args:
        rows: how far each has come says the step that its noise and its evidence are of. They are not altered.
        device: where the logits will be.
    """

    def __init__(self, rows: Sequence[Row], device: torch.device) -> None:
        steps = [len(row.token_ids) for row in rows]
        sampling = [row.sampling for row in rows]
        self._warper = Warper(sampling, lambda i: [*rows[i].prompt.token_ids, *rows[i].token_ids], device)
        self._recorder = Recorder([row.logprobs for row in rows], steps, device)
        self._noise = Noise({i: row.seed for i, row in enumerate(sampling) if row.temperature}, steps, device)

    def choose(self, logits: torch.Tensor) -> Choice:
        """The next token of every row, each of which advances by one step.

        Args:
            logits: (B, V), of any float type; not altered.
        """
        logits = logits.float()
        scores = self._warper(logits)
        tokens, peaks = self._drawn(scores)
        # The largest number of a row tells whether all are sound: NaN counts as the largest, and warpers keep it.
        packed = torch.cat([tokens.int(), peaks.view(torch.int32), *self._recorder.measure(logits, scores, tokens)])
        picks = self._picks(packed.cpu().numpy(), len(tokens))
        self._warper.note(tokens)
        self._noise.advance()
        self._recorder.advance()
        return Choice(tokens, picks)

    def forget(self, row: int) -> None:
        """Measure `row` no more: it has ended, and is only carried along."""
        self._recorder.forget(row)

    def _drawn(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The token of every row, (B,) int64, and the number that made it so, (B,): its score, noise included."""
        tokens = argmax(scores)
        peaks = scores.gather(1, tokens[:, None]).flatten()
        for rows, noisy in self._noise.tiles(scores):
            tokens[rows] = drawn = argmax(noisy)
            peaks[rows] = noisy.gather(1, drawn[:, None]).flatten()
        return tokens, peaks

    def _picks(self, packed: np.ndarray[Any, np.dtype[np.int32]], n: int) -> list[Pick]:
        ids = packed[:n].tolist()
        sound = np.isfinite(packed[n : 2 * n].view(np.float32)).tolist()
        found = self._recorder.unpack(packed[2 * n :], ids)
        return [
            Pick(token_id, is_sound, found.get(i))
            for i, (token_id, is_sound) in enumerate(zip(ids, sound, strict=True))
        ]
