"""A thread of our own that loads one local model after the other and gives it its turn. Knows no torch and no batch.

Guarantees:
- One thread per worker, and so per device; engines are made, loaded, used and freed in it and nowhere else.
- Models follow one another in the order they were registered: all work of one is done before the next is loaded, and
  no weights are loaded for a model that gets no request. A batch that grows is of one model.
- Requests of a model are taken up in the order they came; those for which memory ran out go before the others.
- Every submitted request is resolved on the loop that submitted it: with a completion, with a `ProviderError`, or by
  being cancelled there.
- A device that has failed, or keeps weights that were to be freed, gets no more work: whoever waits, or comes later,
  hears why.
- The interpreter does not wait for the thread: it is a daemon, which is ended at exit wherever it is,
  in a load too.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.local.worker.failures import breaks_the_device, cannot_free, cannot_load
from harness.local.worker.fetching import FetchAhead, fetch_in_child
from harness.local.worker.jobs import Job
from harness.local.worker.line import Line
from harness.local.worker.meter import Meter
from harness.local.worker.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.spec import LocalModelSpec
    from harness.local.status import LoadInfo, LocalStatus, OutOfMemory
    from harness.local.worker.fetching import Fetch
    from harness.local.worker.jobs import Engine
    from harness.local.worker.line import QueuedModel
    from harness.local.worker.totals import ModelTotals
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
        fetch: brings the files of the next model in line from the Hub while one generates; called in a thread of its
            own, for which nothing but the load of that model waits.
        clock: monotonic seconds.
        now: the time of day, aware.
    """

    def __init__(
        self,
        make_engine: Callable[[LocalModelSpec], Engine],
        *,
        device: str = "auto",
        gather_s: float = 0.02,
        fetch: Fetch = fetch_in_child,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
    ) -> None:
        self._make_engine = make_engine
        self._clock = clock
        self._now = now
        self._line = Line(gather_s)
        self._meter = Meter(device, clock)
        self._ahead = FetchAhead(fetch)
        self._thread: threading.Thread | None = None

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
        self._ahead.stop()
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
        return self._meter.status(self._line.queued)

    def loads(self) -> tuple[LoadInfo, ...]:
        """What has been loaded so far, in order. Takes no lock."""
        return self._meter.loads()

    def shortages(self) -> tuple[OutOfMemory, ...]:
        """How often memory ran out so far, in order. Takes no lock."""
        return self._meter.shortages()

    def totals(self) -> dict[str, ModelTotals]:
        """What each model that was loaded has done so far, by its name. Takes no lock."""
        return self._meter.totals()

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
            self._meter.freed()
            self._ahead.stop()
            self._line.close()
            atexit.unregister(self._at_exit)

    def _serve(self, model: QueuedModel) -> None:
        """Load `model`, answer its requests until it is released, and free it."""
        engine: Engine | None = None
        try:
            engine = self._load(model)
            if engine is not None:
                slots = self._meter.loads()[-1].slots
                Turn(model, engine, slots, line=self._line, meter=self._meter, now=self._now).run()
        finally:
            self._meter.freed()
            if engine is not None:
                self._free(model.spec, engine)

    def _load(self, model: QueuedModel) -> Engine | None:
        """The engine with the model loaded; None where it could not be, or all is stopped."""
        self._meter.loading(model.spec.model_name, model.spec.most_slots)
        # Not in this thread: the Hub's client would keep the interpreter from exiting until its files are there.
        self._ahead.begin(model.spec)
        self._ahead.wait_for(model.spec)
        if self._line.stopping:
            return None
        engine: Engine | None = None
        try:
            engine = self._make_engine(model.spec)
            self._meter.loaded(engine.load(self._meter.weighs))
        except Exception as exc:  # noqa: BLE001 - whatever a checkpoint raises, its lane must hear of it
            error = cannot_load(model.spec, exc)
            self._line.park(model, error)
            if breaks_the_device(exc):
                self._line.stop(error)
            if engine is not None:
                self._free(model.spec, engine)
            return None
        following = self._line.following(model)
        if following is not None:
            self._ahead.begin(following)
        return engine

    def _free(self, spec: LocalModelSpec, engine: Engine) -> None:
        """Free the weights of `spec`; where that fails, no other model is loaded, and those who wait hear why."""
        try:
            engine.unload()
        except Exception as exc:  # noqa: BLE001 - the thread would end with a traceback, and its models without a reason
            if not self._line.stopping:
                self._line.stop(cannot_free(spec, exc))
