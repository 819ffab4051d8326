"""A thread of our own that assembles batches from a queue and runs them on an engine. Knows no torch and no model.

Guarantees:
- One thread per worker, and so per device; engines are made, loaded, used and freed in it and nowhere else.
- Models follow one another in the order they were registered: all work of one is done before the next is loaded, and
  no weights are loaded for a model that gets no request.
- Every submitted request is resolved on the loop that submitted it: with a completion, with a `ProviderError`, or by
  being cancelled there.
- The interpreter does not wait for the thread: it is a daemon, which is ended at exit wherever it is,
  in a load too.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.errors import LaneError, TransientError
from harness.local.failures import cannot_load, detached, too_large, unexpected
from harness.local.jobs import Batch, BatchTooLargeError, Job
from harness.local.line import STOPPED, Line, fail
from harness.local.status import LoadInfo, LocalStatus, TokenRate

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.errors import ProviderError
    from harness.local.jobs import Engine
    from harness.local.line import QueuedModel
    from harness.local.spec import LocalModelSpec
    from harness.schema import Completion, Request

EXIT_GRACE_S = 10.0
ASK_EVERY_S = 0.5


class LocalWorker:
    """Answers requests for local models, one model after the other.

    `register` and `release` bracket the use of a model. A model that is never released keeps the ones registered after
    it waiting, so it is released as soon as no more requests can come for it.

    Args:
        make_engine: called in the thread, once for each load.
        device: what `status` says before weights are loaded.
        gather_s: how long a batch that is not full waits for one more request after the last one came.
        clock: monotonic seconds.
        now: the time of day, aware.
    """

    def __init__(
        self,
        make_engine: Callable[[LocalModelSpec], Engine],
        *,
        device: str = "auto",
        gather_s: float = 0.02,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
    ) -> None:
        self._make_engine = make_engine
        self._clock = clock
        self._now = now
        self._line = Line(gather_s)
        self._thread: threading.Thread | None = None
        self._device = device
        self._rate = TokenRate(clock)
        self._loading_since = 0.0
        self._loads: tuple[LoadInfo, ...] = ()
        self._status = LocalStatus(device=device)

    def register(self, spec: LocalModelSpec) -> None:
        """Announce requests for `spec`. Equal specs share a load; it stands in line where the first was announced."""
        self._line.register(spec)

    def release(self, spec: LocalModelSpec) -> None:
        """Say that no more requests come for `spec` from one who registered it."""
        self._line.release(spec)

    async def submit(self, spec: LocalModelSpec, request: Request, *, timeout_s: float | None = None) -> Completion:
        """Answer `request` with the model of `spec`. A cancelled call drops the request at the next decoding step.

        Args:
            timeout_s: seconds it may take from its admission to a batch; time in the queue does not count.

        Raises:
            ProviderError: it has no answer; the subclass says what to do about it.
        """
        job = Job(request, timeout_s, self._clock)
        self._line.push(spec, job)
        if self._thread is None:
            self._start()
        return await job.wait()

    def stop(self) -> None:
        """End at the next decoding step and fail what is outstanding. Returns at once; safe to call twice."""
        self._line.stop()
        if self._thread is None:
            self._line.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end after `stop`, at most `timeout_s` seconds. Whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def status(self) -> LocalStatus:
        """The thread at this moment. Takes no lock."""
        status = self._status
        loading = status.state == "loading"
        return replace(
            status,
            queued=self._line.queued,
            tokens_per_second=self._rate.value if status.state == "generating" else 0.0,
            loaded_seconds=self._clock() - self._loading_since if loading else status.loaded_seconds,
        )

    def loads(self) -> tuple[LoadInfo, ...]:
        """What has been loaded so far, in order. Takes no lock."""
        return self._loads

    def _start(self) -> None:
        # Not a ThreadPoolExecutor: its threads are joined at exit, which hangs Ctrl-C during a load.
        self._thread = threading.Thread(target=self._run, name="local-generation", daemon=True)
        atexit.register(self._at_exit)
        self._thread.start()

    def _at_exit(self) -> None:
        """End the thread before the interpreter goes: by asking, then by an exception between two of its bytecodes.

        Left alone, a thread that dies inside an import keeps the import lock, and the interpreter then waits for it
        without end. Only at exit, because a torch whose import was broken off cannot be imported again.
        """
        self.stop()
        give_up_at = time.monotonic() + EXIT_GRACE_S
        while not self.join(ASK_EVERY_S) and time.monotonic() < give_up_at:
            assert self._thread is not None
            ident = ctypes.c_ulong(self._thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))

    def _run(self) -> None:
        try:
            while (model := self._line.next_model()) is not None:
                self._serve(model)
        finally:
            self._status = LocalStatus(device=self._device)
            self._line.close()
            atexit.unregister(self._at_exit)

    def _serve(self, model: QueuedModel) -> None:
        """Load `model`, answer its requests until it is released, and free it."""
        engine: Engine | None = None
        try:
            engine = self._load(model)
            while engine is not None and (jobs := self._line.take(model)):
                self._generate(model, engine, jobs)
        finally:
            self._status = LocalStatus(device=self._device)
            if engine is not None:
                engine.unload()

    def _load(self, model: QueuedModel) -> Engine | None:
        self._loading_since = self._clock()
        self._status = LocalStatus(device=self._device, model=model.spec.model_name, state="loading", slots=model.slots)
        engine: Engine | None = None
        try:
            engine = self._make_engine(model.spec)
            info = replace(engine.load(), seconds=self._clock() - self._loading_since)
        except Exception as exc:  # noqa: BLE001 - whatever a checkpoint raises, its lane must hear of it
            self._line.park(model, cannot_load(model.spec, exc))
            if engine is not None:
                engine.unload()
            return None
        self._loads = (*self._loads, info)
        self._status = replace(
            self._status,
            device=info.device,
            state="idle",
            loaded_seconds=info.seconds,
            weight_bytes=info.weight_bytes,
        )
        return engine

    def _generate(self, model: QueuedModel, engine: Engine, jobs: list[Job]) -> None:
        batch = Batch(jobs, slots=model.slots, stopping=lambda: self._line.stopping, on_step=self._stepped)
        self._rate.reset()
        self._status = replace(self._status, state="generating", rows=len(jobs), slots=model.slots)
        started = self._now()
        for job in jobs:
            job.admit(started)
        error: ProviderError = LaneError(STOPPED)
        try:
            engine.generate(batch)
        except BatchTooLargeError as exc:
            if self._shrink(model, batch):
                return
            error = too_large(model.spec, exc)
        except LaneError as exc:
            error = detached(exc, exc)
            self._line.park(model, error)
        except Exception as exc:  # noqa: BLE001 - one batch that fails must not end the thread
            error = unexpected(model.spec, exc)
        else:
            if not self._line.stopping:
                error = TransientError("The engine returned without an answer to this prompt.")
        fail(batch.undelivered, error)
        self._status = replace(self._status, state="idle", rows=0)

    def _shrink(self, model: QueuedModel, batch: Batch) -> bool:
        """Halve the slots and put the rows back in line; False where a single prompt was too much.

        That prompt was to blame then, so the others get their slots back.
        """
        rows = len(batch.requests)
        model.slots = max(1, rows // 2) if rows > 1 else model.spec.slots
        if rows > 1:
            self._line.push_back(model, batch.undelivered)
        return rows > 1

    def _stepped(self, rows: int) -> None:
        self._rate.add(rows)
        if rows != self._status.rows:
            self._status = replace(self._status, rows=rows)
