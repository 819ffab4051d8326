from __future__ import annotations

import asyncio

import pytest

from harness.simulator import SimulatorError, SimulatorServer, SimulatorSettings
from harness.simulator.wire import MAX_BODY_BYTES

ROUTES = {
    "claude": ("/v1/messages", {"x-api-key": "key", "anthropic-version": "2023-06-01"}),
    "gemini": ("/v1beta/models/m:generateContent", {"x-goog-api-key": "key"}),
    "openai": ("/v1/chat/completions", {"authorization": "Bearer key"}),
}
ERROR_KINDS = {
    "claude": lambda body: body["error"]["type"] == "request_too_large",
    "gemini": lambda body: body["error"]["code"] == 413,
    "openai": lambda body: body["error"]["type"] == "invalid_request_error",
}


class Gate:
    """A sleep that ends when it is opened, and notes how long it was asked for."""

    def __init__(self) -> None:
        self.asked = []
        self.open = asyncio.Event()

    async def __call__(self, seconds):
        self.asked.append(seconds)
        await self.open.wait()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server has no event for what it counts
            await asyncio.sleep(0)


async def test_it_listens_on_the_loopback_address_only(simulator):
    server = await simulator()
    assert server.url == f"http://127.0.0.1:{server.port}"


async def test_health_answers(simulator, http):
    response = await http.get(f"{(await simulator()).url}/health")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/_simulator/counts"),
        ("GET", "/_simulator/log"),
        ("POST", "/_simulator/reset"),
        ("POST", "/v1/messages"),
        ("POST", "/v1beta/models/m:generateContent"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/nowhere"),
    ],
)
async def test_every_response_carries_the_marker(simulator, http, method, path):
    response = await http.request(method, (await simulator()).url + path)
    assert response.headers["x-harness-simulator"] == "1"


async def test_an_unknown_route_names_the_known_ones(simulator, http):
    response = await http.post(f"{(await simulator()).url}/v1/v1/messages", json={})
    assert response.status_code == 404
    assert "no POST /v1/v1/messages" in response.json()["error"]["message"]
    assert "/v1/chat/completions" in response.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'"\xff"', b'{"model": "\\ud800"}', b"[" * 2_000])
@pytest.mark.parametrize("name", ROUTES)
async def test_a_body_that_is_no_json_object_is_400(simulator, http, name, body):
    path, headers = ROUTES[name]
    response = await http.post((await simulator()).url + path, content=body, headers=headers)
    assert response.status_code == 400
    assert "valid JSON object" in response.json()["error"]["message"]


async def test_a_deeply_nested_body_is_counted_and_answered(simulator, ask):
    deep = None
    for _ in range(400):
        deep = [deep]
    server = await simulator()
    assert (await ask(server, metadata=deep)).status_code == 200
    assert len(server.counts().by_item) == 1


@pytest.mark.parametrize("name", ROUTES)
async def test_a_body_over_the_limit_is_413_in_the_providers_form(simulator, http, name):
    path, headers = ROUTES[name]
    server = await simulator()
    response = await http.post(server.url + path, content=b" " * (MAX_BODY_BYTES + 1), headers=headers)
    assert response.status_code == 413
    assert ERROR_KINDS[name](response.json())
    assert server.counts().rejected == 1


async def test_the_same_prompt_is_refused_whatever_the_format(simulator, http):
    server = await simulator(SimulatorSettings(refusal_share=0.3))
    url, refused = server.url, {name: [] for name in ROUTES}
    for number in range(20):
        text = f"prompt {number}"
        messages = [{"role": "user", "content": text}]
        bodies = {
            "claude": {"model": "m", "max_tokens": 50, "messages": messages},
            "gemini": {"contents": [{"role": "user", "parts": [{"text": text}]}]},
            "openai": {"model": "m", "messages": messages},
        }
        answers = {
            name: (await http.post(url + ROUTES[name][0], json=body, headers=ROUTES[name][1])).json()
            for name, body in bodies.items()
        }
        refused["claude"].append(answers["claude"]["stop_reason"] == "refusal")
        refused["gemini"].append(answers["gemini"]["candidates"][0]["finishReason"] == "SAFETY")
        refused["openai"].append(answers["openai"]["choices"][0]["finish_reason"] == "content_filter")
    assert refused["claude"] == refused["gemini"] == refused["openai"]
    assert 0 < sum(refused["claude"]) < 20


async def test_a_request_sent_again_has_the_same_key(simulator, ask):
    server = await simulator()
    for prompt in ("one", "two", "one"):
        await ask(server, prompt)
    assert sorted(server.counts().by_item.values()) == [1, 2]


async def test_keys_ignore_spacing_and_the_order_of_fields_but_not_the_path(simulator, http):
    server = await simulator()
    for content in (b'{"a": 1, "b": 2}', b'{"b":2,"a":1}'):
        await http.post(f"{server.url}/v1/messages", content=content)
    assert list(server.counts().by_item.values()) == [2]
    await http.post(f"{server.url}/v1/chat/completions", content=b'{"a":1,"b":2}')
    assert sorted(server.counts().by_item.values()) == [1, 2]
    assert all(len(bytes.fromhex(key)) == 8 for key in server.counts().by_item)


