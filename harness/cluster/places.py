"""The places of a group, each with a replica that is started, watched, and replaced when it is lost. Knows no request.

A place is a task of its own: launch, follow until the replica is gone, decide whether another one follows.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.cluster.deaths import Deaths
from harness.cluster.member import Member
from harness.cluster.replica import NoRoomError, ReplicaLostError
from harness.errors import LaneError, ModelUnavailable, ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cluster.replica import Launch

SILENT_S = 600.0
"""So long may a load keep a process from answering; after that it is taken to hang."""

_LOOK_EVERY_S = 1.0
_LAST_WORD_S = 5.0
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that happened to a replica, for the diary; `note` is for the screen too, where there is one.

    Args:
        kind: `replica_up`; `replica_lost`; `replica_waits` where the cluster has no room for it now; `late_answer`
            where an answer came from one that had been given up, and was dropped.
        held: requests that a lost one had, which others get now.
        reason: why it is gone, or waits; of a late answer, its item.
    """

    kind: Literal["replica_up", "replica_lost", "replica_waits", "late_answer"]
    model_name: str
    number: int
    node: str | None = None
    pid: int | None = None
    held: int = 0
    reason: str | None = None
    note: str | None = None


class Places:
    """Keeps `count` replicas up for as long as that can be.

    Args:
        on_up: called when one has come up.
        on_lost: called with one that is gone, and why.
        on_none: called with the reason once no place is left.
        tell: hears what happens.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        model_name: str,
        count: int,
        launch: Launch,
        *,
        on_up: Callable[[], None],
        on_lost: Callable[[Member, ReplicaLostError], None],
        on_none: Callable[[LaneError], None],
        tell: Callable[[Incident], None],
        clock: Callable[[], float],
    ) -> None:
        self.members: list[Member] = []
        self.gone: list[Member] = []
        self._model_name = model_name
        self._count = count
        self._launch = launch
        self._on_up = on_up
        self._on_lost = on_lost
        self._on_none = on_none
        self._tell = tell
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = count
        self._begun = False
        self._stopped = False

    def begin(self) -> None:
        """Start the replicas, the first time it is called."""
        if not self._begun and not self._stopped:
            self._begun = True
            for number in range(1, self._count + 1):
                self._spawn(number)

    def lose(self, member: Member, lost: ReplicaLostError) -> None:
        """`member` is gone, or taken to be: kill it, so that it is. Only the first call for it counts."""
        if member.lost is not None:
            return
        member.lost, member.lost_with = lost, member.held
        member.replica.kill()
        with contextlib.suppress(ValueError):
            self.members.remove(member)
        self.gone.append(member)
        member.gone.set()
        self._on_lost(member, lost)

    def resign(self, member: Member, error: LaneError) -> None:
        """`member` says that it can answer nothing."""
        if member.lost is None:
            member.resigned = error
            self.lose(member, ReplicaLostError(error.message))

    def stop(self) -> None:
        """Kill all replicas and start none any more. Returns at once."""
        self._stopped = True
        for member in self.members:
            member.replica.kill()
        for task in self._tasks:
            task.cancel()

    async def aclose(self) -> None:
        """As `stop`, and wait until every place's task has ended."""
        self.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def last_reports(self) -> None:
        """Ask every replica once more how it is."""
        async with asyncio.TaskGroup() as asking:
            for member in tuple(self.members):
                asking.create_task(self._look(member))

    def _spawn(self, number: int) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, number: int) -> None:
        deaths = Deaths(self._clock)
        try:
            while True:
                await self._one_life(number, deaths)
                await asyncio.sleep(_PAUSE_S)
        except LaneError as why:
            self._end(why)
        except Exception as exc:  # noqa: BLE001 - a place that ends without a word would let its group wait for ever
            unexpected = ModelUnavailable(f"A replica could not be kept: {type(exc).__name__}: {exc}", sent=False)
            self._tell(self._loss(number, None, unexpected, replaced=False))
            self._end(unexpected)

    async def _one_life(self, number: int, deaths: Deaths) -> None:
        """Have one replica in the place until it is gone.

        Raises:
            LaneError: no other one is to follow.
        """
        member: Member | None = None
        resigned: LaneError | None = None
        try:
            member = Member(number, await self._launch(number))
        except NoRoomError as error:
            if self.members:
                self._tell(Incident("replica_waits", self._model_name, number, reason=str(error)))
                return
            resigned = ModelUnavailable(str(error), sent=False)
        except LaneError as error:
            resigned = error
        except ReplicaLostError as error:
            lost = error
        else:
            self._up(member)
            lost = await self._follow(member)
            resigned = member.resigned
        answered = member is not None and member.answered > 0
        replaced = (resigned is None or answered) and deaths.may_be_replaced(answered=answered)
        self._tell(self._loss(number, member, resigned or lost, replaced=replaced))
        if not replaced:
            raise resigned or ModelUnavailable(f"The replicas died too often, the last one of this: {lost}", sent=False)

    def _loss(self, number: int, member: Member | None, why: Exception, *, replaced: bool) -> Incident:
        where = member.replica.whereabouts if member else None
        fate = "is replaced" if replaced else "is not replaced"
        on_node = f" on {where.node}" if where else ""
        note = f"{self._model_name}: replica {number}{on_node} was lost and {fate}: {why}"
        return Incident(
            "replica_lost",
            self._model_name,
            number,
            where.node if where else None,
            where.pid if where else None,
            member.lost_with if member else 0,
            reason=str(why),
            note=note,
        )

    def _up(self, member: Member) -> None:
        where = member.replica.whereabouts
        self.members.append(member)
        self._tell(Incident("replica_up", self._model_name, member.number, where.node, where.pid))
        self._on_up()

    async def _follow(self, member: Member) -> ReplicaLostError:
        """Ask it now and then how it is, until it is gone: why it is."""
        looking = asyncio.get_running_loop().create_task(self._look_on(member))
        try:
            await member.gone.wait()
        finally:
            looking.cancel()
            await asyncio.wait([looking])
        assert member.lost is not None
        return member.lost

    async def _look_on(self, member: Member) -> None:
        heard = self._clock()
        while True:
            if await self._look(member):
                heard = self._clock()
            elif self._clock() - heard >= SILENT_S:
                # Ray sees processes and nodes that are gone, and none that hangs.
                self.lose(member, ReplicaLostError(f"it has not said how it is for {SILENT_S / 60:g} minutes"))
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self, member: Member) -> bool:
        """Whether it said how it is."""
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                member.told(await member.replica.report())
        except ReplicaLostError as lost:
            self.lose(member, lost)
        except (TimeoutError, ProviderError):
            return False
        return True

    def _end(self, why: LaneError) -> None:
        self._left -= 1
        if not self._left:
            self._on_none(why)
