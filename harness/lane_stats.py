"""One lane's numbers over time: what was sent, what came of it, how fast. Knows neither events nor other lanes."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.rates import SlidingSum, percentile
from harness.snapshot import Counts, LaneState, Outcome, VariantSnapshot, outcome_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from harness.seen import ResultSeen

_YOUNGEST_PACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a lane sends nothing, and until when: infinity, and no `until_time`, where nobody can say."""

    reason: str
    until: float
    until_time: datetime | None

    def left_s(self, clock: float) -> float:
        """How much of it is left, in seconds."""
        return max(0.0, self.until - clock)


@dataclass(slots=True, kw_only=True)
class LaneStats:
    """Mutable, and of bounded memory however many items there are. Times are seconds of one monotonic clock."""

    name: str
    provider: str
    model: str
    simulated: bool
    total: int
    resumed: int
    cap_rpm: float | None
    sharers: int = 1
    in_flight: int | None = 0
    pause: Hold | None = None
    park: Hold | None = None
    is_completed: bool = False
    cost_usd: float | None = None
    _outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    _sent: SlidingSum = field(default_factory=lambda: SlidingSum(60.0, 60))
    _tokens: SlidingSum = field(default_factory=lambda: SlidingSum(60.0, 60))
    # Local batches finish in waves that may be minutes apart: an estimate from one minute would jump.
    _finished: SlidingSum = field(default_factory=lambda: SlidingSum(600.0, 60))
    _answered_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=512))
    _first_sent: float | None = None
    _first_work: float | None = None

    def start(self, clock: float) -> None:
        """A request was sent, and is in flight until `end`."""
        self._move_in_flight(+1)
        self.park = None
        self.sent(clock)

    def end(self) -> None:
        """A request that was started is over."""
        self._move_in_flight(-1)

    def sent(self, clock: float, requests: int = 1) -> None:
        """Requests were sent of which no more is known."""
        self._sent.add(clock, requests)
        if self._first_sent is None:
            self._first_sent = clock

    def finish(self, clock: float, result: ResultSeen) -> None:
        """An item got its outcome."""
        outcome = outcome_of(result.finish_reason)
        self._outcomes[outcome] += 1
        if result.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + result.cost_usd
        self._finished.add(clock)
        if self._first_work is None:
            # Not when it was sent: a local request may wait for another model for an hour before anybody works on it.
            self._first_work = clock - result.elapsed_seconds
        if outcome is not Outcome.FAILED:
            self._answered_seconds.append(result.elapsed_seconds)
            self._tokens.add(clock, result.output_tokens or 0)

    def add_failures(self, items: int) -> None:
        """So many more items have failed, or fewer where their failure is made good: nothing that tells of a pace."""
        self._outcomes[Outcome.FAILED] += items

    def snapshot(self, clock: float, busy_models: AbstractSet[str]) -> VariantSnapshot:
        """The lane at `clock`; `busy_models` are those that local threads are loading or running."""
        counts = Counts(self.total, self.resumed, **self._outcomes, in_flight=self.in_flight)
        state = self._state(clock, counts, busy_models)
        hold = {LaneState.PAUSED: self.pause, LaneState.PARKED: self.park}.get(state)
        seconds = sorted(self._answered_seconds)
        return VariantSnapshot(
            name=self.name,
            provider=self.provider,
            model=self.model,
            simulated=self.simulated,
            counts=counts,
            requests_per_minute=self._requests_per_minute(clock),
            cap_rpm=self.cap_rpm,
            tokens_per_second=self._tokens.total(clock) / self._worked_s(clock, at_most=60.0),
            p50_s=percentile(seconds, 0.5),
            p95_s=percentile(seconds, 0.95),
            eta_s=None if state in {LaneState.WAITING, LaneState.DONE} else self._eta_s(clock, counts),
            state=state,
            reason=hold.reason if hold else None,
            paused_until=hold.until_time if hold else None,
            cost_usd=self.cost_usd,
        )

    def _state(self, clock: float, counts: Counts, busy_models: AbstractSet[str]) -> LaneState:
        if counts.remaining == 0 and not counts.in_flight:
            return LaneState.DONE
        if self.park is not None and self.park.left_s(clock) > 0:
            return LaneState.PARKED
        if self.is_completed:
            return LaneState.DONE
        if self.pause is not None and self.pause.left_s(clock) > 0:
            return LaneState.PAUSED
        is_local_and_unstarted = self.provider == "local" and not counts.finished
        if self._first_sent is None or (is_local_and_unstarted and busy_models and self.model not in busy_models):
            return LaneState.WAITING
        return LaneState.RUNNING

    def _requests_per_minute(self, clock: float) -> float:
        """What went out in the last minute; a younger lane's pace, of which a burst must not make more than the cap."""
        if self._first_sent is None:
            return 0.0
        sent = self._sent.total(clock)
        pace = sent * 60.0 / min(60.0, max(_YOUNGEST_PACE_S, clock - self._first_sent))
        return max(sent, min(pace, math.inf if self.cap_rpm is None else self.cap_rpm))

    def _eta_s(self, clock: float, counts: Counts) -> float | None:
        finished = self._finished.total(clock)
        pause_s = max((hold.left_s(clock) for hold in (self.pause, self.park) if hold is not None), default=0.0)
        if not finished or math.isinf(pause_s):
            return None
        at_this_pace = counts.remaining * self._worked_s(clock, at_most=600.0) / finished
        at_the_cap = counts.remaining * self.sharers * 60.0 / self.cap_rpm if self.cap_rpm else 0.0
        return pause_s + max(at_this_pace, at_the_cap)

    def _move_in_flight(self, requests: int) -> None:
        if self.in_flight is not None:
            self.in_flight += requests

    def _worked_s(self, clock: float, *, at_most: float) -> float:
        worked = 0.0 if self._first_work is None else clock - self._first_work
        return min(at_most, max(1.0, worked))
