"""What an earlier invocation sent within the last minute, told to the pools, so that resuming grants no fresh burst."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.events import EVENTS_NAME
from harness.journal import RESULTS_NAME
from harness.journal.tail import kills, recent_sends
from harness.limits import PastSend
from harness.limits.pace import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.config import LaneConfig, PoolSettings, RunConfig
    from harness.journal.tail import Sent
    from harness.limits import RatePool


@dataclass(frozen=True, slots=True)
class LastMinute:
    """What is known to have been sent within the window.

    `kills` is how many seconds ago, at least, each run was killed: more may have been sent then than anybody noted.
    """

    sent: Sequence[Sent]
    kills: Sequence[float]


def last_minute(folders: Iterable[Path], pools: Mapping[str, PoolSettings]) -> LastMinute:
    """What `folders` tell of the window of `pools`; to be asked before this invocation writes anything there."""
    now = datetime.now(UTC)
    slowest = min((settings.requests_per_minute or 1.0 for settings in pools.values()), default=1.0)
    window_s = WINDOW_S / min(1.0, slowest)
    sent, killed = [], []
    for folder in folders:
        results, events = folder / RESULTS_NAME, folder / EVENTS_NAME
        sent += recent_sends(results, events, now, window_s)
        killed += kills(results, events, now, window_s)
    return LastMinute(sent, killed)


def seed_pools(pools: Iterable[tuple[RatePool, Sequence[LaneConfig]]], past: LastMinute, config: RunConfig) -> None:
    """Count what was sent against the caps.

    After a kill nobody knows what was in flight: as many requests as a pool has slots are then taken to have left at
    the last moment that anything is known of.

    Args:
        config: the whole one: a model of a pool may be left out this time, or have had another temperature.
    """
    for pool, sharers in pools:
        stems = _stems(sharers, config)
        sends = [_past(send) for send in past.sent if send.variant.rpartition("@")[0] in stems]
        for killed_s in past.kills:
            sends += [_like(sends, killed_s)] * pool.concurrency
        pool.seed(sends)


def _stems(sharers: Sequence[LaneConfig], config: RunConfig) -> set[str]:
    """The names of the pool's models, as they stand before the temperature in the names of their variants."""
    names = {lane.model.name for lane in sharers}
    named = {lane.model.pool for lane in sharers} - {None}
    models = [lane.model for lane in sharers]
    models += [model for model in config.models if model.name in names or model.pool in named]
    return {model.label or model.name for model in models}


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
