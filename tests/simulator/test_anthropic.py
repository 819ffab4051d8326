from __future__ import annotations

import anthropic as sdk
import pytest

from harness.simulator import SimulatorSettings
from harness.simulator.answers import split

MODEL = "claude-sonnet-4-6"
PROMPT = "Which log sources show lateral movement?"


def request(**fields):
    return {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": PROMPT}]} | fields


async def test_the_sdk_reads_a_whole_message(simulator, claude):
    client = await claude(await simulator())
    message = await client.messages.create(**request(), extra_body={"temperature": 0})
    assert (message.type, message.role, message.model) == ("message", "assistant", MODEL)
    assert message.stop_reason == "end_turn"
    assert message.content[0].text.startswith("Simulated answer: ")


async def test_usage_counts_system_and_messages(simulator, claude):
    client = await claude(await simulator())
    message = await client.messages.create(**request(system=[{"type": "text", "text": "Be brief."}]))
    usage = message.usage
    assert usage.input_tokens == len(split("Be brief.")) + len(split(PROMPT))
    assert usage.output_tokens == len(split(message.content[0].text))
    assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)


async def test_max_tokens_cuts(simulator, claude):
    client = await claude(await simulator())
    message = await client.messages.create(**request(max_tokens=5))
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 5)


async def test_stop_sequences_are_named(simulator, claude):
    client = await claude(await simulator())
    message = await client.messages.create(**request(stop_sequences=["reply"]))
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "reply")
    assert message.content[0].text == "Simulated answer: this "


async def test_an_answer_stopped_at_once_has_no_content(simulator, claude):
    client = await claude(await simulator())
    message = await client.messages.create(**request(stop_sequences=["Simulated"]))
    assert (message.content, message.usage.output_tokens) == ([], 0)


async def test_refusals_have_their_stop_reason(simulator, claude):
    client = await claude(await simulator(SimulatorSettings(refusal_share=1)))
    message = await client.messages.create(**request())
    assert message.stop_reason == "refusal"
    assert message.stop_details.category == "cyber"
    assert message.content[0].text.startswith("Simulated answer: I cannot help")


async def test_temperature_0_repeats_itself_and_the_default_varies(simulator, claude):
    client = await claude(await simulator())

    async def texts(**extra):
        return {(await client.messages.create(**request(), **extra)).content[0].text for _ in range(8)}

    assert len(await texts(extra_body={"temperature": 0})) == 1
    assert len(await texts()) > 1


async def test_request_ids_differ_and_the_marker_is_there(simulator, claude):
    client = await claude(await simulator())
    raw = [await client.messages.with_raw_response.create(**request()) for _ in range(2)]
    ids = {response.headers["request-id"] for response in raw}
    assert len(ids) == 2
    assert all(name.startswith("req_") for name in ids)
    assert all(response.headers["x-harness-simulator"] == "1" for response in raw)
    assert not any(name.startswith("anthropic-ratelimit") for name in raw[0].headers)


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
async def test_the_sdks_own_version_rejects_sampling_parameters(simulator, claude, name):
    client = await claude(await simulator(), version=None)
    with pytest.raises(sdk.BadRequestError, match=name) as caught:
        await client.messages.create(**request(), extra_body={name: 1})
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert caught.value.request_id.startswith("req_")
    assert caught.value.response.headers["x-harness-simulator"] == "1"


async def test_the_sdks_own_version_answers_without_sampling_parameters(simulator, claude):
    client = await claude(await simulator(), version=None)
    assert (await client.messages.create(**request())).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-4-7",
        "claude-opus-4-8-20260901",
        "claude-opus-5",
        "claude-sonnet-5",
        "claude-sonnet-5-1",
        "claude-haiku-5-5",
        "claude-fable-1",
        "claude-mythos-1",
    ],
)
async def test_newer_models_reject_a_temperature_in_any_version(simulator, claude, model):
    client = await claude(await simulator())
    with pytest.raises(sdk.BadRequestError, match="temperature"):
        await client.messages.create(**request(model=model), extra_body={"temperature": 0.0})
    assert (await client.messages.create(**request(model=model))).model == model


@pytest.mark.parametrize(
    "model",
    ["claude-sonnet-4-20250514", "claude-opus-4-6", "claude-haiku-4-5-20251001", "claude-haiku-5", "other"],
)
async def test_older_and_unknown_models_accept_a_temperature(simulator, http, model):
    server = await simulator()
    response = await http.post(
        f"{server.url}/v1/messages",
        json=request(model=model, temperature=0.7),
        headers={"x-api-key": "key", "anthropic-version": "2023-06-01"},
    )
    assert response.status_code == 200


async def test_models_since_4_1_reject_temperature_together_with_top_p(simulator, claude):
    client = await claude(await simulator())
    with pytest.raises(sdk.BadRequestError, match="cannot both be specified"):
        await client.messages.create(**request(), extra_body={"temperature": 0.5, "top_p": 0.9})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": ["hello"]}, "messages.0"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": " "}]}, "non-whitespace"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "text only"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": [""]}, "stop_sequences"),
        ({"stream": True}, "stream"),
    ],
)
async def test_a_malformed_request_gets_the_providers_error_form(simulator, http, fields, said):
    server = await simulator()
    headers = {"x-api-key": "key", "anthropic-version": "2023-06-01"}
    response = await http.post(f"{server.url}/v1/messages", json=request(**fields), headers=headers)
    assert response.status_code == 400
    body = response.json()
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert said in body["error"]["message"]
    assert body["request_id"] == response.headers["request-id"]


async def test_an_absent_version_is_an_error(simulator, http):
    server = await simulator()
    response = await http.post(f"{server.url}/v1/messages", json=request(), headers={"x-api-key": "key"})
    assert (response.status_code, response.json()["error"]["message"]) == (
        400,
        "anthropic-version: header is required",
    )


async def test_an_absent_key_is_401(simulator, http):
    server = await simulator()
    response = await http.post(f"{server.url}/v1/messages", json=request())
    assert (response.status_code, response.json()["error"]["type"]) == (401, "authentication_error")


async def test_over_the_cap_the_sdk_raises_its_rate_limit_error(simulator, claude, clock):
    client = await claude(await simulator(SimulatorSettings(rpm=1, refusal_share=0)))
    raw = await client.messages.with_raw_response.create(**request())
    clock.now += 20
    with pytest.raises(sdk.RateLimitError) as caught:
        await client.messages.create(**request())
    for headers in (raw.headers, caught.value.response.headers):
        assert headers["anthropic-ratelimit-requests-limit"] == "1"
        assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert raw.headers["anthropic-ratelimit-requests-reset"] == "2027-01-15T08:01:01Z"
    assert caught.value.response.headers["retry-after"] == "40"
    assert caught.value.body["error"]["type"] == "rate_limit_error"
    clock.now += 40
    assert (await client.messages.create(**request())).stop_reason == "end_turn"


async def test_a_key_in_its_own_header_counts_as_well(simulator, http):
    server = await simulator()
    headers = {"x-api-key": "key", "anthropic-version": "2023-06-01"}
    assert (await http.post(f"{server.url}/v1/messages", json=request(), headers=headers)).status_code == 200
