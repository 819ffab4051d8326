"""One lane's numbers over time: what was sent, what came of it, how fast. Knows neither events nor other lanes."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.rates import SlidingSum, percentile
from harness.snapshot import Counts, LaneState, Outcome, ResultSeen, VariantSnapshot, outcome_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

_YOUNGEST_PACE_S = 10.0


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
    in_flight: int = 0
    paused_until: float | None = None
    paused_until_time: datetime | None = None
    pause_reason: str | None = None
    park_reason: str | None = None
    is_completed: bool = False
    _outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    _sent: SlidingSum = field(default_factory=lambda: SlidingSum(60.0, 60))
    _tokens: SlidingSum = field(default_factory=lambda: SlidingSum(60.0, 60))
    # Local batches finish in waves that may be minutes apart: an estimate from one minute would jump.
    _finished: SlidingSum = field(default_factory=lambda: SlidingSum(600.0, 60))
    _answered_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=512))
    _first_sent: float | None = None
    _first_work: float | None = None

    def start(self, clock: float) -> None:
        """A request was sent."""
        self.in_flight += 1
        self.park_reason = None
        self._sent.add(clock)
        if self._first_sent is None:
            self._first_sent = clock

    def finish(self, clock: float, result: ResultSeen) -> None:
        """An item got its outcome."""
        outcome = outcome_of(result.finish_reason)
        self._outcomes[outcome] += 1
        self._finished.add(clock)
        if self._first_work is None:
            # Not when it was sent: a local request may wait for another model for an hour before anybody works on it.
            self._first_work = clock - result.elapsed_seconds
        if outcome is not Outcome.FAILED:
            self._answered_seconds.append(result.elapsed_seconds)
            self._tokens.add(clock, result.output_tokens or 0)

    def snapshot(self, clock: float, busy_models: AbstractSet[str]) -> VariantSnapshot:
        """The lane at `clock`; `busy_models` are those that local threads are loading or running."""
        counts = Counts(self.total, self.resumed, **self._outcomes, in_flight=self.in_flight)
        state = self._state(clock, counts, busy_models)
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
            eta_s=self._eta_s(clock, counts) if state in {LaneState.RUNNING, LaneState.PAUSED} else None,
            state=state,
            reason={LaneState.PAUSED: self.pause_reason, LaneState.PARKED: self.park_reason}.get(state),
            paused_until=self.paused_until_time if state is LaneState.PAUSED else None,
        )

    def _state(self, clock: float, counts: Counts, busy_models: AbstractSet[str]) -> LaneState:
        if counts.remaining == 0 and counts.in_flight == 0:
            return LaneState.DONE
        if self.park_reason is not None:
            return LaneState.PARKED
        if self.is_completed:
            return LaneState.DONE
        if self._pause_s(clock) > 0:
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
        pause_s = self._pause_s(clock)
        if not finished or math.isinf(pause_s):
            return None
        at_this_pace = counts.remaining * self._worked_s(clock, at_most=600.0) / finished
        at_the_cap = counts.remaining * 60.0 / self.cap_rpm if self.cap_rpm else 0.0
        return pause_s + max(at_this_pace, at_the_cap)

    def _pause_s(self, clock: float) -> float:
        return 0.0 if self.paused_until is None else max(0.0, self.paused_until - clock)

    def _worked_s(self, clock: float, *, at_most: float) -> float:
        worked = 0.0 if self._first_work is None else clock - self._first_work
        return min(at_most, max(1.0, worked))
