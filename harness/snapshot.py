"""What an observer of a run may see: frozen values and events. Knows neither who fills them nor how they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from harness.schema import FinishReason

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from harness.in_flight import OldestRequest


class Outcome(StrEnum):
    """What became of an item. A refused or truncated answer is a result all the same."""

    OK = "ok"
    FAILED = "failed"
    REFUSED = "refused"
    TRUNCATED = "truncated"


_OUTCOMES: dict[str | None, Outcome] = {
    None: Outcome.FAILED,
    FinishReason.LENGTH: Outcome.TRUNCATED,
    FinishReason.REFUSAL: Outcome.REFUSED,
    FinishReason.CONTENT_FILTER: Outcome.REFUSED,
}


def outcome_of(finish_reason: str | None) -> Outcome:
    """The outcome that a record's `finish_reason` tells; None stands in a record of a failure."""
    return _OUTCOMES.get(finish_reason, Outcome.OK)


class LaneState(StrEnum):
    """What a variant's lane is doing."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    PARKED = "parked"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Counts:
    """Items by what became of them. `resumed` had their answer before this run of the program; the rest is its own.

    `in_flight` is None where nobody can say, as for who watches a run of another process.
    """

    total: int = 0
    resumed: int = 0
    ok: int = 0
    failed: int = 0
    refused: int = 0
    truncated: int = 0
    in_flight: int | None = 0

    @property
    def finished(self) -> int:
        """Items that got an outcome now."""
        return self.ok + self.failed + self.refused + self.truncated

    @property
    def done(self) -> int:
        """Items with an outcome, those of earlier runs included."""
        return self.resumed + self.finished

    @property
    def remaining(self) -> int:
        """Items still to be asked or under way."""
        return max(0, self.total - self.done)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.total + other.total,
            self.resumed + other.resumed,
            self.ok + other.ok,
            self.failed + other.failed,
            self.refused + other.refused,
            self.truncated + other.truncated,
            None if self.in_flight is None or other.in_flight is None else self.in_flight + other.in_flight,
        )


@dataclass(frozen=True, slots=True)
class VariantSnapshot:
    """One variant at one moment.

    Args:
        requests_per_minute: requests sent in the last 60 s, or the pace that it comes to while the lane is younger.
        cap_rpm: what the lane may send in a minute, None without a cap.
        tokens_per_second: output tokens of what finished in the last 60 s.
        p50_s: median seconds of the latest answers, None before the first; `p95_s` likewise.
        eta_s: seconds until nothing remains, None while the pace is not known.
        paused_until: when a paused lane goes on, or a parked one by itself, in local time; `reason` says why.
        cost_usd: what the answers of this run whose price is known have cost, None where there are none.
    """

    name: str
    provider: str
    model: str
    simulated: bool
    counts: Counts
    requests_per_minute: float
    cap_rpm: float | None
    tokens_per_second: float
    p50_s: float | None
    p95_s: float | None
    eta_s: float | None
    state: LaneState
    reason: str | None
    paused_until: datetime | None
    cost_usd: float | None = None

    @property
    def goes_on_by_itself(self) -> bool:
        """Whether more may come of it with nobody's help."""
        return self.state is not LaneState.DONE and (
            self.state is not LaneState.PARKED or self.paused_until is not None
        )


@dataclass(frozen=True, slots=True)
class LocalSnapshot:
    """What the thread of one device is doing.

    Args:
        model: the one being loaded or generating, None while idle.
        rows: prompts being generated now, of `slots`.
        tokens_per_second: generated tokens of all rows together.
        prefill_tokens_per_second: tokens of prompts that were read, of all rows together.
        loaded_seconds: how long the load took, or has taken so far while loading.
        weight_bytes: size of the weights in memory, or of their files while they load; None while that is not known.
        queued: prompts that wait.
        kv_bytes: memory that is set aside for keys and values.
        replicas: on a cluster, how many share the work; `replicas_up` of them are there now. 0 elsewhere.
    """

    device: str
    model: str | None = None
    state: Literal["idle", "loading", "generating"] = "idle"
    rows: int = 0
    slots: int = 0
    tokens_per_second: float = 0.0
    loaded_seconds: float | None = None
    weight_bytes: int | None = None
    queued: int = 0
    prefill_tokens_per_second: float = 0.0
    kv_bytes: int = 0
    replicas: int = 0
    replicas_up: int = 0


@dataclass(frozen=True, slots=True)
class NoteLine:
    """Something to know that is no error. `number` counts a run's notes from 1."""

    number: int
    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """An error that was seen `count` times in `variants` (those of a pool share theirs), at `at` for the last time."""

    variants: tuple[str, ...]
    message: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run at one moment. Text in it may come from providers and models: it is shown through `terminal.visible`.

    Args:
        version: grows whenever something other than the passing of time changed what there is to see.
        at: when it was taken, in local time.
        cost_usd: what the folder's answers whose price is known have cost, None where there are none.
        max_cost_usd: what they may cost at most, None without a budget.
        oldest: the request that was taken first of all that are in flight, None where none is or nobody can say.
        errors: the latest distinct ones, the newest last.
        over: whether the run has ended, for who watches one of another process; None in the run itself, which ends
            when its display is told to.
    """

    version: int
    at: datetime
    elapsed_s: float
    results_path: Path | None
    variants: tuple[VariantSnapshot, ...]
    local: tuple[LocalSnapshot, ...]
    cost_usd: float | None
    errors: tuple[ErrorLine, ...]
    notes: tuple[NoteLine, ...]
    max_cost_usd: float | None = None
    oldest: OldestRequest | None = None
    over: bool | None = None

    @property
    def counts(self) -> Counts:
        """Of all variants together."""
        return sum((variant.counts for variant in self.variants), Counts())

    @property
    def requests_per_minute(self) -> float:
        """Of all variants together."""
        return sum(variant.requests_per_minute for variant in self.variants)

    @property
    def tokens_per_second(self) -> float:
        """Of all variants together."""
        return sum(variant.tokens_per_second for variant in self.variants)

    @property
    def eta_s(self) -> float | None:
        """Seconds until the slowest lane is done, None before any pace is known."""
        return max((eta_s for eta_s in self._estimates() if eta_s is not None), default=None)

    @property
    def eta_is_partial(self) -> bool:
        """Whether a lane that has work left gave no estimate, so that `eta_s` is a lower bound."""
        return None in self._estimates()

    @property
    def simulated(self) -> bool:
        """Whether any answer of this run is the simulator's or the demo model's."""
        return any(variant.simulated for variant in self.variants)

    def is_end(self, *, last_look: bool) -> bool:
        """Whether nothing goes on any more: a run ends with the `last_look` at it, a watched one on its own account."""
        return last_look if self.over is None else self.over

    def _estimates(self) -> list[float | None]:
        return [] if self.over else [variant.eta_s for variant in self.variants if variant.goes_on_by_itself]
