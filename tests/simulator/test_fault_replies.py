"""What comes under status 200: bodies that are no answers, and answers that are unusual."""

from __future__ import annotations

import json

import pytest

from harness.simulator import SimulatorSettings


@pytest.fixture
def asked(simulator, http, form):
    """What comes back, in the format of the test, from a simulator that does nothing but `word`."""

    async def ask(word):
        server = await simulator(SimulatorSettings(faults={word: 1}, refusal_share=0, long_share=0))
        return await form.ask(http, server)

    return ask


def is_json(body):
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", ["html", "empty-object", "error-body", "empty-body", "truncated", "bad-utf8"])
async def test_a_body_that_is_no_answer_comes_whole_under_200(asked, kind):
    response = await asked(kind)
    assert response.status_code == 200
    assert response.headers["x-harness-simulator"] == "1"
    assert int(response.headers["content-length"]) == len(response.content)


async def test_html_is_a_page(asked):
    response = await asked("html")
    assert response.headers["content-type"].startswith("text/html")
    assert response.content.startswith(b"<!DOCTYPE html>")


async def test_an_empty_object_and_an_empty_body_are_just_that(asked):
    assert (await asked("empty-object")).content == b"{}"
    assert (await asked("empty-body")).content == b""


async def test_an_error_object_is_the_providers(asked, form):
    error = (await asked("error-body")).json()["error"]
    assert error["status" if form.name == "gemini" else "type"] in {"api_error", "INTERNAL", "server_error"}


async def test_a_truncated_body_is_the_beginning_of_an_answer(asked):
    body = (await asked("truncated")).content
    assert body.startswith(b"{")
    assert not is_json(body)


async def test_bad_utf8_is_bad_in_nothing_else(asked):
    body = (await asked("bad-utf8")).content
    with pytest.raises(UnicodeDecodeError):
        body.decode()
    assert is_json(body.decode("utf-8", "ignore"))


async def test_a_blocked_prompt_has_no_text(asked, form):
    body = (await asked("blocked")).json()
    match form.name:
        case "claude":
            assert (body["content"], body["stop_reason"]) == ([], "refusal")
        case "gemini":
            assert "candidates" not in body
            assert body["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
            assert body["usageMetadata"]["promptTokenCount"] == body["usageMetadata"]["totalTokenCount"] > 0
        case "openai":
            choice = body["choices"][0]
            assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", None)


async def test_a_refusal_is_the_models_own(asked, form):
    body = (await asked("refusal")).json()
    match form.name:
        case "claude":
            assert body["stop_reason"] == "refusal"
            assert "can't help" in body["content"][0]["text"]
        case "gemini":
            assert body["candidates"][0]["finishReason"] == "SAFETY"
        case "openai":
            choice = body["choices"][0]
            assert choice["message"]["content"] is None
            assert "can't help" in choice["message"]["refusal"]
            assert choice["finish_reason"] == "stop"


async def test_thinking_may_leave_nothing_for_the_answer(asked, form):
    body = (await asked("empty-answer")).json()
    match form.name:
        case "claude":
            assert (body["content"], body["stop_reason"]) == ([], "max_tokens")
            assert body["usage"]["output_tokens"] > 0
        case "gemini":
            candidate, usage = body["candidates"][0], body["usageMetadata"]
            assert (candidate["content"], candidate["finishReason"]) == ({"role": "model"}, "MAX_TOKENS")
            assert (usage["candidatesTokenCount"], usage["thoughtsTokenCount"] > 0) == (0, True)
            assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["thoughtsTokenCount"]
        case "openai":
            choice, usage = body["choices"][0], body["usage"]
            assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")
            assert usage["completion_tokens"] == usage["completion_tokens_details"]["reasoning_tokens"] > 0


async def test_a_cut_answer_says_so(asked, form):
    body = (await asked("cut")).json()
    match form.name:
        case "claude":
            assert body["stop_reason"] == "max_tokens"
            text, tokens = body["content"][0]["text"], body["usage"]["output_tokens"]
        case "gemini":
            candidate = body["candidates"][0]
            assert candidate["finishReason"] == "MAX_TOKENS"
            text, tokens = candidate["content"]["parts"][0]["text"], body["usageMetadata"]["candidatesTokenCount"]
        case "openai":
            assert body["choices"][0]["finish_reason"] == "length"
            text, tokens = body["choices"][0]["message"]["content"], body["usage"]["completion_tokens"]
    assert text.startswith("Simulated answer")
    assert tokens > 0
