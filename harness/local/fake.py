"""An engine without weights, for tests: it answers with the prompt, one token a step."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from harness.local.status import LoadInfo
from harness.schema import Completion, FinishReason, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.local.jobs import Batch
    from harness.local.spec import LocalModelSpec


class FakeEngine:
    """Echoes each prompt's words, a word a step, and keeps what it was asked.

    Args:
        spec: what it pretends to load.
        log: gets `load NAME`, `batch NAME id,id`, `unload NAME`; share one list to see the order over several engines.
        failures: raised by the next calls of `generate`, one each, after the batch is logged; None lets one pass.
        load_error: raised by `load`.
    """

    def __init__(
        self,
        spec: LocalModelSpec,
        log: list[str] | None = None,
        *,
        failures: Iterable[Exception | None] = (),
        load_error: Exception | None = None,
    ) -> None:
        self.spec = spec
        self.log = [] if log is None else log
        self.history: list[tuple[str, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.stepping = threading.Event()
        self._failures = list(failures)
        self._load_error = load_error

    def load(self) -> LoadInfo:
        """Pretend to load."""
        self.log.append(f"load {self.spec.model_name}")
        if self._load_error is not None:
            raise self._load_error
        return LoadInfo(
            model_name=self.spec.model_name,
            model_version="fake",
            device="cpu",
            dtype="float32",
            engine="fake",
            attention=None,
            weight_bytes=1000,
            context_length=None,
        )

    def generate(self, batch: Batch) -> None:
        """Answer the rows as their words run out. While `gate` is cleared, steps pass and nothing is answered."""
        ids = tuple(request.prompt.id for request in batch.requests)
        self.history.append(ids)
        self.log.append(f"batch {self.spec.model_name} {','.join(ids)}")
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        words = {index: request.prompt.text.split() for index, request in enumerate(batch.requests)}
        step = 0
        while words and not batch.should_stop():
            batch.stepped(len(words))
            self.stepping.set()
            if not self.gate.wait(0.001):
                continue
            step += 1
            for index in [index for index, row in words.items() if len(row) <= step]:
                batch.deliver(index, _echo(batch, index, words.pop(index)))

    def unload(self) -> None:
        """Pretend to free."""
        self.log.append(f"unload {self.spec.model_name}")


def _echo(batch: Batch, index: int, words: list[str]) -> Completion:
    request = batch.requests[index]
    return Completion(
        text=" ".join(words),
        finish_reason=FinishReason.STOP,
        usage=Usage(input=len(words), output=len(words), total=2 * len(words)),
        model_version="fake",
        sent={"temperature": request.variant.sampling.temperature, "seed": request.seed},
        runtime={"slots": batch.slots, "rows": len(batch.requests)},
    )
