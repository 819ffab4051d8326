"""What an earlier invocation sent within the last minute, told to the pools, so that resuming grants no fresh burst."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.journal.tail import is_ended, last_moment_s, recent_sends
from harness.limits import PastSend
from harness.limits.pace import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.config import LaneConfig, PoolSettings
    from harness.journal.tail import Sent
    from harness.limits import RatePool


@dataclass(frozen=True, slots=True)
class LastMinute:
    """What is known to have been sent within the window.

    `killed_s` is how many seconds ago at least a run was killed, None where none was: more may have been sent then
    than anybody noted.
    """

    sent: Sequence[Sent]
    killed_s: float | None


def last_minute(results: Path, events: Path, pools: Mapping[str, PoolSettings]) -> LastMinute:
    """What a folder tells of the window of `pools`; to be asked before this invocation writes anything there."""
    now = datetime.now(UTC)
    slowest = min((settings.requests_per_minute or 1.0 for settings in pools.values()), default=1.0)
    killed_s = None if is_ended(events) else last_moment_s(results, events, now)
    return LastMinute(recent_sends(results, events, now, WINDOW_S / min(1.0, slowest)), killed_s)


def seed_pools(pools: Iterable[tuple[RatePool, Sequence[LaneConfig]]], past: LastMinute) -> None:
    """Count what was sent against the caps.

    After a kill nobody knows what was in flight: as many requests as a pool has slots are then taken to have left at
    the last moment that anything is known of.
    """
    for pool, sharers in pools:
        names = {lane.variant.name for lane in sharers}
        sends = [_past(send) for send in past.sent if send.variant in names]
        if past.killed_s is not None:
            sends += [_like(sends, past.killed_s)] * pool.concurrency
        pool.seed(sends)


def _past(send: Sent) -> PastSend:
    return PastSend(send.age_s, send.finished_age_s, send.input_tokens or 0, send.output_tokens or 0)


def _like(past: Sequence[PastSend], age_s: float) -> PastSend:
    """One that may have left `age_s` ago, as large as the largest that is known."""
    return PastSend(
        age_s,
        age_s,
        max((send.input_tokens for send in past), default=0),
        max((send.output_tokens for send in past), default=0),
    )
