"""A rate pool: what one credential may do with one model — slots in flight, requests a minute, pauses, one probe.

Knows no provider and no item. Every time is the event loop's, in seconds, so that a virtual loop tests it.
The order of admission is slot → requests per minute → a last look at the pause → send.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from aiolimiter import AsyncLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.schema import RateSignal

WINDOW_S = 60.5
"""The guard's window. With exactly 60 s, 50 ms of jitter on the way made 65 of 60 arrive at a server."""

_LONGEST_GUESS_S = 120.0
_STUCK_AFTER = 5
_STUCK_AFTER_S = 1800.0
_REGROW_AFTER = 8
"""Answers in a row after which a pool that was narrowed gets slots back, a sixteenth of them at a time."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """What an observer sees of a pool. Times are the loop's; None where it does not apply."""

    slots: int
    in_flight: int
    requests_per_minute: float | None
    paused_until: float | None
    reason: str | None


class RatePool:
    """Slots, requests per minute and pauses, shared by every lane of one model and credential.

    Guarantees:
        * Never more than `requests_per_minute` admissions in any 60 seconds, the burst included.
        * A pause holds back every admission until its end, whatever its length.
        * A waiter that finds the pool paused gives its slot back and uses up nothing of the cap.

    Args:
        concurrency: requests in flight at once.
        requests_per_minute: None for no cap.
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
        jitter: Callable[[], float] = random.random,
        on_change: Callable[[PoolState], None] | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.requests_per_minute = requests_per_minute
        self._slots = anyio.CapacityLimiter(concurrency)
        self._pace = Pace(requests_per_minute, burst) if requests_per_minute else None
        self._jitter = jitter
        self._on_change = on_change
        self._paused_until: float | None = None
        self._reason: str | None = None
        self._misses = 0
        self._answers = 0
        self._slots_before_offline: int | None = None
        self._limited_since: float | None = None

    def acquire_nowait(self) -> object | None:
        """A slot where nothing has to be waited for; None where there may be: then `acquire`."""
        if self._pace is not None or self._paused_until is not None:
            return None
        slot = object()
        try:
            self._slots.acquire_on_behalf_of_nowait(slot)
        except anyio.WouldBlock:
            return None
        return slot

    async def acquire(self) -> object:
        """Wait for the moment at which a request may be sent, and hold a slot from then on until `release`."""
        slot = object()
        while True:
            await self._pause_over()
            await self._slots.acquire_on_behalf_of(slot)
            try:
                if self._pace:
                    await self._pace.admit(unless=self._is_paused)
            except BaseException:
                self.release(slot)
                raise
            if not self._is_paused():
                return slot
            # The pause began while this one waited its turn: give the slot back and wait outside.
            self.release(slot)

    def release(self, slot: object) -> None:
        """Give back what `acquire` or `acquire_nowait` gave."""
        self._slots.release_on_behalf_of(slot)

    def pause(self, seconds: float, reason: str) -> float:
        """Hold every admission back for `seconds` (at least; a longer pause in force stays). Returns its end."""
        until = anyio.current_time() + seconds
        if self._paused_until is None or until > self._paused_until:
            self._paused_until, self._reason = until, reason
            self._changed()
        return self._paused_until

    def limited(self, retry_after_s: float | None, reason: str) -> float:
        """A 429 or its like: pause as asked, or where nothing was asked, guess and halve the slots.

        Returns:
            the end of the pause, on the loop's clock.
        """
        now = anyio.current_time()
        self._limited_since = now if self._limited_since is None else self._limited_since
        self._answers = 0
        if not self._is_paused():
            # What comes back from before a pause is part of what caused it.
            self._misses += 1
            if retry_after_s is None:
                self._slots.total_tokens = max(1, self._width // 2)
        if retry_after_s is not None:
            # A hint of 0, again and again, must not become a hot loop.
            return self.pause(max(retry_after_s, min(_LONGEST_GUESS_S, 0.25 * 2.0**self._misses)), reason)
        ceiling = min(_LONGEST_GUESS_S, 2.0**self._misses)
        return self.pause(max(0.5, ceiling * self._jitter()), reason)

    def offline(self, reason: str) -> float:
        """The network is not there: one request at a time probes for it, further and further apart, up to a minute.

        Returns:
            when the next probe leaves, on the loop's clock.
        """
        if not self._is_paused():
            self._misses += 1
        if self._slots_before_offline is None:
            self._slots_before_offline = self._width
            self._slots.total_tokens = 1
        return self.pause(min(60.0, 2.0 ** (self._misses - 1)), reason)

    def answered(self, signal: RateSignal | None = None) -> None:
        """An answer came: forget the misses, give slots back step by step, and heed what its headers say."""
        self._misses = 0
        self._limited_since = None
        if self._slots_before_offline is not None:
            self._slots.total_tokens, self._slots_before_offline = self._slots_before_offline, None
        if self._width < self.concurrency:
            self._answers += 1
            if self._answers >= _REGROW_AFTER:
                self._answers = 0
                self._slots.total_tokens = min(self.concurrency, self._width + max(1, self.concurrency // 16))
        if signal and signal.requests_remaining == 0 and signal.requests_reset_s and signal.requests_limit:
            # The reset tells when the whole quota is back; one request of it is back long before.
            self.pause(signal.requests_reset_s / signal.requests_limit, "the provider's headers say: no request left")

    @property
    def _width(self) -> int:
        return int(self._slots.total_tokens)

    def replied(self) -> None:
        """The provider said something other than to go slower."""
        self._limited_since = None

    def is_stuck(self) -> bool:
        """Whether half an hour and several pauses brought nothing but refusals to go faster."""
        since = self._limited_since
        return since is not None and self._misses >= _STUCK_AFTER and anyio.current_time() - since > _STUCK_AFTER_S

    def state(self) -> PoolState:
        """A frozen picture for observers."""
        paused = self._is_paused()
        return PoolState(
            slots=self._width,
            in_flight=self._slots.borrowed_tokens,
            requests_per_minute=self.requests_per_minute,
            paused_until=self._paused_until if paused else None,
            reason=self._reason if paused else None,
        )

    def _is_paused(self) -> bool:
        return self._paused_until is not None and anyio.current_time() < self._paused_until

    async def _pause_over(self) -> None:
        while self._paused_until is not None:
            if anyio.current_time() >= self._paused_until:
                self._paused_until = self._reason = None
                self._changed()
                return
            await anyio.sleep_until(self._paused_until)

    def _changed(self) -> None:
        if self._on_change:
            self._on_change(self.state())


class Pace:
    """Admissions a minute: a leaky bucket that spaces them, and behind it a window that makes the cap strict.

    `AsyncLimiter(60, 60)` let 119 requests out in the first 60 s; a bucket of `burst` refilled at the cap's rate paces,
    and the times of the last admissions forbid more than the cap in any window.
    """

    def __init__(self, requests_per_minute: float, burst: int) -> None:
        in_window = max(1, math.floor(requests_per_minute))
        burst = min(burst, in_window)
        self._bucket = AsyncLimiter(burst, 60.0 * burst / requests_per_minute)
        self._recent: deque[float] = deque(maxlen=in_window)
        self._window_s = max(WINDOW_S, WINDOW_S * in_window / requests_per_minute)
        self._turn = anyio.Lock()

    async def admit(self, unless: Callable[[], bool]) -> None:
        """Return when one more request may be sent, first come, first served; at once where `unless` holds by then."""
        async with self._turn:
            if unless():
                return
            await self._bucket.acquire()
            if len(self._recent) == self._recent.maxlen:
                await anyio.sleep_until(self._recent[0] + self._window_s)
            self._recent.append(anyio.current_time())
