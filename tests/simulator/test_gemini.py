from __future__ import annotations

import math

import pytest
from google.genai import errors, types

from harness.simulator import SimulatorSettings
from harness.simulator.answers import split

MODEL = "gemini-2.5-flash"
PROMPT = "Which log sources show lateral movement?"
ROUTE = f"/v1beta/models/{MODEL}:generateContent"
BODY = {"contents": [{"parts": [{"text": PROMPT}]}]}


def config(**fields):
    return types.GenerateContentConfig(**fields)


async def test_the_sdk_reads_a_whole_answer(simulator, gemini):
    models = await gemini(await simulator())
    response = await models.generate_content(model=MODEL, contents=PROMPT)
    assert response.text.startswith("Simulated answer: ")
    assert response.candidates[0].finish_reason is types.FinishReason.STOP
    assert response.model_version == MODEL
    assert response.response_id.startswith("sim")
    assert response.sdk_http_response.headers["x-harness-simulator"] == "1"


async def test_usage_counts_the_instruction_and_every_turn(simulator, gemini):
    models = await gemini(await simulator())
    turns = [
        types.Content(role="user", parts=[types.Part(text=PROMPT)]),
        types.Content(role="model", parts=[types.Part(text="Several.")]),
        types.Content(role="user", parts=[types.Part(text="Which "), types.Part(text="first?")]),
    ]
    response = await models.generate_content(model=MODEL, contents=turns, config=config(system_instruction="Be brief."))
    usage = response.usage_metadata
    asked = ("Be brief.", PROMPT, "Several.", "Which first?")
    assert usage.prompt_token_count == sum(len(split(text)) for text in asked)
    assert usage.candidates_token_count == len(split(response.text))
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count


async def test_the_answer_depends_on_the_instruction(simulator, gemini):
    models = await gemini(await simulator())
    texts = {
        (
            await models.generate_content(
                model=MODEL, contents=PROMPT, config=config(temperature=0, system_instruction=f"Rule {number}.")
            )
        ).text
        for number in range(8)
    }
    assert len(texts) > 1


async def test_max_output_tokens_cuts(simulator, gemini):
    models = await gemini(await simulator())
    response = await models.generate_content(model=MODEL, contents=PROMPT, config=config(max_output_tokens=5))
    assert response.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert response.usage_metadata.candidates_token_count == 5


async def test_stop_sequences_end_the_text(simulator, gemini):
    models = await gemini(await simulator())
    response = await models.generate_content(model=MODEL, contents=PROMPT, config=config(stop_sequences=["reply"]))
    assert response.text == "Simulated answer: this "
    assert response.candidates[0].finish_reason is types.FinishReason.STOP


async def test_a_refusal_is_a_candidate_without_content(simulator, gemini):
    models = await gemini(await simulator(SimulatorSettings(refusal_share=1)))
    response = await models.generate_content(model=MODEL, contents=PROMPT)
    assert response.candidates[0].finish_reason is types.FinishReason.SAFETY
    assert response.candidates[0].safety_ratings[0].blocked
    assert response.text is None
    assert response.usage_metadata.total_token_count == response.usage_metadata.prompt_token_count


async def test_a_seed_repeats_and_its_absence_varies(simulator, gemini):
    models = await gemini(await simulator())

    async def texts(**fields):
        answers = [
            await models.generate_content(model=MODEL, contents=PROMPT, config=config(temperature=0.7, **fields))
            for _ in range(8)
        ]
        return {answer.text for answer in answers}

    assert len(await texts(seed=7)) == 1
    assert len(await texts()) > 1


