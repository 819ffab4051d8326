"""The line of models and their waiting requests, shared by the event loop and the thread. Knows no engine."""

from __future__ import annotations

import copy
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import LaneError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.errors import ProviderError
    from harness.local.jobs import Job
    from harness.local.spec import LocalModelSpec

STOPPED = "The local thread has stopped; run the same command again to go on with the prompts that are left."


@dataclass(eq=False, slots=True)
class QueuedModel:
    """A model in line. `slots` is the size of its next batch, `error` what parked it."""

    spec: LocalModelSpec
    slots: int
    holders: int = 0
    jobs: deque[Job] = field(default_factory=deque)
    error: LaneError | None = None


class Line:
    """Models in the order they were registered, each with its requests in the order they came.

    Every method is safe from any thread. Those of the event loop hold the lock for microseconds; `next_model` and
    `take` wait, and are the thread's.

    Args:
        gather_s: how long a batch that is not full waits for one more request after the last one came.
    """

    def __init__(self, gather_s: float) -> None:
        self._gather_s = gather_s
        self._changed = threading.Condition()
        self._models: list[QueuedModel] = []
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    @property
    def queued(self) -> int:
        """How many requests wait. Takes no lock."""
        return sum(len(model.jobs) for model in tuple(self._models))

    def register(self, spec: LocalModelSpec) -> None:
        """Put `spec` at the end of the line, unless it stands there already."""
        with self._changed:
            model = self._find(spec)
            if model is None:
                model = QueuedModel(spec, slots=spec.slots)
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
                raise LaneError(STOPPED, sent=False)
            if model is None or model.holders <= 0:
                raise LaneError(f"{spec.model_name} was closed before this request came.", sent=False)
            if model.error is not None:
                raise copy.copy(model.error)
            model.jobs.append(job)
            self._changed.notify_all()

    def push_back(self, model: QueuedModel, jobs: Sequence[Job]) -> None:
        """Return `jobs` to the front, in their order."""
        with self._changed:
            model.jobs.extendleft(reversed(jobs))

    def stop(self) -> None:
        """Let nothing more in, and end every wait."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def next_model(self) -> QueuedModel | None:
        """The first model in line, once it has a request; None when stopped. Models that were released leave."""
        with self._changed:
            while not self._stopping:
                first = self._models[0] if self._models else None
                if first is not None and first.jobs:
                    return first
                if first is not None and first.holders <= 0:
                    self._models.pop(0)
                else:
                    self._changed.wait()
        return None

    def take(self, model: QueuedModel) -> list[Job]:
        """The next batch; empty once `model` is released and has no request left, or is parked, or all is stopped."""
        with self._changed:
            while not self._stopping and model.error is None:
                model.jobs = deque(job for job in model.jobs if not job.abandoned)
                if model.jobs:
                    self._gather(model)
                    return [model.jobs.popleft() for _ in range(min(model.slots, len(model.jobs)))]
                if model.holders <= 0:
                    break
                self._changed.wait()
        return []

    def park(self, model: QueuedModel, error: LaneError) -> None:
        """Fail what waits for `model`, and what is still to come."""
        with self._changed:
            model.error = error
            jobs, model.jobs = tuple(model.jobs), deque()
        fail(jobs, error)

    def close(self) -> None:
        """Stop, and fail everything that waits."""
        with self._changed:
            self._stopping = True
            jobs = [job for model in self._models for job in model.jobs]
            self._models.clear()
        fail(jobs, LaneError(STOPPED, sent=False))

    def _find(self, spec: LocalModelSpec) -> QueuedModel | None:
        return next((model for model in self._models if model.spec == spec), None)

    def _gather(self, model: QueuedModel) -> None:
        """Wait while requests are still coming: a static batch cannot take them up later."""
        while len(model.jobs) < model.slots and not self._stopping:
            seen = len(model.jobs)
            self._changed.wait(self._gather_s)
            if len(model.jobs) == seen:
                return


def fail(jobs: Iterable[Job], error: ProviderError) -> None:
    """Deliver `error` to each of `jobs`, as an object of its own: one shared would collect the tracebacks of all."""
    for job in jobs:
        job.deliver(copy.copy(error))
