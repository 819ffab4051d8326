"""Caps, faults and answers together, over HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

import pytest

from harness.simulator import SimulatorSettings

PLAIN = {"refusal_share": 0, "long_share": 0}


async def test_the_attempts_at_an_item_follow_its_script_and_the_next_item_begins_anew(simulator, http, form):
    script = [{"match": "CVE", "sequence": ["429", "500", "ok", "reset-body"]}]
    server = await simulator(SimulatorSettings(fault_script=script, **PLAIN))
    statuses = [(await form.ask(http, server, "What is a CVE?")).status_code for _ in range(3)]
    assert statuses == [429, 500, 200]
    assert (await form.ask(http, server, "Which CVE?")).status_code == 429
    assert (await form.ask(http, server, "What is TLS?")).status_code == 200
    assert server.counts().by_fault == {"429": 2, "500": 1}


async def test_a_script_may_pick_a_model(simulator, ask):
    server = await simulator(SimulatorSettings(fault_script=[{"model": "m", "sequence": [], "then": "401"}]))
    assert [(await ask(server)).status_code for _ in range(3)] == [401, 401, 401]
    assert (await ask(server, model="other")).status_code == 200


async def test_rates_come_near_their_shares_and_are_counted_by_kind(simulator, ask):
    server = await simulator(SimulatorSettings(faults={"500": 0.3, "cut": 0.2}, **PLAIN))
    statuses = Counter([(await ask(server, f"prompt {number}")).status_code for number in range(300)])
    counts = server.counts()
    assert 60 < statuses[500] < 120
    assert counts.by_fault["500"] == statuses[500] == counts.rejected
    assert 35 < counts.by_fault["cut"] < 90
    assert counts.answered == 300 - statuses[500]


async def test_every_request_of_a_bad_night_is_counted_once(simulator, http, form):
    server = await simulator(SimulatorSettings(faults=0.5, **PLAIN))
    asking = (form.ask(http, server, f"prompt {number}") for number in range(200))
    answers = await asyncio.gather(*asking, return_exceptions=True)
    counts = server.counts()
    assert counts.requests == len(answers) == 200
    assert counts.in_flight == counts.abandoned == 0
    assert counts.answered + counts.rate_limited + counts.rejected + counts.broken == 200
    assert sum(counts.by_fault.values()) == 200 - counts.answered
    assert 70 < counts.answered < 130
    assert len(counts.by_fault) > 12
    assert Counter(entry["fault"] for entry in server.log() if entry["fault"]) == counts.by_fault


async def test_the_same_seed_brings_the_same_faults_whatever_was_before(simulator, ask):
    async def faults(prompts):
        server = await simulator(SimulatorSettings(faults={"500": 0.5}, seed=5))
        return {prompt: (await ask(server, prompt)).status_code for prompt in prompts}

    prompts = [f"prompt {number}" for number in range(40)]
    assert await faults(prompts) == await faults(reversed(prompts))


async def test_a_faulty_request_counts_against_the_cap_on_requests(simulator, ask):
    server = await simulator(SimulatorSettings(rpm=3, faults={"500": 1}))
    assert [(await ask(server)).status_code for _ in range(4)] == [500, 500, 500, 429]
    counts = server.counts()
    assert (counts.rejected, counts.rate_limited, counts.by_fault) == (3, 1, {"500": 3})


async def test_what_the_cap_refuses_uses_up_no_word_of_a_script(simulator, ask, clock):
    script = [{"match": "CVE", "sequence": ["500"]}]
    server = await simulator(SimulatorSettings(rpm=1, fault_script=script, **PLAIN))
    statuses = [(await ask(server, prompt)).status_code for prompt in ("What is TLS?", "What is a CVE?")]
    clock.now += 60
    statuses.append((await ask(server, "What is a CVE?")).status_code)
    assert statuses == [200, 429, 500]


async def test_reset_begins_scripts_again(simulator, http, ask):
    server = await simulator(SimulatorSettings(fault_script=[{"sequence": ["500"]}], **PLAIN))
    assert [(await ask(server)).status_code for _ in range(2)] == [500, 200]
    await http.post(f"{server.url}/_simulator/reset")
    assert (await ask(server)).status_code == 500


async def test_a_request_that_is_not_understood_meets_no_fault(simulator, ask):
    server = await simulator(SimulatorSettings(faults={"500": 1}))
    assert (await ask(server, seed="no")).status_code == 400
    assert server.counts().by_fault == {}


async def test_only_what_the_model_answers_takes_its_time(simulator, ask):
    asked = []

    async def sleep(seconds):
        asked.append(seconds)

    settings = {"latency_s": 2.0, "latency_spread": 0.0, **PLAIN}
    for word in ("500", "html", "429"):
        await ask(await simulator(SimulatorSettings(faults={word: 1}, **settings), sleep=sleep))
    assert asked == []
    for word in ("truncated", "cut", "empty-body"):
        await ask(await simulator(SimulatorSettings(faults={word: 1}, **settings), sleep=sleep))
    assert asked == [2.0, 2.0, 2.0]


LIMITED = {
    "claude": lambda error: "input tokens per minute" in error["message"],
    "gemini": lambda error: "InputTokens" in error["details"][0]["violations"][0]["quotaId"],
    "openai": lambda error: error["type"] == "tokens" and "(TPM): Limit 20" in error["message"],
}


async def test_input_over_the_cap_is_the_providers_429_until_the_window_has_slid(simulator, http, form, clock):
    server = await simulator(SimulatorSettings(input_tokens_per_minute=20, **PLAIN))
    prompt = "one two three four five six seven eight nine ten"
    assert (await form.ask(http, server, prompt)).status_code == 200
    clock.now += 43
    refused = await form.ask(http, server, prompt + " eleven")
    assert refused.status_code == 429
    assert LIMITED[form.name](refused.json()["error"])
    if form.name == "gemini":
        assert refused.json()["error"]["details"][1]["retryDelay"] == "17s"
    else:
        assert refused.headers["retry-after"] == "17"
    clock.now += 17
    assert (await form.ask(http, server, prompt + " eleven")).status_code == 200
    assert [entry["status"] for entry in server.log()] == [200, 429, 200]


async def test_more_than_a_minutes_input_is_told_apart_by_openai(simulator, ask):
    error = (await ask(await simulator(SimulatorSettings(input_tokens_per_minute=3)))).json()["error"]
    assert error["message"].startswith("Request too large for m on tokens per min (TPM): Limit 3, Requested ")


async def test_output_over_the_cap_refuses_what_comes_next(simulator, http, form, clock):
    server = await simulator(SimulatorSettings(output_tokens_per_minute=5, **PLAIN))
    assert (await form.ask(http, server)).status_code == 200
    refused = await form.ask(http, server)
    assert refused.status_code == 429
    assert "utput" in refused.json()["error"]["message"]
    clock.now += 60
    assert (await form.ask(http, server)).status_code == 200


async def test_tokens_are_counted_per_model_and_key(simulator, ask):
    server = await simulator(SimulatorSettings(output_tokens_per_minute=1, **PLAIN))
    asked = [("k1", "m1"), ("k1", "m1"), ("k2", "m1"), ("k1", "m2")]
    assert [(await ask(server, key=key, model=model)).status_code for key, model in asked] == [200, 429, 200, 200]


async def test_openai_headers_give_tokens_of_both_directions_as_one_count(simulator, ask, clock):
    server = await simulator(SimulatorSettings(input_tokens_per_minute=100, output_tokens_per_minute=1_000, **PLAIN))
    response = await ask(server)
    usage = response.json()["usage"]
    assert response.headers["x-ratelimit-limit-tokens"] == "1100"
    assert response.headers["x-ratelimit-remaining-tokens"] == str(1_100 - usage["total_tokens"])
    assert response.headers["x-ratelimit-reset-tokens"] == "1m0s"
    assert "x-ratelimit-limit-requests" not in response.headers


async def test_claude_headers_give_each_direction_by_itself(simulator, http, forms):
    settings = SimulatorSettings(rpm=5, input_tokens_per_minute=100, output_tokens_per_minute=1_000, **PLAIN)
    response = await forms["claude"].ask(http, await simulator(settings))
    usage = response.json()["usage"]
    prefix = "anthropic-ratelimit-"
    left = {name: response.headers[f"{prefix}{name}-remaining"] for name in ("requests", "input-tokens")}
    assert left == {"requests": "4", "input-tokens": str(100 - usage["input_tokens"])}
    assert response.headers[f"{prefix}output-tokens-limit"] == "1000"
    assert response.headers[f"{prefix}output-tokens-remaining"] == str(1_000 - usage["output_tokens"])
    reset = datetime.fromisoformat(response.headers[f"{prefix}output-tokens-reset"])
    assert 0 < reset.timestamp() - 1_800_000_000 <= 61


async def test_gemini_says_nothing_of_tokens_in_headers(simulator, http, forms):
    response = await forms["gemini"].ask(http, await simulator(SimulatorSettings(input_tokens_per_minute=100, **PLAIN)))
    assert not [name for name in response.headers if "ratelimit" in name]


@pytest.mark.parametrize("kind", ["500", "429", "truncated"])
async def test_the_providers_own_refusals_say_what_is_left_and_a_proxys_page_does_not(simulator, ask, kind):
    server = await simulator(SimulatorSettings(rpm=5, faults={kind: 1}))
    assert (await ask(server)).headers["x-ratelimit-remaining-requests"] == "4"
    proxied = await simulator(SimulatorSettings(rpm=5, faults={"502": 1}))
    assert "x-ratelimit-remaining-requests" not in (await ask(proxied)).headers


async def test_the_log_has_the_tokens_of_every_request(simulator, ask, clock):
    server = await simulator(SimulatorSettings(fault_script=[{"sequence": ["500"]}], **PLAIN))
    await ask(server)
    clock.now += 2
    usage = (await ask(server)).json()["usage"]
    first, second = server.log()
    assert (first["fault"], first["input_tokens"], first["output_tokens"]) == ("500", usage["prompt_tokens"], 0)
    assert (second["fault"], second["output_tokens"]) == (None, usage["completion_tokens"])
    assert (second["t"], second["t_end"]) == (1_002.0, 1_002.0)
    counts = server.counts()
    assert (counts.input_tokens, counts.output_tokens) == (2 * usage["prompt_tokens"], usage["completion_tokens"])
