"""Gemini: what goes out to the letter, and what an answer becomes."""

from __future__ import annotations

import pytest

from harness.errors import AuthenticationFailed, QuotaExhausted, RateLimitedError
from harness.schema import FinishReason, LogprobsSpec, Message, SamplingParams, Usage


@pytest.fixture
def wire(wires):
    return wires["gemini"]


@pytest.fixture
def answered(wire, server, connect, ask, reply):
    """Generate against an answer that differs from the plain one by `facts`."""

    async def generate(request=None, **facts):
        server.script(reply(wire.plain | facts))
        return await connect(wire, server.url).generate(request or ask(wire))

    return generate


@pytest.fixture
def candidate(answered, wire):
    """Generate against an answer whose one candidate differs by `facts`."""

    async def generate(request=None, **facts):
        return await answered(request, candidates=[wire.plain["candidates"][0] | facts])

    return generate


async def test_the_request_is_what_the_variant_asks_for(wire, server, answered, ask, key):
    request = ask(
        wire,
        {"system": "Be brief."},
        sampling=SamplingParams(0.7, 99, 0.9, 40, ("END",)),
        logprobs=LogprobsSpec(top=3),
        extra_body={"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}},
    )

    done = await answered(request)

    (seen,) = server.seen
    assert seen.path == "/v1beta/models/gemini-3.5-flash:generateContent"
    assert seen.headers["x-goog-api-key"] == key
    assert seen.body == {
        "contents": [{"role": "user", "parts": [{"text": "question 0"}]}],
        "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "temperature": 0.7,
            "topP": 0.9,
            "topK": 40,
            "maxOutputTokens": 99,
            "stopSequences": ["END"],
            "seed": request.seed,
            "responseLogprobs": True,
            "logprobs": 3,
            "thinkingConfig": {"thinkingLevel": "low"},
        },
    }
    assert done.sent == {
        "temperature": 0.7,
        "max_tokens": 99,
        "seed": request.seed,
        "top_p": 0.9,
        "top_k": 40,
        "stop": ["END"],
    }


async def test_what_is_not_set_is_not_sent(wire, server, answered, ask):
    done = await answered(ask(wire, sampling=SamplingParams(None, 64), run_seed=None))

    assert server.seen[0].body["generationConfig"] == {"maxOutputTokens": 64}
    assert done.sent["temperature"] is None
    assert done.sent["seed"] is None


async def test_extra_body_has_the_last_word_and_the_record_says_so(wire, server, answered, ask):
    done = await answered(ask(wire, extra_body={"generationConfig": {"temperature": 1.5}}))

    assert server.seen[0].body["generationConfig"]["temperature"] == 1.5
    assert done.sent["temperature"] == 1.5


async def test_the_assistant_is_called_model(wire, server, answered, ask):
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))

    await answered(ask(wire, {"messages": turns}))

    assert [turn["role"] for turn in server.seen[0].body["contents"]] == ["user", "model", "user"]


async def test_an_answer_carries_its_provenance(answered):
    done = await answered()

    assert done.text == "Hello."
    assert done.model_version == "gemini-3.5-flash-served"
    assert done.request_id == "resp_1"
    assert done.rate is None


async def test_thoughts_are_kept_apart_from_the_text_and_counted_in_the_output(answered):
    parts = [{"text": "Hm. ", "thought": True}, {"text": "One, "}, {"text": "two."}]
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 44,
        "cachedContentTokenCount": 2,
    }

    done = await answered(
        candidates=[{"content": {"parts": parts}, "finishReason": "STOP"}],
        usageMetadata=usage,
    )

    assert (done.thinking, done.text) == ("Hm. ", "One, two.")
    assert done.usage == Usage(input=10, output=34, total=44, cached_input=2, thinking=30)


