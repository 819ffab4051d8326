"""Chat completions: what goes out to the letter, and what an answer becomes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import QuotaExhausted, RateLimitedError, TransientError
from harness.schema import FinishReason, LogprobsSpec, Message, Quota, RateSignal, SamplingParams, Usage


@pytest.fixture
def wire(wires):
    return wires["openai"]


@pytest.fixture
def answered(wire, server, connect, ask, reply):
    """Generate against an answer that differs from the plain one by `facts`."""

    async def generate(request=None, headers=None, **facts):
        server.script(reply(wire.plain | facts, headers=headers or {}))
        return await connect(wire, server.url).generate(request or ask(wire))

    return generate


@pytest.fixture
def choice(answered, wire):
    """Generate against an answer whose one choice differs by `facts`."""

    async def generate(request=None, **facts):
        return await answered(request, choices=[wire.plain["choices"][0] | facts])

    return generate


async def test_the_request_is_what_the_variant_asks_for(wire, server, answered, ask, key):
    request = ask(
        wire,
        {"system": "Be brief."},
        sampling=SamplingParams(0.7, 99, 0.9, 40, ("END",)),
        logprobs=LogprobsSpec(top=3),
        extra_body={"user": "u"},
    )

    done = await answered(request)

    (seen,) = server.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {key}"
    assert seen.body == {
        "model": "served-model",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "question 0"}],
        "max_tokens": 99,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 40,
        "stop": ["END"],
        "seed": request.seed,
        "logprobs": True,
        "top_logprobs": 3,
        "user": "u",
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

    assert set(server.seen[0].body) == {"model", "messages", "max_tokens"}
    assert done.sent["seed"] is None


async def test_an_endpoint_without_a_key_gets_none(wire, server, connect, ask, reply):
    server.script(reply(wire.plain))

    await connect(wire, server.url, api_key=None).generate(ask(wire))

    assert "authorization" not in server.seen[0].headers


async def test_a_reasoning_model_gets_its_own_name_for_the_bound(wire, server, connect, ask, reply):
    server.script(reply(wire.plain))
    reasoning = replace(wire, model="gpt-5.4-mini")

    done = await connect(reasoning, server.url).generate(ask(reasoning, sampling=SamplingParams(None, 77)))

    assert server.seen[0].body["max_completion_tokens"] == 77
    assert "max_tokens" not in server.seen[0].body
    assert done.sent["max_tokens"] == 77


async def test_extra_body_has_the_last_word_and_the_record_says_so(wire, server, answered, ask):
    done = await answered(ask(wire, extra_body={"temperature": 1.5}))

    assert server.seen[0].body["temperature"] == 1.5
    assert done.sent["temperature"] == 1.5


async def test_what_only_some_servers_know_goes_through_extra_body_into_the_record(wire, server, answered, ask):
    done = await answered(ask(wire, extra_body={"min_p": 0.1, "repetition_penalty": 1.2}))

    assert (server.seen[0].body["min_p"], done.sent["min_p"], done.sent["repetition_penalty"]) == (0.1, 0.1, 1.2)


async def test_turns_go_out_in_order(wire, server, answered, ask):
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))

    await answered(ask(wire, {"messages": turns}))

    assert [turn["content"] for turn in server.seen[0].body["messages"]] == ["a", "b", "c"]


async def test_an_answer_carries_its_provenance(answered):
    done = await answered(headers={"x-request-id": "req_9"}, system_fingerprint="fp_1")

    assert done.text == "Hello."
    assert done.model_version == "served"
    assert done.request_id == "req_9"
    assert done.runtime == {"system_fingerprint": "fp_1"}


async def test_usage_is_read_with_its_details(answered):
    done = await answered(
        usage={
            "prompt_tokens": 10,
            "completion_tokens": 50,
            "total_tokens": 60,
            "prompt_tokens_details": {"cached_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 40},
        }
    )

    assert done.usage == Usage(input=10, output=50, total=60, cached_input=8, thinking=40)


async def test_an_answer_without_usage_is_an_answer(answered):
    assert (await answered(usage=None)).usage == Usage(None, None, None)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_is_kept_apart_from_the_text(choice, name):
    done = await choice(message={"role": "assistant", "content": "Two.", name: "Hm."})

    assert (done.thinking, done.text) == ("Hm.", "Two.")


async def test_content_in_parts_is_joined(choice):
    parts = [{"type": "text", "text": "One, "}, {"type": "image"}, {"type": "text", "text": "two."}]

    assert (await choice(message={"content": parts})).text == "One, two."


async def test_null_content_after_the_bound_is_a_result(choice):
    done = await choice(message={"content": None}, finish_reason="length")

    assert (done.text, done.finish_reason) == ("", FinishReason.LENGTH)


async def test_a_refusal_in_its_own_field_is_a_refusal(choice):
    done = await choice(message={"content": None, "refusal": "I cannot help."}, finish_reason="stop")

    assert (done.text, done.finish_reason) == ("I cannot help.", FinishReason.REFUSAL)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"finish_reason": "stop"}, FinishReason.STOP),
        ({"finish_reason": "stop", "stop_reason": "END"}, FinishReason.STOP_SEQUENCE),
        ({"finish_reason": "length"}, FinishReason.LENGTH),
        ({"finish_reason": "content_filter"}, FinishReason.CONTENT_FILTER),
        ({"finish_reason": "tool_calls"}, FinishReason.TOOL_USE),
        ({"finish_reason": "a_word_of_next_year"}, FinishReason.OTHER),
        ({"finish_reason": None}, FinishReason.OTHER),
    ],
)
async def test_finish_reasons_are_sorted_and_kept(choice, facts, reason):
    done = await choice(**facts)

    assert (done.finish_reason, done.finish_detail) == (reason, facts["finish_reason"])


@pytest.mark.parametrize(
    "facts",
    [
        {"choices": []},
        {"choices": None},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": 7}}]},
        {"choices": [{"message": {"content": ""}, "finish_reason": "error"}]},
    ],
)
async def test_wrong_shapes_are_no_answer(answered, facts):
    with pytest.raises(TransientError, match="instead of an answer"):
        await answered(**facts)


@pytest.mark.parametrize(
    ("code", "expected"), [(429, RateLimitedError), (502, TransientError), ("strange", TransientError)]
)
async def test_an_error_inside_a_choice_is_judged_by_its_code(choice, code, expected):
    broken = {"message": {"content": "Hal"}, "finish_reason": "error", "error": {"code": code, "message": "upstream"}}

    with pytest.raises(expected, match="upstream") as caught:
        await choice(**broken)

    assert type(caught.value) is expected


async def test_an_error_that_vllm_wraps_in_no_object_is_judged_too(wire, server, connect, ask, reply):
    server.script(reply({"object": "error", "message": "engine is full", "code": 503}))

    with pytest.raises(TransientError, match=r"answered 200 .* with error 503 \(engine is full\)"):
        await connect(wire, server.url).generate(ask(wire))


async def test_logprobs_are_ranked_and_end_where_asked(wire, choice, ask):
    alternatives = [
        {"token": "Hi", "logprob": -2.5},
        {"token": "Hel", "logprob": -0.1},
        {"token": "Yo", "logprob": None},
    ]
    content = [{"token": "Hel", "logprob": -0.1, "top_logprobs": alternatives}] * 3

    done = await choice(ask(wire, logprobs=LogprobsSpec(top=5, positions=2)), logprobs={"content": content})

    first, _second = done.token_logprobs
    assert done.logprobs_of == "provider"
    assert (first.token, first.token_id, first.logprob, first.raw_logprob) == ("Hel", None, -0.1, None)
    assert (first.top_tokens, first.top_token_ids, first.top_logprobs) == (("Hel", "Hi"), None, (-0.1, -2.5))


async def test_token_ids_are_kept_where_a_server_gives_them(wire, choice, ask):
    entry = {"id": 7, "token": "a", "logprob": -0.1, "top_logprobs": [{"id": 7, "token": "a", "logprob": -0.1}]}

    done = await choice(ask(wire, logprobs=LogprobsSpec()), logprobs={"content": [entry]})

    assert done.token_logprobs[0].token_id == 7
    assert done.token_logprobs[0].top_token_ids == (7,)


async def test_logprobs_nobody_asked_for_are_not_recorded(choice):
    done = await choice(logprobs={"content": [{"token": "a", "logprob": -0.1}]})

    assert (done.token_logprobs, done.logprobs_of) == (None, None)


async def test_the_quota_is_read_from_the_headers(answered):
    done = await answered(
        headers={
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "6m0s",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "120ms",
        }
    )

    assert done.rate == RateSignal(requests=Quota(59, 60, 360.0), tokens=Quota(149984, None, 0.12))


async def test_an_empty_account_is_no_rate_limit(wire, server, connect, ask, reply):
    server.script(reply(wire.error("You exceeded your current quota", code="insufficient_quota"), 429))

    with pytest.raises(QuotaExhausted):
        await connect(wire, server.url).generate(ask(wire))
