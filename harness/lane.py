"""What a lane is given, what it shares with the others, and how it ended. Values only; the scheduler does the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from harness.budget import Budget
    from harness.errors import JournalError
    from harness.events import EventSink
    from harness.limits import RatePool
    from harness.observer import Observer
    from harness.pricing import Pricing
    from harness.provider import Provider
    from harness.record import Record
    from harness.schema import Request, Variant


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """What a lane drives.

    Args:
        deadline_s: bounds one attempt; None where the provider keeps its own (local batches).
        requests: what there is to do; a None among them only lets others have their turn.
        proven: whether an earlier run had an answer from this variant.
        pricing: what its answers cost, None where nobody knows or it costs nothing.
    """

    variant: Variant
    provider: Provider
    pool: RatePool
    requests: Iterator[Request | None]
    workers: int
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    deadline_s: float | None = 180.0
    proven: bool = False
    pricing: Pricing | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all lanes of a run share.

    Args:
        commit: makes a record durable; returns once its line is on disk, raises JournalError where it cannot be.
        on_trouble: told of that error, so that the whole run stops taking work.
        now: the wall clock, aware.
        budget: what all lanes together may cost.
    """

    run_id: str
    commit: Callable[[Record], Awaitable[None]]
    observer: Observer
    events: EventSink
    on_trouble: Callable[[JournalError], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone()
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class LaneOutcome:
    """How a lane ended.

    Args:
        complete: every item of its plan has a record.
        parked: why it stopped early.
        out_of_money: whether that was for want of money.
    """

    name: str
    recorded: int
    failed: int
    complete: bool
    parked: str | None
    out_of_money: bool = False
