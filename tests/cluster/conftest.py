"""A group of fake replicas on a loop whose time is virtual."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harness.cluster.fake import FakeLaunch
from harness.cluster.group import ReplicaGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cluster.places import Incident


class Bench:
    """A group, what starts its replicas, and what it told. Made on the loop that it runs on."""

    def __init__(self, count: int, capacity: int, launch: FakeLaunch) -> None:
        self.launch = launch
        self.incidents: list[Incident] = []
        clock = asyncio.get_running_loop().time
        self.group = ReplicaGroup("m", count, capacity, launch, tell=self.incidents.append, clock=clock)

    async def all_up(self) -> None:
        """Until every replica is there, before anybody asks."""
        self.group._places.begin()
        await settle()

    def ask(self, requests) -> list[asyncio.Task]:
        return [asyncio.ensure_future(self.group.answer(request)) for request in requests]

    def told(self, kind: str) -> list[Incident]:
        return [incident for incident in self.incidents if incident.kind == kind]

    async def aclose(self) -> None:
        await self.group.aclose()


async def settle() -> None:
    """Until nothing is left to do at this moment."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def settled():
    return settle


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Makes a group; what is not about the group is about its launch."""

    def make(count: int = 1, capacity: int = 2, **launch) -> Bench:
        return Bench(count, capacity, FakeLaunch(**launch))

    return make


@pytest.fixture
def texts():
    """The outcomes of tasks, by what a reader would call them: the text, or the error's class."""

    async def gather(tasks) -> list[str]:
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(one).__name__ if isinstance(one, BaseException) else one.text for one in outcomes]

    return gather
