"""When a pool pauses, for how long, and how many slots it dares to use after that. Waits for nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_GUESS_S = 120.0
_LONGEST_PROBE_S = 60.0
_SHORTEST_REST_S = 1.0
_LONGEST_DOUBLED_REST_S = 3600.0
_STUCK_AFTER = 5
_STUCK_AFTER_S = 1800.0
_REGROW_AFTER = 8
"""Answers in a row after which a pool that was narrowed gets slots back, a sixteenth of them at a time."""


class Breaks:
    """The pause in force and the width, the number of slots. Times are of one clock, in seconds.

    Args:
        concurrency: the full width.
        jitter: a number in [0, 1) each call.
    """

    def __init__(self, concurrency: int, jitter: Callable[[], float]) -> None:
        self.width = concurrency
        self.paused_until: float | None = None
        self.reason: str | None = None
        self._concurrency = concurrency
        self._jitter = jitter
        self.rests_until: float | None = None
        """When a quota that was used up is there again, None where none was."""
        self._misses = 0
        self._rests = 0
        self._answers = 0
        self._width_before_offline: int | None = None
        self._limited_since: float | None = None

    def is_paused(self, now: float) -> bool:
        """Whether a pause is in force."""
        return self.paused_until is not None and now < self.paused_until

    def pause(self, seconds: float, reason: str, now: float) -> tuple[float, bool]:
        """Pause for `seconds` at least: the end of the pause, and whether that has changed."""
        until = now + seconds
        changed = self.paused_until is None or until > self.paused_until
        if changed:
            self.paused_until, self.reason = until, reason
        assert self.paused_until is not None
        return self.paused_until, changed

    def end(self) -> None:
        """The pause is over."""
        self.paused_until = self.reason = None

    def limited(self, retry_after_s: float | None, reason: str, now: float) -> tuple[float, bool]:
        """A 429: pause as asked; where nothing was asked, full-jitter exponential, and half the width."""
        self._limited_since = now if self._limited_since is None else self._limited_since
        self._answers = 0
        if not self.is_paused(now):
            # What comes back from before a pause is part of what caused it.
            self._misses += 1
            if retry_after_s is None:
                self.width = max(1, self.width // 2)
        if retry_after_s is not None:
            # A hint of 0, again and again, must not become a hot loop.
            return self.pause(max(retry_after_s, _doubled(0.25, self._misses, _LONGEST_GUESS_S)), reason, now)
        ceiling = _doubled(1.0, self._misses, _LONGEST_GUESS_S)
        return self.pause(max(0.5, ceiling * self._jitter()), reason, now)

    def offline(self, reason: str, now: float) -> tuple[float, bool]:
        """The network is not there: a width of one, and pauses that double up to a minute."""
        if not self.is_paused(now):
            self._misses += 1
        if self._width_before_offline is None:
            self._width_before_offline, self.width = self.width, 1
        return self.pause(_doubled(1.0, self._misses - 1, _LONGEST_PROBE_S), reason, now)

    def rest(self, seconds: float, reason: str, now: float) -> tuple[float, bool]:
        """A quota is used up that time brings back.

        Some providers name a minute where it takes a day: each rest in vain doubles the next one, up to an hour.
        """
        if not self.is_paused(now):
            self._rests += 1
        doubled = _doubled(max(_SHORTEST_REST_S, seconds), self._rests - 1, _LONGEST_DOUBLED_REST_S)
        until, changed = self.pause(max(seconds, doubled), reason, now)
        self.rests_until = until
        return until, changed

    def answered(self) -> None:
        """An answer came: the misses are over, and the width grows again step by step."""
        self._misses = self._rests = 0
        self._limited_since = None
        if self._width_before_offline is not None:
            self.width, self._width_before_offline = self._width_before_offline, None
        if self.width < self._concurrency:
            self._answers += 1
            if self._answers >= _REGROW_AFTER:
                self._answers = 0
                self.width = min(self._concurrency, self.width + max(1, self._concurrency // 16))

    def replied(self) -> None:
        """The provider said something other than to go slower."""
        self._limited_since = None

    def is_stuck(self, now: float) -> bool:
        """Whether half an hour and several pauses brought nothing but refusals to go faster."""
        since = self._limited_since
        return since is not None and self._misses >= _STUCK_AFTER and now - since > _STUCK_AFTER_S


def _doubled(first_s: float, times: int, longest_s: float) -> float:
    """`first_s` doubled so many times, or `longest_s`; a weekend offline is more doublings than a float can hold."""
    return min(longest_s, first_s * 2.0 ** min(times, 64))
