"""A model on a cluster as a provider: the scheduler's side of its replicas. Knows no Ray and no torch."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from harness.schema import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.schema import Completion, Request


class Model(Protocol):
    """The replicas of one model."""

    in_flight: int

    async def answer(self, request: Request, timeout_s: float | None) -> Completion:
        """As `LocalWorker.submit`."""
        ...

    def used(self) -> None:
        """Somebody more will ask."""
        ...

    async def released(self) -> None:
        """One of those who ask has nothing more to ask."""
        ...


class ClusterProvider:
    """Answers the requests of one local model with its replicas.

    Args:
        model: the replicas; variants that share the weights share them.
        timeout_s: seconds an attempt may take from its admission to a replica's batch, or None.
        clock: monotonic seconds.
        now: the time of day, aware.
    """

    def __init__(
        self,
        model: Model,
        *,
        timeout_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
    ) -> None:
        self._model = model
        self._timeout_s = timeout_s
        self._clock = clock
        self._now = now
        self._closed = False
        model.used()

    @property
    def in_flight(self) -> int:
        """How many requests keep all replicas busy."""
        return self._model.in_flight

    async def generate(self, request: Request) -> Completion:
        """Answer `request`, as `LocalProvider.generate`; the loss of a replica is no failure."""
        asked_at = self._clock()
        completion = await self._model.answer(request, self._timeout_s)
        if completion.timing is None:
            return completion
        # By this machine's clock: a node's own may be minutes off. Only how long it took is the replica's to say.
        took_s = completion.timing.elapsed_seconds
        waited_s = max(0.0, self._clock() - asked_at - took_s)
        return replace(completion, timing=Timing(self._now() - timedelta(seconds=took_s), took_s, waited_s))

    async def aclose(self) -> None:
        """Release the replicas; they are ended when the last provider of the model is closed. Safe to call twice."""
        if not self._closed:
            self._closed = True
            await self._model.released()
