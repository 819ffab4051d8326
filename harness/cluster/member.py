"""A replica that is up, what its group has given it, and what it has told of itself. Calls nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.cluster.replica import Replica, ReplicaLostError, ReplicaReport
    from harness.errors import LaneError
    from harness.local.status import LoadInfo, OutOfMemory


@dataclass(eq=False, slots=True)
class Member:
    """One replica of a group.

    Args:
        number: its place in the group, from 1.
        held: requests that it has now.
        answered: how many it gave an outcome.
        lost: why it is gone, None while it is there; it had `lost_with` requests then.
        resigned: what it said of itself that keeps it from answering anything, None where it said no such thing.
        gone: set when it is lost.
    """

    number: int
    replica: Replica
    held: int = 0
    answered: int = 0
    report: ReplicaReport | None = None
    loads: list[LoadInfo] = field(default_factory=list)
    shortages: list[OutOfMemory] = field(default_factory=list)
    lost: ReplicaLostError | None = None
    lost_with: int = 0
    resigned: LaneError | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self, report: ReplicaReport) -> None:
        """The replica said how it is. What is new of its loads and shortages is kept, as objects that stay the same."""
        self.report = report
        self.loads += report.loads[len(self.loads) :]
        self.shortages += report.shortages[len(self.shortages) :]
