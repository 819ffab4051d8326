"""All local models of a run that are on a cluster: connected when first needed, shown together, ended together.

Knows no lane and no screen; Ray only through `harness.cluster.connection`.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from harness.cluster.line import Line
from harness.cluster.model import ModelOnCluster
from harness.cluster.provider import ClusterProvider
from harness.cluster.threads import StayingThread
from harness.errors import LaneError
from harness.local.status import LocalStatus
from harness.local.worker.failures import STOPPED
from harness.local.worker.totals import added_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.cluster.look import Cluster
    from harness.cluster.needs import Placement
    from harness.cluster.places import Incident
    from harness.cluster.replica import Replica
    from harness.local.spec import LocalModelSpec
    from harness.local.status import LoadInfo, OutOfMemory
    from harness.local.worker.totals import ModelTotals


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """A cluster, and how the models of a run are spread over it: by their specs as configured, without a day."""

    cluster: Cluster
    placements: Mapping[LocalModelSpec, Placement]


class Connection(Protocol):
    """A cluster that replicas can be started on."""

    async def launch(self, spec: LocalModelSpec, placement: Placement, number: int, /, *, demo: bool) -> Replica:
        """See `harness.cluster.connection.RayConnection.launch`."""
        ...

    def close(self) -> None:
        """Disconnect. Called in a thread."""
        ...


def connect_to_ray(address: str) -> Connection:
    """Connect; called in a thread."""
    from harness.cluster.connection import RayConnection  # noqa: PLC0415 - Ray, only where it is used

    return RayConnection.open(address)


class ClusterExecutor:
    """Gives every model its replicas, in the order in which the models were asked for.

    Args:
        plan: what the cluster has and how many replicas there shall be.
        connect: makes the connection.
    """

    def __init__(self, plan: ClusterPlan, connect: Callable[[str], Connection] = connect_to_ray) -> None:
        self._plan = plan
        self._connect = connect
        self._line = Line(plan.cluster.nodes)
        self._models: dict[LocalModelSpec, ModelOnCluster] = {}
        self._incidents: list[Incident] = []
        self._connection: Connection | None = None
        self._refused: LaneError | None = None
        self._thread = StayingThread("ray-connection")
        self._connecting = asyncio.Lock()
        self._stopped = False
        self._most_lines = 1

    def provider(self, spec: LocalModelSpec, *, demo: bool, timeout_s: float | None = None) -> ClusterProvider:
        """A provider for the model of `spec`. Equal specs share their replicas."""
        placement = self._plan.placements[replace(spec, day=None)]
        # The nodes have working folders of their own.
        path = str(spec.folder.absolute()) if spec.folder is not None else spec.path
        spec = replace(spec, device=placement.device, path=path)
        if spec not in self._models:
            launch = partial(self._launch, spec, placement, demo=demo)
            self._models[spec] = ModelOnCluster(spec, placement, self._line, launch, tell=self._incidents.append)
        return ClusterProvider(self._models[spec], timeout_s=timeout_s)

    async def _launch(self, spec: LocalModelSpec, placement: Placement, number: int, *, demo: bool) -> Replica:
        connection = await self._connected()
        return await connection.launch(spec, placement, number, demo=demo)

    async def _connected(self) -> Connection:
        """The connection, made when first asked for, and not tried again where that failed.

        Raises:
            LaneError: there is none.
        """
        async with self._connecting:
            if self._stopped:
                raise LaneError(STOPPED, sent=False)
            if self._refused is not None:
                raise copy.copy(self._refused)
            if self._connection is None:
                try:
                    await self._thread.call(self._open)
                except LaneError as error:
                    self._refused = error
                    raise
            assert self._connection is not None
            return self._connection

    def _open(self) -> None:
        self._connection = self._connect(self._plan.cluster.address)
        if self._stopped:
            # Connecting takes seconds, and `aclose` has not waited for it.
            self._connection.close()

    def incidents(self) -> Sequence[Incident]:
        """What happened to replicas so far, in order."""
        return tuple(self._incidents)

    def status(self) -> list[LocalStatus]:
        """What the replicas of each model that has any are doing, together. A line that was there once stays, idle."""
        busy = [model.status() for model in self._models.values() if model.is_up]
        self._most_lines = max(self._most_lines, len(busy))
        names = ["ray", *(f"ray {number}" for number in range(2, self._most_lines + 1))]
        return [
            replace(status, device=name) if status else LocalStatus(name)
            for name, status in itertools.zip_longest(names, busy)
        ]

    def loads(self) -> list[LoadInfo]:
        """Every load of weights so far."""
        return [info for model in self._models.values() for member in model.replicas for info in member.loads]

    def shortages(self) -> list[OutOfMemory]:
        """Every time so far that a replica's memory was too small for a batch."""
        return [lack for model in self._models.values() for member in model.replicas for lack in member.shortages]

    def totals(self) -> dict[str, ModelTotals]:
        """What each model has done so far, its replicas together."""
        replicas = (member for model in self._models.values() for member in model.replicas)
        return added_up(member.report.totals for member in replicas if member.report is not None)

    def stop(self) -> None:
        """End all replicas; their rows are lost, and cost nothing but time to make again."""
        self._stopped = True
        for model in self._models.values():
            model.stop()

    async def aclose(self) -> None:
        """End everything and disconnect."""
        self.stop()
        for model in self._models.values():
            await model.aclose()
        async with self._connecting:
            if self._connection is not None:
                await self._thread.call(self._connection.close)
                self._connection = None
