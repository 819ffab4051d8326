"""Refusals as they come over the wire: the status, the provider's form and words, and the hint."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from harness.simulator import SimulatorSettings
from harness.simulator.fault_words import decimal
from harness.simulator.faults import KINDS, Fault, Nature

# status, Anthropic's error.type, Google's error.status, OpenAI's (error.type, error.code); and a part of the message.
REFUSALS = {
    "429": (429, "rate_limit_error", "RESOURCE_EXHAUSTED", ("requests", "rate_limit_exceeded")),
    "429-date": (429, "rate_limit_error", "RESOURCE_EXHAUSTED", ("requests", "rate_limit_exceeded")),
    "429-ms": (429, "rate_limit_error", "RESOURCE_EXHAUSTED", ("requests", "rate_limit_exceeded")),
    "429-bare": (429, "rate_limit_error", "RESOURCE_EXHAUSTED", ("requests", "rate_limit_exceeded")),
    "503": (503, "api_error", "UNAVAILABLE", ("server_error", None)),
    "500": (500, "api_error", "INTERNAL", ("server_error", "server_error")),
    "504": (504, "timeout_error", "DEADLINE_EXCEEDED", ("server_error", None)),
    "408": (408, "timeout_error", "CANCELLED", ("timeout", None)),
    "409": (409, "conflict_error", "ABORTED", ("conflict_error", None)),
    "400": (400, "invalid_request_error", "INVALID_ARGUMENT", ("invalid_request_error", None)),
    "401": (401, "authentication_error", "UNAUTHENTICATED", ("invalid_request_error", "invalid_api_key")),
    "402": (402, "billing_error", "FAILED_PRECONDITION", ("unknown_error", "invalid_request_error")),
    "403": (
        403,
        "permission_error",
        "PERMISSION_DENIED",
        ("request_forbidden", "unsupported_country_region_territory"),
    ),
    "404": (404, "not_found_error", "NOT_FOUND", ("invalid_request_error", "model_not_found")),
    "413": (413, "request_too_large", "INVALID_ARGUMENT", ("invalid_request_error", None)),
    "422": (422, "invalid_request_error", "INVALID_ARGUMENT", ("invalid_request_error", None)),
}
HINTED = {"429", "429-date", "429-ms", "429-bare", "503", "529", "quota"}
START = 1_800_000_000


@pytest.fixture
def refused(simulator, http, form):
    """What comes back, in the format of the test, from a simulator that does nothing but `word`."""

    async def ask(word):
        server = await simulator(SimulatorSettings(faults={word: 1}))
        return await form.ask(http, server)

    return ask


def details(response):
    """Google's details, by the last part of their type."""
    return {detail["@type"].rpartition(".")[2]: detail for detail in response.json()["error"].get("details", [])}


def hints(response):
    return {name for name in ("retry-after", "retry-after-ms") if name in response.headers}


def test_the_table_of_this_file_is_complete():
    refusals = {kind for kind in KINDS if Fault(kind).nature is Nature.REFUSED}
    assert refusals == set(REFUSALS) | {"529", "502", "307", "bad-key", "quota"}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_refusal_has_the_providers_form(refused, form, kind):
    status, claude, gemini, openai = REFUSALS[kind]
    response = await refused(kind)
    error = response.json()["error"]
    assert response.status_code == status
    assert response.headers["x-harness-simulator"] == "1"
    assert error["message"]
    assert "{" not in error["message"]
    match form.name:
        case "claude":
            assert error["type"] == claude
            assert response.json()["request_id"] == response.headers["request-id"]
        case "gemini":
            assert (error["code"], error["status"]) == (status, gemini)
        case "openai":
            assert (error["type"], error["code"]) == openai
            assert response.headers["x-request-id"]


@pytest.mark.parametrize("kind", sorted(set(REFUSALS) - HINTED))
async def test_what_is_no_matter_of_waiting_has_no_hint(refused, form, kind):
    response = await refused(kind)
    assert not hints(response)
    assert form.name != "gemini" or "RetryInfo" not in details(response)


@pytest.mark.parametrize("word", ["429:seconds=17", "429:seconds=0.25", "503:seconds=17", "529:seconds=17"])
async def test_a_hint_in_seconds_is_a_header_or_googles_retry_info(refused, form, word):
    seconds = word.rpartition("=")[2]
    response = await refused(word)
    if form.name == "gemini":
        assert details(response)["RetryInfo"]["retryDelay"] == f"{seconds}s"
        assert not hints(response)
    else:
        assert response.headers["retry-after"] == seconds
        assert "retry-after-ms" not in response.headers


