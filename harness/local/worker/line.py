"""The line of models and their waiting requests, shared by the event loop and the thread. Knows no engine."""

from __future__ import annotations

import copy
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import LaneError
from harness.local.worker.failures import STOPPED, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.local.spec import LocalModelSpec
    from harness.local.worker.jobs import Job


@dataclass(eq=False, slots=True)
class QueuedModel:
    """A model in line. `put_back` are requests that are tried again before `jobs`, `error` is what parked it."""

    spec: LocalModelSpec
    holders: int = 0
    jobs: deque[Job] = field(default_factory=deque)
    put_back: deque[Job] = field(default_factory=deque)
    error: LaneError | None = None

    @property
    def queued(self) -> int:
        """How many requests wait."""
        return len(self.jobs) + len(self.put_back)


class Line:
    """Models in the order they were registered, each with its requests in the order they came.

    Every method is safe from any thread, and holds the lock for microseconds; only `next_model` and `take` wait, and
    are the thread's.

    Args:
        gather_s: how long a batch that is not full waits for one more request after the last one came.
    """

    def __init__(self, gather_s: float) -> None:
        self._gather_s = gather_s
        self._changed = threading.Condition()
        self._models: list[QueuedModel] = []
        self._stopping = False
        self._why = LaneError(STOPPED, sent=False)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    @property
    def queued(self) -> int:
        """How many requests wait. Takes no lock."""
        return sum(model.queued for model in tuple(self._models))

    def register(self, spec: LocalModelSpec) -> None:
        """Put `spec` at the end of the line, unless it stands there already."""
        with self._changed:
            model = self._find(spec)
            if model is None:
                model = QueuedModel(spec)
                self._models.append(model)
            model.holders += 1

    def release(self, spec: LocalModelSpec) -> None:
        """Say that no more requests come for `spec` from one who registered it."""
        with self._changed:
            model = self._find(spec)
            if model is not None:
                model.holders -= 1
            self._changed.notify_all()

    def push(self, spec: LocalModelSpec, job: Job) -> None:
        """Add a request.

        Raises:
            LaneError: the line has stopped, or the model is closed or parked.
        """
        with self._changed:
            model = self._find(spec)
            if self._stopping:
                raise copy.copy(self._why)
            if model is None or model.holders <= 0:
                raise LaneError(f"{spec.model_name} was closed before this request came.", sent=False)
            if model.error is not None:
                raise copy.copy(model.error)
            model.jobs.append(job)
            self._changed.notify_all()

    def push_back(self, model: QueuedModel, jobs: Sequence[Job]) -> None:
        """Let `jobs` be tried again, in their order, before all else and by themselves."""
        for job in jobs:
            job.put_back()
        with self._changed:
            model.put_back.extendleft(reversed(jobs))

    def has_put_back(self, model: QueuedModel) -> bool:
        """Whether somebody still waits for requests that were put back."""
        with self._changed:
            return any(not job.abandoned for job in model.put_back)

    def rejoin(self, model: QueuedModel) -> None:
        """Let the requests that were put back be tried together with others again, and first."""
        with self._changed:
            model.jobs.extendleft(reversed(model.put_back))
            model.put_back.clear()

    def stop(self, why: LaneError | None = None) -> None:
        """Let nothing more in, fail what waits, and end every wait.

        Args:
            why: what they hear who wait or come later; None is that it was asked for.
        """
        with self._changed:
            self._stopping = True
            self._why = why or self._why
            jobs = self._drained()
            self._changed.notify_all()
        # At once: the thread may be in a load, which nobody has to wait for any more.
        fail(jobs, self._why)

    def next_model(self) -> QueuedModel | None:
        """The first model in line, once it has a request; None when stopped. Models that were released leave."""
        with self._changed:
            while not self._stopping:
                first = self._models[0] if self._models else None
                if first is not None and first.queued:
                    return first
                if first is not None and first.holders <= 0:
                    self._models.pop(0)
                else:
                    self._changed.wait()
        return None

    def following(self, model: QueuedModel) -> LocalModelSpec | None:
        """The model that is next in line after `model`."""
        with self._changed:
            later = self._models[self._models.index(model) + 1 :] if model in self._models else []
            return next((each.spec for each in later if each.queued or each.holders > 0), None)

    def take(self, model: QueuedModel, limit: int) -> list[Job]:
        """The next batch, of `limit` requests at most.

        Empty once `model` is released and has no request left, or is parked, or all is stopped.
        """
        with self._changed:
            while not self._stopping and model.error is None:
                if jobs := _first_of(model.put_back, limit):
                    return jobs
                self._gather(model, limit)
                if jobs := _first_of(model.jobs, limit):
                    return jobs
                if model.holders <= 0:
                    break
                self._changed.wait()
        return []

    def take_now(self, model: QueuedModel, limit: int, *, put_back: bool) -> list[Job]:
        """Up to `limit` of the requests that wait for `model`, without waiting for any.

        Args:
            put_back: only of those that were put back; else only of the others.
        """
        with self._changed:
            return [] if self._stopping else _first_of(model.put_back if put_back else model.jobs, limit)

    def park(self, model: QueuedModel, error: LaneError) -> None:
        """Fail what waits for `model`, and what is still to come."""
        with self._changed:
            model.error = error
            jobs = (*model.put_back, *model.jobs)
            model.put_back.clear()
            model.jobs.clear()
        fail(jobs, error)

    def close(self) -> None:
        """Stop, and fail everything that waits."""
        with self._changed:
            self._stopping = True
            jobs = self._drained()
            self._models.clear()
        fail(jobs, self._why)

    def _drained(self) -> list[Job]:
        """Whatever waits, which waits no more."""
        jobs = [job for model in self._models for job in (*model.put_back, *model.jobs)]
        for model in self._models:
            model.put_back.clear()
            model.jobs.clear()
        return jobs

    def _find(self, spec: LocalModelSpec) -> QueuedModel | None:
        return next((model for model in self._models if model.spec == spec), None)

    def _gather(self, model: QueuedModel, limit: int) -> None:
        """Wait while requests are still coming: prompts that begin together are read together.

        A static batch cannot even take them up later.
        """
        while 0 < len(model.jobs) < limit and not self._stopping:
            seen = len(model.jobs)
            self._changed.wait(self._gather_s)
            if len(model.jobs) == seen:
                return


def _first_of(jobs: deque[Job], limit: int) -> list[Job]:
    """Take the first `limit` of `jobs`, and drop those whose caller has gone."""
    taken: list[Job] = []
    while jobs and len(taken) < limit:
        job = jobs.popleft()
        if not job.abandoned:
            taken.append(job)
    return taken