async def test_logprobs_cover_every_token(simulator, gemini):
    models = await gemini(await simulator())
    response = await models.generate_content(
        model=MODEL, contents=PROMPT, config=config(response_logprobs=True, logprobs=5, temperature=0)
    )
    result = response.candidates[0].logprobs_result
    assert "".join(chosen.token for chosen in result.chosen_candidates) == response.text
    assert len(result.top_candidates) == len(result.chosen_candidates)
    for chosen, top in zip(result.chosen_candidates, result.top_candidates, strict=True):
        assert [candidate.log_probability for candidate in top.candidates] == sorted(
            (candidate.log_probability for candidate in top.candidates), reverse=True
        )
        assert len(top.candidates) == 5
        assert top.candidates[0] == chosen
        assert sum(math.exp(candidate.log_probability) for candidate in top.candidates) <= 1


async def test_logprobs_without_a_number_are_those_of_the_chosen_tokens(simulator, gemini):
    models = await gemini(await simulator())
    response = await models.generate_content(model=MODEL, contents=PROMPT, config=config(response_logprobs=True))
    result = response.candidates[0].logprobs_result
    assert len(result.chosen_candidates) == response.usage_metadata.candidates_token_count
    assert result.top_candidates is None


@pytest.mark.parametrize(
    ("name", "served"),
    [("models/gemini-2.5-pro", "gemini-2.5-pro"), ("models/team/tuned", "team/tuned")],
)
async def test_model_names_may_have_slashes_and_a_prefix(simulator, gemini, name, served):
    server = await simulator()
    models = await gemini(server)
    response = await models.generate_content(model=name, contents=PROMPT)
    assert response.model_version == served
    assert server.counts().by_model == {served: 1}


async def test_the_key_may_be_in_the_query(simulator, http):
    server = await simulator()
    assert (await http.post(f"{server.url}{ROUTE}?key=secret", json=BODY)).status_code == 200


async def test_both_spellings_of_the_instruction_are_read(simulator, http):
    server = await simulator()
    tokens = set()
    for name in ("systemInstruction", "system_instruction"):
        body = BODY | {name: {"parts": [{"text": "Be brief."}]}}
        response = await http.post(f"{server.url}{ROUTE}?key=secret", json=body)
        tokens.add(response.json()["usageMetadata"]["promptTokenCount"])
    assert tokens == {len(split("Be brief.")) + len(split(PROMPT))}


async def test_an_absent_key_is_403_in_googles_form(simulator, http):
    server = await simulator()
    response = await http.post(f"{server.url}{ROUTE}", json=BODY)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["status"]) == (403, 403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "valid role"),
        ({"contents": [{"parts": []}]}, "parts must not be empty"),
        ({"contents": [{"parts": [{"inlineData": {}}]}]}, "text only"),
        ({"generationConfig": []}, "generationConfig"),
        ({"generationConfig": {"temperature": 3}}, "temperature"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "maxOutputTokens"),
        ({"generationConfig": {"logprobs": 5}}, "responseLogprobs"),
        ({"generationConfig": {"responseLogprobs": True, "logprobs": 21}}, "logprobs"),
        ({"generationConfig": {"candidateCount": 2}}, "candidateCount"),
    ],
)
async def test_a_malformed_request_gets_googles_error_form(simulator, http, fields, said):
    server = await simulator()
    response = await http.post(f"{server.url}{ROUTE}", json=BODY | fields, headers={"x-goog-api-key": "key"})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert said in error["message"]


async def test_over_the_cap_the_sdk_raises_with_retry_info(simulator, gemini, clock):
    models = await gemini(await simulator(SimulatorSettings(rpm=1, refusal_share=0)))
    await models.generate_content(model=MODEL, contents=PROMPT)
    clock.now += 43
    with pytest.raises(errors.ClientError) as caught:
        await models.generate_content(model=MODEL, contents=PROMPT)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    details = {detail["@type"].rpartition(".")[2]: detail for detail in caught.value.details["error"]["details"]}
    assert details["RetryInfo"]["retryDelay"] == "17s"
    violation = details["QuotaFailure"]["violations"][0]
    assert (violation["quotaValue"], violation["quotaDimensions"]["model"]) == ("1", MODEL)
    assert "PerMinute" in violation["quotaId"]
    clock.now += 17
    assert (await models.generate_content(model=MODEL, contents=PROMPT)).text
