"""The decoding steps of one static batch, hooked into transformers' `generate`. Knows no loading and no thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
import transformers

from harness.local.answer import unsound
from harness.local.decoding.choosing import Chooser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.decoding.rows import Row
    from harness.local.worker.jobs import Batch


class Steps:
    """The decoding steps of one batch: chooses tokens, keeps rows, delivers those that end.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        batch: Batch,
        rows: Sequence[Row],
        device: torch.device,
        deliver: Callable[[Batch, Row], None],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._batch = batch
        self._rows = rows
        self._device = device
        self._deliver = deliver
        self._clock = clock
        self._chooser = Chooser(rows, device)
        self._live = dict.fromkeys(range(len(rows)))
        self._prefilled = False
        self._since = clock()

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Scores, (B, V), whose argmax is each row's token at this step. Takes note of the tokens."""
        if not self._prefilled:
            self._prefilled = True
            self._batch.progress.prefilled(sum(len(row.prompt.token_ids) for row in self._rows), self._lap())
        choice = self._chooser.choose(logits)
        self._batch.progress.stepped(len(self._live), self._lap())
        for i in tuple(self._live):
            row, pick = self._rows[i], choice.picks[i]
            if self._batch.is_abandoned(row.index):
                self._end(i)
            elif not pick.is_sound:
                self._batch.deliver(row.index, unsound(row))
                self._end(i)
            elif row.accept(pick.token_id, pick.evidence):
                self._deliver(self._batch, row)
                self._end(i)
        return torch.full_like(logits, -torch.inf).scatter_(1, choice.tokens[:, None], 0.0)

    def ended(self) -> torch.Tensor:
        """Which rows need no further step, (B,) bool: all of them once the batch is to stop."""
        going = [] if self._batch.should_stop() else [*self._live]
        ended = torch.ones(len(self._rows), dtype=torch.bool)
        ended[going] = False
        return ended.to(self._device)

    def _end(self, i: int) -> None:
        del self._live[i]
        self._chooser.forget(i)

    def _lap(self) -> float:
        """Seconds since the last time this was asked."""
        before, self._since = self._since, self._clock()
        return self._since - before


class Choose(transformers.LogitsProcessor):
    """The last processor of the list: `generate` takes the argmax of what it returns."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - their signature
        return self._steps.choose(scores)


class Ended(transformers.StoppingCriteria):
    """Ends rows one by one, on our grounds instead of the checkpoint's."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ARG002
        return self._steps.ended()
