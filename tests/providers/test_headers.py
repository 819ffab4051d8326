"""Waiting hints and quotas, in every spelling seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.providers.headers import exhausted_reset_s, lowered, rate_signal, retry_after_s, seconds
from harness.schema import Quota, RateSignal

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
        ("9" * 400 + "s", None),
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
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "whenever"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "2592000"}, 2_592_000.0),
        ({"retry-after": str(int(NOON.timestamp()) + 90)}, 90.0),
        ({"retry-after": "2026-11-22T12:00:45Z"}, 45.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
    ],
)
def test_hints_are_read_in_full(headers, expected):
    assert retry_after_s(headers, noon) == expected


def test_a_date_is_read_against_the_servers_own_clock():
    headers = {"retry-after": "Sun, 22 Nov 2026 09:00:30 GMT", "date": "Sun, 22 Nov 2026 09:00:00 GMT"}

    assert retry_after_s(headers, noon) == 30.0


@given(st.text())
def test_any_text_is_a_hint_or_none(text):
    headers = {"retry-after": text, "retry-after-ms": text, "date": text}
    value = retry_after_s(headers, noon)
    assert value is None or 0 <= value <= 366 * 86400


def test_no_headers_are_no_signal():
    assert rate_signal({"content-type": "application/json"}) is None


def test_all_four_of_anthropics_counts_are_read():
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "40",
        "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:12Z",
        "anthropic-ratelimit-tokens-limit": "60000",
        "anthropic-ratelimit-tokens-remaining": "46000",
        "anthropic-ratelimit-tokens-reset": "2026-11-22T12:00:14Z",
        "anthropic-ratelimit-input-tokens-limit": "50000",
        "anthropic-ratelimit-input-tokens-remaining": "45000",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-22T12:00:06Z",
        "anthropic-ratelimit-output-tokens-limit": "10000",
        "anthropic-ratelimit-output-tokens-remaining": "1000",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-22T12:00:54+00:00",
    }

    assert rate_signal(headers, noon) == RateSignal(
        requests=Quota(40, 50, 12.0),
        tokens=Quota(46000, 60000, 14.0),
        input_tokens=Quota(45000, 50000, 6.0),
        output_tokens=Quota(1000, 10000, 54.0),
    )


def test_a_reset_that_is_a_moment_is_read_against_the_servers_own_clock():
    headers = {
        "date": "Sun, 22 Nov 2026 09:00:00 GMT",
        "anthropic-ratelimit-requests-remaining": "40",
        "anthropic-ratelimit-requests-reset": "2026-11-22T09:00:12Z",
    }

    assert rate_signal(headers, noon).requests == Quota(40, None, 12.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # OpenAI, Azure, Groq
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            RateSignal(requests=Quota(59, 60, 1.0), tokens=Quota(149984, 150000, 360.0)),
        ),
        # Mistral, which names no reset
        (
            {
                "x-ratelimit-limit-req-minute": "720",
                "x-ratelimit-remaining-req-minute": "717",
                "x-ratelimit-limit-tokens-minute": "5000000",
                "x-ratelimit-remaining-tokens-minute": "4999911",
            },
            RateSignal(requests=Quota(717, 720), tokens=Quota(4999911, 5000000)),
        ),
        # Cerebras, in plain seconds
        (
            {
                "x-ratelimit-limit-requests-day": "14400",
                "x-ratelimit-remaining-requests-day": "14399",
                "x-ratelimit-reset-requests-day": "33011.38",
                "x-ratelimit-remaining-tokens-minute": "60000",
                "x-ratelimit-reset-tokens-minute": "11.38",
            },
            RateSignal(requests=Quota(14399, 14400, 33011.38), tokens=Quota(60000, None, 11.38)),
        ),
        # Fireworks
        (
            {
                "x-ratelimit-remaining-tokens-prompt": "59000",
                "x-ratelimit-limit-tokens-prompt": "60000",
                "x-ratelimit-remaining-tokens-generated": "5900",
            },
            RateSignal(input_tokens=Quota(59000, 60000), output_tokens=Quota(5900)),
        ),
        # OpenRouter, in milliseconds since 1970
        (
            {
                "x-ratelimit-limit": "20",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": str(int(NOON.timestamp() * 1000) + 60_000),
            },
            RateSignal(requests=Quota(0, 20, 60.0)),
        ),
        # the drafts of the IETF
        (
            {"ratelimit-limit": "100", "ratelimit-remaining": "50", "ratelimit-reset": "50"},
            RateSignal(requests=Quota(50, 100, 50.0)),
        ),
    ],
)
def test_counts_are_read_in_each_servers_spelling(given, expected):
    assert rate_signal(given, noon) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120ms", 0.12),
        ("0", 0.0),
        (str(int(NOON.timestamp()) + 30), 30.0),
        (str(int(NOON.timestamp()) - 30), 0.0),
        ("2026-11-22T12:00:30Z", 30.0),
        ("2026-11-22T12:00:30", 30.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("2026-11-22T11:00:00Z", 0.0),
        ("-5", None),
        ("nan", None),
        ("1e300", None),
        ("9999-01-01T00:00:00Z", None),
        ("Sun, 22 Nov 99999999999 12:00:30 GMT", None),
        ("tomorrow", None),
    ],
)
def test_a_reset_is_read_in_any_form_or_left_out(text, expected):
    headers = {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": text}

    assert rate_signal(headers, noon).requests == Quota(1, None, expected)


@pytest.mark.parametrize("remaining", ["-1", "many", "", "1.5", "nan", "9" * 5000, "\u0665"])
def test_a_count_that_is_none_is_left_out(remaining):
    headers = {"x-ratelimit-limit-tokens": "60", "x-ratelimit-remaining-tokens": remaining}

    assert rate_signal(headers, noon) is None


def test_nothing_left_of_nothing_is_no_count():
    assert rate_signal({"x-ratelimit-limit-requests": "0", "x-ratelimit-remaining-requests": "0"}, noon) is None


def test_a_spelling_without_sense_gives_way_to_the_next():
    headers = {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-remaining": "7", "x-ratelimit-limit": "lots"}

    assert rate_signal(headers, noon) == RateSignal(requests=Quota(7))


NAMES = st.sampled_from(
    ["date", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit", "anthropic-ratelimit-tokens-remaining"]
)
VALUES = st.text() | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str)


@given(st.dictionaries(NAMES, VALUES))
def test_any_headers_are_a_signal_or_none(headers):
    signal = rate_signal(headers, noon)

    assert signal is None or (signal.requests or signal.tokens).remaining >= 0


def test_the_counts_at_zero_say_when_to_go_on():
    rate = RateSignal(requests=Quota(5, 60, 60.0), tokens=Quota(0, 900, 7.0), input_tokens=Quota(0, 600, 9.0))

    assert exhausted_reset_s(rate) == 9.0
    assert exhausted_reset_s(RateSignal(requests=Quota(5, 60, 60.0), tokens=Quota(0))) is None
    assert exhausted_reset_s(None) is None


def test_headers_become_a_dictionary_with_names_in_lower_case():
    assert lowered([(b"Retry-After", b"7"), (b"X-Name", "é".encode("latin-1"))]) == {"retry-after": "7", "x-name": "é"}
