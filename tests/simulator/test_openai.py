from __future__ import annotations

import math

import pytest

from harness.simulator import SimulatorSettings
from harness.simulator.answers import split
from harness.simulator.openai import _duration

PROMPT = "Which log sources show lateral movement?"


async def test_a_completion_has_its_whole_form(simulator, ask):
    response = await ask(await simulator(), PROMPT)
    body = response.json()
    choice = body["choices"][0]
    assert (body["object"], body["model"], body["created"]) == ("chat.completion", "m", 1_800_000_000)
    assert body["id"].startswith("chatcmpl-")
    assert choice["message"]["content"].startswith("Simulated answer: ")
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", None)
    assert response.headers["x-request-id"].startswith("req_")
    assert not any(name.startswith("x-ratelimit") for name in response.headers)


async def test_usage_counts_every_message(simulator, ask):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": PROMPT}]},
    ]
    body = (await ask(await simulator(), messages=messages)).json()
    prompt, completion = (
        len(split("Be brief.")) + len(split(PROMPT)),
        len(split(body["choices"][0]["message"]["content"])),
    )
    assert body["usage"] == {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_either_token_limit_cuts(simulator, ask, name):
    body = (await ask(await simulator(), **{name: 5})).json()
    assert (body["choices"][0]["finish_reason"], body["usage"]["completion_tokens"]) == ("length", 5)


@pytest.mark.parametrize("stop", ["reply", ["zebra", "reply"]])
async def test_stop_strings_end_the_text(simulator, ask, stop):
    choice = (await ask(await simulator(), stop=stop)).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Simulated answer: this ", "stop")


async def test_refusals_have_their_finish_reason(simulator, ask):
    choice = (await ask(await simulator(SimulatorSettings(refusal_share=1)))).json()["choices"][0]
    assert choice["finish_reason"] == "content_filter"


async def test_a_seed_repeats_and_its_absence_varies(simulator, ask):
    server = await simulator()

    async def texts(**fields):
        answers = [(await ask(server, temperature=0.7, **fields)).json() for _ in range(8)]
        return {answer["choices"][0]["message"]["content"] for answer in answers}

    assert len(await texts(seed=7)) == 1
    assert len(await texts()) > 1


async def test_logprobs_cover_every_token_with_its_bytes(simulator, ask):
    body = (await ask(await simulator(), "Größe von AES?", logprobs=True, top_logprobs=5, temperature=0)).json()
    choice = body["choices"][0]
    positions = choice["logprobs"]["content"]
    assert "".join(position["token"] for position in positions) == choice["message"]["content"]
    for position in positions:
        top = position["top_logprobs"]
        assert bytes(position["bytes"]).decode() == position["token"]
        assert len(top) == 5
        assert (top[0]["token"], top[0]["logprob"]) == (position["token"], position["logprob"])
        assert [each["logprob"] for each in top] == sorted((each["logprob"] for each in top), reverse=True)
        assert sum(math.exp(each["logprob"]) for each in top) <= 1


async def test_logprobs_without_a_number_have_no_alternatives(simulator, ask):
    body = (await ask(await simulator(), logprobs=True)).json()
    positions = body["choices"][0]["logprobs"]["content"]
    assert len(positions) == body["usage"]["completion_tokens"]
    assert all(position["top_logprobs"] == [] for position in positions)


async def test_any_bearer_token_is_accepted(simulator, ask):
    assert (await ask(await simulator(), key="anything at all")).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic abc"}, {"authorization": "Bearer"}])
async def test_an_absent_key_is_401(simulator, http, headers):
    server = await simulator()
    response = await http.post(f"{server.url}/v1/chat/completions", json={}, headers=headers)
    assert response.status_code == 401
    assert "API key" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"temperature": 2.5}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_completion_tokens"),
        ({"stop": list("abcde")}, "stop"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": 5}, "logprobs"),
        ({"n": 2}, "n"),
        ({"stream": True}, "stream"),
    ],
)
async def test_a_malformed_request_gets_the_providers_error_form(simulator, ask, fields, param):
    response = await ask(await simulator(), **fields)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert error["message"]


async def test_over_the_cap_it_is_429_with_seconds_to_wait(simulator, ask, clock):
    server = await simulator(SimulatorSettings(rpm=1, refusal_share=0))
    admitted = await ask(server)
    clock.now += 43
    refused = await ask(server)
    assert admitted.headers["x-ratelimit-limit-requests"] == "1"
    assert admitted.headers["x-ratelimit-remaining-requests"] == "0"
    assert admitted.headers["x-ratelimit-reset-requests"] == "1m0s"
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "17"
    assert refused.headers["x-ratelimit-reset-requests"] == "17s"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    clock.now += 17
    assert (await ask(server)).status_code == 200


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.85, "850ms"), (17, "17s"), (8.64, "8.64s"), (360, "6m0s"), (59.999, "1m0s"), (0.9996, "1s")],
)
def test_durations_are_written_as_openai_does(seconds, text):
    assert _duration(seconds) == text
