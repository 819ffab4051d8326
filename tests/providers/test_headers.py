"""Waiting hints and quotas, in every spelling seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.providers.headers import lowered, rate_signal, retry_after_s, seconds
from harness.schema import RateSignal

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def noon() -> datetime:
    return NOON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17", 17.0),
        ("0.5", 0.5),
        ("17s", 17.0),
        ("11.665902715s", 11.665902715),
        ("120ms", 0.12),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400.0),
        (" 3 ", 3.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1h soon", None),
        (None, None),
    ],
)
def test_durations_are_read_as_seconds(text, expected):
    assert seconds(text) == pytest.approx(expected) if expected is not None else seconds(text) is None


@given(st.text())
def test_any_text_is_a_duration_or_none(text):
    value = seconds(text)
    assert value is None or value >= 0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "whenever"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
    ],
)
def test_hints_are_read_in_full(headers, expected):
    assert retry_after_s(headers, noon) == expected


def test_a_date_is_read_against_the_servers_own_clock():
    headers = {"retry-after": "Sun, 22 Nov 2026 09:00:30 GMT", "date": "Sun, 22 Nov 2026 09:00:00 GMT"}

    assert retry_after_s(headers, noon) == 30.0


def test_no_headers_are_no_signal():
    assert rate_signal({"content-type": "application/json"}) is None


def test_of_anthropics_buckets_the_tightest_counts():
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "40",
        "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:12Z",
        "anthropic-ratelimit-input-tokens-limit": "50000",
        "anthropic-ratelimit-input-tokens-remaining": "45000",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-22T12:00:06Z",
        "anthropic-ratelimit-output-tokens-limit": "10000",
        "anthropic-ratelimit-output-tokens-remaining": "1000",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-22T12:00:54+00:00",
    }

    assert rate_signal(headers, noon) == RateSignal(50, 40, 12.0, 1000, 54.0)


def test_quota_headers_that_make_no_sense_are_left_out():
    headers = {"anthropic-ratelimit-requests-remaining": "many", "anthropic-ratelimit-requests-reset": "tomorrow"}

    assert rate_signal(headers, noon) == RateSignal()


def test_headers_become_a_dictionary_with_names_in_lower_case():
    assert lowered([(b"Retry-After", b"7"), (b"X-Name", "é".encode("latin-1"))]) == {"retry-after": "7", "x-name": "é"}
