"""Replicas without processes, for tests: they echo prompts, die when told to, and remember what they were asked."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from harness.cluster.replica import ReplicaLostError, ReplicaReport, Whereabouts
from harness.local.status import LocalStatus
from harness.providers.fake import completion

if TYPE_CHECKING:
    from harness.cluster.needs import Placement
    from harness.local.spec import LocalModelSpec
    from harness.schema import Completion, Request


class FakeReplica:
    """Answers each request with its prompt, after `latency_s` seconds of the loop's clock, or once it is let go.

    Args:
        number: its place; the process it pretends to be is 100 more.
        held: whether answers wait for `let_go`.

    `history` and `cancelled` name the prompts, `peak` is the most that it had at a time.
    """

    def __init__(self, number: int = 1, *, latency_s: float = 0.0, held: bool = False) -> None:
        self.whereabouts = Whereabouts(f"node-{number}", 100 + number)
        self.history: list[str] = []
        self.cancelled: list[str] = []
        self.peak = 0
        self.reports = 0
        self.report_takes_s = 0.0
        self.told = ReplicaReport(LocalStatus("cpu"))
        self.killed = False
        self._latency_s = latency_s
        self._held = held
        self._lost: str | None = None
        self._cut_off = False
        self._replies: deque[Exception | None] = deque()
        self._report_failures: deque[Exception] = deque()
        self._working: list[asyncio.Future[None]] = []

    def enqueue(self, *replies: Exception | None) -> None:
        """What the next requests get, one each, instead of an answer; None is an answer."""
        self._replies.extend(replies)

    def enqueue_reports(self, *failures: Exception) -> None:
        """What is raised when it is asked next how it is, one each."""
        self._report_failures.extend(failures)

    def let_go(self) -> None:
        """Answer what waits, and from now on everything else."""
        self._held = False
        for done in self._working:
            _finish(done)

    def die(self, reason: str = "it died") -> None:
        """End the process."""
        self._lost = self._lost or reason
        for done in self._working:
            if not done.done():
                done.set_exception(ReplicaLostError(self._lost))

    def cut_off(self) -> None:
        """Be on a node that the cluster has lost: reports fail and `kill` does not reach it, but it works on."""
        self._cut_off = True
        self.enqueue_reports(ReplicaLostError("its node was removed"))

    async def answer(self, request: Request, timeout_s: float | None) -> Completion:  # noqa: ARG002 - of the protocol
        """Echo the prompt."""
        if self._lost is not None:
            raise ReplicaLostError(self._lost)
        self.history.append(request.prompt.id)
        reply = self._replies.popleft() if self._replies else None
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._working.append(done)
        self.peak = max(self.peak, len(self._working))
        if not self._held:
            loop.call_later(self._latency_s, _finish, done)
        try:
            await done
        except asyncio.CancelledError:
            self.cancelled.append(request.prompt.id)
            raise
        finally:
            self._working.remove(done)
        if reply is not None:
            raise reply
        return completion(request, request.prompt.text)

    async def report(self) -> ReplicaReport:
        """Say what `told` says."""
        self.reports += 1
        await asyncio.sleep(self.report_takes_s)
        if self._report_failures:
            raise self._report_failures.popleft()
        if self._lost is not None:
            raise ReplicaLostError(self._lost)
        return self.told

    def kill(self) -> None:
        """End, if the cluster can reach it."""
        self.killed = True
        if not self._cut_off:
            self.die("it was killed")


class FakeLaunch:
    """Launches fake replicas and keeps them in `made`, in order.

    Args:
        delay_s: how long each takes, by the loop's clock.
        latency_s, held: of the replicas.
    """

    def __init__(self, *, delay_s: float = 0.0, latency_s: float = 0.0, held: bool = False) -> None:
        self.made: list[FakeReplica] = []
        self.asked = 0
        self.delay_s = delay_s
        self.latency_s = latency_s
        self.held = held
        self._outcomes: deque[Exception | FakeReplica | None] = deque()

    def enqueue(self, *outcomes: Exception | FakeReplica | None) -> None:
        """What comes of the next launches: an error, or a replica; None is one like all others."""
        self._outcomes.extend(outcomes)

    async def __call__(self, number: int, /) -> FakeReplica:
        """A replica for the place."""
        self.asked += 1
        outcome = self._outcomes.popleft() if self._outcomes else None
        await asyncio.sleep(self.delay_s)
        if isinstance(outcome, Exception):
            raise outcome
        replica = outcome or FakeReplica(number, latency_s=self.latency_s, held=self.held)
        self.made.append(replica)
        return replica


class FakeConnection:
    """A cluster that gives every replica what it takes."""

    def __init__(self) -> None:
        self.launches: list[tuple[LocalModelSpec, Placement, int, bool]] = []
        self.launch_replica = FakeLaunch()
        self.closed = 0

    async def launch(self, spec: LocalModelSpec, placement: Placement, number: int, /, *, demo: bool) -> FakeReplica:
        """Start a replica."""
        self.launches.append((spec, placement, number, demo))
        return await self.launch_replica(number)

    def close(self) -> None:
        """Disconnect."""
        self.closed += 1


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
