"""What passes between the event loop, the thread and an engine: jobs, batches, and the engine's protocol. No torch."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from harness.errors import AttemptTimeout
from harness.schema import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from harness.errors import ProviderError
    from harness.local.status import LoadInfo
    from harness.schema import Completion, Request


class BatchTooLargeError(Exception):
    """An engine ran out of memory with `rows` prompts in work. What it delivered before is good."""

    def __init__(self, message: str, rows: int) -> None:
        super().__init__(message)
        self.rows = rows


class Engine(Protocol):
    """Holds the weights of one model. Every method is called from the one thread that made it."""

    def load(self, on_size: Callable[[int], None]) -> LoadInfo:
        """Bring the weights into memory.

        Args:
            on_size: told the bytes of the weights' files as soon as they are known.

        Raises:
            ModelUnavailable: with what to do about it.
        """
        ...

    def generate(self, batch: Batch) -> None:
        """Answer every request of `batch` through `batch.deliver`, each as soon as it is done.

        May take more of them into the batch while it goes on, with `batch.more`.

        Returns early, at the next decoding step, once `batch.should_stop()` is true.

        Raises:
            BatchTooLargeError: out of memory; what was not delivered may be tried again with fewer rows.
            LaneError: nothing can be generated on this device any more, by this model or another.
        """
        ...

    def unload(self) -> None:
        """Free the weights. Called also after a `load` that failed.

        Raises:
            Exception: they may still be there, so that no other model can be loaded.
        """
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
        """Begin the attempt. Called from the thread, once more after it was put back."""
        self._admitted_at = self._clock()
        self._started_at = now
        if self._timeout_s is not None:
            self._on_loop(self._start_timer)

    def put_back(self) -> None:
        """End the attempt without an outcome; until the next one begins, no time runs. Called from the thread."""
        self._on_loop(self._stop_timer)

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
            self._stop_timer()

    def _on_loop(self, callback: Callable[..., None], *args: object) -> None:
        # A loop that has closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_timer(self) -> None:
        self._stop_timer()
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


class Progress(Protocol):
    """Hears from an engine what it is doing. Called from the thread."""

    def prefilled(self, tokens: int, seconds: float, first_tokens: int = 0) -> None:
        """`tokens` of prompts were read, in so many seconds, and with them the first tokens of so many answers made."""
        ...

    def stepped(self, rows: int, seconds: float) -> None:
        """One token was generated for each of `rows` rows, in so many seconds."""
        ...

    def keeps(self, kv_bytes: int) -> None:
        """So much memory is set aside for keys and values now."""
        ...


class Batch:
    """The requests an engine answers together; rows are named by their index. It grows by `more`.

    Args:
        slots: how many rows may be in work at the same time.
        stopping: whether the thread was asked to end.
        progress: hears what the engine does.
        take: up to so many of the jobs that wait, at once, or none.

    `taken` is how many requests came into it so far.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        slots: int,
        stopping: Callable[[], bool],
        progress: Progress,
        take: Callable[[int], Sequence[Job]] = lambda _: (),
    ) -> None:
        self.slots = slots
        self.progress = progress
        self.taken = 0
        self._open: dict[int, Job] = {}
        self._stopping = stopping
        self._take = take
        self._add(jobs)

    @property
    def indices(self) -> tuple[int, ...]:
        """The rows without an outcome, in order."""
        return tuple(self._open)

    def request(self, index: int) -> Request:
        """The request of row `index`, which has no outcome yet."""
        return self._open[index].request

    def more(self, limit: int) -> range:
        """Take up to `limit` waiting requests into the batch, without waiting for any. Their indices."""
        return self._add(self._take(limit)) if limit > 0 else range(0)

    def deliver(self, index: int, outcome: Completion | ProviderError) -> None:
        """Give row `index` its outcome. A row has one; another is ignored."""
        job = self._open.pop(index, None)
        if job is not None:
            job.deliver(outcome)

    def drop_abandoned(self) -> frozenset[int]:
        """Forget the rows whose callers have gone. Their indices."""
        gone = frozenset(index for index, job in self._open.items() if job.abandoned)
        for index in gone:
            del self._open[index]
        return gone

    def should_stop(self) -> bool:
        """Whether to return at once: the thread is to end, or nobody waits for what is left."""
        return self._stopping() or all(job.abandoned for job in self._open.values())

    def is_abandoned(self, index: int) -> bool:
        """Whether the caller of row `index` has gone, or has its outcome."""
        return index not in self._open or self._open[index].abandoned

    @property
    def undelivered(self) -> tuple[Job, ...]:
        """The jobs without an outcome that somebody still waits for, in order."""
        return tuple(job for job in self._open.values() if not job.abandoned)

    def _add(self, jobs: Iterable[Job]) -> range:
        # What has its outcome is not kept: a batch may go on for a million requests.
        first = self.taken
        for job in jobs:
            self._open[self.taken] = job
            self.taken += 1
        return range(first, self.taken)
