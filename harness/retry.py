"""What is tried again, when, and how often. A value and a rule; the scheduler does the waiting."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import LaneError, OfflineError, ProviderError, RateLimitedError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` sent in all: at once, after `first_wait_s`, after twice that, and so on up to `longest_wait_s`.

    Waits for a pool that was told to slow down, for a quota or for the network use up no attempt.
    """

    max_attempts: int = 3
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0

    def wait_s(self, failures: int) -> float:
        """Seconds between the `failures`-th failed attempt (from 1) and the next."""
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** (failures - 1))

    def counts(self, error: ProviderError) -> bool:
        """Whether `error` uses up one of the item's attempts."""
        return not isinstance(error, RateLimitedError | OfflineError | LaneError)

    def again(self, error: ProviderError, failures: int) -> bool:
        """Whether an item with `failures` counted failures, `error` the last, gets another attempt."""
        return error.retryable and (not self.counts(error) or failures < self.max_attempts)
