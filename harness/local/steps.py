"""The decoding steps of one static batch, hooked into transformers' `generate`. Knows no loading and no thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers

from harness.errors import RejectedError
from harness.local.logprobs import Recorder
from harness.local.sampling import BatchSampler, RowSampling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.local.jobs import Batch
    from harness.local.rows import Row


class Steps:
    """The decoding steps of one batch: chooses tokens, keeps rows, delivers those that end."""

    def __init__(
        self, batch: Batch, rows: Sequence[Row], device: torch.device, deliver: Callable[[Batch, Row], None]
    ) -> None:
        self._batch = batch
        self._rows = rows
        self._device = device
        self._deliver = deliver
        self._sampler = BatchSampler([RowSampling.of(row.request) for row in rows], device)
        self._recorder = Recorder([row.request.variant.logprobs for row in rows], device)
        self._live = list(range(len(rows)))
        self._step = 0

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Scores, (B, V), whose argmax is each row's token at this step. Takes note of the tokens."""
        finite = logits.amax(dim=-1).isfinite()  # (B,); false for NaN and +inf anywhere, and for −inf everywhere
        sound = finite.tolist()
        if not all(sound):
            logits = torch.where(finite[:, None], logits, 0.0)
        scores = self._sampler.process(logits)
        noisy = self._sampler.perturb(scores, self._step)
        tokens = noisy.argmax(dim=-1)  # (B,)
        evidence = self._recorder.measure(self._live, self._step, logits, scores, tokens)
        self._batch.stepped(len(self._live))
        still = []
        for i, token, is_sound in zip(range(len(self._rows)), tokens.tolist(), sound, strict=True):
            if i not in self._live or self._batch.is_abandoned(self._rows[i].index):
                continue
            if not is_sound:
                self._batch.deliver(self._rows[i].index, _unsound(self._step))
            elif self._rows[i].accept(token, evidence.get(i)):
                self._deliver(self._batch, self._rows[i])
            else:
                still.append(i)
        self._live = still
        self._step += 1
        return noisy

    def ended(self) -> torch.Tensor:
        """Which rows need no further step, (B,) bool: all of them once the batch is to stop."""
        going = [] if self._batch.should_stop() else self._live
        ended = torch.ones(len(self._rows), dtype=torch.bool)
        ended[going] = False
        return ended.to(self._device)


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


def _unsound(step: int) -> RejectedError:
    return RejectedError(
        f"The model's logits were not finite numbers at token {step}. In float16 that is mostly overflow: use dtype: "
        "bfloat16 or float32."
    )
