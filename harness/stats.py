"""Counts what happens in a run and hands out frozen snapshots of it. Knows no scheduler and no screen.

`RunStats` belongs to the event loop's thread: everything is called from there, and nothing in it waits. What others
hold is a `RunSnapshot`, which may go to any thread.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from harness.lane_stats import LaneStats
from harness.snapshot import (
    Counts,
    ErrorLine,
    ErrorSeen,
    LaneState,
    LocalSnapshot,
    NoteLine,
    NoteSeen,
    ResultSeen,
    RunSnapshot,
    Seen,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.record import Record

__all__ = ["LocalSnapshot", "RunSnapshot", "RunStats"]

_ERRORS_KEPT = 5
_NOTES_KEPT = 20
_LONGEST_MESSAGE = 500


class RunStats:
    """The mutable side. `clock` is monotonic, in seconds; `now` tells local time."""

    def __init__(
        self,
        results_path: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._results_path = results_path
        self._clock = clock
        self._now = now
        self._began = clock()
        self._version = 0
        self._lanes: dict[str, LaneStats] = {}
        self._local: dict[str, LocalSnapshot] = {}
        self._errors: OrderedDict[str, ErrorLine] = OrderedDict()
        self._notes: deque[NoteLine] = deque(maxlen=_NOTES_KEPT)
        self._notes_made = 0
        self._cost_usd: float | None = None
        self._listeners: list[Callable[[Seen], None]] = []

    @property
    def version(self) -> int:
        """Grows with every change that can be seen; a display need not look again before it does."""
        return self._version

    def subscribe(self, listener: Callable[[Seen], None]) -> Callable[[], None]:
        """Call `listener` with whatever is seen from now on, and at once with the notes and errors kept so far.

        Returns:
            What ends it.
        """
        for note in self._notes:
            listener(NoteSeen(note.message))
        for error in self._errors.values():
            listener(ErrorSeen(error.variants[-1] if error.variants else None, error.message))
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def add_variant(  # noqa: PLR0917 - one call a lane, in the order in which a lane is described
        self,
        name: str,
        provider: str,
        model: str,
        total: int,
        already_done: int = 0,
        cap_rpm: float | None = None,
        *,
        simulated: bool = False,
    ) -> None:
        """Announce a variant with `total` items, of which `already_done` had their answer before this run."""
        self._lanes[name] = LaneStats(
            name=name,
            provider=provider,
            model=model,
            simulated=simulated,
            total=total,
            resumed=already_done,
            cap_rpm=cap_rpm,
        )
        self._version += 1

    def started(self, name: str) -> None:
        """An attempt is under way. Exactly one of `finished` and `dropped` follows."""
        self._lanes[name].start(self._clock())
        self._version += 1

    def attempt_failed(self, name: str, message: str) -> None:
        """The attempt under way failed, and why, whether or not its item is tried again. It ends nothing by itself."""
        self._keep_error(name, message)
        self._tell(ErrorSeen(name, message))

    def dropped(self, name: str) -> None:
        """An attempt that was started is over without an outcome for its item."""
        self._lanes[name].in_flight -= 1
        self._version += 1

    def finished(self, name: str, record: Record) -> None:
        """An attempt that was started gave its item its outcome: `record`, which is on disk."""
        self._lanes[name].in_flight -= 1
        self.count(result_seen(name, record))

    def count(self, result: ResultSeen) -> None:
        """Take a result into account whose attempt was not started here, such as one read from a journal."""
        self._lanes[result.variant].finish(self._clock(), result)
        if result.cost_usd is not None:
            self._cost_usd = (self._cost_usd or 0.0) + result.cost_usd
        self._version += 1
        self._tell(result)

    def paused(self, name: str, until: float, reason: str) -> None:
        """The variant sends nothing before `until`, a time of the monotonic clock, or infinity where nobody can say."""
        lane = self._lanes[name]
        if (lane.paused_until, lane.pause_reason) == (until, reason):
            return
        lane.paused_until, lane.pause_reason = until, reason
        lane.paused_until_time = (
            self._now() + timedelta(seconds=until - self._clock()) if math.isfinite(until) else None
        )
        self._version += 1

    def resumed(self, name: str) -> None:
        """The variant's pause is over, if there was one; a parked lane stays parked."""
        lane = self._lanes[name]
        if lane.paused_until is not None:
            lane.paused_until = lane.paused_until_time = lane.pause_reason = None
            self._version += 1

    def parked(self, name: str, reason: str) -> None:
        """The variant has stopped although items remain, until an attempt of it is `started` again."""
        self._lanes[name].park_reason = reason
        self._version += 1

    def completed(self, name: str) -> None:
        """The variant's lane has ended."""
        self._lanes[name].is_completed = True
        self._version += 1

    def local(self, status: LocalSnapshot) -> None:
        """What the thread of `status.device` is doing now."""
        if self._local.get(status.device) != status:
            self._local[status.device] = status
            self._version += 1

    def note(self, message: str) -> None:
        """Something to know that is no error."""
        self._notes_made += 1
        self._notes.append(NoteLine(self._notes_made, self._now(), message[:_LONGEST_MESSAGE]))
        self._version += 1
        self._tell(NoteSeen(message))

    def error(self, message: str) -> None:
        """Something went wrong that belongs to no variant."""
        self._keep_error(None, message)
        self._tell(ErrorSeen(None, message))

    def snapshot(self) -> RunSnapshot:
        """The run as it is now."""
        clock = self._clock()
        busy = {local.model for local in self._local.values() if local.model is not None}
        variants = tuple(lane.snapshot(clock, busy) for lane in self._lanes.values())
        unfinished = [v for v in variants if v.state not in (LaneState.DONE, LaneState.PARKED)]
        estimates = [v.eta_s for v in unfinished if v.eta_s is not None]
        return RunSnapshot(
            version=self._version,
            at=self._now(),
            elapsed_s=clock - self._began,
            results_path=self._results_path,
            variants=variants,
            local=tuple(self._local.values()),
            counts=sum((v.counts for v in variants), Counts()),
            requests_per_minute=sum(v.requests_per_minute for v in variants),
            tokens_per_second=sum(v.tokens_per_second for v in variants),
            eta_s=max(estimates, default=None),
            eta_is_partial=len(estimates) < len(unfinished),
            cost_usd=self._cost_usd,
            errors=tuple(self._errors.values()),
            notes=tuple(self._notes),
        )

    def _keep_error(self, variant: str | None, message: str) -> None:
        kept = message[:_LONGEST_MESSAGE]
        seen = self._errors.pop(kept, None)
        variants = dict.fromkeys(seen.variants if seen else ())
        if variant is not None:
            variants[variant] = None
        self._errors[kept] = ErrorLine(tuple(variants), kept, seen.count + 1 if seen else 1, self._now())
        if len(self._errors) > _ERRORS_KEPT:
            self._errors.popitem(last=False)
        self._version += 1

    def _tell(self, seen: Seen) -> None:
        for listener in self._listeners:
            listener(seen)


def result_seen(name: str, record: Record) -> ResultSeen:
    """What of `record` counts, under the name of the lane that it belongs to."""
    done, failure = record.completion, record.failure
    return ResultSeen(
        variant=name,
        item_id=record.request.item_id,
        prompt_id=record.request.prompt.id,
        finish_reason=done.finish_reason if done else None,
        error=failure.message if failure else None,
        output_tokens=done.usage.output if done else None,
        elapsed_seconds=record.elapsed_seconds,
        cost_usd=record.cost_usd,
    )
