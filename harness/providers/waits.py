"""How long a refusal asks to wait, and when an exhausted quota is there again by itself. Knows no error class."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.providers.error_bodies import daily_allowance, daily_quota, retry_info_s, worded_wait_s
from harness.providers.headers import exhausted_reset_s, retry_after_s, served_at, until_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.providers.error_bodies import Refusal
    from harness.schema import RateSignal

_LONGEST_S = 366 * 86400.0
_REGAIN = re.compile(r"regain access on (\d{4}-\d{2}-\d{2})(?: at (\d{2}:\d{2}))?")


def hint_s(refusal: Refusal, rate: RateSignal | None, now: Callable[[], datetime]) -> float | None:
    """Seconds that a refusal asks to wait, in full; None where it gives no hint.

    The headers count first, then Google's `RetryInfo`. A 429 without either is read for its own words, and last for
    when the counts that are at zero are full again.
    """
    hint = retry_after_s(refusal.headers, now)
    if hint is None:
        hint = _sensible(retry_info_s(refusal.error))
    if hint is None and refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        hint = _sensible(worded_wait_s(refusal.message))
        if hint is None:
            hint = exhausted_reset_s(rate)
    return hint


def heals_after_s(refusal: Refusal, rate: RateSignal | None, now: Callable[[], datetime]) -> float | None:
    """Seconds until an exhausted quota is there again by itself; None where somebody has to pay or raise a limit.

    Anthropic names the moment (`You will regain access on 2026-12-01 at 00:00 UTC.`). Gemini's quotas per day begin
    anew at midnight Pacific time (ai.google.dev/gemini-api/docs/rate-limits), if `RetryInfo` does not say otherwise;
    OpenRouter says when in `X-RateLimit-Reset`.
    """
    regain = _REGAIN.search(refusal.message)
    if regain is not None:
        moment = _utc(regain[1], regain[2] or "00:00")
        return _sensible(until_s(moment, refusal.headers, now)) if moment is not None else None
    if daily_quota(refusal.error):
        told = _sensible(retry_info_s(refusal.error))
        return told if told is not None else _until_midnight_pacific_s(served_at(refusal.headers, now))
    return exhausted_reset_s(rate) if daily_allowance(refusal.error) else None


def _sensible(wait_s: float | None) -> float | None:
    return wait_s if wait_s is not None and wait_s <= _LONGEST_S else None


def _utc(day: str, time: str) -> datetime | None:
    try:
        return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)
    except ValueError:
        return None


def _until_midnight_pacific_s(moment: datetime) -> float:
    local = moment.astimezone(_pacific())
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    # In UTC, because a difference within one zone would leave out the hour by which the clocks change.
    return (midnight.astimezone(UTC) - moment).total_seconds()


@cache
def _pacific() -> tzinfo:
    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=-8), "PST")
