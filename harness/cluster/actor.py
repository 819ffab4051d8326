"""What a replica is on the cluster: a process with a local thread of its own. Only the engine in it imports torch.

It is made a Ray actor by `harness.cluster.connection`; nothing here imports Ray. Whatever an engine raises comes back
as a value: an exception that crosses processes loses its class.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import harness
from harness.cluster.replica import ReplicaReport
from harness.errors import ProviderError
from harness.local.worker.batcher import LocalWorker

if TYPE_CHECKING:
    from harness.local.spec import LocalModelSpec
    from harness.local.worker.jobs import Engine
    from harness.schema import Completion, Request


@dataclass(frozen=True, slots=True)
class Hello:
    """What a replica says first: where it runs, and with which version of this package."""

    node: str
    pid: int
    version: str


class EngineActor:
    """Answers requests for one model. Its methods are coroutines, so that many requests are with it at a time.

    Args:
        spec: the model.
        number: the replica's place in its group, which stands in every record.
        cores: how many it may use, None for all of the machine but one.
        demo: the embedded demo model, whose folder is another one on every machine.
    """

    def __init__(self, spec: LocalModelSpec, number: int, cores: int | None, *, demo: bool) -> None:
        if demo:
            from harness.local.demo import demo_model_path  # noqa: PLC0415

            spec = replace(spec, path=str(demo_model_path()))
        self._spec = spec
        self._number = number
        self._worker = LocalWorker(partial(_engine, cores), device=spec.device)
        self._worker.register(spec)

    async def hello(self) -> Hello:
        """Say that the process is there."""
        return Hello(platform.node(), os.getpid(), harness.__version__)

    async def answer(self, request: Request, timeout_s: float | None) -> Completion | ProviderError:
        """The answer to `request`, or why there is none. A cancelled call drops it at the next decoding step."""
        try:
            completion = await self._worker.submit(self._spec, request, timeout_s=timeout_s)
        except ProviderError as error:
            return error.with_traceback(None)
        runtime = {**(completion.runtime or {}), "executor": "ray", "replica": self._number}
        return replace(completion, runtime=runtime)

    async def report(self) -> ReplicaReport:
        """What it does and has done."""
        worker = self._worker
        return ReplicaReport(worker.status(), worker.loads(), worker.shortages(), worker.totals())


def _engine(cores: int | None, spec: LocalModelSpec) -> Engine:
    from harness.local.engine import LocalEngine  # noqa: PLC0415 - seconds of import, in the thread that uses it

    if cores is not None and os.environ.get("OMP_NUM_THREADS") == str(cores):
        # Ray's own doing, not somebody's choice: a small model is faster with a single one.
        del os.environ["OMP_NUM_THREADS"]
    return LocalEngine(spec, cores=cores)