async def test_a_hint_may_be_a_date_to_be_read_against_the_answers_own(refused):
    response = await refused("429-date:seconds=90")
    served, until = (parsedate_to_datetime(response.headers[name]) for name in ("date", "retry-after"))
    assert (until - served).total_seconds() == 90
    assert served.timestamp() == START


async def test_a_hint_may_be_in_milliseconds_beside_whole_seconds(refused):
    response = await refused("429-ms:seconds=1.25")
    assert (response.headers["retry-after-ms"], response.headers["retry-after"]) == ("1250", "2")


@pytest.mark.parametrize("word", ["429-bare", "503", "529"])
async def test_a_hint_may_be_absent(refused, form, word):
    response = await refused(word)
    assert not hints(response)
    assert form.name != "gemini" or "RetryInfo" not in details(response)


async def test_only_claude_has_a_529(refused, form):
    response = await refused("529")
    assert response.status_code == (529 if form.name == "claude" else 503)
    assert "verloaded" in response.json()["error"]["message"]


async def test_502_is_a_proxys_page(refused):
    response = await refused("502")
    assert response.status_code == 502
    assert response.headers["content-type"].startswith("text/html")
    assert response.text.startswith("<!DOCTYPE html>")


async def test_307_points_where_it_is_told_and_by_default_at_nobody(refused):
    assert (await refused("307")).headers["location"] == "http://127.0.0.1:9/"
    response = await refused("307:to=http://127.0.0.1:12345/v1?a=b")
    assert (response.status_code, response.headers["location"]) == (307, "http://127.0.0.1:12345/v1?a=b")


async def test_a_bad_key_is_put_as_the_provider_puts_it(refused, form):
    response = await refused("bad-key")
    assert response.status_code == (400 if form.name == "gemini" else 401)
    if form.name == "gemini":
        assert details(response)["ErrorInfo"]["reason"] == "API_KEY_INVALID"


async def test_an_unknown_model_is_named(refused, form):
    message = (await refused("404")).json()["error"]["message"]
    named = {"claude": "model: m", "gemini": "models/m is not found", "openai": "The model `m` does not exist"}
    assert message.startswith(named[form.name])


async def test_an_empty_account_is_put_as_the_provider_puts_it(refused, form):
    response = await refused("quota")
    error = response.json()["error"]
    match form.name:
        case "claude":
            assert (response.status_code, error["type"]) == (400, "invalid_request_error")
            assert error["message"].startswith("Your credit balance is too low")
        case "gemini":
            assert response.status_code == 429
            assert "PerDay" in details(response)["QuotaFailure"]["violations"][0]["quotaId"]
        case "openai":
            assert (response.status_code, error["type"], error["code"]) == (
                429,
                "insufficient_quota",
                "insufficient_quota",
            )


async def test_claudes_limit_of_spending_may_say_when_it_is_over(simulator, http, forms):
    server = await simulator(SimulatorSettings(faults={"quota:seconds=90": 1}))
    message = (await forms["claude"].ask(http, server)).json()["error"]["message"]
    # 1 800 000 000 is 08:00:00 UTC of that day.
    assert message.endswith("You will regain access on 2027-01-15 at 08:02 UTC.")


async def test_googles_day_quota_comes_with_and_without_a_retry_info(simulator, http, forms):
    for word, delay in (("quota", None), ("quota:seconds=34", "34s")):
        server = await simulator(SimulatorSettings(faults={word: 1}))
        found = details(await forms["gemini"].ask(http, server))
        assert found.get("RetryInfo", {}).get("retryDelay") == delay


async def test_googles_minute_quota_names_itself(simulator, http, forms):
    server = await simulator(SimulatorSettings(faults={"429": 1}))
    violation = details(await forms["gemini"].ask(http, server))["QuotaFailure"]["violations"][0]
    assert "PerMinute" in violation["quotaId"]


@pytest.mark.parametrize(("number", "text"), [(17, "17"), (0.1, "0.1"), (86_400, "86400"), (0, "0"), (1e-9, "0")])
def test_decimals_have_no_exponent(number, text):
    assert decimal(number) == text
