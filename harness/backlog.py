"""What a lane has taken and not finished: new items, those that wait to be tried again, and which is the oldest.

A worker never sleeps on a failed item: the item waits here for its due time and the worker takes the next one.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from harness.in_flight import RequestInFlight, RequestState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.limits import Need
    from harness.schema import Request


@dataclass(slots=True, eq=False)
class Item:
    """One request on its way through a lane.

    Args:
        number: its place among those the lane took, from 0.
        taken_at: when the lane took it, on the loop's clock; `since` when its `state` began, `until` when it ends.
        sent: attempts that left this machine; `failures` those of them that failed and count.
        need: its tokens, None before anybody has asked for them.
    """

    request: Request
    number: int
    taken_at: float
    state: RequestState
    since: float
    until: float | None = None
    sent: int = 0
    failures: int = 0
    need: Need | None = None

    def becomes(self, state: RequestState, until: float | None = None) -> None:
        """Enter `state` now."""
        self.state, self.since, self.until = state, anyio.current_time(), until


class Backlog:
    """The items of one lane.

    Args:
        requests: what there is to do; a None among them only lets others have their turn.
        width: how many items may wait to be tried again before no new one is taken: a provider in trouble must not be
            fed the whole file.
        halted: set when the lane wants no more.
    """

    def __init__(self, requests: Iterator[Request | None], width: int, halted: anyio.Event) -> None:
        self.taken = 0
        self.is_exhausted = False
        self._requests = requests
        self._width = width
        self._halted = halted
        self._due: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        # In the order in which they were taken, so that the first is the oldest.
        self._unfinished: dict[int, Item] = {}

    async def next(self) -> Item | None:
        """The next item that is due, else a new one, else None. Waits where all that is left is not due yet.

        Raises:
            HarnessError, OSError: the requests cannot be read any further.
        """
        while not self._halted.is_set():
            if self._due and self._due[0][0] <= anyio.current_time():
                return self._waiting(heapq.heappop(self._due)[2])
            if not self.is_exhausted and len(self._due) < self._width:
                for request in self._requests:
                    if request is None:
                        break
                    return self._new(request)
                else:
                    self.is_exhausted = True
                await anyio.lowlevel.checkpoint()
                continue
            if not self._due:
                # Whoever still has an item in flight puts it back, should it fail, and finds it again itself.
                return None
            with anyio.move_on_after(self._due[0][0] - anyio.current_time()):
                await self._halted.wait()
        return None

    def again(self, item: Item, due: float) -> None:
        """Take `item` up once more, not before `due`."""
        item.becomes(RequestState.BACKING_OFF, due)
        heapq.heappush(self._due, (due, next(self._order), item))

    def finished(self, item: Item) -> None:
        """`item` needs nothing more."""
        self._unfinished.pop(item.number, None)

    def under_way(self) -> int:
        """How many items were sent and have not come back."""
        return sum(item.state is RequestState.SENT for item in self._unfinished.values())

    def oldest(self) -> RequestInFlight | None:
        """The item that was taken first of those that are not finished; after a halt, of those that were sent."""
        left = iter(self._unfinished.values())
        if self._halted.is_set():
            left = (item for item in left if item.state is RequestState.SENT)
        item = next(left, None)
        if item is None:
            return None
        return RequestInFlight(item.request.prompt.id, item.state, item.taken_at, item.since, item.until, item.sent)

    def _new(self, request: Request) -> Item:
        now = anyio.current_time()
        item = Item(request, self.taken, now, RequestState.WAITING, now)
        self._unfinished[self.taken] = item
        self.taken += 1
        return item

    @staticmethod
    def _waiting(item: Item) -> Item:
        item.becomes(RequestState.WAITING)
        return item
