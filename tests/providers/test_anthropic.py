"""Claude: what goes out to the letter, and what an answer becomes."""

from __future__ import annotations

import pytest

from harness.schema import FinishReason, LogprobsSpec, Message, Quota, RateSignal, SamplingParams, Usage


@pytest.fixture
def wire(wires):
    return wires["claude"]


@pytest.fixture
def answered(wire, server, connect, ask, reply):
    """Generate against an answer that differs from the plain one by `facts`."""

    async def generate(request=None, headers=None, **facts):
        server.script(reply(wire.plain | facts, headers=headers or {}))
        return await connect(wire, server.url).generate(request or ask(wire))

    return generate


async def test_sampling_goes_out_under_the_version_that_accepts_it(wire, server, answered, ask, key):
    sampling = SamplingParams(0.7, 99, top_k=40, stop=("END",))

    done = await answered(ask(wire, sampling=sampling, extra_body={"metadata": {"user_id": "u"}}))

    (seen,) = server.seen
    assert seen.path == "/v1/messages"
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert seen.headers["authorization"] == f"Bearer {key}"
    assert seen.body == {
        "model": "claude-sonnet-4-6",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "question 0"}],
        "stop_sequences": ["END"],
        "temperature": 0.7,
        "top_k": 40,
        "metadata": {"user_id": "u"},
    }
    assert done.sent == {
        "temperature": 0.7,
        "max_tokens": 99,
        "seed": None,
        "top_p": None,
        "top_k": 40,
        "stop": ["END"],
    }


async def test_what_is_not_set_is_not_sent(wire, server, answered, ask):
    done = await answered(ask(wire, sampling=SamplingParams(None, 64), logprobs=LogprobsSpec()))

    assert set(server.seen[0].body) == {"model", "max_tokens", "messages"}
    assert done.sent["temperature"] is None
    assert done.token_logprobs is None
    assert done.logprobs_of is None


async def test_turns_and_system_go_out_as_given(wire, server, answered, ask):
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))

    await answered(ask(wire, {"messages": turns, "system": "Be brief."}))

    assert server.seen[0].body["system"] == "Be brief."
    assert [turn["role"] for turn in server.seen[0].body["messages"]] == ["user", "assistant", "user"]


async def test_extra_body_has_the_last_word_and_the_record_says_so(wire, server, answered, ask):
    done = await answered(ask(wire, extra_body={"temperature": 1.0, "max_tokens": 7}))

    assert server.seen[0].body["temperature"] == 1.0
    assert (done.sent["temperature"], done.sent["max_tokens"]) == (1.0, 7)


async def test_an_answer_carries_its_provenance(answered):
    done = await answered(headers={"request-id": "req_9"})

    assert done.text == "Hello."
    assert done.model_version == "claude-sonnet-4-6-served"
    assert done.request_id == "req_9"


async def test_thinking_is_kept_apart_from_the_text(answered):
    blocks = [
        {"type": "thinking", "thinking": "Hm. ", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "One, "},
        {"type": "text", "text": "two."},
    ]

    done = await answered(content=blocks)

    assert (done.thinking, done.text) == ("Hm. ", "One, two.")


async def test_total_input_is_the_sum_of_fresh_written_and_cached(answered):
    done = await answered(
        usage={
            "input_tokens": 10,
            "cache_creation_input_tokens": 200,
            "cache_read_input_tokens": 3000,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 20},
        }
    )

    assert done.usage == Usage(input=3210, output=50, total=3260, cached_input=3000, thinking=20)


async def test_an_answer_without_usage_is_an_answer(answered):
    assert (await answered(usage=None)).usage == Usage(None, None, None)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("stop_sequence", FinishReason.STOP_SEQUENCE),
        ("tool_use", FinishReason.TOOL_USE),
        ("refusal", FinishReason.REFUSAL),
        ("pause_turn", FinishReason.OTHER),
        ("a_word_of_next_year", FinishReason.OTHER),
        (None, FinishReason.OTHER),
    ],
)
async def test_stop_reasons_are_sorted_and_kept(answered, word, reason):
    done = await answered(stop_reason=word)

    assert (done.finish_reason, done.finish_detail) == (reason, word)


async def test_a_refusal_without_a_word_is_a_result(answered):
    done = await answered(content=[], stop_reason="refusal")

    assert (done.text, done.finish_reason) == ("", FinishReason.REFUSAL)


async def test_the_quota_is_read_from_the_headers(answered):
    done = await answered(
        headers={
            "date": "Sun, 22 Nov 2026 12:00:00 GMT",
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": "2026-11-22T12:00:30Z",
        }
    )

    assert done.rate == RateSignal(requests=Quota(49, 50, 30.0))


async def test_a_lone_surrogate_does_not_cost_the_answer(wire, server, connect, ask, reply):
    body = b'{"type": "message", "content": [{"type": "text", "text": "a\\ud800b"}], "stop_reason": "end_turn"}'
    server.script(reply(body))

    assert (await connect(wire, server.url).generate(ask(wire))).text == "a\ud800b"
