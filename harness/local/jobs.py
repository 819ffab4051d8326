"""What passes between the event loop, the thread and an engine: jobs, batches, and the engine's protocol. No torch."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from harness.errors import AttemptTimeout
from harness.schema import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from harness.errors import ProviderError
    from harness.local.status import LoadInfo
    from harness.schema import Completion, Request


class BatchTooLargeError(Exception):
    """An engine ran out of memory with this many rows. What it delivered before is good."""


class Engine(Protocol):
    """Holds the weights of one model. Every method is called from the one thread that made it."""

    def load(self) -> LoadInfo:
        """Bring the weights into memory.

        Raises:
            ModelUnavailable: with what to do about it.
        """
        ...

    def generate(self, batch: Batch) -> None:
        """Answer every request of `batch` through `batch.deliver`, each as soon as it is done.

        Returns early, at the next decoding step, once `batch.should_stop()` is true.

        Raises:
            BatchTooLargeError: out of memory; what was not delivered may be tried again with fewer rows.
            LaneError: no request of this model can be answered any more.
        """
        ...

    def unload(self) -> None:
        """Free the weights. Called also after a `load` that failed."""
        ...


class Job:
    """One request on its way through the thread. Made on the event loop, which also resolves it.

    Args:
        timeout_s: seconds from admission to a batch until the caller gives up, or None.
        clock: monotonic seconds.
    """

    def __init__(self, request: Request, timeout_s: float | None, clock: Callable[[], float]) -> None:
        self.request = request
        self.future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self.abandoned = False
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._clock = clock
        self._submitted_at = clock()
        self._admitted_at = 0.0
        self._started_at: datetime | None = None

    def admit(self, now: datetime) -> None:
        """Begin the attempt. Called from the thread, once more where the batch has to be made smaller."""
        self._admitted_at = self._clock()
        self._started_at = now
        if self._timeout_s is not None:
            self._on_loop(self._start_timer)

    def deliver(self, outcome: Completion | ProviderError) -> None:
        """Hand the outcome to the waiting caller. Called from the thread."""
        if not isinstance(outcome, Exception) and self._started_at is not None:
            timing = Timing(
                started_at=self._started_at,
                elapsed_seconds=self._clock() - self._admitted_at,
                queued_seconds=self._admitted_at - self._submitted_at,
            )
            outcome = replace(outcome, timing=timing)
        self._on_loop(self._resolve, outcome)

    async def wait(self) -> Completion:
        """The outcome. A caller that is cancelled, or that gives up, leaves the job abandoned."""
        try:
            return await self.future
        finally:
            self.abandoned = True
            if self._timer is not None:
                self._timer.cancel()

    def _on_loop(self, callback: Callable[..., None], *args: object) -> None:
        # A loop that has closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._timeout_s is not None and not self.future.done():
            self._timer = self._loop.call_later(self._timeout_s, self._expire)

    def _expire(self) -> None:
        self._resolve(
            AttemptTimeout(
                f"The local model did not finish within {self._timeout_s:g} seconds of starting. Raise timeout_s, "
                "lower max_tokens, or use fewer slots."
            )
        )

    def _resolve(self, outcome: Completion | ProviderError) -> None:
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Batch:
    """The requests an engine answers together; rows are named by their index.

    Args:
        slots: how many rows the batch could have had, for the record.
        stopping: whether the thread was asked to end.
        on_step: told the number of tokens after every decoding step.
    """

    def __init__(
        self, jobs: Sequence[Job], *, slots: int, stopping: Callable[[], bool], on_step: Callable[[int], None]
    ) -> None:
        self.requests: tuple[Request, ...] = tuple(job.request for job in jobs)
        self.slots = slots
        self._jobs = tuple(jobs)
        self._open = dict.fromkeys(range(len(jobs)))
        self._stopping = stopping
        self._on_step = on_step

    def deliver(self, index: int, outcome: Completion | ProviderError) -> None:
        """Give row `index` its outcome. A row has one; another is ignored."""
        if index in self._open:
            del self._open[index]
            self._jobs[index].deliver(outcome)

    def should_stop(self) -> bool:
        """Whether to return at once: the thread is to end, or nobody waits for what is left."""
        return self._stopping() or all(self._jobs[index].abandoned for index in self._open)

    def is_abandoned(self, index: int) -> bool:
        """Whether the caller of row `index` has gone."""
        return self._jobs[index].abandoned

    def stepped(self, rows: int) -> None:
        """Tell that one token was generated for each of `rows` rows."""
        self._on_step(rows)

    @property
    def undelivered(self) -> tuple[Job, ...]:
        """The jobs without an outcome that somebody still waits for, in order."""
        return tuple(self._jobs[index] for index in self._open if not self._jobs[index].abandoned)