async def test_an_answer_left_empty_by_thinking_is_a_result(answered):
    done = await answered(
        candidates=[{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}],
        usageMetadata={"promptTokenCount": 10, "thoughtsTokenCount": 64, "totalTokenCount": 74},
    )

    assert (done.text, done.finish_reason) == ("", FinishReason.LENGTH)
    assert done.usage == Usage(input=10, output=64, total=74, thinking=64)


async def test_a_blocked_prompt_is_a_result(answered):
    done = await answered(candidates=None, promptFeedback={"blockReason": "PROHIBITED_CONTENT"})

    assert (done.text, done.finish_reason) == ("", FinishReason.CONTENT_FILTER)
    assert done.finish_detail == "blockReason PROHIBITED_CONTENT"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("RECITATION", FinishReason.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", FinishReason.CONTENT_FILTER),
        ("MALFORMED_RESPONSE", FinishReason.OTHER),
        ("A_WORD_OF_NEXT_YEAR", FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
async def test_finish_reasons_are_sorted_and_kept(candidate, word, reason):
    done = await candidate(finishReason=word)

    assert (done.finish_reason, done.finish_detail) == (reason, word)


async def test_a_continuation_token_is_not_followed(candidate, server):
    done = await candidate(finishReason="CONTINUATION", continuationToken="dG9rZW4=")

    assert done.finish_reason is FinishReason.LENGTH
    assert len(server.seen) == 1


LOGPROBS = {
    "chosenCandidates": [
        {"token": "Hel", "tokenId": 7, "logProbability": -0.1},
        {"token": "lo", "tokenId": 8, "logProbability": -0.2},
    ],
    "topCandidates": [
        {
            "candidates": [
                {"token": "Hel", "tokenId": 7, "logProbability": -0.1},
                {"token": "Hi", "tokenId": 9, "logProbability": -2.5},
            ]
        }
    ],
}


async def test_logprobs_come_with_their_ids(wire, candidate, ask):
    done = await candidate(ask(wire, logprobs=LogprobsSpec()), logprobsResult=LOGPROBS)

    first, second = done.token_logprobs
    assert done.logprobs_of == "provider"
    assert (first.token, first.token_id, first.logprob, first.raw_logprob) == ("Hel", 7, -0.1, None)
    assert (first.top_tokens, first.top_token_ids, first.top_logprobs) == (("Hel", "Hi"), (7, 9), (-0.1, -2.5))
    assert (second.token_position, second.token, second.top_tokens) == (1, "lo", ())


async def test_logprobs_end_after_the_positions_asked_for(wire, candidate, ask):
    done = await candidate(ask(wire, logprobs=LogprobsSpec(top=1, positions=1)), logprobsResult=LOGPROBS)

    (only,) = done.token_logprobs
    assert only.top_tokens == ("Hel",)


async def test_an_answer_without_the_logprobs_asked_for_is_an_answer(wire, answered, ask):
    done = await answered(ask(wire, logprobs=LogprobsSpec()))

    assert (done.token_logprobs, done.logprobs_of) == (None, None)


def quota(quota_id: str) -> list[dict]:
    return [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id}]}]


def retry_in(delay: str) -> list[dict]:
    return [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        (429, retry_in("17s"), RateLimitedError),
        (503, retry_in("17s"), RateLimitedError),
        (429, quota("GenerateRequestsPerMinutePerProject"), RateLimitedError),
        (429, quota("GenerateRequestsPerDayPerProjectPerModel"), QuotaExhausted),
        (400, [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}], AuthenticationFailed),
    ],
)
async def test_the_details_of_an_error_decide(talk, reply, status, details, expected):
    error = await talk.failure(reply({"error": {"code": status, "message": "no", "details": details}}, status))

    assert type(error) is expected
    assert error.retry_after_s == (17.0 if details == retry_in("17s") else None)


async def test_an_error_wrapped_in_a_list_is_read_too(talk, reply):
    error = await talk.failure(reply([{"error": {"message": "slow down", "details": retry_in("0.5s")}}], 429))

    assert "slow down" in error.message
    assert error.retry_after_s == 0.5
