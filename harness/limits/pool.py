"""A rate pool: what one credential may do with one model, shared by every lane that uses it.

The order of admission is slot → tokens and window → spacing → a last look at the pause → send.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from harness.limits.breaks import Breaks
from harness.limits.caps import NOTHING, Caps, Need, PastSend, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.schema import RateSignal, Usage

_WORTH_TELLING_S = 2.0


@dataclass(frozen=True, slots=True)
class PoolState:
    """What an observer sees of a pool. Times are the loop's; None where it does not apply."""

    slots: int
    in_flight: int
    requests_per_minute: float | None
    paused_until: float | None
    reason: str | None


class RatePool:
    """Slots, requests and tokens a minute, and pauses, shared by every lane of one model and credential.

    Guarantees:
        * Never more than `requests_per_minute` admissions in any 60 seconds, the burst included; of tokens likewise,
          as far as the estimates hold.
        * Admissions are first come, first served: a large reservation gets its turn.
        * A pause holds back every admission until its end, whatever its length.
        * A waiter that finds the pool paused, or is cancelled, gives its slot back and uses up nothing of the caps.

    Args:
        concurrency: requests in flight at once.
        requests_per_minute: None for no cap; the token caps likewise.
        burst: how many may leave at once after a rest; counted inside the cap.
        jitter: a number in [0, 1) each call, for the pauses the pool has to guess.
        on_change: told of every pause and its end.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: float | None = None,
        burst: int = 10,
        *,
        input_tokens_per_minute: float | None = None,
        output_tokens_per_minute: float | None = None,
        jitter: Callable[[], float] = random.random,
        on_change: Callable[[PoolState], None] | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.requests_per_minute = requests_per_minute
        self._slots = anyio.CapacityLimiter(concurrency)
        self._caps = Caps(requests_per_minute, burst, input_tokens_per_minute, output_tokens_per_minute)
        self._breaks = Breaks(concurrency, jitter)
        self._turn = anyio.Lock()
        self._news = anyio.Event()
        self._held_until: float | None = None
        self._on_change = on_change

    @property
    def counts_tokens(self) -> bool:
        """Whether `acquire` makes use of a `Need`; where it does not, nobody has to estimate one."""
        return self._caps.counts_tokens

    @property
    def rests_until(self) -> float | None:
        """When a quota that was used up is there again, on the loop's clock; None where none was."""
        return self._breaks.rests_until

    def seed(self, sends: Iterable[PastSend]) -> None:
        """Count what an earlier run of the program sent within the last minute: resuming grants no fresh burst."""
        self._caps.seed(sends, anyio.current_time())

    def acquire_nowait(self, need: Need = NOTHING) -> Ticket | None:
        """A ticket where nothing has to be waited for; None where there may be: then `acquire`."""
        if not self._caps.is_open or self._breaks.paused_until is not None or self._turn.locked():
            return None
        ticket, now = Ticket(need), anyio.current_time()
        if self._caps.heard_wait_s(need, now) > 0:
            return None
        try:
            self._slots.acquire_on_behalf_of_nowait(ticket)
        except anyio.WouldBlock:
            return None
        self._caps.take(ticket, now)
        return ticket

    async def acquire(self, need: Need = NOTHING) -> Ticket:
        """Wait for the moment at which a request may be sent, and hold a slot from then on until `release`."""
        ticket = Ticket(need)
        while True:
            await self._pause_over()
            await self._slots.acquire_on_behalf_of(ticket)
            try:
                if await self._admit(ticket):
                    return ticket
            except BaseException:
                self.release(ticket)
                raise
            # The pause began while this one waited its turn: give the slot back and wait outside.
            self.release(ticket)

    def release(self, ticket: Ticket) -> None:
        """Give back the slot of `ticket`."""
        self._slots.release_on_behalf_of(ticket)

    def settle(self, ticket: Ticket, usage: Usage | None = None, *, sent: bool = True, answered: bool = True) -> None:
        """The attempt of `ticket` is over: reconcile what was reserved with what it used, None where nobody said.

        Args:
            sent: False where nothing left this machine; then all of it comes back.
            answered: False where there was no answer, and so no output to count.
        """
        self._caps.settle(ticket, usage, anyio.current_time(), sent=sent, answered=answered)
        self._tell_waiters()

    def pause(self, seconds: float, reason: str) -> float:
        """Hold every admission back for `seconds` (at least; a longer pause in force stays). Returns its end."""
        return self._paused(*self._breaks.pause(seconds, reason, anyio.current_time()))

    def rest(self, seconds: float, reason: str) -> float:
        """As `pause`, where nothing but time brings a quota back: `rests_until` tells, so that a run may decide."""
        return self._paused(*self._breaks.rest(seconds, reason, anyio.current_time()))

    def limited(self, retry_after_s: float | None, reason: str) -> float:
        """A 429 or its like: pause as asked, or where nothing was asked, guess and halve the slots.

        Returns:
            the end of the pause, on the loop's clock.
        """
        return self._paused(*self._breaks.limited(retry_after_s, reason, anyio.current_time()))

    def offline(self, reason: str) -> float:
        """The network is not there: one request at a time probes for it, further and further apart, up to a minute.

        Returns:
            when the next probe leaves, on the loop's clock.
        """
        return self._paused(*self._breaks.offline(reason, anyio.current_time()))

    def answered(self, signal: RateSignal | None = None, ticket: Ticket | None = None) -> None:
        """An answer came: forget the misses, give slots back step by step, and heed what its headers say."""
        self._breaks.answered()
        self._resize()
        if signal is not None:
            self._caps.heed(signal, ticket or Ticket(), anyio.current_time())
            self._tell_waiters()

    def replied(self) -> None:
        """The provider said something other than to go slower."""
        self._breaks.replied()

    def is_stuck(self) -> bool:
        """Whether half an hour and several pauses brought nothing but refusals to go faster."""
        return self._breaks.is_stuck(anyio.current_time())

    def state(self) -> PoolState:
        """A frozen picture for observers."""
        until, reason = None, None
        if self._is_paused():
            until, reason = self._breaks.paused_until, self._breaks.reason
        elif self._held_until is not None:
            until, reason = self._held_until, "by the provider's headers its quota is used up until then"
        return PoolState(
            slots=int(self._slots.total_tokens),
            in_flight=self._slots.borrowed_tokens,
            requests_per_minute=self.requests_per_minute,
            paused_until=until,
            reason=reason,
        )

    async def _admit(self, ticket: Ticket) -> bool:
        """Take `ticket`'s turn; False where the pool is paused by then."""
        async with self._turn:
            try:
                while not self._is_paused():
                    now = anyio.current_time()
                    wait_s = self._caps.wait_s(ticket.need, now)
                    self._hold(now + self._caps.heard_wait_s(ticket.need, now), now)
                    if wait_s > 0:
                        # A pause, an answer's headers or a request that ends may all change what there is to wait for.
                        with anyio.move_on_after(wait_s):
                            await self._news.wait()
                    elif not await self._caps.spaced():
                        self._caps.take(ticket, anyio.current_time())
                        return True
                return False
            finally:
                self._hold(0.0, 0.0)

    def _hold(self, until: float, now: float) -> None:
        """Let observers know of a wait that the provider's headers ask for, where it is worth telling."""
        if until - now <= _WORTH_TELLING_S:
            if self._held_until is not None:
                self._held_until = None
                self._changed()
        elif self._held_until is None or abs(until - self._held_until) > _WORTH_TELLING_S:
            self._held_until = until
            self._changed()

    def _is_paused(self) -> bool:
        return self._breaks.is_paused(anyio.current_time())

    async def _pause_over(self) -> None:
        while (until := self._breaks.paused_until) is not None:
            if anyio.current_time() >= until:
                self._breaks.end()
                self._changed()
                return
            await anyio.sleep_until(until)

    def _paused(self, until: float, changed: bool) -> float:  # noqa: FBT001 - what `Breaks` returns
        self._resize()
        if changed:
            self._tell_waiters()
            self._changed()
        return until

    def _resize(self) -> None:
        if self._slots.total_tokens != self._breaks.width:
            self._slots.total_tokens = self._breaks.width

    def _tell_waiters(self) -> None:
        if self._turn.locked():
            self._news.set()
            self._news = anyio.Event()

    def _changed(self) -> None:
        if self._on_change:
            self._on_change(self.state())
