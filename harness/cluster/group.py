"""The replicas of one model: who answers what, and what happens when one is lost. Knows no Ray, no lane, no journal.

Guarantees:
- A request is with one replica at a time. What comes from another one that had it before is dropped, and told by the
  item's id.
- Requests are handed out in the order in which they came, each to the replica that has the least to do. When one is
  lost, what it had in work goes to others before anything else does, and costs no attempt; a request that loses its
  replica once more fails as one that may be tried again, so that a prompt that kills what answers it does not kill
  everything.
- A replica that died is replaced as `harness.cluster.deaths` has it. One that cannot load the weights is not; one whose
  device failed is. When no place is left, all who wait, or come later, hear why.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness.cluster.places import Incident, Places
from harness.cluster.replica import ReplicaLostError
from harness.errors import LaneError, TransientError
from harness.local.worker.failures import STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cluster.member import Member
    from harness.cluster.replica import Launch
    from harness.schema import Completion, Request

_LOSSES_OF_ONE_REQUEST = 2


@dataclass(eq=False, slots=True)
class _Asked:
    """A request whose outcome somebody waits for.

    Args:
        member: who has it; None while it waits in the line.
        call: what asks that one.
        losses: how many replicas it has lost.
    """

    request: Request
    timeout_s: float | None
    outcome: asyncio.Future[Completion]
    member: Member | None = None
    call: asyncio.Task[Completion] | None = None
    losses: int = 0


class ReplicaGroup:
    """Answers requests for one model with `count` replicas. Used from one event loop.

    Args:
        model_name: for sentences.
        count: how many replicas there shall be.
        capacity: requests that one replica has at the same time.
        launch: starts one.
        tell: hears of replicas that came and went.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        model_name: str,
        count: int,
        capacity: int,
        launch: Launch,
        *,
        tell: Callable[[Incident], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model_name = model_name
        self._capacity = capacity
        self._tell = tell
        self._waiting: deque[_Asked] = deque()
        self._in_work: dict[_Asked, None] = {}
        self._calls: set[asyncio.Task[Completion]] = set()
        self._error: LaneError | None = None
        self._places = Places(
            model_name,
            count,
            launch,
            on_up=self._hand_out,
            on_lost=self._give_back,
            on_none=self.stop,
            tell=tell,
            clock=clock,
        )

    @property
    def members(self) -> tuple[Member, ...]:
        """The replicas that are up."""
        return tuple(self._places.members)

    @property
    def ever(self) -> tuple[Member, ...]:
        """The replicas that are up, and those that were."""
        return (*self._places.gone, *self._places.members)

    @property
    def queued(self) -> int:
        """Requests that wait for a replica."""
        return len(self._waiting)

    @property
    def stopped(self) -> bool:
        """Whether nothing is answered any more."""
        return self._error is not None

    async def answer(self, request: Request, timeout_s: float | None = None) -> Completion:
        """Answer `request`. A cancelled call drops it, where it waits and where it is in work.

        Raises:
            ProviderError: it has no answer.
        """
        if self._error is not None:
            raise copy.copy(self._error)
        self._places.begin()
        asked = _Asked(request, timeout_s, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        self._hand_out()
        try:
            return await asked.outcome
        except BaseException:
            self._drop(asked)
            raise

    def stop(self, error: LaneError | None = None) -> None:
        """Kill all replicas and fail what is outstanding with `error`. Returns at once; safe to call twice."""
        if self._error is None:
            self._error = error or LaneError(STOPPED, sent=False)
        self._places.stop()
        for asked in (*self._in_work, *self._waiting):
            _fail(asked, copy.copy(self._error))
        self._waiting.clear()

    async def aclose(self) -> None:
        """Ask every replica for a last report, end them all, and leave nothing running."""
        if not self.stopped:
            await self._places.last_reports()
        self.stop()
        await self._places.aclose()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _hand_out(self) -> None:
        """Give the replicas as much as they have room for."""
        while self._waiting and (member := self._roomiest()) is not None:
            asked = self._waiting.popleft()
            self._in_work[asked] = None
            asked.member = member
            member.held += 1
            answering = member.replica.answer(asked.request, asked.timeout_s)
            asked.call = asyncio.get_running_loop().create_task(answering)
            self._calls.add(asked.call)
            asked.call.add_done_callback(partial(self._arrived, asked, member))

    def _roomiest(self) -> Member | None:
        free = [member for member in self._places.members if member.held < self._capacity]
        return min(free, key=lambda member: member.held, default=None)

    def _arrived(self, asked: _Asked, member: Member, call: asyncio.Task[Completion]) -> None:
        self._calls.discard(call)
        if call.cancelled():
            return
        error = call.exception()
        if isinstance(error, ReplicaLostError):
            self._places.lose(member, error)
        elif asked.member is not member:
            if error is None and member.lost is not None:
                self._tell(Incident("late_answer", self._model_name, member.number, reason=asked.request.item_id))
        elif isinstance(error, LaneError):
            # Not this prompt but this replica cannot: others may.
            self._places.resign(member, error)
        else:
            member.answered += 1
            self._take_back(asked, member)
            if error is not None:
                _fail(asked, error)
            elif not asked.outcome.done():
                asked.outcome.set_result(call.result())
            self._hand_out()

    def _give_back(self, member: Member, lost: ReplicaLostError) -> None:
        """Put what `member` has back at the head of the line, in its order."""
        for asked in reversed([asked for asked in self._in_work if asked.member is member]):
            self._take_back(asked, member)
            asked.losses += member.resigned is None
            if asked.losses < _LOSSES_OF_ONE_REQUEST:
                self._waiting.appendleft(asked)
                continue
            sentence = f"The replica that was at work on this prompt was lost, and so was the one after it ({lost})."
            _fail(asked, TransientError(sentence))
        self._hand_out()

    def _take_back(self, asked: _Asked, member: Member) -> None:
        del self._in_work[asked]
        asked.member = None
        member.held -= 1

    def _drop(self, asked: _Asked) -> None:
        """Nobody waits for it any more."""
        if asked.outcome.done() and not asked.outcome.cancelled():
            asked.outcome.exception()  # it came too late for anybody to look at it
        if asked.member is not None and asked.call is not None:
            self._take_back(asked, asked.member)
            asked.call.cancel()
            self._hand_out()
        elif asked in self._waiting:
            self._waiting.remove(asked)


def _fail(asked: _Asked, error: BaseException) -> None:
    if not asked.outcome.done():
        asked.outcome.set_exception(error)
