"""A request that a lane has taken and not finished, as it is told to observers. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class RequestState(StrEnum):
    """Where an item that a lane has taken is."""

    WAITING = "waiting for the pool"
    SENT = "sent"
    BACKING_OFF = "backing off"


@dataclass(frozen=True, slots=True)
class RequestInFlight:
    """An item that a lane has taken and not finished. Times are of the monotonic clock, in seconds.

    Args:
        taken_at: when the lane took it, `since` when its `state` began.
        until: when a wait is over, None where nobody can say.
        attempts: how many were sent so far, the one under way included.
    """

    prompt_id: str
    state: RequestState
    taken_at: float
    since: float
    until: float | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class OldestRequest:
    """The request in flight that was taken first of all: `age_s` ago; in its `state` for `in_state_s`.

    `until` is when a wait is over, in local time.
    """

    variant: str
    prompt_id: str
    state: RequestState
    age_s: float
    in_state_s: float
    until: datetime | None
    attempts: int
