"""What an earlier invocation sent within the last minute, told to the pools, so that resuming grants no fresh burst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.journal.tail import is_ended, recent_sends
from harness.limits import PastSend
from harness.limits.pace import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from harness.config import LaneConfig
    from harness.journal.tail import Sent
    from harness.limits import RatePool


@dataclass(frozen=True, slots=True)
class LastMinute:
    """What is known to have been sent within the last minute, and whether more may have been that nobody noted."""

    sent: Sequence[Sent]
    was_killed: bool


def last_minute(results: Path, events: Path, now: datetime) -> LastMinute:
    """What a folder tells of the last minute; to be asked before this invocation writes anything there."""
    return LastMinute(recent_sends(results, events, now, WINDOW_S), not is_ended(events))


def seed_pools(pools: Iterable[tuple[RatePool, Sequence[LaneConfig]]], past: LastMinute) -> None:
    """Count what was sent against the caps.

    After a kill nobody knows what was in flight: as many requests as a pool has slots are then taken to have left at
    the last moment that anything is known of.
    """
    latest = min((send.finished_age_s for send in past.sent), default=0.0)
    for pool, sharers in pools:
        names = {lane.variant.name for lane in sharers}
        sends = [_past(send) for send in past.sent if send.variant in names]
        if sends and past.was_killed:
            sends += [_like(sends, latest)] * pool.concurrency
        pool.seed(sends)


def _past(send: Sent) -> PastSend:
    return PastSend(send.age_s, send.finished_age_s, send.input_tokens or 0, send.output_tokens or 0)


def _like(past: Sequence[PastSend], age_s: float) -> PastSend:
    """One that may have left `age_s` ago, as large as the largest that is known."""
    return PastSend(
        age_s,
        age_s,
        max(send.input_tokens for send in past),
        max(send.output_tokens for send in past),
    )
