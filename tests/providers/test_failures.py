"""How a refusal or a break is judged, beyond what the real clients are put through in test_boundary."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harness.errors import (
    AuthenticationFailed,
    ModelUnavailable,
    OfflineError,
    ProviderError,
    QuotaExhausted,
    RateLimitedError,
    RejectedError,
    TransientError,
)
from harness.provider import Endpoint
from harness.providers.failures import Failures
from harness.providers.guards import BodyTooLongError
from harness.schema import Quota, RateSignal

ENDPOINT = Endpoint("https://api.example.com", SecretStr("planted-key-3f9a1c"), key_name="EXAMPLE_KEY")
NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
FAILURES = Failures("Example", "model-1", ENDPOINT, lambda: NOON)


def refused(status: int, error: object, headers: dict[str, str] | None = None) -> ProviderError:
    return FAILURES.refused(status, headers or {}, json.dumps(error).encode())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"error": {"message": "Your credit balance is too low to access the Claude API."}}),
        (400, {"error": {"message": "You have reached your specified API usage limits."}}),
        (400, {"error": {"message": "x", "details": {"error_code": "enforced_spend_limit_reached"}}}),
        (402, {"error": {"message": "Payment required"}}),
        (403, {"error": {"type": "billing_error", "message": "x"}}),
        (429, {"error": {"code": "insufficient_quota", "message": "x"}}),
        (429, {"error": {"details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}]}}),
        (429, {"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-day. Add 10 credits"}}),
        (429, {"error": {"code": 429, "metadata": {"limit_source": "openrouter_free_tier_daily"}}}),
    ],
)
def test_an_account_without_credit_parks_the_lane(status, error):
    assert type(refused(status, error)) is QuotaExhausted


def test_a_quota_that_comes_back_by_itself_says_when():
    error = refused(400, {"error": {"message": "specified API usage limits. You will regain access on 2026-11-23"}})

    assert isinstance(error, QuotaExhausted)
    assert error.heals_after_s == 43_200
    assert "there again in 12:00:00, at 2026-11-23 00:00 UTC" in error.message


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (402, {"error": {"message": "Payment required"}}),
        (400, {"error": {"message": "Your credit balance is too low to access the Claude API."}}),
        (429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}),
    ],
)
def test_an_empty_account_asks_for_money_whatever_the_headers_say(status, error):
    refusal = refused(status, error, {"retry-after": "60"})

    assert isinstance(refusal, QuotaExhausted)
    assert refusal.heals_after_s is None
    assert "Add credit" in refusal.message


def test_a_refusal_carries_the_counts_of_its_headers():
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"}

    assert refused(429, {}, headers).rate == RateSignal(requests=Quota(0, None, 30.0))
    assert refused(402, {}, headers).rate == RateSignal(requests=Quota(0, None, 30.0))
    assert refused(500, {}).rate is None


def test_counts_that_openrouter_passes_on_in_the_body_are_read_there():
    reset = str(int(NOON.timestamp() + 41) * 1000)
    inside = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    error = {"error": {"code": 429, "message": "Rate limit exceeded", "metadata": {"headers": inside}}}

    refusal = refused(429, error)

    assert (type(refusal), refusal.retry_after_s) == (RateLimitedError, 41.0)
    assert refusal.rate == RateSignal(requests=Quota(0, 20, 41.0))


def test_the_words_of_the_provider_behind_a_gateway_are_quoted():
    error = {"error": {"message": "Provider returned error", "metadata": {"raw": "upstream is full"}}}

    assert "Provider returned error: upstream is full." in refused(502, error).message


def test_a_request_that_alone_exceeds_a_minutes_tokens_is_rejected_not_waited_for():
    words = "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 30601."

    error = refused(429, {"error": {"message": words, "type": "tokens", "code": "rate_limit_exceeded"}})

    assert type(error) is RejectedError
    assert "shorten the prompt" in error.message


def test_a_prompt_that_a_gateway_moderates_away_is_no_bad_key():
    error = {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["x"], "flagged_input": "..."}}}

    assert type(refused(403, error)) is RejectedError
    assert type(refused(403, {"error": {"message": "no access"}})) is AuthenticationFailed


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, TransientError),
        (401, TransientError),
        (402, QuotaExhausted),
        (404, TransientError),
        (429, RateLimitedError),
        ("429", RateLimitedError),
        ("rate_limit_exceeded", RateLimitedError),
        ("insufficient_quota", QuotaExhausted),
        (502, TransientError),
        (529, RateLimitedError),
    ],
)
def test_an_error_under_a_success_is_transient_unless_its_code_asks_for_a_wait(code, expected):
    error = FAILURES.inside({"error": {"code": code, "message": "no luck"}}, {})

    assert type(error) is expected
    assert error.status == 200
    assert re.search(r"answered 200 .*with error \d+.*no luck", error.message)


@pytest.mark.parametrize("code", [None, 200, 7, True, 4.5, "weird", [429], 10**30, "\u0664\u0662\u0669"])
def test_an_error_under_a_success_without_a_usable_code_is_no_answer(code):
    error = FAILURES.inside({"error": {"code": code, "message": "no luck"}}, {})

    assert (type(error), error.status) == (TransientError, 200)
    assert "instead of an answer" in error.message


def test_a_proxy_that_turns_the_connection_away_is_the_network():
    info = aiohttp.RequestInfo(None, "CONNECT", {}, None)

    error = FAILURES.unreachable(aiohttp.ClientHttpProxyError(info, (), status=407, message="Proxy auth required"))

    assert type(error) is OfflineError
    assert not error.sent


def test_the_word_credit_in_a_prompt_is_no_empty_account():
    assert type(refused(400, {"error": {"message": "messages: text about credit is too long"}})) is RejectedError


@pytest.mark.parametrize("status", [404, 405, 410])
def test_what_is_not_there_is_named_in_the_providers_words(status):
    error = refused(status, {"error": {"message": "model: model-1"}})

    assert type(error) is ModelUnavailable
    assert "model: model-1" in error.message


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the words"}},
        {"error": "the words"},
        {"message": "the words"},
        {"object": "error", "message": "the words", "code": 400},
        {"detail": "the words"},
        [{"error": {"message": "the words"}}],
    ],
)
def test_the_providers_words_are_found_where_servers_put_them(body):
    assert "the words" in refused(400, body).message


def test_a_page_is_not_quoted():
    error = FAILURES.refused(502, {}, b"<html><body>" + b"x" * 10_000)

    assert "an HTML page" in error.message
    assert len(error.message) < 300


def test_long_words_are_cut_and_put_on_one_line():
    error = refused(400, {"error": {"message": "line\nbreak\x00" + "x" * 10_000}})

    assert "line break" in error.message
    assert len(error.message) < 800


def test_a_key_across_the_cut_is_not_half_shown():
    error = refused(400, {"error": {"message": "x" * 490 + " planted-key-3f9a1c"}})

    assert "planted" not in error.message


def test_the_request_id_is_kept():
    assert FAILURES.refused(500, {"request-id": "req_1"}, b"").request_id == "req_1"


@given(st.integers(201, 599), st.binary(), st.text())
def test_any_status_body_and_target_is_some_error_of_the_tree(status, body, target):
    error = FAILURES.refused(status, {"location": f"http://{target}"}, body)

    assert isinstance(error, ProviderError)
    assert error.message.endswith(".")


KEYS = st.sampled_from(["error", "message", "details", "violations", "code", "type", "reason", "retryDelay"])
LEAVES = st.none() | st.integers() | st.text(max_size=9)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=9))
def test_any_json_in_an_error_body_is_judged(value):
    assert isinstance(refused(429, value), ProviderError)


@given(st.datetimes().map(lambda moment: f"{moment:%a, %d %b %Y %H:%M:%S} GMT") | st.text(), st.text())
def test_any_clock_of_a_server_gives_a_sentence(date, day):
    for words in (f"specified API usage limits. You will regain access on {day}", "quota"):
        error = {"error": {"message": words, "details": [{"violations": [{"quotaId": "PerDay"}]}]}}
        assert isinstance(refused(429, error, {"date": date}), QuotaExhausted)


def test_the_cause_decides_not_the_name_on_top():
    outermost = TimeoutError("ConnectTimeout")
    outermost.__cause__ = ConnectionRefusedError(111, "refused")

    error = FAILURES.unreachable(outermost)

    assert "cannot be reached at api.example.com" in error.message
    assert not error.sent


def test_a_body_over_the_limit_is_no_answer():
    error = FAILURES.unreachable(BodyTooLongError(1024))

    assert type(error) is TransientError
    assert "more than 1024 bytes" in error.message


def test_a_short_placeholder_key_does_not_black_out_words():
    local = Failures("Example", "m", Endpoint("http://127.0.0.1", SecretStr("ollama")))

    assert "ollama is busy" in local.refused(500, {}, b'{"error": "ollama is busy"}').message


def test_a_cause_that_quotes_the_key_is_dropped():
    quoting = RuntimeError("header planted-key-3f9a1c")
    silent = RuntimeError("header")

    assert FAILURES.cause(quoting) is None
    assert FAILURES.cause(silent) is silent
