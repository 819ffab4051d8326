"""How a refusal or a break is judged, beyond what the real clients are put through in test_boundary."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harness.errors import ModelUnavailable, ProviderError, QuotaExhausted, RejectedError, TransientError
from harness.provider import Endpoint
from harness.providers.failures import Failures
from harness.providers.guards import BodyTooLongError

ENDPOINT = Endpoint("https://api.example.com", SecretStr("planted-key-3f9a1c"), key_name="EXAMPLE_KEY")
FAILURES = Failures("Example", "model-1", ENDPOINT)


def refused(status: int, error: object) -> ProviderError:
    return FAILURES.refused(status, {}, json.dumps(error).encode())


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
    ],
)
def test_an_account_without_credit_parks_the_lane(status, error):
    assert type(refused(status, error)) is QuotaExhausted


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
