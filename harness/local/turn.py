"""One model's turn in the local thread: its requests in batches, until nobody holds it any more. Loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import LaneError, TransientError
from harness.local.failures import STOPPED, detached, fail, too_large, unexpected
from harness.local.jobs import Batch, BatchTooLargeError
from harness.local.slots import Slots
from harness.local.status import OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from harness.local.jobs import Engine, Job
    from harness.local.line import Line, QueuedModel
    from harness.local.meter import Meter


class Turn:
    """Answers the requests of `model`. Every request that it takes gets an outcome, or goes back into the line.

    Args:
        engine: with the model loaded.
        slots: how many prompts it may generate at the same time, to begin with.
        now: the time of day, aware.
    """

    def __init__(
        self,
        model: QueuedModel,
        engine: Engine,
        slots: int,
        *,
        line: Line,
        meter: Meter,
        now: Callable[[], datetime],
    ) -> None:
        self._model = model
        self._engine = engine
        self._slots = Slots(slots)
        self._line = line
        self._meter = meter
        self._now = now

    def run(self) -> None:
        """Until the model is released and has no request left, or all is stopped."""
        while jobs := self._line.take(self._model, self._slots.now):
            self._answer(jobs)
            self._slots.grow()

    def _answer(self, jobs: list[Job]) -> None:
        """Answer `jobs`, and what else comes for the model while that goes on."""
        batch = Batch(
            self._admitted(jobs),
            slots=self._slots.now,
            stopping=lambda: self._line.stopping,
            progress=self._meter,
            take=self._more,
        )
        self._meter.begins(len(jobs), batch.slots)
        try:
            self._engine.generate(batch)
        except BatchTooLargeError as exc:
            self._ran_out(batch, exc)
        except LaneError as exc:
            error = detached(exc, exc)
            self._line.stop(error)
            fail(batch.undelivered, error)
        except Exception as exc:  # noqa: BLE001 - one batch that fails must not end the thread
            fail(batch.undelivered, unexpected(self._model.spec, exc))
        else:
            left_out = TransientError("The engine returned without an answer to this prompt.")
            fail(batch.undelivered, LaneError(STOPPED) if self._line.stopping else left_out)
        if self._slots.tries_again and not self._line.has_put_back(self._model):
            self._slots.over(found_one=False)
        self._meter.ends()

    def _more(self, limit: int) -> list[Job]:
        """Up to `limit` requests that wait and may join the batch that is going on."""
        if self._slots.may_grow:
            # The batch comes to its end then, and the next one is larger.
            return []
        return self._admitted(self._line.take_now(self._model, limit, put_back=self._slots.tries_again))

    def _admitted(self, jobs: list[Job]) -> list[Job]:
        """`jobs`, whose time begins now."""
        if jobs:
            self._slots.took(len(jobs))
            now = self._now()
            for job in jobs:
                job.admit(now)
        return jobs

    def _ran_out(self, batch: Batch, exc: BatchTooLargeError) -> None:
        """Put back what is left of `batch`, to be tried again as `Slots` has it; one prompt alone fails."""
        left, before = batch.undelivered, self._slots.now
        if before == 1 or (exc.rows <= 1 and len(left) <= 1):
            fail(left[:1], too_large(self._model.spec, exc))
            self._line.push_back(self._model, left[1:])
            self._line.rejoin(self._model)
            self._slots.over(found_one=True)
        else:
            self._line.push_back(self._model, left)
            self._slots.ran_out(exc.rows)
        self._meter.ran_out(OutOfMemory(self._model.spec.model_name, exc.rows, before, self._slots.now, str(exc)))
