"""The real clients of all three APIs, each asked one question: by the simulator, and by servers that refuse."""

from __future__ import annotations

import socket

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from harness import lifetimes
from harness.config import Environment, RunConfig, expand
from harness.errors import AuthenticationFailed
from harness.findings import Level, Report
from harness.online_check import ask_pools, questioned
from harness.providers.fake import FakeProvider
from harness.schema import Completion, FinishReason, Quota, RateSignal, Usage

CLAUDE = {"name": "claude-sonnet-4-6", "type": "claude"}
GEMINI = {"name": "gemini-3.5-flash", "type": "gemini"}
GPT = {"name": "gpt-4.1-mini", "type": "openai"}
KEYS = Environment({"SOME_KEY": "planted-key-1", "OTHER_KEY": "planted-key-2"})
# As each provider says it.
UNAUTHORIZED = {
    "claude": {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
    "gemini": {"error": {"code": 401, "message": "API key not valid", "status": "UNAUTHENTICATED"}},
    "openai": {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}},
}


def config_of(*models, **shared):
    return RunConfig.model_validate({"models": models, **shared})


def lanes_of(*models, **shared):
    return expand(config_of(*models, **shared))


def real(model, url):
    version = "/v1" if model["type"] == "openai" else ""
    return {**model, "base_url": url + version, "api_key": "${SOME_KEY}"}


@pytest.fixture
async def served():
    """Servers that give one answer to every request."""
    servers = []

    async def serve(status, body):
        async def answer(request):
            return web.json_response(body, status=status)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        servers.append(server)
        return f"http://127.0.0.1:{server.port}"

    yield serve
    for server in servers:
        await server.close()


@pytest.fixture
def unused_url():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound and not listening: whoever connects is refused.
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def test_every_pool_is_asked_once_and_its_answer_told(simulator):
    lanes = lanes_of(CLAUDE, GEMINI, GPT, simulator=simulator.url, temperature=[0.0, 0.7])

    found = await questioned(lanes, KEYS)

    assert [finding.level for finding in found] == [Level.OK] * 3
    assert [finding.message.partition("@")[0] for finding in found] == [
        model["name"] for model in (CLAUDE, GEMINI, GPT)
    ]
    assert all("answered in" in finding.message for finding in found)
    assert simulator.counts()["requests"] == 3


async def test_models_of_one_credential_are_asked_each_for_itself(simulator):
    lanes = lanes_of(GPT, {**GPT, "name": "gpt-4.1"}, simulator=simulator.url)

    assert len(await questioned(lanes, KEYS)) == 2


async def test_a_simulator_is_started_where_the_config_wants_one(monkeypatch):
    monkeypatch.setattr(lifetimes, "SIMULATED_LATENCY_S", 0.0)

    [found] = await questioned(lanes_of({**GPT, "base_url": "simulator"}), KEYS)

    assert found.level is Level.OK


@pytest.mark.parametrize("model", [CLAUDE, GEMINI, GPT], ids=["claude", "gemini", "openai"])
async def test_a_key_that_is_refused_is_a_problem_that_names_it(served, model):
    url = await served(401, UNAUTHORIZED[model["type"]])

    [found] = await questioned(lanes_of(real(model, url)), KEYS)

    assert found.level is Level.PROBLEM
    assert "SOME_KEY" in found.message
    assert "planted-key" not in found.line()


async def test_a_parameter_that_is_refused_is_a_problem_in_the_providers_words(served):
    url = await served(400, {"error": {"message": "Unsupported value: 'temperature'", "code": "unsupported_value"}})

    [found] = await questioned(lanes_of(real(GPT, url)), KEYS)

    assert found.level is Level.PROBLEM
    assert "Unsupported value: 'temperature'" in found.message


@pytest.mark.parametrize("model", [CLAUDE, GEMINI, GPT], ids=["claude", "gemini", "openai"])
async def test_a_connection_that_is_refused_is_a_warning(unused_url, model):
    [found] = await questioned(lanes_of(real(model, unused_url)), KEYS)

    assert found.level is Level.WARNING


async def test_a_server_that_fails_is_a_warning(served):
    url = await served(503, {"error": {"message": "Overloaded, come back later"}})

    [found] = await questioned(lanes_of(real(GPT, url)), KEYS)

    assert found.level is Level.WARNING
    assert "Overloaded" in found.message


async def test_an_answer_that_does_not_come_is_a_warning():
    fake = FakeProvider("too late", latency_s=60.0)

    [found] = await questioned(
        lanes_of({**GPT, "base_url": "http://127.0.0.1/v1", "timeout_s": 0.01}), KEYS, made(fake)
    )

    assert found.level is Level.WARNING
    assert "in 0.01 s" in found.message
    assert fake.closed


def made(provider):
    return lambda kind, endpoint, model: provider


def answer(**facts):
    return Completion("ok", FinishReason.STOP, Usage(8, 1, 9), "served-1", {}, **facts)


async def asked(*models, rate=None, **shared):
    """What a provider was asked, and what was found of its answer."""
    fake = FakeProvider()
    fake.enqueue(answer(rate=rate))
    given = [{**model, "base_url": "http://127.0.0.1/v1"} for model in models]
    [found] = await questioned(lanes_of(*given, **shared), KEYS, made(fake))
    return fake.history[0], found


async def test_the_question_is_short_and_sent_as_the_variant_would_send_it():
    request, _ = await asked(GPT, temperature=[None, 0.7], top_p=0.9, max_tokens=4096, system="Be brief.")

    assert request.messages[0].content == "Reply with the word ok."
    assert request.system == "Be brief."
    assert (request.variant.sampling.temperature, request.variant.sampling.top_p) == (0.7, 0.9)
    assert request.variant.sampling.max_tokens == 16


async def test_a_budget_for_thinking_keeps_the_bound_it_has_to_fit_into():
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}

    request, _ = await asked(GPT, max_tokens=4096, extra_body=thinking)

    assert request.variant.sampling.max_tokens == 4096


async def test_what_the_provider_leaves_is_told():
    rate = RateSignal(requests=Quota(49, 50, 1.2), input_tokens=Quota(30000))

    _, found = await asked(GPT, rate=rate)

    assert "served-1 answered in" in found.message
    assert "49 of 50 requests, 30000 input tokens are left" in found.message


async def test_what_costs_tokens_says_so_before(capsys, simulator):
    await questioned(lanes_of(GPT, simulator=simulator.url), KEYS)
    assert capsys.readouterr().err == ""

    await asked(GPT)
    assert "costs a few tokens" in capsys.readouterr().err


async def test_a_lane_without_its_key_is_passed_over(simulator):
    lanes = lanes_of({**CLAUDE, "api_key": "${NOT_SET}"}, {**GPT, "simulator": simulator.url})

    [found] = await questioned(lanes, KEYS)

    assert found.message.startswith(GPT["name"])


async def test_a_client_that_cannot_be_made_is_a_problem():
    def refuse(kind, endpoint, model):
        raise AuthenticationFailed("The key holds a line break. Set it again.")

    [found] = await questioned(lanes_of({**GPT, "base_url": "http://127.0.0.1/v1"}), KEYS, refuse)

    assert (found.level, "line break" in found.message) == (Level.PROBLEM, True)


def test_local_models_are_not_asked():
    report = Report()

    ask_pools(config_of({"name": "demo", "type": "local", "model_path": "demo"}), KEYS, report)

    assert report.findings == []
