"""When a refusal may be tried again, and when a quota is there again, wherever it is said."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.providers import waits
from harness.providers.error_bodies import Refusal
from harness.providers.headers import rate_signal
from harness.providers.waits import heals_after_s, hint_s

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def noon() -> datetime:
    return NOON


def details(*, quota_id: str | None = None, delay: object = None) -> dict:
    found = []
    if quota_id is not None:
        found.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id}]})
    if delay is not None:
        found.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return {"error": {"details": found}}


def hint(status=429, headers=None, error=None, message="") -> float | None:
    refusal = Refusal(status, headers or {}, error or {}, message)
    return hint_s(refusal, rate_signal(refusal.headers, noon), noon)


def heals(headers=None, error=None, message="", now=noon) -> float | None:
    refusal = Refusal(429, headers or {}, error or {}, message)
    return heals_after_s(refusal, rate_signal(refusal.headers, now), now)


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        ("17s", 17.0),
        ("0.5s", 0.5),
        ("90000s", 90_000.0),
        ({"seconds": 17, "nanos": 500_000_000}, 17.5),
        ({"seconds": "17"}, 17.0),
        ({"nanos": 20_000_000}, 0.02),
        ({"seconds": "soon"}, None),
        ({"seconds": True}, None),
        ("soon", None),
        ("1e300", None),
        (17, None),
    ],
)
def test_retry_info_is_read_in_both_forms(delay, expected):
    assert hint(error=details(delay=delay)) == expected
    assert hint(503, error=details(delay=delay)) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Rate limit reached for gpt-4.1 on requests per min (RPM): Limit 3. Please try again in 20s. Visit", 20.0),
        ("Rate limit reached: Limit 30000, Used 29850, Requested 765. Please try again in 1.23s.", 1.23),
        ("Please try again in 20ms.", 0.02),
        ("Please try again in 6m0s.", 360.0),
        ("on tokens per day (TPD): Limit 100000. Please try again in 8m12.48s.", 492.48),
        (
            "exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 86400 seconds.",
            86400.0,
        ),
        ("Please retry in 39.054584711s.", 39.054584711),
        ("Please wait 2 minutes and 5 seconds.", 125.0),
        ("Please try again in 1 second.", 1.0),
        ("Please try again in 2d4h.", 187_200.0),
        ("Please try again later.", None),
        ("Please try again in 7 moons.", None),
        ("Please try again in " + "9" * 400 + "s.", None),
        ("Limit 3 / 20s", None),
        ("x" * 5000 + " Please try again in 5s.", None),
    ],
)
def test_a_429_is_read_for_its_own_words(words, expected):
    assert hint(message=words) == (pytest.approx(expected) if expected is not None else None)


def test_words_count_for_a_429_alone():
    assert hint(503, message="Please retry after 20 seconds.") is None
    assert hint(400, message="Please retry after 20 seconds.") is None


def test_counts_at_zero_are_the_last_resort():
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}

    assert hint(headers=headers) == 360.0
    assert hint(headers=headers, message="Please try again in 2s.") == 2.0
    assert hint(headers=headers, error=details(delay="17s"), message="Please try again in 2s.") == 17.0
    assert hint(headers=headers | {"retry-after": "3"}, error=details(delay="17s")) == 3.0
    assert hint(503, headers=headers) is None


@given(st.text(alphabet="retry again in0123456789.smhd andfor", max_size=300))
def test_any_words_are_a_hint_or_none(text):
    value = hint(message=f"try again in {text}")

    assert value is None or 0 <= value <= 366 * 86400


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
            734_400,
        ),
        ("You will regain access on 2026-11-22 at 18:30 UTC.", 23_400),
        ("You will regain access on 2026-11-23.", 43_200),
        ("You will regain access on 2026-11-01 at 00:00 UTC.", 0),
        ("You will regain access on 2026-13-45 at 00:00 UTC.", None),
        ("You will regain access on 9999-12-31 at 23:59 UTC.", None),
        ("You have reached your specified API usage limits.", None),
        ("Your credit balance is too low to access the Claude API.", None),
        ("You exceeded your current quota, please check your plan and billing details.", None),
    ],
)
def test_anthropic_names_the_day_of_a_spend_limits_end(message, expected):
    assert heals(message=message) == expected


DAILY = details(quota_id="GenerateRequestsPerDayPerProjectPerModel-FreeTier")


@pytest.mark.parametrize(
    ("now", "expected_h"),
    [
        (datetime(2026, 11, 22, 12, 0, tzinfo=UTC), 20),  # 04:00 in California
        (datetime(2026, 7, 1, 6, 59, 0, tzinfo=UTC), 1 / 60),
        (datetime(2026, 7, 1, 7, 0, tzinfo=UTC), 24),
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), 25),  # the day on which the clocks go back
        (datetime(2027, 3, 14, 8, 0, tzinfo=UTC), 23),
    ],
)
def test_geminis_quota_per_day_begins_anew_at_midnight_pacific_time(now, expected_h):
    assert heals(error=DAILY, now=lambda: now) == expected_h * 3600


def test_the_servers_clock_says_how_far_midnight_is():
    assert heals({"date": "Sun, 22 Nov 2026 07:30:00 GMT"}, DAILY) == 1800


def test_without_time_zones_pacific_time_is_eight_hours_behind(monkeypatch):
    def nowhere(name):
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr(waits, "ZoneInfo", nowhere)
    waits._pacific.cache_clear()
    try:
        assert heals(error=DAILY) == 20 * 3600
    finally:
        waits._pacific.cache_clear()


def test_what_google_says_of_a_daily_quota_goes_before_midnight():
    assert heals(error=details(quota_id="GenerateRequestsPerDayPerProject", delay="3600s")) == 3600.0


def test_a_quota_per_minute_is_none_that_has_to_heal():
    assert heals(error=details(quota_id="GenerateRequestsPerMinutePerProject", delay="17s")) is None


def test_openrouters_free_requests_come_back_when_its_header_says():
    error = {"error": {"message": "Rate limit exceeded: free-models-per-day. Add 10 credits", "code": 429}}
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOON.timestamp() + 7200) * 1000)}

    assert heals(headers, error) == 7200.0
    assert heals({}, error) is None
