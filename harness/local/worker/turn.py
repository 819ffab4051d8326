"""One model's turn in the local thread: its requests in batches, until nobody holds it any more. Loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import LaneError, TransientError
from harness.local.status import OutOfMemory
from harness.local.worker.failures import STOPPED, detached, fail, too_large, unexpected
from harness.local.worker.jobs import Batch, BatchTooLargeError
from harness.local.worker.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from harness.errors import ProviderError
    from harness.local.worker.jobs import Engine, Job
    from harness.local.worker.line import Line, QueuedModel
    from harness.local.worker.meter import Meter


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
            before = self._slots.now
            self._try_again(batch, exc.rows, too_large(self._model.spec, exc))
            name, slots = self._model.spec.model_name, self._slots.now
            self._meter.ran_out(OutOfMemory(name, exc.rows, before, slots, str(exc)))
        except LaneError as exc:
            error = detached(exc, exc)
            self._line.stop(error)
            fail(batch.undelivered, error)
        except Exception as exc:  # noqa: BLE001 - one batch that fails must not end the thread
            # It may be one prompt's doing, and must not fail those that happened to be beside it.
            self._try_again(batch, len(batch.undelivered), unexpected(self._model.spec, exc))
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

    def _try_again(self, batch: Batch, rows: int, alone: ProviderError) -> None:
        """Put back what is left of `batch`, which failed with `rows` in work, to be tried again as `Slots` has it.

        Args:
            alone: what a prompt hears that failed by itself.
        """
        left = batch.undelivered
        if self._slots.now == 1 or (rows <= 1 and len(left) <= 1):
            fail(left[:1], alone)
            self._line.push_back(self._model, left[1:])
            self._line.rejoin(self._model)
            self._slots.over(found_one=True)
        else:
            self._line.push_back(self._model, left)
            self._slots.ran_out(rows)
