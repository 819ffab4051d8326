"""What a failed attempt means for item and lane: again, when; park, why; or give up. It never waits itself."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import anyio

from harness.errors import (
    AuthenticationFailed,
    LaneError,
    OfflineError,
    ProviderError,
    QuotaExhausted,
    RateLimitedError,
    RejectedError,
)

if TYPE_CHECKING:
    from harness.limits import RatePool
    from harness.retry import RetryPolicy

_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Again:
    """Send the same request once more, not before `due` on the loop's clock. `event` names why in events.jsonl."""

    due: float
    event: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing along this lane's pool can succeed before `due` on the loop's clock; then it can again, by itself."""

    due: float
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """Nothing along this lane can succeed for now: stop it, burn nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The item gets a failure record; `withhold` it until it is clear that the lane as a whole is not the matter."""

    withhold: bool = False


Verdict = Again | Rest | Park | GiveUp


class Judge:
    """Judges the failures of one lane, in the order in which they come.

    Args:
        pool: told of rate limits and of a network that is not there.
        proven: whether an earlier run had an answer from this variant: its key and its form of request are right.
    """

    def __init__(self, pool: RatePool, policy: RetryPolicy, *, proven: bool = False) -> None:
        self._pool = pool
        self._policy = policy
        self._proven = proven
        self._answered = False
        self._unauthorised_in_a_row = 0
        self._rejected_first: set[int] = set()

    def answered(self) -> None:
        """An attempt of this lane succeeded: its key, its model and its form of request are right."""
        self._answered = True
        self._unauthorised_in_a_row = 0

    def judge(self, error: ProviderError, failures: int, number: int) -> Verdict:  # noqa: PLR0911 - a return for each row of a table
        """The verdict on an item whose attempt ended in `error`.

        Args:
            failures: the attempts of this item that have failed and count, this one included.
            number: the item's place among those the lane took, from 0.
        """
        now = anyio.current_time()
        match error:
            case RateLimitedError():
                until = self._pool.limited(error.retry_after_s, error.message)
                if self._pool.is_stuck():
                    return Park(f"nothing but refusals to go faster for 30 minutes, the last: {error.message}")
                return Again(until, "rate_limited")
            case OfflineError():
                return Again(self._pool.offline(error.message), "offline")
        self._pool.replied()
        match error:
            case AuthenticationFailed():
                return self._unauthorised(error, now)
            case QuotaExhausted(heals_after_s=float() | int() as heals_after_s):
                return Rest(self._pool.rest(heals_after_s, error.message), error.message)
            case LaneError():
                return Park(error.message)
            case RejectedError():
                return self._rejected(error, number)
        if self._policy.again(error, failures):
            return Again(now + self._policy.wait_s(failures), "retry")
        return GiveUp()

    def _unauthorised(self, error: ProviderError, now: float) -> Verdict:
        """A refused key in the middle of a run may be a hiccup of the provider's; at the start it is not."""
        self._unauthorised_in_a_row += 1
        if not self._answered or self._unauthorised_in_a_row >= _IN_A_ROW:
            return Park(error.message)
        return Again(now + self._policy.first_wait_s, "retry")

    def _rejected(self, error: ProviderError, number: int) -> Verdict:
        """Where the first three requests are all refused as malformed, it is their form, not these prompts."""
        if self._answered or self._proven or error.status != HTTPStatus.BAD_REQUEST:
            return GiveUp()
        if number < _IN_A_ROW:
            self._rejected_first.add(number)
        if len(self._rejected_first) == _IN_A_ROW:
            return Park(f"the first {_IN_A_ROW} requests were all rejected, the last: {error.message}")
        return GiveUp(withhold=True)
