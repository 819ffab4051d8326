"""Local models as a provider: the scheduler's side of the local thread. Knows no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.local.spec import LocalModelSpec
    from harness.local.worker.batcher import LocalWorker
    from harness.local.worker.jobs import Engine
    from harness.schema import Completion, Request


class LocalProvider:
    """Answers the requests of one local model through the shared thread of its device.

    Creating it puts the model in line, so providers are created in the order of the config, all of them before the
    first request. The weights of the next model are loaded only when every provider of the current one is closed:
    close it as soon as its lane has nothing more to ask.

    Args:
        spec: the weights; equal specs share one load and may share batches.
        worker: the thread.
        timeout_s: seconds an attempt may take from its admission to a batch, or None. Waiting in the queue and for a
            load is not part of it, so no deadline of the caller's should stand around `generate`.
    """

    def __init__(self, spec: LocalModelSpec, worker: LocalWorker, *, timeout_s: float | None = None) -> None:
        self.spec = spec
        self._worker = worker
        self._timeout_s = timeout_s
        self._closed = False
        worker.register(spec)

    @property
    def in_flight(self) -> int:
        """How many requests keep the thread busy: as many waiting as may be in work, for whenever a row ends."""
        return 2 * self.spec.most_slots

    async def generate(self, request: Request) -> Completion:
        """Answer `request`. A temperature of None or 0 is greedy.

        Raises:
            RejectedError: the prompt and `max_tokens` exceed the context or the memory, or the logits were not finite.
            AttemptTimeout: `timeout_s` passed.
            TransientError: the batch failed for a reason that another attempt may not meet.
            ModelUnavailable: the weights cannot be loaded or used.
            LaneError: the thread was stopped.
        """
        return await self._worker.submit(self.spec, request, timeout_s=self._timeout_s)

    async def aclose(self) -> None:
        """Release the model; its weights are freed when its last provider is closed. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._worker.release(self.spec)


def make_engine(spec: LocalModelSpec) -> Engine:
    """The engine for `spec`. Imports torch and transformers, so it is called in the local thread."""
    from harness.local.engine import LocalEngine  # noqa: PLC0415 - seconds of import, only where it is used

    return LocalEngine(spec)