async def test_counts_and_log_come_over_the_wire(simulator, http, ask):
    server = await simulator(SimulatorSettings(rpm=1, refusal_share=0))
    for fields in ({}, {}, {"seed": "no"}):
        await ask(server, **fields)
    counts = (await http.get(f"{server.url}/_simulator/counts")).json()
    seen = {name: counts[name] for name in ("requests", "answered", "rate_limited", "rejected", "abandoned")}
    assert seen == {"requests": 3, "answered": 1, "rate_limited": 1, "rejected": 1, "abandoned": 0}
    assert (counts["in_flight"], counts["max_in_flight"], counts["by_model"]) == (0, 1, {"m": 2})
    assert (counts["broken"], counts["by_fault"]) == (0, {})
    log = (await http.get(f"{server.url}/_simulator/log")).json()
    assert [(entry["t"], entry["format"], entry["model"], entry["status"]) for entry in log] == [
        (1_000.0, "openai", "m", 200),
        (1_000.0, "openai", "m", 429),
        (1_000.0, "openai", None, 400),
    ]
    assert {entry["key"] for entry in log} == set(counts["by_item"])
    assert log == server.log()


async def test_reset_forgets_counts_log_and_what_the_cap_has_seen(simulator, http, ask):
    server = await simulator(SimulatorSettings(rpm=1, refusal_share=0))
    await ask(server)
    await http.post(f"{server.url}/_simulator/reset")
    assert (server.counts().requests, server.log()) == (0, [])
    assert (await ask(server)).status_code == 200


async def test_caps_are_kept_apart_by_key_and_model(simulator, ask):
    server = await simulator(SimulatorSettings(rpm=1, refusal_share=0))
    statuses = [
        (await ask(server, key=key, model=model)).status_code
        for key, model in (("a", "m"), ("a", "n"), ("b", "m"), ("a", "m"))
    ]
    assert statuses == [200, 200, 200, 429]


async def test_without_latency_nothing_sleeps(simulator, ask):
    gate = Gate()
    assert (await ask(await simulator(sleep=gate))).status_code == 200
    assert gate.asked == []


async def test_latencies_spread_around_their_median_and_repeat_with_their_seed(simulator, ask):
    async def latencies():
        gate = Gate()
        gate.open.set()
        settings = SimulatorSettings(latency_s=2.0, latency_spread=0.5, refusal_share=0, seed=4)
        server = await simulator(settings, sleep=gate)
        for _ in range(60):
            await ask(server)
        return gate.asked

    first = sorted(await latencies())
    assert 1.4 < first[30] < 2.8
    assert first[0] < 1.2
    assert first[-1] > 3.5
    assert sorted(await latencies()) == first


async def test_errors_are_not_delayed(simulator, ask):
    gate = Gate()
    server = await simulator(SimulatorSettings(latency_s=2.0), sleep=gate)
    assert (await ask(server, seed="no")).status_code == 400
    assert gate.asked == []


async def test_requests_being_answered_are_in_flight(simulator, ask):
    gate = Gate()
    server = await simulator(SimulatorSettings(latency_s=2.0, refusal_share=0), sleep=gate)
    asking = [asyncio.create_task(ask(server, f"prompt {number}")) for number in range(3)]
    await until(lambda: server.counts().in_flight == 3)
    assert (server.counts().requests, server.counts().answered) == (3, 0)
    gate.open.set()
    await asyncio.gather(*asking)
    counts = server.counts()
    assert (counts.in_flight, counts.max_in_flight, counts.answered) == (0, 3, 3)


async def test_a_client_that_goes_away_is_counted_as_abandoned(simulator, ask):
    gate = Gate()
    server = await simulator(SimulatorSettings(latency_s=2.0), sleep=gate)
    asking = asyncio.create_task(ask(server))
    await until(lambda: server.counts().in_flight == 1)
    asking.cancel()
    await until(lambda: server.counts().abandoned == 1)
    assert (server.counts().in_flight, server.log()[0]["status"]) == (0, 499)


async def test_leaving_does_not_wait_for_what_is_in_flight(ask):
    async with asyncio.timeout(5):
        async with SimulatorServer(SimulatorSettings(latency_s=2.0), sleep=Gate()) as server:
            asking = asyncio.create_task(ask(server))
            await until(lambda: server.counts().in_flight == 1)
        with pytest.raises(Exception, match="disconnected"):
            await asking


async def test_a_taken_port_is_an_error_that_names_it(simulator):
    taken = (await simulator()).port
    with pytest.raises(SimulatorError, match=f"Port {taken} on 127.0.0.1 is taken"):
        async with SimulatorServer(port=taken):
            pass
