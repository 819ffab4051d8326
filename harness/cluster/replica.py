"""A replica as its group knows it: something that answers requests, says how it is, and may be lost. Knows no Ray."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.status import LoadInfo, LocalStatus, OutOfMemory
    from harness.local.worker.totals import ModelTotals
    from harness.schema import Completion, Request


class ReplicaLostError(Exception):
    """The process of a replica is gone, or taken to be; what it had in work is to be asked of another one."""


class NoRoomError(Exception):
    """The cluster did not give a replica what it takes, for as long as was waited."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a replica runs: the node by its name, and the process."""

    node: str
    pid: int


@dataclass(frozen=True, slots=True)
class ReplicaReport:
    """What a replica has done so far and does now, as its thread shows it."""

    status: LocalStatus
    loads: tuple[LoadInfo, ...] = ()
    shortages: tuple[OutOfMemory, ...] = ()
    totals: Mapping[str, ModelTotals] = field(default_factory=dict)


class Replica(Protocol):
    """One process with an engine. All calls come from one event loop."""

    @property
    def whereabouts(self) -> Whereabouts:
        """Where it runs."""
        ...

    async def answer(self, request: Request, timeout_s: float | None) -> Completion:
        """As `LocalWorker.submit`. A cancelled call drops the request at the replica's next decoding step.

        Raises:
            ProviderError: it has no answer.
            ReplicaLostError: the replica is gone.
        """
        ...

    async def report(self) -> ReplicaReport:
        """How it is.

        Raises:
            ReplicaLostError: it is gone.
        """
        ...

    def kill(self) -> None:
        """End its process at once, whatever it does. Safe to call twice."""
        ...


class Launch(Protocol):
    """Starts a replica in a place of its group."""

    async def __call__(self, number: int, /) -> Replica:
        """The replica, which knows its place's `number`, once its process runs; weights are loaded when first needed.

        Raises:
            NoRoomError: the cluster has no room for it now.
            ReplicaLostError: it died before it ran.
            LaneError: no replica of this group can run.
        """
        ...
