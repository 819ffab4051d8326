"""Every fault through the three real clients: each becomes the error or the result that the table of faults asks for."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from harness.errors import (
    AuthenticationFailed,
    ModelUnavailable,
    ProviderError,
    QuotaExhausted,
    RateLimitedError,
    RejectedError,
    TransientError,
)
from harness.provider import Endpoint
from harness.schema import FinishReason, ProviderType, SamplingParams
from harness.simulator import SimulatorServer, SimulatorSettings
from harness.simulator.faults import KINDS, Fault, Nature

KEY = "planted-key-3f9a1c"
EVERY = ("claude", "gemini", "openai")


@dataclass(frozen=True)
class Wire:
    """One wire format: how its provider is made and aimed."""

    type: ProviderType
    model: str
    version_path: str
    make: Any


def wire_of(name):
    from harness.providers.anthropic import ClaudeProvider
    from harness.providers.gemini import GeminiProvider
    from harness.providers.openai_compatible import OpenAICompatibleProvider

    return {
        "claude": Wire(ProviderType.CLAUDE, "claude-sonnet-4-6", "", ClaudeProvider),
        "gemini": Wire(ProviderType.GEMINI, "gemini-3.5-flash", "", GeminiProvider),
        "openai": Wire(ProviderType.OPENAI, "served-model", "/v1", OpenAICompatibleProvider),
    }[name]


@dataclass(frozen=True)
class Outcome:
    """What one attempt came to, and what the simulator counted meanwhile."""

    result: Any
    requests: int
    by_fault: dict


@pytest.fixture
def attempt(make_variant, make_requests):
    """Asks a simulator that does nothing but `word` once, through the provider of a wire format."""

    async def ask(name, word, **endpoint):
        wire = wire_of(name)
        settings = SimulatorSettings(faults={word: 1}, refusal_share=0, long_share=0)
        given = {"api_key": SecretStr(KEY), "key_name": "SOME_API_KEY", "timeout_s": 10.0, "simulated": True}
        variant = make_variant("v", provider=wire.type, model=wire.model, sampling=SamplingParams(0.5, 64))
        (request,) = make_requests(1, variant)
        async with SimulatorServer(settings) as server, contextlib.AsyncExitStack() as stack:
            provider = wire.make(Endpoint(server.url + wire.version_path, **(given | endpoint)), wire.model)
            stack.push_async_callback(provider.aclose)
            try:
                result = await provider.generate(request)
            except ProviderError as exc:
                result = exc
            counts = server.counts()
        return Outcome(result, counts.requests, dict(counts.by_fault))

    return ask


@dataclass(frozen=True)
class Expected:
    """An error: its class, the status that it carries and the seconds that the provider asks to wait."""

    error: type[ProviderError]
    status: int | None = None
    wait_s: float | None = None


ERRORS = {
    "429:seconds=7": Expected(RateLimitedError, 429, 7.0),
    "429-date:seconds=90": Expected(RateLimitedError, 429, 90.0),
    "429-ms:seconds=0.25": Expected(RateLimitedError, 429, 0.25),
    "429-bare": Expected(RateLimitedError, 429),
    "529:seconds=7": {
        "claude": Expected(RateLimitedError, 529, 7.0),
        "gemini": Expected(RateLimitedError, 503, 7.0),
        "openai": Expected(RateLimitedError, 503, 7.0),
    },
    "529": {
        "claude": Expected(RateLimitedError, 529),
        "gemini": Expected(TransientError, 503),
        "openai": Expected(TransientError, 503),
    },
    "503:seconds=7": Expected(RateLimitedError, 503, 7.0),
    "503": Expected(TransientError, 503),
    "500": Expected(TransientError, 500),
    "502": Expected(TransientError, 502),
    "504": Expected(TransientError, 504),
    "408": Expected(TransientError, 408),
    "409": Expected(TransientError, 409),
    "307": Expected(ModelUnavailable, 307),
    "400": Expected(RejectedError, 400),
    "413": Expected(RejectedError, 413),
    "422": Expected(RejectedError, 422),
    "401": Expected(AuthenticationFailed, 401),
    "403": Expected(AuthenticationFailed, 403),
    "bad-key": {
        "claude": Expected(AuthenticationFailed, 401),
        "gemini": Expected(AuthenticationFailed, 400),
        "openai": Expected(AuthenticationFailed, 401),
    },
    "404": Expected(ModelUnavailable, 404),
    "402": Expected(QuotaExhausted, 402),
    "quota": {
        "claude": Expected(QuotaExhausted, 400),
        "gemini": Expected(QuotaExhausted, 429),
        "openai": Expected(QuotaExhausted, 429),
    },
    "reset": Expected(TransientError),
    "reset-body": Expected(TransientError),
    "short": Expected(TransientError),
    "html": Expected(TransientError, 200),
    "empty-object": Expected(TransientError, 200),
    "error-body": Expected(TransientError, 200),
    "empty-body": Expected(TransientError, 200),
    "truncated": Expected(TransientError, 200),
    "bad-utf8": Expected(TransientError, 200),
}
RESULTS = {
    "blocked": {
        "claude": FinishReason.REFUSAL,
        "gemini": FinishReason.CONTENT_FILTER,
        "openai": FinishReason.CONTENT_FILTER,
    },
    "refusal": {
        "claude": FinishReason.REFUSAL,
        "gemini": FinishReason.CONTENT_FILTER,
        "openai": FinishReason.REFUSAL,
    },
    "empty-answer": dict.fromkeys(EVERY, FinishReason.LENGTH),
    "cut": dict.fromkeys(EVERY, FinishReason.LENGTH),
}
UNENDING = ("hang", "drip", "huge")


def test_every_fault_is_put_to_the_providers():
    tried = {word.partition(":")[0] for word in (*ERRORS, *RESULTS, *UNENDING)}
    assert tried == set(KINDS)
    assert {kind for kind in KINDS if Fault(kind).nature is Nature.ANSWERED} == set(RESULTS)


@pytest.mark.parametrize("word", ERRORS)
@pytest.mark.parametrize("name", EVERY)
async def test_an_error_has_its_class_its_status_and_its_hint_after_one_request(attempt, name, word):
    wanted = ERRORS[word]
    expected = wanted if isinstance(wanted, Expected) else wanted[name]
    outcome = await attempt(name, word)
    error = outcome.result
    assert (type(error), error.status, error.retry_after_s) == (expected.error, expected.status, expected.wait_s)
    assert KEY not in str(error)
    assert error.sent
    assert (outcome.requests, outcome.by_fault) == (1, {word.partition(":")[0]: 1})


@pytest.mark.parametrize("word", RESULTS)
@pytest.mark.parametrize("name", EVERY)
async def test_what_is_no_error_is_a_result_with_its_finish_reason(attempt, name, word):
    outcome = await attempt(name, word)
    done = outcome.result
    assert done.finish_reason is RESULTS[word][name]
    assert outcome.requests == 1
    if word in {"blocked", "empty-answer"}:
        assert done.text == ""
    if word == "empty-answer":
        assert done.usage.output > 0
    if word == "cut":
        assert done.text.startswith("Simulated answer")


@pytest.mark.parametrize("name", EVERY)
async def test_an_enormous_body_is_given_up_at_the_byte_cap(attempt, name):
    outcome = await attempt(name, "huge:mib=64", max_body_bytes=1024 * 1024)
    assert type(outcome.result) is TransientError
    assert "more than 1048576 bytes" in str(outcome.result)
    assert outcome.requests == 1


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("word", ["hang", "drip:interval_ms=5"])
async def test_what_never_ends_is_cut_by_the_callers_deadline_and_leaves_a_client_that_works(
    make_variant, make_requests, name, word
):
    import anyio

    wire = wire_of(name)
    script = [{"sequence": [word]}]
    settings = SimulatorSettings(fault_script=script, refusal_share=0, long_share=0)
    variant = make_variant("v", provider=wire.type, model=wire.model, sampling=SamplingParams(0.5, 64))
    (request,) = make_requests(1, variant)
    async with SimulatorServer(settings) as server, contextlib.AsyncExitStack() as stack:
        endpoint = Endpoint(server.url + wire.version_path, SecretStr(KEY), simulated=True, connections=1)
        provider = wire.make(endpoint, wire.model)
        stack.push_async_callback(provider.aclose)
        with anyio.move_on_after(0.15) as deadline:
            await provider.generate(request)
        assert deadline.cancelled_caught
        assert (await provider.generate(request)).text.startswith("Simulated answer")
        counts = server.counts()
        assert (counts.requests, counts.abandoned, counts.answered) == (2, 1, 1)
        assert list(counts.by_item.values()) == [2]


@pytest.mark.parametrize(
    ("name", "word", "heals"),
    [
        ("claude", "quota", None),
        ("claude", "402", None),
        ("claude", "quota:seconds=3600", (3590, 3670)),
        ("gemini", "quota", (0, 25 * 3600)),
        ("gemini", "quota:seconds=34", (34, 34)),
        ("openai", "quota", None),
    ],
)
async def test_an_exhausted_quota_says_whether_time_heals_it(attempt, name, word, heals):
    error = (await attempt(name, word)).result
    assert type(error) is QuotaExhausted
    if heals is None:
        assert error.heals_after_s is None
    else:
        low, high = heals
        assert low <= error.heals_after_s <= high


async def test_a_request_above_a_minutes_tokens_is_openais_to_reject(make_variant, make_requests):
    wire = wire_of("openai")
    variant = make_variant("v", provider=wire.type, model=wire.model, sampling=SamplingParams(0.5, 64))
    (request,) = make_requests(1, variant)
    async with SimulatorServer(SimulatorSettings(input_tokens_per_minute=1)) as server:
        provider = wire.make(Endpoint(f"{server.url}/v1", SecretStr(KEY), simulated=True), wire.model)
        with pytest.raises(RejectedError, match="Request too large"):
            await provider.generate(request)
        await provider.aclose()
