"""Chooses the next token of every row of a batch and measures it. Knows no model, no text and no reason to end.

Guarantees: what a row gets does not depend on the rows beside it, and of every step one tensor goes to the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from harness.local.logprobs import Recorder
from harness.local.noise import Noise
from harness.local.warping import Warper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.local.logprobs import Measured, TokenEvidence
    from harness.local.rows import Row


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
        noisy: (B, V) float32, whose argmax is `tokens`; the logits themselves where all rows are greedy.
        picks: one per row.
    """

    tokens: torch.Tensor
    noisy: torch.Tensor
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
        measured = self._recorder.measure(logits, scores)
        # What was measured is kept apart, so that the scores, where they are not the logits, may take the noise.
        self._noise.add_to(scores)
        tokens = _argmax(scores)
        picks = self._picks(scores, tokens, measured)
        # Whatever has to be taken to the device for the next step goes now, while it has nothing to do.
        self._warper.note(tokens)
        self._recorder.advance()
        self._noise.advance()
        return Choice(tokens, scores, picks)

    def forget(self, row: int) -> None:
        """Measure `row` no more: it has ended, and is only carried along."""
        self._recorder.forget(row)

    def _picks(self, noisy: torch.Tensor, tokens: torch.Tensor, measured: Measured | None) -> list[Pick]:
        # The largest number of a row tells whether all are sound: NaN counts as the largest, and warpers keep it.
        largest = noisy.gather(1, tokens[:, None]).flatten()
        evidence = self._recorder.pack(measured, tokens) if measured is not None else ()
        packed = torch.cat([tokens.int(), largest.view(torch.int32), *evidence]).cpu().numpy()
        n = len(tokens)
        ids = packed[:n].tolist()
        sound = np.isfinite(packed[n : 2 * n].view(np.float32)).tolist()
        found = self._recorder.unpack(packed[2 * n :], ids) if measured is not None else {}
        return [
            Pick(token_id, is_sound, found.get(i))
            for i, (token_id, is_sound) in enumerate(zip(ids, sound, strict=True))
        ]


def _argmax(scores: torch.Tensor) -> torch.Tensor:
    """The first place of the largest number of each row, (B,) int64; of a NaN where there is one."""
    if scores.device.type == "cpu":
        # numpy's takes a tenth of the time.
        return torch.from_numpy(scores.numpy().argmax(axis=-1))
    return scores.argmax(dim=-1)
